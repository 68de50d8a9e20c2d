import { createHash } from "node:crypto";
import {
  atomsOf,
  byJson,
  type DesiredGrant,
  futureAtomsOf,
  type GrantAtom,
  grantsAsRevocations,
  groupAtoms,
  revocationsAsGrants,
} from "./desired-grants.ts";
import { canonicalState, type DesiredState } from "./desired-state.ts";
import { isFutureObjectType } from "./grant-privileges.ts";

/** SHA-256 (hex) of a state's one form, and of what is kept with it. */
export function hashState(state: DesiredState): string {
  return createHash("sha256").update(JSON.stringify(state)).digest("hex");
}

/**
 * What the service answers for after a change: what the catalog says of its roles (`live`), and what states that were
 * applied declared beside (`declared`).
 */
export function snapshotOf(
  live: DesiredState,
  managedRoles: readonly string[],
  declared: DesiredState,
): DesiredState {
  const managed = new Set(managedRoles);
  const liveSchemas = new Set(live.schemas.map((one) => one.name));
  return canonicalState({
    ...declared,
    schemas: [...live.schemas, ...declared.schemas.filter((one) => !liveSchemas.has(one.name))],
    templates: live.templates,
    memberships: [...live.memberships, ...declared.memberships.filter((one) => !managed.has(one.role))],
  });
}

/** The declarations in force once a state was applied after others: a later one on the same thing takes their place. */
export function addDeclaration(earlier: DesiredState, later: DesiredState, replaces: boolean): DesiredState {
  const named = <T extends { readonly name: string }>(one: readonly T[], other: readonly T[]): T[] => [
    ...one.filter(({ name }) => !other.some((it) => it.name === name)),
    ...other,
  ];
  const memberships = earlier.memberships.filter(
    ({ role, member }) => !later.memberships.some((one) => one.role === role && one.member === member),
  );
  const grants = mergeGrants(earlier.grants, later.grants, replaces);
  const revocations = [...earlier.public_revocations, ...later.public_revocations];
  return canonicalState({
    schemas: named(earlier.schemas, later.schemas),
    templates: later.templates,
    roles: named(earlier.roles, later.roles),
    memberships: [...memberships, ...later.memberships],
    grants,
    public_revocations: revocations,
  });
}

function mergeGrants(
  earlier: readonly DesiredGrant[],
  later: readonly DesiredGrant[],
  replaces: boolean,
): readonly DesiredGrant[] {
  if (!replaces) return [...earlier, ...later];
  const [now, future] = [presentAtoms(later), futureAtomsOf(later)];
  const isReplaced = (atom: GrantAtom): boolean =>
    now.some(
      (one) =>
        one.grantee === atom.grantee &&
        one.objectType === atom.objectType &&
        one.schema === atom.schema &&
        (one.name === null || atom.name === null || one.name === atom.name),
    );
  const atoms = presentAtoms(earlier).filter((atom) => !isReplaced(atom));
  const futures = futureAtomsOf(earlier).filter(
    (atom) =>
      !future.some(
        (one) => one.grantee === atom.grantee && one.schema === atom.schema && one.owner === atom.owner,
      ),
  );
  return groupAtoms([...atoms, ...now], [...futures, ...future]);
}

/** What grants declare on objects that exist; a grant on future ones alone declares nothing there. */
export function presentAtoms(grants: readonly DesiredGrant[]): GrantAtom[] {
  return atomsOf(
    grants.filter(
      ({ object_type, objects }) =>
        !isFutureObjectType(object_type) || objects === "all" || objects.length > 0,
    ),
  );
}

/** What one state declares and another does not. */
export function subtractState(state: DesiredState, other: DesiredState): DesiredState {
  const without = <T>(list: readonly T[], from: readonly T[], key: (one: T) => unknown): T[] => {
    const keys = new Set(from.map((one) => JSON.stringify(key(one))));
    return list.filter((one) => !keys.has(JSON.stringify(key(one))));
  };
  const grants = (one: readonly DesiredGrant[], two: readonly DesiredGrant[]): DesiredGrant[] =>
    groupAtoms(
      without(presentAtoms(one), presentAtoms(two), (atom) => ({ ...atom, grantable: null })),
      without(futureAtomsOf(one), futureAtomsOf(two), (atom) => ({ ...atom, grantable: null })),
    );
  return {
    schemas: without(state.schemas, other.schemas, (one) => one.name),
    templates: without(state.templates, other.templates, (one) => [one.name, one.schema]),
    roles: without(state.roles, other.roles, (one) => one.name),
    memberships: without(state.memberships, other.memberships, (one) => [one.role, one.member]).sort(byJson),
    grants: grants(state.grants, other.grants),
    public_revocations: grantsAsRevocations(
      grants(revocationsAsGrants(state.public_revocations), revocationsAsGrants(other.public_revocations)),
    ),
  };
}
