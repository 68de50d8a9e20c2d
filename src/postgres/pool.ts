import type { Target } from "../domain/target.ts";
import type { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Breaker } from "./breaker.ts";
import type { Budget } from "./budget.ts";
import type { Clock } from "./clock.ts";
import { type ConnectFailure, readRefusal } from "./connect-failure.ts";
import type { Connection } from "./connection.ts";
import { cleanConnection, isAlive, isClean } from "./hygiene.ts";
import type { Opened, OpenRequest } from "./open-connection.ts";
import { createOpenings } from "./openings.ts";
import type { PoolSettings } from "./pool-settings.ts";
import type { BorrowOptions } from "./session.ts";
import { explainShortage } from "./shortage.ts";
import { sqlstate } from "./sqlstate.ts";
import { abandoned, createWaiters } from "./waiters.ts";

export interface PoolOptions {
  readonly target: Target;
  /** The key of the instance in the budget. */
  readonly instance: string;
  readonly settings: PoolSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly budget: Budget;
  readonly breaker: Breaker;
  readonly open: (request: Omit<OpenRequest, "signal">) => Promise<Opened>;
  readonly retire: (connection: Connection) => void;
  /** Before this moment connections to the instance may have died unnoticed; on the clock. */
  readonly suspectBefore: () => number;
  readonly onSuspicion: () => void;
  readonly onOpened: (connection: Connection) => void;
  /** Nothing is left in the pool: no connection, no borrower. */
  readonly onEmpty: (pool: Pool, failed: boolean) => void;
}

export interface PoolCounts {
  readonly size: number;
  readonly lent: number;
  readonly idle: number;
  readonly connecting: number;
  readonly waiting: number;
}

/** The connections to one database. */
export interface Pool {
  readonly target: Target;
  /** When it was last borrowed from, on the clock. */
  readonly lastUsedAt: number;
  /** An idle connection at once, or one as soon as there is one. Rejects with a ServiceError. */
  borrow(options: BorrowOptions): Connection | Promise<Connection>;
  /** Undefined when the connection was clean, and is back already. */
  giveBack(connection: Connection): Promise<void> | undefined;
  counts(): PoolCounts;
  isEmpty(): boolean;
  /** Since when its longest idle connection lies idle; undefined when none does. */
  idleSince(): number | undefined;
  /** Closes the connection that lies idle for longest. */
  closeOldestIdle(): void;
  /** Closes what is too old or too much, and opens what is missing. To be called now and then. */
  tidy(): void;
  /** No new borrowers; those who wait are refused; idle connections are closed, lent ones when they come back. */
  close(error: ServiceError): void;
  /** Closes the lent connections as well. */
  cut(): void;
}

/** How long an overflow connection waits for its next borrower. */
const overflowIdleMs = 1_000;
const cleanTimeoutMs = 5_000;
const checkTimeoutMs = 2_000;
const defaultCheckAfterIdleMs = 30_000;

export function createPool(options: PoolOptions): Pool {
  const { target, instance, settings, clock, budget, breaker } = options;
  const checkAfterIdleMs = settings.checkAfterIdleMs ?? defaultCheckAfterIdleMs;
  const waiters = createWaiters(clock, () => openings.match());
  /** Every connection whose slot is not free yet. */
  const members = new Set<Connection>();
  const lent = new Set<Connection>();
  const closing = new Set<Connection>();
  /** Idle ones; the last is lent first. */
  const idle: Connection[] = [];
  let lastUsedAt = clock.now();
  let lastFailure: { readonly failure: ConnectFailure; readonly at: number } | undefined;
  let closed: ServiceError | undefined;

  const live = () => members.size - closing.size;
  const openings = createOpenings({
    ...{ target, instance, settings, clock, budget, breaker, waiters, open: options.open },
    live,
    held: () => members.size,
    onOpened: join,
    onFailed: openingFailed,
  });

  function borrow(borrower: BorrowOptions): Connection | Promise<Connection> {
    if (closed !== undefined) return Promise.reject(closed);
    if (borrower.signal?.aborted) return Promise.reject(abandoned(borrower.signal));
    lastUsedAt = clock.now();
    const connection = idle.pop();
    if (connection === undefined) return wait(borrower, settings.connectionTimeoutMs);
    lent.add(connection);
    const isFresh =
      lastUsedAt - connection.idleSince < checkAfterIdleMs && connection.idleSince >= options.suspectBefore();
    return isFresh ? connection : check(connection, borrower);
  }

  /** A connection that lay idle for long, or since before a failure, has to answer before it is lent. */
  async function check(connection: Connection, borrower: BorrowOptions): Promise<Connection> {
    const startedAt = clock.now();
    if (await isAlive(connection, clock, Math.min(checkTimeoutMs, settings.connectionTimeoutMs / 2))) {
      return connection;
    }
    lent.delete(connection);
    connection.destroy();
    for (const other of idle.splice(0)) retire(other);
    return wait(borrower, Math.max(1, settings.connectionTimeoutMs - (clock.now() - startedAt)));
  }

  function wait(borrower: BorrowOptions, timeoutMs: number): Promise<Connection> {
    const refusedForMs = breaker.refusedForMs();
    if (closed !== undefined) return Promise.reject(closed);
    if (refusedForMs > 0 && live() === 0 && openings.connecting() === 0) {
      if (isEmpty()) options.onEmpty(pool, true);
      return Promise.reject(readRefusal(target, refusedForMs).error);
    }
    const promise = waiters.wait({
      timeoutMs,
      signal: borrower.signal,
      healthCheck: borrower.healthCheck === true,
      explain,
    });
    openings.match();
    return promise;
  }

  function explain(since: number): ServiceError {
    const failed = lastFailure !== undefined && lastFailure.at >= since ? lastFailure.failure : undefined;
    return explainShortage({
      ...{ target, timeoutMs: settings.connectionTimeoutMs, failure: failed?.error },
      ...{ live: live(), connecting: openings.connecting() },
    });
  }

  function join(connection: Connection): void {
    members.add(connection);
    budget.connected(instance);
    connection.onBroken((error) => {
      const at = idle.indexOf(connection);
      if (at < 0) return;
      idle.splice(at, 1);
      options.log.debug("an idle connection was lost", { database: target.database, reason: error.message });
    });
    void connection.closed.then(() => left(connection));
    options.onOpened(connection);
    place(connection);
  }

  function left(connection: Connection): void {
    members.delete(connection);
    budget.release(instance, closing.delete(connection) ? "closing" : "open");
    openings.match();
    if (isEmpty()) options.onEmpty(pool, false);
  }

  function openingFailed(failure: ConnectFailure): void {
    lastFailure = { failure, at: clock.now() };
    // Where others of ours hold what the server has no more of, one of theirs will do.
    const isFull = failure.sqlstate === sqlstate.tooManyConnections && budget.open(instance) > 0;
    const isHopeless =
      failure.error.kind === "not_found" || (live() === 0 && openings.connecting() === 0 && !isFull);
    if (isHopeless) {
      waiters.refuseAll(failure.error);
      openings.withdraw();
    }
    budget.release(instance, "connecting");
    if (isFull) openings.match();
    if (isEmpty()) options.onEmpty(pool, true);
  }

  /** Finds a use for a connection that nobody holds. */
  function place(connection: Connection): void {
    if (connection.broken()) return;
    const now = clock.now();
    if (closed !== undefined || connection.expiresAt <= now || budget.exceeded(instance)) {
      retire(connection);
      return;
    }
    const waiter = waiters.first();
    if (waiter === undefined) {
      connection.idleSince = now;
      idle.push(connection);
      if (budget.hasWishes()) budget.reclaim();
    } else if (
      budget.owes(instance, { now, since: waiter.since, held: live(), openedAt: connection.openedAt })
    ) {
      retire(connection);
    } else {
      lent.add(connection);
      waiter.lend(connection);
      openings.withdrawOldest();
      openings.match();
    }
  }

  function retire(connection: Connection): void {
    closing.add(connection);
    budget.closing(instance);
    options.retire(connection);
  }

  function giveBack(connection: Connection): Promise<void> | undefined {
    if (isClean(connection)) {
      lent.delete(connection);
      place(connection);
      return undefined;
    }
    return cleanAndPlace(connection);
  }

  async function cleanAndPlace(connection: Connection): Promise<void> {
    if (connection.broken()) options.onSuspicion();
    const isFit = await cleanConnection(connection, clock, cleanTimeoutMs);
    lent.delete(connection);
    if (isFit) place(connection);
    else if (members.has(connection) && !closing.has(connection)) retire(connection);
  }

  function tidy(): void {
    const now = clock.now();
    for (let index = 0; index < idle.length; ) {
      const connection = idle[index];
      if (connection === undefined) return;
      const idleMs = now - connection.idleSince;
      const isSurplus = live() > settings.size && idleMs >= Math.min(overflowIdleMs, settings.idleTimeoutMs);
      const isUnused = live() > settings.minSize && idleMs >= settings.idleTimeoutMs;
      if (isSurplus || isUnused || connection.expiresAt <= now || budget.exceeded(instance)) {
        idle.splice(index, 1);
        retire(connection);
      } else index += 1;
    }
    openings.match();
    openings.fill();
  }

  function isEmpty(): boolean {
    return members.size === 0 && openings.isNone() && waiters.size === 0;
  }

  const pool: Pool = {
    target,
    get lastUsedAt() {
      return lastUsedAt;
    },
    borrow,
    giveBack,
    counts: () => ({
      size: members.size + openings.connecting(),
      lent: lent.size,
      idle: idle.length,
      connecting: openings.connecting(),
      waiting: waiters.size,
    }),
    isEmpty,
    idleSince: () => idle[0]?.idleSince,
    closeOldestIdle() {
      const connection = idle.shift();
      if (connection !== undefined) retire(connection);
    },
    tidy,
    close(error) {
      closed = error;
      waiters.refuseAll(error);
      openings.close();
      for (const connection of idle.splice(0)) retire(connection);
    },
    cut() {
      for (const connection of [...lent]) if (!closing.has(connection)) retire(connection);
    },
  };
  return pool;
}
