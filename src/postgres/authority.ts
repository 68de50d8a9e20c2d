import { iamRoles } from "../domain/iam-user.ts";
import type { Statement } from "../domain/plan.ts";
import { readMemberships } from "./role-catalog.ts";
import type { Session } from "./session.ts";
import { sqlstateOf } from "./sqlstate.ts";
import { tryAlter } from "./statements/logins.ts";
import {
  giveBackRole,
  membershipOptionsSince,
  restoreRole,
  takeRole,
  takeRoles,
} from "./statements/memberships.ts";

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
  const rows = await readAuthorityRows(session, roles);
  const isHeld = (row: AuthorityRow): boolean => row.held && (row.settable || options.toOwn !== true);
  const grantable = await findGrantable(
    session,
    rows.filter((row) => !isHeld(row)),
  );
  return new Map(
    rows.map((row) => {
      if (isHeld(row)) return [row.name, "held"];
      return [row.name, grantable.has(row.name) ? "takeable" : "refused"];
    }),
  );
}

/** Those of the roles that the admin may grant to others. Needs an open transaction. */
export async function readGrantable(session: Session, roles: readonly string[]): Promise<Set<string>> {
  return findGrantable(session, await readAuthorityRows(session, roles));
}

/**
 * Those of the roles that the admin may alter and drop. That is more than granting them: a Cloud SQL that lets its admin
 * grant any role need not let it alter one, so what PostgreSQL's own rule refuses is tried. Needs an open transaction.
 */
export async function readAlterable(session: Session, roles: readonly string[]): Promise<Set<string>> {
  const rows = (await readAuthorityRows(session, roles)).filter((row) => !row.isSuperuser);
  const found = new Set(rows.filter((row) => row.administers).map((row) => row.name));
  const unknown = rows.filter((row) => !row.administers).map((row) => row.name);
  if (unknown.length === 0) return found;
  await session.query("SAVEPOINT authority", [], { plain: true });
  for (const name of unknown)
    if (await isTried(session, tryAlter(session.target.database, name))) found.add(name);
  return found;
}

/**
 * Who administers is read by following the admin's memberships once. pg_has_role follows them again for each role that it
 * is asked WITH ADMIN OPTION of, and an admin has a membership in every role that it made.
 */
async function readAuthorityRows(session: Session, roles: readonly string[]): Promise<AuthorityRow[]> {
  const names = [...new Set(roles)];
  if (names.length === 0) return [];
  const settable = session.versionNum >= membershipOptionsSince ? "pg_has_role(r.oid, 'SET')" : "true";
  const createRole = "(SELECT me.rolcreaterole FROM pg_roles me WHERE me.rolname = current_user)";
  const byAttribute = session.versionNum >= membershipOptionsSince ? "" : `OR ${createRole}`;
  const { rows } = await session.query<AuthorityRow>(
    `WITH RECURSIVE mine AS (
       SELECT me.oid FROM pg_roles me WHERE me.rolname = current_user
       UNION
       SELECT m.roleid FROM mine JOIN pg_auth_members m ON m.member = mine.oid),
     administered AS (
       SELECT DISTINCT m.roleid FROM mine JOIN pg_auth_members m ON m.member = mine.oid WHERE m.admin_option)
     SELECT r.rolname::text AS name, r.rolsuper AS "isSuperuser",
            pg_has_role(r.oid, 'USAGE') AS held, ${settable} AS settable,
            (a.roleid IS NOT NULL OR (SELECT me.rolsuper FROM pg_roles me WHERE me.rolname = current_user)
             ${byAttribute}) AS administers
       FROM pg_roles r LEFT JOIN administered a ON a.roleid = r.oid
      WHERE r.rolname::text = ANY ($1::text[]) ORDER BY 1`,
    [names],
    { keep: true },
  );
  return rows;
}

async function findGrantable(session: Session, rows: readonly AuthorityRow[]): Promise<Set<string>> {
  const found = new Set(rows.filter((row) => row.administers && !row.isSuperuser).map((row) => row.name));
  const unknown = rows.filter((row) => !row.administers && !row.isSuperuser).map((row) => row.name);
  for (const name of await tryToTake(session, unknown)) found.add(name);
  return found;
}

/** Each attempt is two short queries. */
const mostAttempts = 32;
const triedTogether = 200;

/**
 * All together, and where that is refused, each half; so the usual cases, all or none, take few attempts however many
 * roles there are. What is left when the attempts are used up counts as refused: PostgreSQL's own rule said so already.
 */
async function tryToTake(session: Session, roles: readonly string[]): Promise<string[]> {
  const taken: string[] = [];
  const groups: (readonly string[])[] = [];
  for (let at = 0; at < roles.length; at += triedTogether) groups.push(roles.slice(at, at + triedTogether));
  if (groups.length === 0) return taken;
  const enough = mostAttempts + groups.length;
  // Rolling back to a savepoint keeps it, so one serves every attempt.
  await session.query("SAVEPOINT authority", [], { plain: true });
  for (let attempt = 1; attempt <= enough; attempt += 1) {
    const group = groups.shift();
    if (group === undefined) break;
    if (await tryGroup(session, group)) taken.push(...group);
    else if (group.length > 1) {
      const middle = Math.ceil(group.length / 2);
      groups.push(group.slice(0, middle), group.slice(middle));
    }
  }
  return taken;
}

function tryGroup(session: Session, roles: readonly string[]): Promise<boolean> {
  return isTried(session, takeRoles(session.target.database, roles, session.versionNum));
}

/** Whether the statement is let through; it is undone at once. */
async function isTried(session: Session, { text }: Pick<Statement, "text">): Promise<boolean> {
  try {
    // No event triggers fire for roles and memberships.
    await session.query(text, [], { plain: true });
    return true;
  } catch (error) {
    if (cannotTake.has(sqlstateOf(error) ?? "")) return false;
    throw error;
  } finally {
    await session.query("ROLLBACK TO SAVEPOINT authority", [], { plain: true });
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
    { keep: true },
  );
  return rows[0]?.member === true;
}

/**
 * Those of the roles that must never be granted to the admin, whoever would do it: superusers, and members of IAM roles,
 * which would lock it out.
 */
export async function readUngrantable(session: Session, roles: readonly string[]): Promise<Set<string>> {
  const { rows } = await session.query<{ name: string }>(
    `SELECT r.rolname::text AS name FROM pg_roles r
      WHERE r.rolname::text = ANY ($1::text[])
        AND (r.rolsuper OR EXISTS (SELECT FROM pg_roles i
                                    WHERE i.rolname::text = ANY ($2::text[]) AND pg_has_role(r.oid, i.oid, 'MEMBER')))`,
    [roles, iamRoles],
    { keep: true },
  );
  return new Set(rows.map((row) => row.name));
}

/** What is known from several reads: a role that some use needs to be taken for is taken. */
export function uniteAuthority(
  ...known: readonly Iterable<readonly [string, Authority]>[]
): Map<string, Authority> {
  const united = new Map<string, Authority>();
  for (const [role, authority] of known.flatMap((one) => [...one]))
    if (united.get(role) !== "takeable") united.set(role, authority);
  return united;
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
  return (await readTaking(session, roles, authority))(roles);
}

/** Reads once what taking the rights of any of the roles needs; the answer plans it for some of them. */
export async function readTaking(
  session: Session,
  roles: readonly string[],
  authority: ReadonlyMap<string, Authority>,
): Promise<(some: readonly string[]) => Taken> {
  const { user, versionNum, target } = session;
  const isTaken = (role: string): boolean => authority.get(role) !== "held";
  const all = [...new Set(roles)].filter(isTaken);
  const rows = all.length === 0 ? [] : await readMemberships(session, { roles: all, members: [user] });
  const own = new Map(rows.filter((row) => row.grantor === user).map((row) => [row.role, row]));
  return (some) => {
    const names = [...new Set(some)].filter(isTaken);
    const giveBack = names.map((role) => {
      const before = own.get(role);
      if (before === undefined || versionNum < membershipOptionsSince)
        return giveBackRole(target.database, role);
      return restoreRole(target.database, role, before);
    });
    return {
      take: names.map((role) => takeRole(target.database, role, versionNum)),
      giveBack: giveBack.reverse(),
    };
  };
}
