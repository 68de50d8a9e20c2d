import { invalidArgument } from "../grpc-server.ts";
import { createLocks, type Locks } from "./locks.ts";
import type { Query } from "./query.ts";
import { type Change, type Clock, createStorage, type Storage } from "./storage.ts";
import { createTransactions, parseReadTime, type Transaction, type Transactions } from "./transactions.ts";
import type { Consistency, Micros, TransactionOptions, Write, WriteResult } from "./wire.ts";
import { planWrites, writtenName } from "./writes.ts";

/** What a read in a transaction is to lock. */
export type Reach =
  | { readonly documents: readonly string[] }
  /** `key` is the same for the same query. */
  | { readonly query: Query; readonly key: string };

export interface ReadOutcome<T> {
  readonly result: T;
  /** The id of a transaction that this read has begun. */
  readonly begun: Buffer | undefined;
  readonly readTime: Micros;
}

export interface CommitOutcome {
  readonly results: readonly WriteResult[];
  readonly time: Micros;
}

export interface Database {
  /** `projects/P/databases/D` */
  readonly name: string;
  readonly storage: Storage;
  begin(options: TransactionOptions): Transaction;
  /** `read` gets the time to read at, undefined for the present. Locks what it reaches in a read-write transaction. */
  read<T>(
    reach: Reach,
    consistency: Consistency,
    read: (at: Micros | undefined) => T,
    signal: AbortSignal,
  ): Promise<ReadOutcome<T>>;
  /** All of the writes or, when it throws, none. Ends the transaction either way. */
  commit(
    writes: readonly Write[],
    transactionId: Buffer | undefined,
    signal: AbortSignal,
  ): Promise<CommitOutcome>;
  rollback(transactionId: Buffer): void;
  stop(): void;
}

export interface DatabaseOptions {
  readonly clock: Clock;
  /** Any clock in milliseconds, for waits. */
  readonly nowMs: () => number;
  /** How long an idle transaction may keep others waiting. */
  readonly lockWaitMs: number;
}

export function createDatabase(name: string, options: DatabaseOptions): Database {
  const { clock } = options;
  const storage = createStorage();
  const transactions = createTransactions(clock, options.nowMs);
  const locks = createLocks(transactions, options.lockWaitMs, options.nowMs);

  async function readInTransaction<T>(
    transaction: Transaction,
    reach: Reach,
    read: (at: Micros | undefined) => T,
    signal: AbortSignal,
  ): Promise<T> {
    if (transaction.readAt !== undefined) return read(transaction.readAt);
    return locks.run({
      transaction,
      kind: "read",
      signal,
      blockers: () => readBlockers(storage, transactions, transaction, reach),
      act: () => {
        const result = read(undefined);
        for (const each of reachedNames(storage, reach)) transaction.documents.add(each);
        if ("query" in reach) transaction.ranges.set(reach.key, reach.query.matches);
        return result;
      },
    });
  }

  return {
    name,
    storage,
    begin: transactions.begin,
    async read(reach, consistency, read, signal) {
      if (consistency.readTime !== undefined) {
        const at = parseReadTime(consistency.readTime, clock);
        return { result: read(at), begun: undefined, readTime: at };
      }
      if (consistency.transaction?.length) {
        const transaction = transactions.find(consistency.transaction);
        const result = await readInTransaction(transaction, reach, read, signal);
        return { result, begun: undefined, readTime: transaction.readAt ?? clock.forRead() };
      }
      if (consistency.newTransaction === undefined) {
        return { result: read(undefined), begun: undefined, readTime: clock.forRead() };
      }
      const transaction = transactions.begin(consistency.newTransaction);
      try {
        const result = await readInTransaction(transaction, reach, read, signal);
        return { result, begun: transaction.id, readTime: transaction.readAt ?? clock.forRead() };
      } catch (error) {
        locks.end(transaction, "ended");
        throw error;
      }
    },
    async commit(writes, transactionId, signal) {
      const names = new Set(writes.map((write) => writtenName(write, name)));
      const transaction = transactionId?.length ? transactions.find(transactionId) : undefined;
      if (transaction?.readAt !== undefined && writes.length > 0) {
        throw invalidArgument("Cannot modify entities in a read-only transaction.");
      }
      const plan = (time: Micros) => planWrites(storage, name, writes, time);
      return locks.run({
        transaction,
        kind: "commit",
        signal,
        blockers: () =>
          commitBlockers(storage, transactions.lockHolders(transaction), names, () => plan(0n).changes),
        act: () => commitNow(locks, storage, transaction, clock, plan),
      });
    },
    rollback(transactionId) {
      if (!transactions.isKnown(transactionId)) throw invalidArgument("The transaction is not known.");
      const open = transactions.openOne(transactionId);
      if (open !== undefined) locks.end(open, "ended");
    },
    stop: locks.stop,
  };
}

function commitNow(
  locks: Locks,
  storage: Storage,
  transaction: Transaction | undefined,
  clock: Clock,
  plan: (time: Micros) => { changes: readonly Change[]; results: readonly WriteResult[] },
): CommitOutcome {
  try {
    const time = clock.forCommit();
    const { changes, results } = plan(time);
    if (changes.length > 0) storage.put(time, changes);
    return { results, time };
  } finally {
    if (transaction !== undefined) locks.end(transaction, "ended");
  }
}

function reachedNames(storage: Storage, reach: Reach): readonly string[] {
  return "query" in reach ? reach.query.run(storage).map((document) => document.name) : reach.documents;
}

function readBlockers(
  storage: Storage,
  transactions: Transactions,
  transaction: Transaction,
  reach: Reach,
): Transaction[] {
  const holders = transactions.lockHolders(transaction);
  if (holders.length === 0) return [];
  const wanted = reachedNames(storage, reach).filter((each) => !transaction.documents.has(each));
  return holders.filter(
    (holder) =>
      wanted.some((each) => holder.documents.has(each)) ||
      ("query" in reach && !transaction.ranges.has(reach.key) && holder.ranges.has(reach.key)),
  );
}

/** Those who have read a document that is written, or a range that it is in, before or after. */
function commitBlockers(
  storage: Storage,
  holders: readonly Transaction[],
  names: ReadonlySet<string>,
  planned: () => readonly Change[],
): Transaction[] {
  const direct = holders.filter((holder) => [...names].some((each) => holder.documents.has(each)));
  const others = holders.filter((holder) => holder.ranges.size > 0 && !direct.includes(holder));
  if (others.length === 0) return direct;
  let changes: readonly Change[] = [];
  try {
    changes = planned();
  } catch {
    // Refused whatever others do: nothing to wait for.
    return [];
  }
  const touched = changes.flatMap(([each, after]) => [storage.get(each) ?? [], after ?? []].flat());
  const inRange = others.filter((holder) =>
    [...holder.ranges.values()].some((matches) => touched.some((document) => matches(document))),
  );
  return [...direct, ...inRange];
}
