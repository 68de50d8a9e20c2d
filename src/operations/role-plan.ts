import { formatRoleMark, type ManagedRole, parseRoleMark } from "../domain/managed-role.ts";
import type { Plan, Statement } from "../domain/plan.ts";
import type { RoleRow } from "../postgres/role-catalog.ts";
import type { PrivilegeGap } from "../postgres/schema-catalog.ts";
import { commentManagedRole, createManagedRole, resetRoleAttributes } from "../postgres/statements/roles.ts";
import type { Draft } from "./role-draft.ts";
import type { RoleFinding } from "./role-finding.ts";
import { planAbsentColumns } from "./role-plan-columns.ts";
import { planDefaults } from "./role-plan-defaults.ts";
import { planMemberships } from "./role-plan-memberships.ts";
import {
  planExtensions,
  planForeignGrants,
  planPrivileges,
  planSchemaRevocations,
} from "./role-plan-privileges.ts";
import type { RoleState } from "./role-state.ts";

/** A plan for managed roles, and what has to be known to run it. */
export interface RolePlan extends Plan {
  /** Roles whose rights the statements need: owners and creators. */
  readonly actsFor: readonly string[];
  /** Statements that create roles or change memberships: they come before any rights are taken. */
  readonly preparation: readonly Statement[];
  /** Those of the statements, at their end, that take the way into a schema. */
  readonly closing: readonly Statement[];
  /** Managed roles of whose definition something cannot be granted here. */
  readonly degraded: ReadonlySet<string>;
  /** Each difference with the part of the statements that ends it, in the order in which they run. */
  readonly findings: readonly RoleFinding[];
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
  const touched = wanted.filter(acting);
  const draft: Draft = { state, findings: [], letIn: findLetIn(state, touched) };
  for (const role of touched) planRole(draft, role, state.roles.get(role.name));
  for (const role of wanted) planMemberships(draft, role, touched);
  // Owners grant what only others had granted, then those grants end, then what they rested on.
  planPrivileges(draft, touched, "grant");
  for (const role of touched) planAbsentColumns(draft, role);
  for (const role of touched) planForeignGrants(draft, role);
  planPrivileges(draft, touched, "revoke");
  for (const action of ["revoke", "grant"] as const) planDefaults(draft, touched, action);
  for (const role of touched) planExtensions(draft, role);
  planSchemaRevocations(draft, touched);
  return planOfFindings(draft.findings);
}

function findLetIn({ gaps }: RoleState, touched: readonly ManagedRole[]): ReadonlySet<string> {
  const roles = new Set(touched.map((role) => role.name));
  const letsIn = ({ action, objectType, privileges, role }: PrivilegeGap): boolean =>
    action === "grant" && objectType === "schema" && privileges.includes("USAGE") && roles.has(role);
  return new Set(gaps.filter(letsIn).map((gap) => gap.role));
}

/** The plan that ends findings. */
export function planOfFindings(findings: readonly RoleFinding[]): RolePlan {
  const degrading = findings.filter((one) => one.degrades === true);
  const late = findings.filter((one) => one.prepares !== true);
  const closing = late.filter((one) => one.closes === true).flatMap((one) => one.statements);
  return {
    findings,
    preparation: findings.filter((one) => one.prepares === true).flatMap((one) => one.statements),
    statements: [...late.filter((one) => one.closes !== true).flatMap((one) => one.statements), ...closing],
    closing,
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
