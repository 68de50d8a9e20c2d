import { type Target, targetKey } from "../domain/target.ts";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import type { Entry } from "./entries.ts";
import { lend } from "./lease.ts";
import type { Pool } from "./pool.ts";
import type { PoolSettings } from "./pool-settings.ts";
import { isDatabaseFault } from "./pool-stats.ts";
import type { BorrowOptions, Session } from "./session.ts";
import { abandoned } from "./waiters.ts";

/** What it takes to lend the connections of pools. */
export interface Lender {
  readonly settings: Pick<PoolSettings, "maxReads">;
  readonly clock: Clock;
  readonly entryOf: (target: Target) => Entry;
  /** The entry's pool; throws when there may be none any more. */
  readonly poolOf: (entry: Entry) => Pool;
  /** The application_name of a session while it is in the hands of that operation. */
  readonly applicationNameFor: (operation: string) => string;
  /** The request of that signal has a connection now. */
  readonly onServed: (signal: AbortSignal | undefined) => void;
}

export interface ReadBatches {
  /** As `withSession`, for a borrower that only reads. */
  read<T>(target: Target, borrower: BorrowOptions, read: (session: Session) => Promise<T>): Promise<T>;
}

interface Reader {
  readonly read: (session: Session) => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Readers of one database, by the same operation, that came in the same turn of the event loop. */
interface Batch {
  readonly target: Target;
  readonly operation: string;
  readonly most: number;
  readonly askedAt: number;
  readonly readers: Reader[];
}

/** What a batch is to take the server at most, as far as can be told: whoever is last in it waits for all the others. */
const longestMs = 10;
/** What a read takes it, before one was seen. */
const presumedMs = 1;
/** What the newest batch counts for in what a read takes. */
const newestPart = 0.25;

/**
 * Lends one connection to several readers at a time. Their statements go to the server in one write, are answered in
 * order, and fail each by itself: a round trip of its own costs more than most of them. Nothing but reads goes over
 * such a connection, since what one reader left behind would be the next one's. Npgsql does the same, as multiplexing:
 * https://www.npgsql.org/doc/performance.html
 *
 * A batch takes one place in the queue. It closes when it is full, or with the turn in which it began, so that a stream
 * of readers cannot keep a connection from others; and where reads are slow it is small, down to one.
 */
export function createReadBatches(lender: Lender): ReadBatches {
  const { clock, settings, entryOf, poolOf } = lender;
  /** The batches of this turn that take more readers, by operation and target. */
  const open = new Map<string, Batch>();
  let scheduled = false;
  /** When the last two turns ended that had readers. An answer that is seen in this turn came after the first of them. */
  let turnsEndedAt: readonly [before: number, last: number] = [0, 0];

  function begin(key: string, target: Target, operation: string): Batch {
    const readMs = entryOf(target).readMs?.get(operation) ?? presumedMs;
    const most = Math.max(1, Math.min(Math.floor(longestMs / readMs), settings.maxReads ?? 1));
    const batch = { target, operation, most, askedAt: clock.now(), readers: [] };
    open.set(key, batch);
    if (!scheduled) setImmediate(closeAll);
    scheduled = true;
    return batch;
  }

  function closeAll(): void {
    scheduled = false;
    const batches = [...open.values()];
    open.clear();
    turnsEndedAt = [turnsEndedAt[1], clock.now()];
    for (const batch of batches) void serve(batch);
  }

  async function serve({ target, operation, askedAt, readers }: Batch): Promise<void> {
    let entry: Entry | undefined;
    try {
      entry = entryOf(target);
      entry.stats.requests += readers.length;
      const pool = poolOf(entry);
      const borrowed = borrow(pool, entry, operation, readers);
      const connection = borrowed instanceof Promise ? await borrowed : borrowed;
      entry.stats.waitMs += (clock.now() - askedAt) * readers.length;
      if (readers.length === 0) await pool.giveBack(connection);
      else lendTo(readers, { connection, pool, entry, operation });
    } catch (error) {
      if (entry !== undefined && isDatabaseFault(error)) entry.stats.errors += readers.length;
      for (const { reject } of readers) reject(error);
    }
  }

  function lendTo(readers: readonly Reader[], { connection, pool, entry, operation }: Loan): void {
    const { stats, joined } = entry;
    const lentAt = clock.now();
    const idleBefore = clock.idleMs();
    const name = lender.applicationNameFor(operation);
    let left = readers.length;
    joined.lent += left - 1;

    function finish(settle: () => void): void {
      stats.queryMs += clock.now() - lentAt;
      left -= 1;
      if (left > 0) {
        joined.lent -= 1;
        settle();
        return;
      }
      // Not what this process took to look at the answer: under load that is most of it. So much the server took at least.
      const serverMs = Math.max(clock.idleMs() - idleBefore, turnsEndedAt[0] - lentAt);
      noteDuration(entry, operation, serverMs / readers.length);
      const cleaning = pool.giveBack(connection);
      if (cleaning === undefined) settle();
      else void cleaning.then(settle);
    }

    function start({ read, signal, resolve, reject }: Reader): void {
      lender.onServed(signal);
      const lease = lend(connection, name, { readsOnly: true });
      startReading(read, lease.session).then(
        (value) => {
          lease.end();
          finish(() => resolve(value));
        },
        (error: unknown) => {
          lease.end();
          if (isDatabaseFault(error)) stats.errors += 1;
          finish(() => reject(error));
        },
      );
    }

    connection.together(() => {
      for (const reader of readers) start(reader);
    });
  }

  return {
    read<T>(target: Target, { operation, signal }: BorrowOptions, read: (session: Session) => Promise<T>) {
      return new Promise<T>((resolve, reject) => {
        if (signal?.aborted) return reject(abandoned(signal));
        const key = `${operation} ${targetKey(target)}`;
        const batch = open.get(key) ?? begin(key, target, operation);
        // What is read is what the promise is for.
        batch.readers.push({ read, signal, resolve: resolve as Reader["resolve"], reject });
        if (batch.readers.length < batch.most) return;
        // The server has something to do while the rest of the turn's requests are read.
        open.delete(key);
        void serve(batch);
      });
    },
  };
}

interface Loan {
  readonly connection: Connection;
  readonly pool: Pool;
  readonly entry: Entry;
  readonly operation: string;
}

/** A connection for all of them. Who gives up while it is waited for is no longer among the readers. */
function borrow(
  pool: Pool,
  { joined }: Entry,
  operation: string,
  readers: Reader[],
): Connection | Promise<Connection> {
  dismissGone(readers);
  const [first, ...others] = readers;
  if (others.length === 0) return pool.borrow({ operation, ...(first?.signal && { signal: first.signal }) });
  const allGone = new AbortController();
  const borrowed = pool.borrow({ operation, signal: allGone.signal });
  if (!(borrowed instanceof Promise)) return borrowed;
  joined.waiting += others.length;
  const stopWatching = readers.map((reader) =>
    onAbort(reader.signal, (signal) => {
      readers.splice(readers.indexOf(reader), 1);
      if (readers.length > 0) joined.waiting -= 1;
      else allGone.abort(signal.reason);
      reader.reject(abandoned(signal));
    }),
  );
  return borrowed.finally(() => {
    for (const stop of stopWatching) stop();
    joined.waiting -= Math.max(0, readers.length - 1);
  });
}

/** Who gave up before the batch closed. If all have, one is left, whom the pool refuses. */
function dismissGone(readers: Reader[]): void {
  for (let at = readers.length - 1; at >= 0 && readers.length > 1; at--) {
    const { signal, reject } = readers[at] as Reader;
    if (!signal?.aborted) continue;
    readers.splice(at, 1);
    reject(abandoned(signal));
  }
}

/** One that throws before it has a promise must not take the connection from the others. */
function startReading(read: Reader["read"], session: Session): Promise<unknown> {
  try {
    return read(session);
  } catch (error) {
    return Promise.reject(error);
  }
}

function onAbort(signal: AbortSignal | undefined, fn: (signal: AbortSignal) => void): () => void {
  if (signal === undefined) return () => {};
  const call = () => fn(signal);
  signal.addEventListener("abort", call, { once: true });
  return () => signal.removeEventListener("abort", call);
}

function noteDuration(entry: Entry, operation: string, ms: number): void {
  entry.readMs ??= new Map();
  const before = entry.readMs.get(operation) ?? ms;
  entry.readMs.set(operation, before + (ms - before) * newestPart);
}
