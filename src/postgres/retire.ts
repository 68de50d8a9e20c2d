import { cancelStatement } from "./cancel.ts";
import { type Clock, never, pause } from "./clock.ts";
import type { Connection } from "./connection.ts";
import type { InstanceAccess } from "./instance-access.ts";

/** How long a goodbye may take before the stream is cut. */
const goodbyeMs = 3_000;
/** How long a cancelled statement may take to end. */
const cancelMs = 3_000;
/** The same at shutdown: each request to cancel is a connection of its own, and there may be more than time is left for. */
const lastCancelMs = 300;
/** The first pause before the same statement is cancelled again; each further one is twice as long, for a server under load. */
const cancelAgainMs = 100;
/** How long the session of a connection that was lost is waited for: longer than the server needs to notice the loss. */
const lingerMs = 2_000;
/** How long a server that runs a statement takes to notice: `client_connection_check_interval`, and a little more. */
const noticeMs = 1_100;
/** How long a session takes to end once it has noticed. */
export const settleMs = 100;

/**
 * Ends a connection so that the server's session ends with it: a running statement is cancelled first, because a
 * server does not notice at once that its client has gone while it works on an answer. Settles when the stream is
 * closed.
 */
export async function retire(connection: Connection, clock: Clock, access: InstanceAccess): Promise<void> {
  if (connection.busy() && !connection.broken()) await cancelWhatRuns(connection, clock, access);
  if (connection.busy()) connection.destroy();
  else connection.end();
  if (!(await within(connection.closed, clock, goodbyeMs))) connection.destroy();
  await connection.closed;
}

/**
 * Settles when the server's session is gone too, as far as that can be told of one that is out of reach. What it may
 * still run is cancelled, again and again: it may have had more to run, or have received its statement only then.
 */
export async function untilGone(connection: Connection, clock: Clock, access: InstanceAccess): Promise<void> {
  await connection.closed;
  const { leftBehind } = connection;
  if (leftBehind === "nothing") return;
  if (leftBehind === "statement" && isLast(connection)) await pause(clock, noticeMs, never);
  else if (leftBehind === "statement") {
    const deadline = clock.now() + lingerMs;
    for (let taken = 0; taken < 2 && clock.now() < deadline; ) {
      if (await cancelStatement(connection, { access, clock, timeoutMs: deadline - clock.now() })) taken += 1;
      await pause(clock, settleMs, never);
    }
  } else await pause(clock, settleMs, never);
}

/**
 * One by one, where several were sent together: the next begins when one was answered. And again and again: a request that
 * arrives before its statement, or between two, has no effect.
 */
async function cancelWhatRuns(connection: Connection, clock: Clock, access: InstanceAccess): Promise<void> {
  const deadline = clock.now() + (isLast(connection) ? lastCancelMs : cancelMs);
  let againMs = cancelAgainMs;
  while (connection.busy() && clock.now() < deadline) {
    const answered = connection.answered();
    await cancelStatement(connection, { access, clock, timeoutMs: deadline - clock.now() });
    againMs = (await within(answered, clock, againMs)) ? cancelAgainMs : againMs * 2;
  }
}

const isLast = ({ condemned }: Connection): boolean => condemned === "shutting_down";

async function within(work: Promise<void>, clock: Clock, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(timeoutMs, () => resolve(false));
  work.then(() => resolve(true));
  const done = await promise;
  cancel();
  return done;
}
