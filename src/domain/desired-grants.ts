import { type GrantObjectType, isFutureObjectType } from "./grant-privileges.ts";

/** How a desired state says PUBLIC: no role can be called that. */
export const publicGrantee = "public";

/** An object by its name; `arguments` (routines only) as pg_get_function_identity_arguments spells them. */
export type ObjectName = string | { readonly name: string; readonly arguments: string };

/** One privilege on one object, on one of its columns, or on all objects of a type in a schema. */
export interface GrantAtom {
  readonly grantee: string;
  readonly objectType: GrantObjectType;
  /** null for the database. */
  readonly schema: string | null;
  /** null for the schema or the database itself, and for all objects of the type. */
  readonly name: string | null;
  readonly arguments: string | null;
  readonly column: string | null;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** One privilege on whatever a role creates from now on; `schema` null for every schema. */
export interface FutureAtom {
  readonly grantee: string;
  readonly objectType: GrantObjectType;
  readonly schema: string | null;
  readonly owner: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** A grant as a desired state has it, in full. */
export interface DesiredGrant {
  /** A role, or `public`. */
  readonly grantee: string;
  readonly object_type: GrantObjectType;
  /** null for the database; for default privileges that hold in every schema too. */
  readonly schema: string | null;
  readonly objects: "all" | readonly ObjectName[];
  readonly columns: readonly string[];
  readonly privileges: readonly string[];
  readonly grantable: boolean;
  /** Creators on whose future objects the privileges hold too. */
  readonly future_owners: readonly string[];
}

/** Privileges that PUBLIC is not to have. */
export type PublicRevocation = Omit<DesiredGrant, "grantee" | "columns" | "grantable">;

/** Sorts and removes what is there twice. */
export function sortedSet(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort();
}

export function byJson(one: unknown, other: unknown): number {
  const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The privileges on existing objects that grants declare. */
export function atomsOf(grants: readonly DesiredGrant[]): GrantAtom[] {
  return grants.flatMap((grant) => {
    const { grantee, object_type: objectType, schema, grantable } = grant;
    const columns = grant.columns.length === 0 ? [null] : grant.columns;
    return objectsOf(grant).flatMap(({ name, arguments: signature }) =>
      columns.flatMap((column) =>
        grant.privileges.map((privilege) => ({
          grantee,
          objectType,
          schema,
          name,
          arguments: signature,
          column,
          privilege,
          grantable,
        })),
      ),
    );
  });
}

function objectsOf(
  grant: DesiredGrant,
): { readonly name: string | null; readonly arguments: string | null }[] {
  const itself = { name: null, arguments: null };
  if (!isFutureObjectType(grant.object_type) || grant.objects === "all") return [itself];
  return grant.objects.map((object) =>
    typeof object === "string" ? { name: object, arguments: null } : object,
  );
}

/** The privileges on future objects that grants declare. */
export function futureAtomsOf(grants: readonly DesiredGrant[]): FutureAtom[] {
  return grants.flatMap(
    ({ grantee, object_type: objectType, schema, grantable, future_owners, privileges }) =>
      future_owners.flatMap((owner) =>
        privileges.map((privilege) => ({ grantee, objectType, schema, owner, privilege, grantable })),
      ),
  );
}

/** Revocations as grants to PUBLIC that are not to be. */
export function revocationsAsGrants(revocations: readonly PublicRevocation[]): DesiredGrant[] {
  return revocations.map((one) => ({ ...one, grantee: publicGrantee, columns: [], grantable: false }));
}

/** The other way round. */
export function grantsAsRevocations(grants: readonly DesiredGrant[]): PublicRevocation[] {
  return grants.map(({ grantee: _, columns: _columns, grantable: _grantable, ...revocation }) => revocation);
}

/**
 * Grants that declare the same as the atoms, in the one form that equal declarations have: objects, and creators of
 * future ones, that have the same privileges come together, and everything is sorted.
 */
export function groupAtoms(atoms: readonly GrantAtom[], futures: readonly FutureAtom[]): DesiredGrant[] {
  return [...groupPresent(atoms.map(ordered)), ...groupFuture(futures.map(orderedFuture))].sort(byJson);
}

/** The fields in one order, since groups are told by their JSON. */
function ordered(atom: GrantAtom): GrantAtom {
  const { grantee, objectType, schema, name, arguments: signature, column, privilege, grantable } = atom;
  return { grantee, objectType, schema, name, arguments: signature, column, privilege, grantable };
}

function orderedFuture({ grantee, objectType, schema, owner, privilege, grantable }: FutureAtom): FutureAtom {
  return { grantee, objectType, schema, owner, privilege, grantable };
}

/** Of the same privilege with and without grant option, the one with it stays. */
function strongest<Atom extends { readonly grantable: boolean }>(atoms: readonly Atom[]): Atom[] {
  const found = new Map<string, Atom>();
  for (const atom of atoms) {
    const key = JSON.stringify({ ...atom, grantable: null });
    if (found.get(key)?.grantable !== true) found.set(key, atom);
  }
  return [...found.values()];
}

function groupBy<Item>(items: readonly Item[], key: (item: Item) => unknown): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const text = JSON.stringify(key(item));
    const group = groups.get(text);
    if (group === undefined) groups.set(text, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

interface ObjectGrant {
  readonly first: GrantAtom;
  readonly privileges: readonly string[];
  readonly columns: readonly string[];
}

function groupPresent(atoms: readonly GrantAtom[]): DesiredGrant[] {
  const onColumns = groupBy(strongest(atoms), (one) => ({ ...one, privilege: null })).map((group) => ({
    first: group[0] as GrantAtom,
    privileges: sortedSet(group.map((one) => one.privilege)),
  }));
  const onObjects = groupBy(onColumns, ({ first, privileges }) => [
    { ...first, column: first.column !== null, privilege: null },
    privileges,
  ]).map((group): ObjectGrant => {
    const { first, privileges } = group[0] as (typeof group)[number];
    return { first, privileges, columns: sortedSet(group.flatMap((one) => one.first.column ?? [])) };
  });
  return groupBy(onObjects, ({ first, privileges, columns }) => [
    first.grantee,
    first.objectType,
    first.schema,
    first.name === null,
    first.grantable,
    privileges,
    columns,
  ]).map((group) => {
    const { first, privileges, columns } = group[0] as ObjectGrant;
    const named = group.flatMap((one): ObjectName[] => {
      const { name, arguments: signature } = one.first;
      if (name === null) return [];
      return signature === null ? [name] : [{ name, arguments: signature }];
    });
    const all = first.name === null && isFutureObjectType(first.objectType);
    return {
      grantee: first.grantee,
      object_type: first.objectType,
      schema: first.schema,
      objects: all ? "all" : named.sort(byJson),
      columns,
      privileges,
      grantable: first.grantable,
      future_owners: [],
    };
  });
}

function groupFuture(atoms: readonly FutureAtom[]): DesiredGrant[] {
  const byOwner = groupBy(strongest(atoms), (one) => ({ ...one, privilege: null })).map((group) => ({
    first: group[0] as FutureAtom,
    privileges: sortedSet(group.map((one) => one.privilege)),
  }));
  return groupBy(byOwner, ({ first, privileges }) => [
    { ...first, owner: null, privilege: null },
    privileges,
  ]).map((group) => {
    const { first, privileges } = group[0] as (typeof group)[number];
    return {
      grantee: first.grantee,
      object_type: first.objectType,
      schema: first.schema,
      objects: [],
      columns: [],
      privileges,
      grantable: first.grantable,
      future_owners: sortedSet(group.map((one) => one.first.owner)),
    };
  });
}
