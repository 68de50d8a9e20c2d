import type { Session } from "../session.ts";

/** The sessions of one role, in all databases of the instance. */
export interface ActivityRow {
  readonly name: string;
  readonly sessions: number;
  /** The last thing known of them: the latest beginning of a session or change of its state; null when hidden. */
  readonly lastActivity: Date | null;
}

/** Sessions by role. PostgreSQL keeps nothing of sessions that have ended. */
export async function readActivity(session: Session): Promise<Map<string, ActivityRow>> {
  const { rows } = await session.query<ActivityRow>(
    `SELECT a.usename::text AS name, count(*)::int AS sessions,
            max(greatest(a.backend_start, a.state_change)) AS "lastActivity"
       FROM pg_catalog.pg_stat_activity a
      WHERE a.usename IS NOT NULL AND coalesce(a.backend_type, 'client backend') = 'client backend'
      GROUP BY 1`,
    [],
    { read: true },
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** What stands in the way of a login beside LOGIN itself. */
export interface LoginRow {
  readonly name: string;
  readonly expired: boolean;
  /** Its connection limit is 0. */
  readonly shutOut: boolean;
  /** It owns something or holds a privilege, in whichever database; memberships do not count. */
  readonly holdsAnything: boolean;
}

export async function readLogins(session: Session, names: readonly string[]): Promise<Map<string, LoginRow>> {
  const { rows } = await session.query<LoginRow>(
    `SELECT r.rolname::text AS name, coalesce(r.rolvaliduntil < now(), false) AS expired,
            r.rolconnlimit = 0 AS "shutOut",
            EXISTS (SELECT FROM pg_catalog.pg_shdepend s
                     WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = r.oid
                       AND s.deptype IN ('o', 'a') AND s.classid <> 'pg_catalog.pg_auth_members'::regclass)
              AS "holdsAnything"
       FROM pg_catalog.pg_roles r WHERE r.rolname::text = ANY ($1::text[])`,
    [names],
    { read: true },
  );
  return new Map(rows.map((row) => [row.name, row]));
}
