import { ident } from "../sql.ts";

/**
 * SQL that an administrator of the instance (cloudsqladmin, or a role's owner) runs so that the admin can go on. It is
 * never run by this service.
 */
export function letGrant(role: string, admin: string): string {
  return `GRANT ${ident(role)} TO ${ident(admin)} WITH ADMIN OPTION`;
}

/** Runs statements as the admin would, so that what they make is the admin's. */
export function asAdmin(admin: string, statements: readonly string[]): string[] {
  return [`SET ROLE ${ident(admin)}`, ...statements, "RESET ROLE"];
}

export function giveSchema(schema: string, owner: string): string {
  return `ALTER SCHEMA ${ident(schema)} OWNER TO ${ident(owner)}`;
}

/** `attributes` such as SUPERUSER: those that are to end. */
export function endAttributes(role: string, attributes: readonly string[]): string {
  return `ALTER ROLE ${ident(role)} ${attributes.map((one) => `NO${one}`).join(" ")}`;
}
