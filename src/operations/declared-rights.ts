import type { FutureAtom, GrantAtom } from "../domain/desired-grants.ts";
import { futureAtomsOf } from "../domain/desired-grants.ts";
import type { DesiredMembership, DesiredState } from "../domain/desired-state.ts";
import type { ManagedRole } from "../domain/managed-role.ts";
import { presentAtoms } from "../domain/state-snapshot.ts";
import type { Membership } from "../postgres/role-catalog.ts";
import type { GrantObject } from "../postgres/statements/privileges.ts";
import type { RoleState } from "./role-state.ts";

type Place = Pick<GrantAtom, "grantee" | "schema" | "name" | "arguments" | "column" | "privilege"> & {
  readonly type: string;
};
type FuturePlace = Pick<FutureAtom, "grantee" | "schema" | "owner" | "privilege"> & { readonly type: string };

/** What desired states that were applied declare beside templates: it is wanted, and no drift. */
export interface DeclaredRights {
  /** Whether it may be granted on; undefined when it is not declared. */
  readonly privilege: (place: Place) => boolean | undefined;
  readonly future: (place: FuturePlace) => boolean | undefined;
  readonly membership: (role: string, member: string) => DesiredMembership | undefined;
}

/** `memberships`: those that were declared; a kept state has others too, as they were. */
export function createDeclaredRights(
  { grants }: Pick<DesiredState, "grants">,
  memberships: readonly DesiredMembership[],
): DeclaredRights {
  const present = new Map(
    presentAtoms(grants).map((atom) => [placeKey({ ...atom, type: atom.objectType }), atom.grantable]),
  );
  const future = new Map(
    futureAtomsOf(grants).map((atom) => [futureKey({ ...atom, type: atom.objectType }), atom.grantable]),
  );
  const members = new Map(memberships.map((one) => [JSON.stringify([one.role, one.member]), one]));
  return {
    privilege(place) {
      if (present.size === 0) return undefined;
      const anyArguments = { ...place, arguments: null };
      const ways = [place, anyArguments, { ...anyArguments, name: null }].map((one) =>
        present.get(placeKey(one)),
      );
      return ways.includes(true) ? true : ways.find((one) => one !== undefined);
    },
    future: (place) => future.get(futureKey(place)),
    membership: (role, member) => members.get(JSON.stringify([role, member])),
  };
}

function placeKey({ grantee, type, schema, name, arguments: signature, column, privilege }: Place): string {
  return JSON.stringify([grantee, type, schema, name, signature, column, privilege]);
}

function futureKey({ grantee, type, schema, owner, privilege }: FuturePlace): string {
  return JSON.stringify([grantee, type, schema, owner, privilege]);
}

/** What was read of a schema's roles, as if what is declared beyond their definitions were not there. */
export function withoutDeclared(
  state: RoleState,
  roles: readonly ManagedRole[],
  declared: DeclaredRights,
): RoleState {
  const isDefined = ({ role, member }: Membership): boolean =>
    roles.some((one) => one.name === member && [...one.inherits, ...one.nativeRoles].includes(role));
  return {
    ...state,
    memberships: state.memberships.filter(
      (row) => isDefined(row) || declared.membership(row.role, row.member) === undefined,
    ),
    gaps: state.gaps.flatMap((gap) => splitGap(state, gap, declared)),
    defaults: state.defaults.map((row) => {
      const { creator: owner, grantee, objectType: type, schema } = row;
      const isUndeclared = (privilege: string): boolean =>
        declared.future({ owner, grantee, type, schema, privilege }) === undefined;
      return { ...row, privileges: row.privileges.filter(isUndeclared) };
    }),
  };
}

/** An object at a time, since a privilege may be declared on some. */
function splitGap(
  state: RoleState,
  gap: RoleState["gaps"][number],
  declared: DeclaredRights,
): RoleState["gaps"] {
  if (gap.action === "grant") return [gap];
  const undeclared = (object: GrantObject): string[] =>
    gap.privileges.filter(
      (privilege) => declared.privilege(placeOf(state, gap, object, privilege)) === undefined,
    );
  const bySet = Map.groupBy(gap.objects, (object) => JSON.stringify(undeclared(object)));
  return [...bySet].flatMap(([key, objects]) => {
    const privileges: string[] = JSON.parse(key);
    return privileges.length === 0 ? [] : [{ ...gap, privileges, objects }];
  });
}

function placeOf(
  { schema }: RoleState,
  { objectType, role: grantee }: RoleState["gaps"][number],
  object: GrantObject,
  privilege: string,
): Place {
  const type = objectType === "column" ? "table" : objectType;
  const itself = objectType === "schema" || objectType === "database";
  const name = itself ? null : object.name;
  const where = objectType === "database" ? null : schema;
  return {
    grantee,
    type,
    schema: where,
    name,
    arguments: object.arguments,
    column: object.column ?? null,
    privilege,
  };
}
