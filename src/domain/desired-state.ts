import {
  atomsOf,
  byJson,
  type DesiredGrant,
  futureAtomsOf,
  grantsAsRevocations,
  groupAtoms,
  type PublicRevocation,
  revocationsAsGrants,
} from "./desired-grants.ts";
import { isFutureObjectType } from "./grant-privileges.ts";
import { isSystemRole } from "./names.ts";

/** The whole of what a database's roles and rights should be: the JSON document itself, in canonical order. */
export interface DesiredState {
  readonly schemas: readonly DesiredSchema[];
  readonly templates: readonly DesiredTemplate[];
  /** Plain group roles: NOLOGIN, with no attribute of their own. */
  readonly roles: readonly DesiredRole[];
  readonly memberships: readonly DesiredMembership[];
  readonly grants: readonly DesiredGrant[];
  readonly public_revocations: readonly PublicRevocation[];
}

export interface DesiredSchema {
  readonly name: string;
  /** null: whoever owns it, and the admin when it has to be created. */
  readonly owner: string | null;
}

/** The roles of a template for one schema. */
export interface DesiredTemplate {
  readonly name: string;
  /** null: the current version. */
  readonly version: string | null;
  readonly schema: string;
}

export interface DesiredRole {
  readonly name: string;
}

export interface DesiredMembership {
  readonly role: string;
  readonly member: string;
  readonly inherit: boolean;
  readonly set: boolean;
  readonly admin: boolean;
}

/** Predefined roles that only let one read statistics and settings: the only ones that a membership may name. */
const harmlessRoles: ReadonlySet<string> = new Set([
  "pg_monitor",
  "pg_read_all_settings",
  "pg_read_all_stats",
  "pg_stat_scan_tables",
]);

/** Whether a membership in that role can be part of a desired state, as far as its name tells. */
export function isGrantableRole(name: string): boolean {
  return harmlessRoles.has(name) || !isSystemRole(name);
}

export const emptyState: DesiredState = Object.freeze({
  schemas: [],
  templates: [],
  roles: [],
  memberships: [],
  grants: [],
  public_revocations: [],
});

/** The same state in its one form: sorted, without repetition. */
export function canonicalState(state: DesiredState): DesiredState {
  const unique = <T>(items: readonly T[]): T[] => [
    ...new Map([...items].sort(byJson).map((item) => [JSON.stringify(item), item])).values(),
  ];
  const grants = (list: readonly DesiredGrant[]): DesiredGrant[] =>
    groupAtoms(atomsOf(list.filter(hasPresent)), futureAtomsOf(list));
  return {
    schemas: unique(state.schemas.map(({ name, owner }) => ({ name, owner }))),
    templates: unique(state.templates.map(({ schema, name, version }) => ({ schema, name, version }))),
    roles: unique(state.roles.map(({ name }) => ({ name }))),
    memberships: unique(
      state.memberships.map(({ role, member, inherit, set, admin }) => ({
        role,
        member,
        inherit,
        set,
        admin,
      })),
    ),
    grants: grants(state.grants),
    public_revocations: grantsAsRevocations(grants(revocationsAsGrants(state.public_revocations))),
  };
}

/** Whether a grant is about existing objects too, and not about future ones only. */
export function hasPresent({ object_type, objects, future_owners }: DesiredGrant): boolean {
  if (!isFutureObjectType(object_type)) return true;
  return objects === "all" || objects.length > 0 || future_owners.length === 0;
}
