import type { DatabaseReading } from "../../domain/database-health.ts";
import type { Session } from "../session.ts";

export interface ReadingThresholds {
  readonly longTransactionSeconds: number;
  readonly idleInTransactionSeconds: number;
  readonly blockedSeconds: number;
}

/** How the instance does. Of other users' sessions, only a member of pg_monitor sees the state. */
export async function readDatabaseHealth(
  session: Session,
  thresholds: ReadingThresholds,
): Promise<DatabaseReading> {
  const { rows } = await session.query<DatabaseReading>(
    reading,
    [thresholds.longTransactionSeconds, thresholds.idleInTransactionSeconds, thresholds.blockedSeconds],
    { read: true },
  );
  const row = rows[0];
  if (row === undefined) throw new Error("the health query answered no row");
  return row;
}

/** The size of the session's database in bytes. Looks at every file of it, so it may take a while. */
export async function readDatabaseSize(session: Session): Promise<number> {
  const { rows } = await session.query<{ size: number }>(
    "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())::float8 AS size",
    [],
    { read: true },
  );
  return rows[0]?.size ?? 0;
}

// backend_type is null where the session is hidden; those of the server's own processes have no database.
const reading = `
SELECT pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS version,
  date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.pg_postmaster_start_time()) AS "uptimeSeconds",
  a.active AS "activeConnections",
  a.total AS "totalConnections",
  pg_catalog.current_setting('max_connections')::int AS "maxConnections",
  pg_catalog.pg_is_in_recovery() AS "inRecovery",
  pg_catalog.current_setting('default_transaction_read_only')::boolean AS "readOnly",
  a.hidden AS "hiddenSessions",
  a.long_transactions AS "longTransactions",
  COALESCE(a.longest, 0) AS "longestTransactionSeconds",
  a.idle_in_transaction AS "idleInTransactions",
  (
    SELECT count(DISTINCT l.pid)::int FROM pg_catalog.pg_locks l
    WHERE NOT l.granted AND l.waitstart < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $3::float8)
  ) AS "blockedSessions",
  o.name AS "oldestDatabase",
  o.age::float8 AS "oldestAge"
FROM (
  SELECT count(*)::int AS total,
    (count(*) FILTER (WHERE s.state = 'active'))::int AS active,
    (count(*) FILTER (WHERE s.backend_type IS NULL))::int AS hidden,
    (count(*) FILTER (WHERE s.age > $1::float8))::int AS long_transactions,
    max(s.age) AS longest,
    (count(*) FILTER (WHERE s.state LIKE 'idle in transaction%' AND s.idle > $2::float8))::int AS idle_in_transaction
  FROM (
    SELECT p.state, p.backend_type,
      date_part('epoch', pg_catalog.clock_timestamp() - p.xact_start) AS age,
      date_part('epoch', pg_catalog.clock_timestamp() - p.state_change) AS idle
    FROM pg_catalog.pg_stat_activity p
    WHERE p.backend_type = 'client backend' OR (p.backend_type IS NULL AND p.datid IS NOT NULL)
  ) s
) a
CROSS JOIN (
  SELECT d.datname AS name,
    GREATEST(pg_catalog.age(d.datfrozenxid), pg_catalog.mxid_age(d.datminmxid)) AS age
  FROM pg_catalog.pg_database d
  ORDER BY 2 DESC, 1
  LIMIT 1
) o`;
