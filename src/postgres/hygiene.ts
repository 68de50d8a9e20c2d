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
 * cursors, LISTEN, prepared statements (https://www.postgresql.org/docs/current/sql-discard.html). Answers
 * whether it may be lent again; it may not when a statement still runs, or cleaning failed or took too long.
 */
export async function cleanConnection(
  connection: Connection,
  clock: Clock,
  timeoutMs: number,
): Promise<boolean> {
  if (connection.broken() || connection.pending() > 0) return false;
  if (connection.busy() && !(await settlesWithin(connection.settled(), clock, timeoutMs))) return false;
  if (isClean(connection)) return true;
  const work = connection.inTransaction() ? ["ROLLBACK", "DISCARD ALL"] : ["DISCARD ALL"];
  const done = await settlesWithin(
    Promise.all(work.map((text) => connection.housekeep(text))),
    clock,
    timeoutMs,
  );
  if (!done || connection.broken() || connection.inTransaction()) return false;
  connection.wasDiscarded();
  return true;
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
