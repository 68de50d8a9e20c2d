import type { Statement } from "../../domain/plan.ts";
import { ident } from "../sql.ts";
import { membershipOptionsSince } from "./memberships.ts";
import { sharedStatement } from "./statement.ts";

export interface MembershipOptions {
  readonly inherit: boolean;
  readonly set: boolean;
  readonly admin: boolean;
}

export interface MembershipOf {
  readonly database: string;
  readonly versionNum: number;
  readonly role: string;
  readonly member: string;
}

/** GRANT role TO member with its options; before 16 there is only ADMIN. */
export function grantMembershipWith(membership: MembershipOf, options: MembershipOptions): Statement {
  const { database, versionNum, role, member } = membership;
  const text = (value: boolean): string => (value ? "TRUE" : "FALSE");
  const modern = `INHERIT ${text(options.inherit)}, SET ${text(options.set)}${options.admin ? ", ADMIN TRUE" : ""}`;
  const classic = options.admin ? "ADMIN OPTION" : "";
  const list = versionNum >= membershipOptionsSince ? modern : classic;
  return sharedStatement({
    description: `Make ${member} a member of ${role}${list === "" ? "" : ` with ${list}`}`,
    database,
    text: `GRANT ${ident(role)} TO ${ident(member)}${list === "" ? "" : ` WITH ${list}`}`,
  });
}

/** Takes one option off a membership that stays; from 16 on, off the row of one grantor. */
export function revokeMembershipOption(
  membership: MembershipOf,
  option: "ADMIN" | "INHERIT" | "SET",
  grantor: string,
): Statement {
  const { database, versionNum, role, member } = membership;
  const by = versionNum >= membershipOptionsSince ? ` GRANTED BY ${ident(grantor)}` : "";
  return sharedStatement({
    description: `Take ${option} off the membership of ${member} in ${role}`,
    database,
    text: `REVOKE ${option} OPTION FOR ${ident(role)} FROM ${ident(member)}${by}`,
    destructive: true,
  });
}

/** A plain group role without any attribute. */
export function createGroupRole(database: string, role: string): Statement {
  return sharedStatement({
    description: `Create role ${role}`,
    database,
    text: `CREATE ROLE ${ident(role)} NOLOGIN NOCREATEDB NOCREATEROLE INHERIT`,
  });
}

/** A schema to another owner; its old owner's own rights go with it. */
export function changeSchemaOwner(database: string, schema: string, owner: string): Statement {
  return sharedStatement({
    description: `Give schema ${schema} to ${owner}`,
    database,
    text: `ALTER SCHEMA ${ident(schema)} OWNER TO ${ident(owner)}`,
    destructive: true,
  });
}
