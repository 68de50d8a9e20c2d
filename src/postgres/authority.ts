import { iamRoles } from "../domain/iam-user.ts";
import type { Statement } from "../domain/plan.ts";
import { readMemberships } from "./role-catalog.ts";
import type { Session } from "./session.ts";
import { sqlstateOf } from "./sqlstate.ts";
import { giveBackRole, membershipOptionsSince, restoreRole, takeRole } from "./statements/memberships.ts";

/**
 * Whether the admin can act with a role's rights: `held` already, `takeable` for a transaction by granting itself
 * membership, or `refused`.
 */
export type Authority = "held" | "takeable" | "refused";

/** Permission denied, or the role is a member of the admin already. */
const cannotTake: ReadonlySet<string> = new Set(["42501", "0LP01"]);

interface AuthorityRow {
  readonly name: string;
  readonly held: boolean;
  readonly settable: boolean;
  readonly administers: boolean;
  readonly isSuperuser: boolean;
}

/**
 * Finds out for each role. Before 16, CREATEROLE may grant any role but a superuser; from 16 on it takes ADMIN OPTION.
 * Cloud SQL may have patched that, so what the catalog does not promise is tried under a savepoint that is rolled
 * back. Needs an open transaction. Roles that do not exist are not in the answer. Giving objects to a role needs SET on
 * it besides its privileges (from 16 on): ask for that with `toOwn`.
 */
export async function readAuthority(
  session: Session,
  roles: readonly string[],
  options: { readonly toOwn?: boolean } = {},
): Promise<Map<string, Authority>> {
  const found = new Map<string, Authority>();
  for (const row of await readAuthorityRows(session, roles)) {
    if (row.held && (row.settable || options.toOwn !== true)) found.set(row.name, "held");
    else found.set(row.name, (await mayGrant(session, row)) ? "takeable" : "refused");
  }
  return found;
}

/** Those of the roles that the admin may grant to others. Needs an open transaction. */
export async function readGrantable(session: Session, roles: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const row of await readAuthorityRows(session, roles)) {
    if (await mayGrant(session, row)) found.add(row.name);
  }
  return found;
}

async function readAuthorityRows(session: Session, roles: readonly string[]): Promise<AuthorityRow[]> {
  const names = [...new Set(roles)];
  if (names.length === 0) return [];
  const settable = session.versionNum >= membershipOptionsSince ? "pg_has_role(r.oid, 'SET')" : "true";
  const createRole = "(SELECT me.rolcreaterole FROM pg_roles me WHERE me.rolname = current_user)";
  const byAttribute = session.versionNum >= membershipOptionsSince ? "" : `OR ${createRole}`;
  const { rows } = await session.query<AuthorityRow>(
    `SELECT r.rolname::text AS name, r.rolsuper AS "isSuperuser",
            pg_has_role(r.oid, 'USAGE') AS held, ${settable} AS settable,
            (pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION') ${byAttribute}) AS administers
       FROM pg_roles r WHERE r.rolname::text = ANY ($1::text[]) ORDER BY 1`,
    [names],
  );
  return rows;
}

async function mayGrant(session: Session, row: AuthorityRow): Promise<boolean> {
  if (row.isSuperuser) return false;
  return row.administers || (await tryToTake(session, row.name));
}

async function tryToTake(session: Session, role: string): Promise<boolean> {
  await session.query("SAVEPOINT authority");
  try {
    await session.query(takeRole(session.target.database, role, session.versionNum).text);
    return true;
  } catch (error) {
    if (cannotTake.has(sqlstateOf(error) ?? "")) return false;
    throw error;
  } finally {
    await session.query("ROLLBACK TO SAVEPOINT authority");
  }
}

/**
 * Whether the admin is a member of an IAM role, directly or not. Then Cloud SQL treats its login as an IAM login and
 * refuses its password (28000).
 */
export async function readIsIamMember(session: Session): Promise<boolean> {
  const { rows } = await session.query<{ member: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_roles r
                     WHERE r.rolname::text = ANY ($1::text[]) AND pg_has_role(r.oid, 'MEMBER')) AS member`,
    [iamRoles],
  );
  return rows[0]?.member === true;
}

/** Statements that take roles' rights, and those that give them back. */
export interface Taken {
  readonly take: readonly Statement[];
  readonly giveBack: readonly Statement[];
}

/**
 * Takes the rights of roles for the rest of a transaction: of those that are takeable, and of those that the plan
 * itself creates (which `authority` does not know). A membership that the admin had granted
 * itself before, with fewer options, is put back as it was rather than revoked.
 */
export async function planTaking(
  session: Session,
  roles: readonly string[],
  authority: ReadonlyMap<string, Authority>,
): Promise<Taken> {
  const { user, versionNum, target } = session;
  const names = [...new Set(roles)].filter((role) => authority.get(role) !== "held");
  const own = names.length === 0 ? [] : await readMemberships(session, { roles: names, members: [user] });
  const giveBack = names.map((role) => {
    const before = own.find((row) => row.role === role && row.grantor === user);
    if (before === undefined || versionNum < membershipOptionsSince)
      return giveBackRole(target.database, role);
    return restoreRole(target.database, role, before);
  });
  return {
    take: names.map((role) => takeRole(target.database, role, versionNum)),
    giveBack: giveBack.reverse(),
  };
}
