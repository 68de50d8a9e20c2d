import {
  atomsOf,
  futureAtomsOf,
  type GrantAtom,
  publicGrantee,
  revocationsAsGrants,
} from "../domain/desired-grants.ts";
import {
  type FutureObjectType,
  isFutureObjectType,
  privilegeSince,
  publicByDefault,
} from "../domain/grant-privileges.ts";
import { notFound, ServiceError } from "../errors.ts";
import type { AclObject } from "../postgres/acl-catalog.ts";
import type { StateCatalog } from "./state-catalog.ts";
import type { StateScope } from "./state-scope.ts";

/** One privilege on one object or column that exists, or on future ones, as a key. */
export interface WantedPrivilege {
  readonly object: AclObject;
  readonly column: string | null;
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

export interface WantedDefault {
  readonly creator: string;
  readonly schema: string | null;
  readonly type: FutureObjectType;
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** What a desired state comes to on the objects that there are. */
export interface Wanted {
  readonly privileges: ReadonlyMap<string, WantedPrivilege>;
  /** Keys of what PUBLIC is not to have. */
  readonly notPublic: ReadonlySet<string>;
  readonly defaults: ReadonlyMap<string, WantedDefault>;
  readonly defaultsNotPublic: ReadonlyMap<string, WantedDefault>;
  /** Grantee and object, and grantee and creator, of what is declared: mode adopt takes extras off these. */
  readonly declaredOn: ReadonlySet<string>;
}

export type ObjectKey = Pick<AclObject, "type" | "schema" | "name" | "arguments">;

export function objectKey({ type, schema, name, arguments: signature }: ObjectKey): string {
  return JSON.stringify([type, schema, name, signature]);
}

export function privilegeKey(
  object: ObjectKey,
  column: string | null,
  grantee: string,
  privilege: string,
): string {
  return JSON.stringify([objectKey(object), column, grantee, privilege]);
}

export function defaultKey(one: Omit<WantedDefault, "grantable">): string {
  return JSON.stringify([one.creator, one.schema, one.type, one.grantee, one.privilege]);
}

export function declaredKey(
  grantee: string,
  on: ObjectKey | Pick<WantedDefault, "creator" | "schema" | "type">,
): string {
  const what = "creator" in on ? JSON.stringify([on.creator, on.schema, on.type]) : objectKey(on);
  return JSON.stringify([grantee, what]);
}

/**
 * Resolves names, `all` and versions. `not_found` names everything that is missing at once; `conflict` when the server
 * does not know a privilege.
 */
export function resolveWanted(scope: StateScope, catalog: StateCatalog): Wanted {
  const { state } = scope;
  const resolver = createResolver(scope, catalog);
  const privileges = new Map<string, WantedPrivilege>();
  const declaredOn = new Set<string>();
  const present = presentAtoms(state.grants);
  assertKnownPrivileges(catalog, [...present, ...futureAtomsOf(state.grants)]);
  for (const atom of present) {
    for (const object of resolver.objectsOf(atom)) {
      const key = privilegeKey(object, atom.column, atom.grantee, atom.privilege);
      declaredOn.add(declaredKey(atom.grantee, object));
      if (object.owner === atom.grantee) continue;
      if (privileges.get(key)?.grantable === true) continue;
      privileges.set(key, { object, column: atom.column, ...pick(atom) });
    }
  }
  const defaults = new Map<string, WantedDefault>();
  for (const one of futureAtomsOf(state.grants).map(toDefault)) {
    declaredOn.add(declaredKey(one.grantee, one));
    if (one.grantee !== one.creator) defaults.set(defaultKey(one), one);
  }
  const revocations = revocationsAsGrants(state.public_revocations);
  const notPublic = new Set<string>();
  for (const atom of presentAtoms(revocations)) {
    for (const object of resolver.objectsOf(atom)) {
      notPublic.add(privilegeKey(object, null, publicGrantee, atom.privilege));
    }
  }
  const defaultsNotPublic = new Map(
    futureAtomsOf(revocations).map((atom) => [defaultKey(toDefault(atom)), toDefault(atom)]),
  );
  resolver.assertAllFound([...defaults.values(), ...defaultsNotPublic.values()]);
  const contradicted = [...privileges].find(([key]) => notPublic.has(key))?.[1];
  if (contradicted !== undefined) throw contradiction(contradicted);
  return { privileges, notPublic, defaults, defaultsNotPublic, declaredOn };
}

function pick({
  grantee,
  privilege,
  grantable,
}: GrantAtom): Pick<GrantAtom, "grantee" | "privilege" | "grantable"> {
  return { grantee, privilege, grantable };
}

function presentAtoms(grants: Parameters<typeof atomsOf>[0]): GrantAtom[] {
  return atomsOf(
    grants.filter(
      ({ object_type, objects }) =>
        !isFutureObjectType(object_type) || objects === "all" || objects.length > 0,
    ),
  );
}

function toDefault(atom: ReturnType<typeof futureAtomsOf>[number]): WantedDefault {
  const { owner: creator, schema, objectType, grantee, privilege, grantable } = atom;
  return { creator, schema, type: objectType as FutureObjectType, grantee, privilege, grantable };
}

function contradiction({ object, privilege }: WantedPrivilege): ServiceError {
  const because = `it grants and revokes ${privilege} on ${describeObject(object)} to and from PUBLIC`;
  return new ServiceError("conflict", `The state contradicts itself: ${because}.`, { details: { because } });
}

function assertKnownPrivileges(
  catalog: StateCatalog,
  atoms: readonly { readonly privilege: string }[],
): void {
  const major = Math.floor(catalog.versionNum / 10_000);
  const unknown = atoms.find(({ privilege }) => (privilegeSince[privilege] ?? 0) > major);
  if (unknown === undefined) return;
  const because = `${unknown.privilege} exists from PostgreSQL ${privilegeSince[unknown.privilege]} on, and this is ${major}`;
  throw new ServiceError("conflict", `The state cannot be had here: ${because}.`, { details: { because } });
}

/** For people, such as `table app.orders`. */
export function describeObject({ type, schema, name, arguments: signature }: ObjectKey): string {
  const full = [schema, name].filter((part) => part !== null).join(".");
  return `${type} ${full}${signature === null ? "" : `(${signature})`}`.trimEnd();
}

interface Resolver {
  objectsOf(atom: GrantAtom): readonly AclObject[];
  assertAllFound(defaults: readonly WantedDefault[]): void;
}

function createResolver(scope: StateScope, catalog: StateCatalog): Resolver {
  const byName = new Map<string, AclObject[]>();
  const byPlace = new Map<string, AclObject[]>();
  const index = (map: Map<string, AclObject[]>, key: unknown, object: AclObject): void => {
    const text = JSON.stringify(key);
    map.set(text, [...(map.get(text) ?? []), object]);
  };
  const grouped = new Map<string, AclObject[]>();
  for (const object of catalog.objects) {
    const place = JSON.stringify([object.type, object.schema]);
    const list = grouped.get(place);
    if (list === undefined) grouped.set(place, [object]);
    else list.push(object);
    if (object.name !== null) index(byName, [object.type, object.schema, object.name], object);
  }
  for (const [place, list] of grouped) byPlace.set(place, list);
  const missing = new Set<string>();
  const needRole = (name: string): void => {
    if (name !== publicGrantee && !catalog.roles.has(name) && !scope.managedRoles.has(name))
      missing.add(`role ${name}`);
  };
  return {
    objectsOf(atom) {
      needRole(atom.grantee);
      if (atom.schema !== null && !catalog.schemas.has(atom.schema)) {
        missing.add(`schema ${atom.schema}`);
        return [];
      }
      const inPlace = byPlace.get(JSON.stringify([atom.objectType, atom.schema])) ?? [];
      if (atom.name === null) return inPlace;
      const named = byName.get(JSON.stringify([atom.objectType, atom.schema, atom.name])) ?? [];
      const found = atom.arguments === null ? named : named.filter((one) => one.arguments === atom.arguments);
      const what = { ...atom, type: atom.objectType };
      if (found.length === 0) missing.add(describeObject(what));
      const column = JSON.stringify([atom.schema, atom.name, atom.column]);
      if (found.length > 0 && atom.column !== null && !catalog.columns.has(column)) {
        missing.add(`column ${atom.schema}.${atom.name}.${atom.column}`);
      }
      return found;
    },
    assertAllFound(defaults) {
      for (const { creator, grantee, schema } of defaults) {
        needRole(creator);
        needRole(grantee);
        if (schema !== null && !catalog.schemas.has(schema)) missing.add(`schema ${schema}`);
      }
      if (missing.size === 0) return;
      const list = [...missing].sort();
      throw notFound("object", `The state names what is not there: ${list.slice(0, 20).join(", ")}.`, {
        missing: list.slice(0, 100),
        database_name: catalog.database,
      });
    },
  };
}

/** What PUBLIC holds by birth is no grant that a state would have to name. */
export function isPublicByDefault(type: AclObject["type"], grantee: string, privilege: string): boolean {
  return grantee === publicGrantee && publicByDefault[type].includes(privilege);
}
