import type { Duplex } from "node:stream";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import type { InstanceAccess } from "./instance-access.ts";

/** How long a goodbye may take before the stream is cut. */
const goodbyeMs = 3_000;
/** How long a cancelled statement may take to end. */
const cancelMs = 3_000;
const cancelAgainMs = 100;

/**
 * Ends a connection so that the server's session ends with it: a running statement is cancelled first, because a
 * server does not notice that its client has gone until it has an answer for it. Settles when the stream is closed.
 */
export async function retire(connection: Connection, clock: Clock, access: InstanceAccess): Promise<void> {
  if (connection.busy() && !connection.broken()) await cancelWhatRuns(connection, clock, access);
  if (connection.busy()) connection.destroy();
  else connection.end();
  if (!(await within(connection.closed, clock, goodbyeMs))) connection.destroy();
  await connection.closed;
}

/** Again and again: a request that arrives before its statement, or between two that were sent together, has no effect. */
async function cancelWhatRuns(connection: Connection, clock: Clock, access: InstanceAccess): Promise<void> {
  const answered = connection.settled();
  const deadline = clock.now() + cancelMs;
  while (clock.now() < deadline) {
    await cancelStatement(connection, access);
    if (await within(answered, clock, cancelAgainMs)) return;
  }
}

/** Sends a CancelRequest on a stream of its own (https://www.postgresql.org/docs/current/protocol-flow.html). */
async function cancelStatement(connection: Connection, access: InstanceAccess): Promise<void> {
  const key = connection.backendKey;
  if (key === undefined) return;
  try {
    const openStream = await access.openStream(connection.target, { timeoutMs: cancelMs });
    const stream = openStream();
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.on("error", () => resolve());
    stream.on("close", () => resolve());
    stream.once("connect", () => stream.end(cancelRequest(key.processId, key.secretKey)));
    stream.resume();
    startConnecting(stream);
    const timer = setTimeout(() => stream.destroy(), cancelMs);
    await promise;
    clearTimeout(timer);
  } catch {
    // Cancelling is a courtesy: without it the statement runs into its statement_timeout.
  }
}

function cancelRequest(processId: number, secretKey: number): Buffer {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(processId, 8);
  message.writeInt32BE(secretKey, 12);
  return message;
}

/** As pg does with a stream that it was given; one of the Cloud SQL connector connects by itself. */
function startConnecting(stream: Duplex): void {
  if ("connect" in stream && typeof stream.connect === "function") stream.connect(5432, "cloudsql");
}

async function within(work: Promise<void>, clock: Clock, timeoutMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const cancel = clock.after(timeoutMs, () => resolve(false));
  work.then(() => resolve(true));
  const done = await promise;
  cancel();
  return done;
}
