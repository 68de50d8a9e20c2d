import type { ManagedRole } from "../domain/managed-role.ts";
import type { Membership } from "../postgres/role-catalog.ts";
import {
  grantMembership,
  membershipOptionsSince,
  revokeAdminOption,
  revokeMembership,
} from "../postgres/statements/memberships.ts";
import { canTake, type Draft, unreachable } from "./role-draft.ts";

export function planMemberships(draft: Draft, role: ManagedRole, touched: readonly ManagedRole[]): void {
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
