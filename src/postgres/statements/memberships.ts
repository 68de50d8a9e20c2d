import type { Statement } from "../../domain/plan.ts";
import { ident, identList } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** From this server_version_num on, a membership has a grantor of its own and the options INHERIT and SET. */
export const membershipOptionsSince = 160000;

export interface MembershipStatement {
  readonly database: string;
  readonly versionNum: number;
  readonly role: string;
  readonly member: string;
  /** The managed role whose definition this serves. */
  readonly managed?: string;
}

/**
 * GRANT role TO member. From 16 on the options are spelled out, since a bare GRANT takes INHERIT from the member's
 * attribute, and a NOINHERIT member would hold the role without its privileges
 * (https://www.postgresql.org/docs/16/sql-grant.html).
 */
export function grantMembership(options: MembershipStatement): Statement {
  const { database, versionNum, role, member, managed } = options;
  const suffix = versionNum >= membershipOptionsSince ? " WITH INHERIT TRUE, SET TRUE" : "";
  return sharedStatement({
    description: `Make ${member} a member of ${role}`,
    database,
    text: `GRANT ${ident(role)} TO ${ident(member)}${suffix}`,
    ...(managed === undefined ? {} : { role: managed }),
  });
}

/** REVOKE role FROM member; from 16 on, the row of one grantor, since each has its own. */
export function revokeMembership(
  options: MembershipStatement & { readonly grantor: string | null },
): Statement {
  const { database, versionNum, role, member, grantor, managed } = options;
  const by = grantor !== null && versionNum >= membershipOptionsSince ? ` GRANTED BY ${ident(grantor)}` : "";
  return sharedStatement({
    description: `End the membership of ${member} in ${role}${by === "" ? "" : ` that ${grantor} granted`}`,
    database,
    text: `REVOKE ${ident(role)} FROM ${ident(member)}${by}`,
    destructive: true,
    ...(managed === undefined ? {} : { role: managed }),
  });
}

/** Takes ADMIN OPTION off a membership that stays; from 16 on, off the row of one grantor. */
export function revokeAdminOption(options: MembershipStatement & { readonly grantor: string }): Statement {
  const { database, versionNum, role, member, grantor, managed } = options;
  const by = versionNum >= membershipOptionsSince ? ` GRANTED BY ${ident(grantor)}` : "";
  return sharedStatement({
    description: `Take from ${member} the right to grant ${role}`,
    database,
    text: `REVOKE ADMIN OPTION FOR ${ident(role)} FROM ${ident(member)}${by}`,
    destructive: true,
    ...(managed === undefined ? {} : { role: managed }),
  });
}

/** Takes membership of a role for the rest of the transaction; see `giveBackRole`. */
export function takeRole(database: string, role: string, versionNum: number): Statement {
  return takeRoles(database, [role], versionNum);
}

/** The same of several roles: all or none. */
export function takeRoles(database: string, roles: readonly string[], versionNum: number): Statement {
  const suffix = versionNum >= membershipOptionsSince ? " WITH INHERIT TRUE, SET TRUE" : "";
  return sharedStatement({
    description: `Take the rights of ${roles.join(", ")} for this transaction`,
    database,
    text: `GRANT ${identList(roles)} TO CURRENT_USER${suffix}`,
  });
}

/**
 * Ends a membership that was taken, before the transaction commits: a standing membership of the admin in an IAM
 * role would turn its password login away (28000).
 */
export function giveBackRole(database: string, role: string): Statement {
  return sharedStatement({
    description: `Give back the rights of ${role}`,
    database,
    text: `REVOKE ${ident(role)} FROM CURRENT_USER`,
  });
}

/** Puts a membership that the admin had granted itself back to the options that it had (PostgreSQL 16 and later). */
export function restoreRole(
  database: string,
  role: string,
  before: { readonly inherit: boolean; readonly set: boolean },
): Statement {
  const options = `INHERIT ${before.inherit ? "TRUE" : "FALSE"}, SET ${before.set ? "TRUE" : "FALSE"}`;
  return sharedStatement({
    description: `Give back the rights of ${role} but for the membership that was there before`,
    database,
    text: `GRANT ${ident(role)} TO CURRENT_USER WITH ${options}`,
  });
}
