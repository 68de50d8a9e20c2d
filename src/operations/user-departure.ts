import type { Statement } from "../domain/plan.ts";
import { ServiceError } from "../errors.ts";
import { planTaking, readAlterable, readAuthority } from "../postgres/authority.ts";
import { readMemberships, readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { dropLogin, endSessions, stopLogin } from "../postgres/statements/logins.ts";
import { membershipOptionsSince } from "../postgres/statements/memberships.ts";
import type { Decision } from "./apply.ts";
import { planRowRevocations } from "./memberships.ts";

/** How many sessions a role has, in all databases. */
export async function readSessions(session: Session, user: string): Promise<number> {
  // Within a transaction the view would stay as it was when it was first looked at.
  await session.query("SELECT pg_catalog.pg_stat_clear_snapshot()");
  const { rows } = await session.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_catalog.pg_stat_activity
      WHERE usename::text = $1::text AND pid <> pg_catalog.pg_backend_pid()`,
    [user],
  );
  return rows[0]?.count ?? 0;
}

/** NOLOGIN for a built-in user; where the admin may not alter it, its sessions are ended and it is deleted all the same. */
export async function decideStopLogin(session: Session, user: string): Promise<Decision<undefined>> {
  const row = (await readRoles(session, [user])).get(user);
  if (row === undefined || !row.canLogin) return { statements: [], warnings: [], result: undefined };
  if (!(await readAlterable(session, [user])).has(user)) {
    const warning = `${user} may log in until it is deleted: ${session.user} may not alter it on this instance.`;
    return { statements: [], warnings: [warning], result: undefined };
  }
  return { statements: [stopLogin(session.target.database, user)], warnings: [], result: undefined };
}

/** Takes the user's rights, or pg_signal_backend's, whichever the admin may have. */
export async function decideSessions(session: Session, user: string): Promise<Decision<undefined>> {
  const count = await readSessions(session, user);
  if (count === 0) return { statements: [], warnings: [], result: undefined };
  const candidates = [user, "pg_signal_backend"];
  const authority = await readAuthority(session, candidates);
  const by =
    candidates.find((name) => authority.get(name) === "held") ??
    candidates.find((name) => authority.get(name) === "takeable");
  if (by === undefined) {
    const warning = `${user} keeps ${count} sessions until they end: ${session.user} may end neither its sessions nor take pg_signal_backend.`;
    return { statements: [], warnings: [warning], result: undefined };
  }
  const taken = await planTaking(session, [by], authority);
  const statements = [...taken.take, endSessions(session.target.database, user), ...taken.giveBack];
  return { statements, warnings: [], result: undefined };
}

/**
 * DROP ROLE, after the memberships that the user granted to others: from 16 on they stand in the way. The result says
 * whether the admin may do it; `planned` does not look whether anything stands in the way yet.
 */
export async function decideDrop(
  session: Session,
  user: string,
  planned?: "planned",
): Promise<Decision<boolean>> {
  const exists = (await readRoles(session, [user])).has(user);
  if (!exists) return { statements: [], warnings: [], result: true };
  const may = (await readAlterable(session, [user])).has(user);
  if (planned !== undefined) return { statements: [], warnings: [], result: may };
  if (!may) {
    const because = `${session.user} may not drop it on this instance`;
    throw new ServiceError("conflict", `${JSON.stringify(user)} cannot be deleted: ${because}.`, {
      details: { because, run_as_superuser: [dropLogin(session.target.database, user).preview] },
    });
  }
  const granted = await planGrantedByUser(session, user);
  const statements = [...granted, dropLogin(session.target.database, user)];
  return { statements, warnings: [], result: true };
}

/** What the user granted ends with it, as it would if PostgreSQL dropped the grantor's rows itself. */
async function planGrantedByUser(session: Session, user: string): Promise<readonly Statement[]> {
  if (session.versionNum < membershipOptionsSince) return [];
  const rows = (await readMemberships(session, {})).filter((row) => row.grantor === user);
  if (rows.length === 0) return [];
  const { statements, stuck } = await planRowRevocations(session, rows);
  if (stuck.length === 0) return statements;
  const because = `it granted ${stuck.map((row) => `${row.role} to ${row.member}`).join(", ")}, and ${session.user} may not act for it`;
  throw new ServiceError("conflict", `${JSON.stringify(user)} cannot be deleted: ${because}.`, {
    details: { because },
  });
}
