import { formatRoleMark, type ManagedRole } from "../domain/managed-role.ts";
import type { Plan, Statement } from "../domain/plan.ts";
import { type SchemaObjectType, schemaObjectTypes } from "../domain/role-template.ts";
import type { RoleRow } from "../postgres/role-catalog.ts";
import type { PrivilegeGap } from "../postgres/schema-catalog.ts";
import {
  grantMembership,
  membershipOptionsSince,
  revokeMembership,
} from "../postgres/statements/memberships.ts";
import {
  changeDefaultPrivileges,
  changePrivileges,
  grantOnExtensionRelation,
} from "../postgres/statements/privileges.ts";
import { commentManagedRole, createManagedRole, resetRoleAttributes } from "../postgres/statements/roles.ts";
import type { RoleState } from "./role-state.ts";

/** A plan for managed roles, and what has to be known to run it. */
export interface RolePlan extends Plan {
  /** Roles whose rights the statements need: owners and creators. */
  readonly actsFor: readonly string[];
  /** Statements that create roles or change memberships: they come before any rights are taken. */
  readonly preparation: readonly Statement[];
  /** Managed roles of whose definition something cannot be granted here. */
  readonly degraded: ReadonlySet<string>;
}

/** From this many objects on, one statement for all of a schema is better than names. */
const namesAtMost = 20;

/** Collects a plan's parts while it is made. */
interface Draft {
  readonly state: RoleState;
  readonly preparation: Statement[];
  readonly statements: Statement[];
  readonly warnings: Set<string>;
  readonly actsFor: Set<string>;
  readonly degraded: Set<string>;
}

/**
 * What brings managed roles to their definition; pure. `acting` says which of them may be touched: without it a role
 * that exists is left alone.
 */
export function planRoles(
  state: RoleState,
  wanted: readonly ManagedRole[],
  acting: (role: ManagedRole) => boolean,
): RolePlan {
  const draft: Draft = {
    state,
    preparation: [],
    statements: [],
    warnings: new Set(),
    actsFor: new Set(),
    degraded: new Set(),
  };
  const touched = wanted.filter(acting);
  for (const role of touched) planRole(draft, role, state.roles.get(role.name));
  for (const role of wanted) planMemberships(draft, role, touched);
  for (const action of ["revoke", "grant"] as const) planPrivileges(draft, touched, action);
  for (const action of ["revoke", "grant"] as const) planDefaults(draft, touched, action);
  for (const role of touched) planExtensions(draft, role);
  return { ...draft, warnings: [...draft.warnings], actsFor: [...draft.actsFor] };
}

function planRole(draft: Draft, role: ManagedRole, row: RoleRow | undefined): void {
  if (row === undefined) {
    draft.preparation.push(...createManagedRole(role));
    return;
  }
  if (row.canLogin || row.canCreateDb || row.canCreateRole || !row.inherits) {
    draft.preparation.push(resetRoleAttributes(role));
  }
  if (row.comment !== formatRoleMark(role)) draft.preparation.push(commentManagedRole(role));
}

function planMemberships(draft: Draft, role: ManagedRole, touched: readonly ManagedRole[]): void {
  const { state } = draft;
  const touches = touched.includes(role);
  const held = state.memberships.filter((row) => row.member === role.name);
  const holds = (name: string): boolean => held.some((row) => row.role === name && row.inherit && row.set);
  const statement = {
    database: state.database,
    versionNum: state.versionNum,
    member: role.name,
    managed: role.name,
  };
  if (touches) planSpuriousMemberships(draft, role);
  for (const name of role.inherits) {
    if (holds(name)) continue;
    if (touches || touched.some((other) => other.name === name)) {
      draft.preparation.push(grantMembership({ ...statement, role: name }));
    }
  }
  for (const name of role.nativeRoles) {
    if (holds(name)) continue;
    if (!state.grantable.has(name)) {
      draft.degraded.add(role.name);
      draft.warnings.add(
        `${role.name} is not a member of ${name}: ${state.admin} may not grant it on this instance ` +
          "(from PostgreSQL 16 on that takes ADMIN OPTION on the predefined role).",
      );
    } else if (touches) {
      draft.preparation.push(grantMembership({ ...statement, role: name }));
    }
  }
}

function planSpuriousMemberships(draft: Draft, role: ManagedRole): void {
  const { state } = draft;
  const defined = new Set([...role.inherits, ...role.nativeRoles]);
  for (const row of state.memberships) {
    if (row.member !== role.name || defined.has(row.role)) continue;
    if (state.versionNum >= membershipOptionsSince && row.grantor !== state.admin) {
      draft.warnings.add(
        `${role.name} is a member of ${row.role}, which is not in its definition; ${row.grantor} granted that and ` +
          `only ${row.grantor} can revoke it.`,
      );
      continue;
    }
    const { database, versionNum } = state;
    const { role: of, member, grantor } = row;
    draft.preparation.push(
      revokeMembership({ database, versionNum, role: of, member, grantor, managed: role.name }),
    );
  }
}

function planPrivileges(draft: Draft, touched: readonly ManagedRole[], action: PrivilegeGap["action"]): void {
  const { state } = draft;
  const names = new Set(
    touched.filter((role) => action === "grant" || role.scope === "schema").map((r) => r.name),
  );
  const gaps = state.gaps.filter((gap) => gap.action === action && names.has(gap.role));
  const merged = new Map<string, PrivilegeGap[]>();
  for (const gap of gaps) {
    if (!mayActFor(draft, gap.owner)) {
      if (action === "revoke" || !gap.publicHolds) warnForeign(draft, gap);
      continue;
    }
    const key = JSON.stringify([gap.role, gap.objectType, gap.privileges]);
    merged.set(key, [...(merged.get(key) ?? []), gap]);
  }
  for (const group of merged.values()) planPrivilegeGroup(draft, group);
}

function planPrivilegeGroup(draft: Draft, group: readonly PrivilegeGap[]): void {
  const { state } = draft;
  const [first] = group;
  if (first === undefined) return;
  const objects = group.flatMap((gap) => gap.objects);
  const owners = state.objectOwners.get(first.objectType);
  const all =
    first.action === "grant" &&
    objects.length > namesAtMost &&
    owners?.every((owner) => mayActFor(draft, owner)) === true;
  for (const owner of all ? owners : group.map((gap) => gap.owner)) draft.actsFor.add(owner);
  draft.statements.push(
    ...changePrivileges({
      action: first.action,
      database: state.database,
      schema: state.schema,
      objectType: first.objectType,
      privileges: first.privileges,
      grantee: first.role,
      objects: all ? "all" : objects,
    }),
  );
}

function warnForeign(draft: Draft, gap: PrivilegeGap): void {
  const [object] = gap.objects;
  const what =
    gap.objects.length === 1
      ? `${gap.objectType} ${object?.name}`
      : `${gap.objects.length} ${gap.objectType}s`;
  const verb = gap.action === "grant" ? "lacks" : "holds more than its definition:";
  draft.degraded.add(gap.role);
  draft.warnings.add(
    `${gap.role} ${verb} ${gap.privileges.join(", ")} on ${what} of ${gap.owner}: ` +
      `${draft.state.admin} may not act for ${gap.owner} on this instance.`,
  );
}

function planDefaults(draft: Draft, touched: readonly ManagedRole[], action: "grant" | "revoke"): void {
  for (const role of touched) {
    if (role.scope !== "schema") continue;
    for (const objectType of schemaObjectTypes) planDefaultsOf(draft, role, objectType, action);
  }
}

/** One statement for all creators that lack (or hold too much of) the same privileges. */
function planDefaultsOf(
  draft: Draft,
  role: ManagedRole,
  objectType: SchemaObjectType,
  action: "grant" | "revoke",
): void {
  const { state } = draft;
  const wanted = role.privileges[objectType] ?? [];
  const held = new Map(
    state.defaults
      .filter((entry) => entry.grantee === role.name && entry.objectType === objectType)
      .map((entry) => [entry.creator, entry.privileges]),
  );
  const bySet = new Map<string, { privileges: readonly string[]; creators: string[] }>();
  const candidates = action === "grant" ? state.creators : [...held.keys()];
  for (const creator of candidates) {
    const has = held.get(creator) ?? [];
    const [from, without] = action === "grant" ? [wanted, has] : [has, wanted];
    const privileges = from.filter((privilege) => !without.includes(privilege));
    if (privileges.length === 0 || creator === role.name) continue;
    if (!mayActFor(draft, creator)) {
      if (action === "grant") warnUncovered(draft, creator);
      continue;
    }
    const key = privileges.join();
    const group = bySet.get(key) ?? { privileges, creators: [] };
    group.creators.push(creator);
    bySet.set(key, group);
  }
  const { database, schema } = state;
  for (const { privileges, creators } of bySet.values()) {
    for (const creator of creators) draft.actsFor.add(creator);
    draft.statements.push(
      changeDefaultPrivileges({
        action,
        database,
        schema,
        objectType,
        privileges,
        grantee: role.name,
        creators,
      }),
    );
  }
}

function warnUncovered(draft: Draft, creator: string): void {
  const { schema, admin } = draft.state;
  draft.warnings.add(
    `What ${creator} creates in ${schema} from now on is not covered: ${admin} may not act for ${creator} on this ` +
      `instance. Let ${creator} create objects as a role that ${admin} administers (SET ROLE), or give ${admin} ADMIN ` +
      `OPTION on it where that is safe (never on an IAM principal: it would lock ${admin} out).`,
  );
}

function planExtensions(draft: Draft, role: ManagedRole): void {
  const { state } = draft;
  for (const relation of state.extensionRelations) {
    if (!role.extensions.includes(relation.extension)) continue;
    if (relation.readers.includes(role.name)) continue;
    if (mayActFor(draft, relation.owner)) {
      draft.actsFor.add(relation.owner);
      draft.statements.push(grantOnExtensionRelation(state.database, relation, role.name));
    } else if (!relation.publicReads) {
      draft.degraded.add(role.name);
      draft.warnings.add(`${role.name} cannot read ${relation.name}, which belongs to ${relation.owner}.`);
    }
  }
}

/** Owners and creators that do not exist yet are managed roles that the plan creates: the admin administers them. */
function mayActFor(draft: Draft, role: string): boolean {
  return draft.state.authority.get(role) !== "refused";
}
