import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";

/** Prepared statements that a connection may gather before it is swept. */
const mostPreparedStatements = 250;

/** Whether nothing of the last borrower can be left on the connection, so that no round trip is due. */
export function isClean(connection: Connection): boolean {
  return !connection.busy() && !connection.broken() && leftNothing(connection);
}

function leftNothing(connection: Connection): boolean {
  return (
    !connection.dirty &&
    connection.preparedStatements() <= mostPreparedStatements &&
    !connection.inTransaction()
  );
}

/**
 * Frees a connection of everything that its borrower left: transaction, settings, role, locks, temporary tables,
 * cursors, LISTEN, and what it prepared by SQL. What is prepared by name on the connection stays, and the plans that the
 * server has for it, but for a connection that has gathered very many. Answers whether it may be lent again; it may not when
 * a statement still runs, or cleaning failed or took too long.
 */
export async function cleanConnection(
  connection: Connection,
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  if (connection.broken() || connection.pending() > 0) return false;
  if (connection.busy() && !(await settlesWithin(connection.settled(), clock, timeoutMs))) return false;
  if (isClean(connection)) return true;
  const done = await settlesWithin(clean(connection), clock, timeoutMs);
  return done && !connection.broken() && !connection.inTransaction();
}

/**
 * What DISCARD ALL does, in the same order, without DEALLOCATE ALL and DISCARD PLANS:
 * https://www.postgresql.org/docs/current/sql-discard.html
 */
const tidy = `CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *;
SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES`;

/** By SQL others can be prepared, and those of the connection dropped, but none can be made that seem to be the connection's. */
const lookAtPrepared = `SELECT count(*)::int AS count, coalesce(bool_or(p.from_sql), false) AS "bySql"
FROM pg_catalog.pg_prepared_statements p`;

interface Prepared {
  readonly count: number;
  readonly bySql: boolean;
}

async function clean(connection: Connection): Promise<void> {
  const ended = connection.inTransaction() ? connection.housekeep("ROLLBACK") : undefined;
  if (connection.preparedStatements() > mostPreparedStatements) {
    await Promise.all([ended, discard(connection)]);
  } else if (connection.mayHavePrepared) {
    // The answer to several statements is that of the last.
    const tidied = connection.housekeep<Prepared>(`${tidy}; ${lookAtPrepared}`);
    const [, { rows }] = await Promise.all([ended, tidied]);
    const isOwn = rows[0]?.bySql === false && rows[0].count === connection.preparedStatements();
    if (isOwn) connection.wasTidied();
    else await discard(connection);
  } else {
    await Promise.all([ended, connection.housekeep(tidy)]);
    connection.wasTidied();
  }
}

async function discard(connection: Connection): Promise<void> {
  await connection.housekeep("DISCARD ALL");
  connection.wasDiscarded();
}

/** A round trip: whether the connection is alive. */
export function isAlive(connection: Connection, clock: Clock, timeoutMs: number): Promise<boolean> {
  return settlesWithin(connection.housekeep(""), clock, timeoutMs);
}

async function settlesWithin(work: Promise<unknown>, clock: Clock, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(timeoutMs, () => resolve(false));
  work.then(
    () => resolve(true),
    () => resolve(false),
  );
  const done = await promise;
  cancel();
  return done;
}
