import { formatRoleMark, type ManagedRole, parseRoleMark } from "../domain/managed-role.ts";
import type { Plan, Statement } from "../domain/plan.ts";
import { type ObjectType, type SchemaObjectType, schemaObjectTypes } from "../domain/role-template.ts";
import type { Membership, RoleRow } from "../postgres/role-catalog.ts";
import type { PrivilegeGap } from "../postgres/schema-catalog.ts";
import {
  grantMembership,
  membershipOptionsSince,
  revokeAdminOption,
  revokeMembership,
} from "../postgres/statements/memberships.ts";
import {
  changeDefaultPrivileges,
  changePrivileges,
  type GrantObject,
  grantOnExtensionRelation,
  revokeAsGrantor,
} from "../postgres/statements/privileges.ts";
import { commentManagedRole, createManagedRole, resetRoleAttributes } from "../postgres/statements/roles.ts";
import type { RoleFinding } from "./role-finding.ts";
import type { RoleState } from "./role-state.ts";

/** A plan for managed roles, and what has to be known to run it. */
export interface RolePlan extends Plan {
  /** Roles whose rights the statements need: owners and creators. */
  readonly actsFor: readonly string[];
  /** Statements that create roles or change memberships: they come before any rights are taken. */
  readonly preparation: readonly Statement[];
  /** Managed roles of whose definition something cannot be granted here. */
  readonly degraded: ReadonlySet<string>;
  /** Each difference with the part of the statements that ends it, in the order in which they run. */
  readonly findings: readonly RoleFinding[];
}

/** From this many objects on, one statement for all of a schema is better than names. */
const namesAtMost = 20;

interface Draft {
  readonly state: RoleState;
  readonly findings: RoleFinding[];
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
  const draft: Draft = { state, findings: [] };
  const touched = wanted.filter(acting);
  for (const role of touched) planRole(draft, role, state.roles.get(role.name));
  for (const role of wanted) planMemberships(draft, role, touched);
  for (const action of ["revoke", "grant"] as const) planPrivileges(draft, touched, action);
  for (const role of touched) planForeignGrants(draft, role);
  for (const action of ["revoke", "grant"] as const) planDefaults(draft, touched, action);
  for (const role of touched) planExtensions(draft, role);
  return planOfFindings(draft.findings);
}

/** The plan that ends findings. */
export function planOfFindings(findings: readonly RoleFinding[]): RolePlan {
  const degrading = findings.filter((one) => one.degrades === true);
  return {
    findings,
    preparation: findings.filter((one) => one.prepares === true).flatMap((one) => one.statements),
    statements: findings.filter((one) => one.prepares !== true).flatMap((one) => one.statements),
    warnings: [...new Set(findings.flatMap((one) => one.warning ?? []))],
    actsFor: [...new Set(findings.flatMap((one) => one.actsFor ?? []))],
    degraded: new Set(degrading.flatMap((one) => one.role ?? [])),
  };
}

function planRole(draft: Draft, role: ManagedRole, row: RoleRow | undefined): void {
  const { findings, state } = draft;
  const about = { role: role.name, object: `role ${role.name}`, prepares: true };
  if (row === undefined) {
    const registered = state.registered.has(role.name);
    const detail = registered
      ? "the registry lists the role, and it is gone; who was a member of it has to be assigned again"
      : "there is no such role";
    const kind = registered ? "role_dropped" : "missing";
    findings.push({ ...about, kind, detail, statements: createManagedRole(role) });
    return;
  }
  const attributes = [
    row.canLogin ? "LOGIN" : "",
    row.canCreateDb ? "CREATEDB" : "",
    row.canCreateRole ? "CREATEROLE" : "",
    row.inherits ? "" : "NOINHERIT",
  ].filter((attribute) => attribute !== "");
  if (attributes.length > 0) {
    const detail = `has the attribute ${attributes.join(", ")}`;
    findings.push({ ...about, kind: "changed_definition", detail, statements: [resetRoleAttributes(role)] });
  }
  if (row.comment !== formatRoleMark(role)) {
    const version = parseRoleMark(row.comment)?.version;
    const detail =
      version === undefined
        ? "its comment no longer says whose it is"
        : `its mark is not that of ${role.template} ${role.version} (it says ${version})`;
    findings.push({ ...about, kind: "changed_definition", detail, statements: [commentManagedRole(role)] });
  }
}

function planMemberships(draft: Draft, role: ManagedRole, touched: readonly ManagedRole[]): void {
  const { state, findings } = draft;
  const touches = touched.includes(role);
  const rowsOf = (name: string): Membership[] =>
    state.memberships.filter((row) => row.member === role.name && row.role === name);
  const holds = (name: string): boolean => rowsOf(name).some((row) => row.inherit && row.set);
  const grant = (name: string): void => {
    const { database, versionNum } = state;
    const has = rowsOf(name).length > 0;
    findings.push({
      kind: has ? "membership_options" : "missing",
      role: role.name,
      object: `membership of ${role.name} in ${name}`,
      detail: has
        ? `${role.name} is a member of ${name} without INHERIT or SET`
        : `${role.name} is not a member of ${name}`,
      prepares: true,
      statements: [
        grantMembership({ database, versionNum, role: name, member: role.name, managed: role.name }),
      ],
    });
  };
  if (touches) planSpuriousMemberships(draft, role);
  for (const name of role.inherits) {
    if (holds(name)) continue;
    if (touches || touched.some((other) => other.name === name)) grant(name);
  }
  for (const name of role.nativeRoles) {
    if (holds(name)) continue;
    if (state.grantable.has(name)) {
      if (touches) grant(name);
      continue;
    }
    const because =
      `${role.name} is not a member of ${name}: ${state.admin} may not grant it on this instance ` +
      "(from PostgreSQL 16 on that takes ADMIN OPTION on the predefined role).";
    const object = `membership of ${role.name} in ${name}`;
    findings.push({
      ...unreachable("missing", role.name, object, because),
      degrades: true,
      limitOfInstance: true,
    });
  }
}

/** What the admin cannot end. */
function unreachable(
  kind: RoleFinding["kind"],
  role: string | null,
  object: string,
  because: string,
): RoleFinding {
  return { kind, role, object, detail: because, statements: [], warning: because };
}

/**
 * Memberships beyond the definition, ADMIN OPTION, and from 16 on rows of other grantors: REVOKE ends only the row that
 * it names, and another's takes that one's rights. A predefined role may be granted by whoever may.
 */
function planSpuriousMemberships(draft: Draft, role: ManagedRole): void {
  const { findings, state } = draft;
  const { database, versionNum } = state;
  const perGrantor = versionNum >= membershipOptionsSince;
  for (const row of state.memberships.filter((one) => one.member === role.name)) {
    const foreign = perGrantor && row.grantor !== state.admin;
    const inherited = role.inherits.includes(row.role);
    const defined = inherited || role.nativeRoles.includes(row.role);
    if (defined && !row.admin && !(foreign && inherited)) continue;
    const object = `membership of ${role.name} in ${row.role}`;
    const defect = !defined
      ? "is not in its definition"
      : row.admin
        ? "comes with ADMIN OPTION, so that it may grant it on"
        : "is a second one, or not the admin's own";
    const detail = `${role.name} is a member of ${row.role}, which ${defect}`;
    const kind = foreign ? "foreign_grantor" : defined ? "membership_options" : "extra";
    if (foreign && state.authority.get(row.grantor) !== "held" && !canTake(draft, row.grantor)) {
      const because = `${detail}; ${row.grantor} granted that and only ${row.grantor} can revoke it.`;
      findings.push(unreachable(kind, role.name, object, because));
      continue;
    }
    const member = { database, versionNum, role: row.role, member: role.name, managed: role.name };
    const revoke = { ...member, grantor: row.grantor };
    const statements = defined && !foreign ? [revokeAdminOption(revoke)] : [revokeMembership(revoke)];
    findings.push({
      kind,
      role: role.name,
      object,
      detail: foreign ? `${detail}; ${row.grantor} granted it` : detail,
      ...(foreign ? { actsFor: [row.grantor] } : { prepares: true }),
      statements: foreign && inherited ? [grantMembership(member), ...statements] : statements,
    });
  }
}

function canTake(draft: Draft, role: string): boolean {
  return draft.state.authority.get(role) === "takeable";
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
  const grants = first.action === "grant";
  draft.findings.push({
    kind: grants ? "missing" : "extra",
    role: first.role,
    object: describeObjects(state.schema, first.objectType, objects),
    detail: `${first.role} ${grants ? "lacks" : "holds, beyond its definition,"} ${first.privileges.join(", ")}`,
    actsFor: [
      ...((all ? owners : undefined) ?? group.map((gap) => gap.owner)),
      ...schemaRights(draft, first),
    ],
    statements: changePrivileges({
      action: first.action,
      database: state.database,
      schema: state.schema,
      objectType: first.objectType,
      privileges: first.privileges,
      grantee: first.role,
      objects: all ? "all" : objects,
    }),
  });
}

/** An owner of objects may have no USAGE on the schema that they are in. */
function schemaRights(draft: Draft, { objectType }: PrivilegeGap): string[] {
  const { schemaOwner } = draft.state;
  if (objectType === "database" || objectType === "schema" || schemaOwner === draft.state.admin) return [];
  return mayActFor(draft, schemaOwner) ? [schemaOwner] : [];
}

function describeObjects(schema: string, type: ObjectType, objects: readonly GrantObject[]): string {
  const names = objects.slice(0, namesAtMost).map(({ name, arguments: signature }) => {
    const qualifier = type === "database" || type === "schema" ? "" : `${schema}.`;
    return `${qualifier}${name}${signature === null ? "" : `(${signature})`}`;
  });
  const more = objects.length > names.length ? ` and ${objects.length - names.length} more` : "";
  return `${type} ${names.join(", ")}${more}`;
}

function warnForeign(draft: Draft, gap: PrivilegeGap): void {
  const [object] = gap.objects;
  const what =
    gap.objects.length === 1
      ? `${gap.objectType} ${object?.name}`
      : `${gap.objects.length} ${gap.objectType}s`;
  const verb = gap.action === "grant" ? "lacks" : "holds more than its definition:";
  const because =
    `${gap.role} ${verb} ${gap.privileges.join(", ")} on ${what} of ${gap.owner}: ` +
    `${draft.state.admin} may not act for ${gap.owner} on this instance.`;
  const kind = gap.action === "grant" ? "missing" : "extra";
  const objects = describeObjects(draft.state.schema, gap.objectType, gap.objects);
  draft.findings.push({ ...unreachable(kind, gap.role, objects, because), degrades: true });
}

/** Ends what others than the owners granted, but for what only they can give here. */
function planForeignGrants(draft: Draft, role: ManagedRole): void {
  const { state, findings } = draft;
  const { database, schema } = state;
  for (const grant of state.foreignGrants.filter((one) => one.role === role.name)) {
    const { objectType, grantor } = grant;
    const defined = role.privileges[objectType] ?? [];
    const owned = mayActFor(draft, grant.owner);
    const privileges = grant.privileges.filter((privilege) => owned || !defined.includes(privilege));
    if (privileges.length === 0) continue;
    const object = describeObjects(schema, objectType, [grant.object]);
    const detail = `${role.name} holds ${privileges.join(", ")} that ${grantor} granted, who does not own it`;
    if (!state.settable.has(grantor) && !canTake(draft, grantor)) {
      const because = `${detail}; only ${grantor} can revoke that, and ${state.admin} may not act for ${grantor}.`;
      findings.push(unreachable("foreign_grantor", role.name, object, because));
      continue;
    }
    const change = { database, schema, objectType, privileges, objects: [grant.object] } as const;
    findings.push({
      kind: "foreign_grantor",
      role: role.name,
      object,
      detail,
      actsFor: [grantor],
      statements: revokeAsGrantor({ ...change, action: "revoke", grantee: role.name }, grantor),
    });
  }
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
    const grants = action === "grant";
    const list = privileges.join(", ");
    draft.findings.push({
      kind: grants ? "uncovered_creator" : "extra",
      role: role.name,
      object: `future ${objectType}s of ${creators.join(", ")} in schema ${schema}`,
      detail: `${role.name} would ${grants ? "lack" : "hold, beyond its definition,"} ${list} on them`,
      actsFor: creators,
      statements: [
        changeDefaultPrivileges({
          action,
          database,
          schema,
          objectType,
          privileges,
          grantee: role.name,
          creators,
        }),
      ],
    });
  }
}

function warnUncovered(draft: Draft, creator: string): void {
  const { schema, admin } = draft.state;
  const because =
    `What ${creator} creates in ${schema} from now on is not covered: ${admin} may not act for ${creator} on this ` +
    `instance. Let ${creator} create objects as a role that ${admin} administers (SET ROLE), or give ${admin} ADMIN ` +
    `OPTION on it where that is safe (never on an IAM principal: it would lock ${admin} out).`;
  if (draft.findings.some((one) => one.warning === because)) return;
  const object = `future objects of ${creator} in schema ${schema}`;
  draft.findings.push(unreachable("uncovered_creator", null, object, because));
}

function planExtensions(draft: Draft, role: ManagedRole): void {
  const { state } = draft;
  for (const relation of state.extensionRelations) {
    if (!role.extensions.includes(relation.extension)) continue;
    if (relation.readers.includes(role.name)) continue;
    const object = `table ${relation.schema}.${relation.name}`;
    if (mayActFor(draft, relation.owner)) {
      draft.findings.push({
        kind: "missing",
        role: role.name,
        object,
        detail: `${role.name} lacks SELECT`,
        actsFor: [relation.owner],
        statements: [grantOnExtensionRelation(state.database, relation, role.name)],
      });
    } else if (!relation.publicReads) {
      const because = `${role.name} cannot read ${relation.name}, which belongs to ${relation.owner}.`;
      draft.findings.push({ ...unreachable("missing", role.name, object, because), degrades: true });
    }
  }
}

/** Owners and creators that do not exist yet are managed roles that the plan creates: the admin administers them. */
function mayActFor(draft: Draft, role: string): boolean {
  return draft.state.authority.get(role) !== "refused";
}
