import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { invalidArgument, RpcError } from "../grpc-server.ts";
import type { Predicate } from "./filters.ts";
import type { Clock } from "./storage.ts";
import { assertReadable } from "./storage.ts";
import type { Micros, TransactionOptions } from "./wire.ts";
import { microsOf } from "./wire.ts";

const IDLE_MS = 60_000;
const REMEMBERED = 10_000;

export interface Transaction {
  readonly id: Buffer;
  /** Set for a read-only transaction: the moment that it sees. It has no locks. */
  readonly readAt: Micros | undefined;
  /** The order of first attempts: a retry keeps the place of the attempt before. */
  readonly bornAt: number;
  /** Names of documents, existing or not. */
  readonly documents: Set<string>;
  /** Ranges that were queried, by a text that is the same for the same query. */
  readonly ranges: Map<string, Predicate>;
  usedAtMs: number;
  /** Requests of it that wait for a lock now. */
  waiting: number;
}

export interface Transactions {
  begin(options: TransactionOptions): Transaction;
  /** Throws ABORTED for one that was aborted, INVALID_ARGUMENT for one that has ended or never was. */
  find(id: Buffer): Transaction;
  /** Without a sign of life; undefined for one that has ended. */
  openOne(id: Buffer): Transaction | undefined;
  isKnown(id: Buffer): boolean;
  /** All that hold locks, without `except`. */
  lockHolders(except: Transaction | undefined): Transaction[];
  end(transaction: Transaction, how: "ended" | "aborted"): void;
}

export function aborted(): RpcError {
  return new RpcError(status.ABORTED, "Too much contention on these documents. Please try again.");
}

/** The open transactions of one database. `nowMs` is any clock in milliseconds. */
export function createTransactions(clock: Clock, nowMs: () => number): Transactions {
  const open = new Map<string, Transaction>();
  /** How past ones ended, and their place, which a retry inherits. */
  const past = new Map<string, { how: "ended" | "aborted"; bornAt: number }>();
  let born = 0;

  function end(transaction: Transaction, how: "ended" | "aborted"): void {
    const key = transaction.id.toString("hex");
    if (!open.delete(key)) return;
    past.set(key, { how, bornAt: transaction.bornAt });
    const [oldest] = past.keys();
    if (past.size > REMEMBERED && oldest !== undefined) past.delete(oldest);
  }

  function endIdle(): void {
    for (const transaction of open.values()) {
      if (transaction.waiting === 0 && nowMs() - transaction.usedAtMs > IDLE_MS) end(transaction, "ended");
    }
  }

  return {
    begin(options) {
      endIdle();
      const retried = options.readWrite?.retryTransaction.toString("hex") ?? "";
      born += 1;
      const transaction: Transaction = {
        id: randomBytes(16),
        readAt: options.readOnly === undefined ? undefined : parseReadTime(options.readOnly.readTime, clock),
        bornAt: past.get(retried)?.bornAt ?? born,
        documents: new Set(),
        ranges: new Map(),
        usedAtMs: nowMs(),
        waiting: 0,
      };
      open.set(transaction.id.toString("hex"), transaction);
      return transaction;
    },
    find(id) {
      const key = id.toString("hex");
      const transaction = open.get(key);
      if (transaction !== undefined) {
        transaction.usedAtMs = nowMs();
        return transaction;
      }
      if (past.get(key)?.how === "aborted") throw aborted();
      throw invalidArgument("The referenced transaction has expired or is no longer valid.");
    },
    openOne: (id) => open.get(id.toString("hex")),
    isKnown: (id) => open.has(id.toString("hex")) || past.has(id.toString("hex")),
    lockHolders: (except) =>
      [...open.values()].filter((each) => each !== except && each.documents.size + each.ranges.size > 0),
    end,
  };
}

/** The time to read at; the present when none is asked for. */
export function parseReadTime(
  time: { readonly seconds: string; readonly nanos: number } | undefined,
  clock: Clock,
): Micros {
  const now = clock.forRead();
  if (time === undefined) return now;
  const at = microsOf(time);
  if (at > now) throw invalidArgument("The read time is in the future.");
  assertReadable(at, now);
  return at;
}
