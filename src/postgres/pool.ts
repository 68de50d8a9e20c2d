import type { Target } from "../domain/target.ts";
import type { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Breaker } from "./breaker.ts";
import type { Budget } from "./budget.ts";
import type { Clock } from "./clock.ts";
import { type ConnectFailure, readRefusal } from "./connect-failure.ts";
import type { Connection } from "./connection.ts";
import type { EndReason } from "./connection-errors.ts";
import { cleanConnection, isAlive, isClean } from "./hygiene.ts";
import { createMembers } from "./members.ts";
import type { Opened, OpenRequest } from "./open-connection.ts";
import { createOpenings } from "./openings.ts";
import type { PoolSettings } from "./pool-settings.ts";
import type { BorrowOptions } from "./session.ts";
import { explainShortage } from "./shortage.ts";
import { sqlstate } from "./sqlstate.ts";
import { isDispensable, isUnanswered } from "./upkeep.ts";
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
  /** Settles when the server's session of a connection that was closed, or lost, is gone. */
  readonly untilGone: (connection: Connection) => Promise<void>;
  /** Before this moment connections to the instance may have died unnoticed; on the clock. */
  readonly suspectBefore: () => number;
  readonly onSuspicion: () => void;
  readonly onOpened: (connection: Connection) => void;
  /** Nothing is left in the pool: no connection, no borrower. */
  readonly onEmpty: (pool: Pool, failed: boolean) => void;
  /** Why the request of that signal may not wait for a connection; undefined when it may. */
  readonly refusesToWait: (signal: AbortSignal | undefined) => ServiceError | undefined;
  /** It begins as after `pause()`. */
  readonly paused: boolean;
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
  lastUsedAt(): number;
  /** An idle connection at once, or one as soon as there is one. Rejects with a ServiceError. */
  borrow(options: BorrowOptions): Connection | Promise<Connection>;
  /** Undefined when the connection was clean, and is back already. */
  giveBack(connection: Connection): Promise<void> | undefined;
  counts(): PoolCounts;
  /** How long its first borrower waits, in milliseconds; 0 when none does. */
  longestWaitMs(): number;
  /** It may have one connection more, until the answer is called. */
  widen(): () => void;
  /** No connection, and nobody who waits for one. */
  isEmpty(): boolean;
  /** Empty, and nobody is about to come back to it: it may be forgotten. */
  isUnused(): boolean;
  /** No connection, and none on its way; somebody may wait. */
  isQuiet(): boolean;
  /** Connections that are to be replaced are still lent. */
  isDraining(): boolean;
  /** Since when its longest idle connection lies idle; undefined when none does. */
  idleSince(): number | undefined;
  /** Closes the connection that lies idle for longest. */
  closeOldestIdle(): void;
  /** The settings are others now: closes what is above the size, and opens what is waited for. */
  resized(): void;
  /** Closes what is too old or too much, and opens what is missing. To be called now and then. */
  tidy(): void;
  /** Refuses those who wait, when the breaker lets nobody connect and no connection is there that answers. */
  refuseUnreachable(): void;
  /** Refuses those who wait and may not any more, and for whom no connection is being opened. */
  refuseWaiters(): void;
  /** No new borrowers; those who wait are refused; idle connections are closed, lent ones when they come back. */
  close(error: ServiceError): void;
  /** Closes the lent connections as well. */
  cut(): void;
  /** Lends nothing until `resume()`. Resolves with true when it is quiet, or with false when it was resumed before. */
  pause(): Promise<boolean>;
  resume(): void;
  /** Replaces its connections: idle ones now, lent ones when they come back. Resolves when the last of them is closed. */
  drain(): Promise<void>;
  /** Ends its connections with what runs on them. Resolves when they are closed. */
  kill(): Promise<void>;
}

const cleanTimeoutMs = 5_000;
const checkTimeoutMs = 2_000;
const defaultCheckAfterIdleMs = 30_000;

export function createPool(options: PoolOptions): Pool {
  const { target, instance, settings, clock, budget, breaker } = options;
  const waiters = createWaiters(clock, () => {
    openings.match();
    tellIfEmpty(true);
  });
  const members = createMembers({ instance, budget, retire: options.retire });
  let lastUsedAt = clock.now();
  let lastFailure: { readonly failure: ConnectFailure; readonly at: number } | undefined;
  let closed: ServiceError | undefined;
  let paused = options.paused;
  /** Connections whose opening had begun by then are not lent again. */
  let staleUntil = Number.NEGATIVE_INFINITY;
  /** Who waits for the end of what runs, which a resume may come before. */
  const pausing: ((isQuiet: boolean) => void)[] = [];

  const live = () => members.live;
  let extra = 0;
  const mostLive = () => settings.size + settings.maxOverflow + extra + (waiters.healthChecks > 0 ? 1 : 0);
  const openings = createOpenings({
    ...{ target, instance, settings, clock, budget, breaker, waiters, open: options.open },
    live,
    most: mostLive,
    held: () => members.size,
    paused: () => paused,
    onOpened: join,
    onFailed: openingFailed,
  });

  function borrow(borrower: BorrowOptions): Connection | Promise<Connection> {
    if (closed !== undefined) return Promise.reject(closed);
    if (borrower.signal?.aborted) {
      tellIfEmpty(true);
      return Promise.reject(abandoned(borrower.signal));
    }
    lastUsedAt = clock.now();
    const connection = members.lendIdle();
    if (connection === undefined) return wait(borrower, settings.connectionTimeoutMs);
    const { checkAfterIdleMs = defaultCheckAfterIdleMs } = settings;
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
    members.takeBack(connection);
    connection.destroy();
    members.retireIdle();
    return wait(borrower, Math.max(1, settings.connectionTimeoutMs - (clock.now() - startedAt)));
  }

  function wait({ signal, healthCheck = false }: BorrowOptions, timeoutMs: number): Promise<Connection> {
    const refusal = signal?.aborted
      ? abandoned(signal)
      : (closed ?? options.refusesToWait(signal) ?? readUnreachable());
    if (refusal !== undefined) {
      tellIfEmpty(true);
      return Promise.reject(refusal);
    }
    const promise = waiters.wait({ timeoutMs, signal, healthCheck, explain });
    openings.match();
    return promise;
  }

  /** Why it is of no use to wait: no connection is there that answers, and none may be opened. */
  function readUnreachable(): ServiceError | undefined {
    const refusedForMs = paused ? 0 : breaker.refusedForMs();
    if (refusedForMs === 0 || openings.connecting() > 0) return undefined;
    const isServed = members.answering(breaker.openSince() ?? Number.NEGATIVE_INFINITY) > 0;
    return isServed ? undefined : readRefusal(target, refusedForMs).error;
  }

  function refuseUnreachable(): void {
    const unreachable = waiters.size === 0 ? undefined : readUnreachable();
    if (unreachable === undefined) return;
    waiters.refuseAll(unreachable);
    openings.withdraw();
    tellIfEmpty(true);
  }

  function explain(since: number): ServiceError {
    const failed = lastFailure !== undefined && lastFailure.at >= since ? lastFailure.failure : undefined;
    return explainShortage({
      ...{ target, timeoutMs: settings.connectionTimeoutMs, failure: failed?.error },
      ...{ live: live(), connecting: openings.connecting(), paused },
      refusedForMs: breaker.refusedForMs(),
    });
  }

  function join(connection: Connection): void {
    const gone = connection.closed.then(() => {
      members.depart(connection);
      refuseUnreachable();
      return options.untilGone(connection);
    });
    members.join(connection, gone);
    connection.onBroken((error) => {
      if (!members.dropIdle(connection)) return;
      options.log.debug("an idle connection was lost", { database: target.database, reason: error.message });
    });
    void gone.then(() => left(connection));
    options.onOpened(connection);
    place(connection);
  }

  function left(connection: Connection): void {
    members.leave(connection);
    openings.match();
    tellIfEmpty(false);
  }

  function tellIfEmpty(failed: boolean): void {
    if (isQuiet()) tellPausing(true);
    if (isEmpty()) options.onEmpty(pool, failed);
  }

  function tellPausing(isQuiet: boolean): void {
    for (const tell of pausing.splice(0)) tell(isQuiet);
  }

  function openingFailed(failure: ConnectFailure): void {
    lastFailure = { failure, at: clock.now() };
    // Where others of ours hold what the server has no more of, one of theirs will do.
    const isFull = failure.sqlstate === sqlstate.tooManyConnections && budget.open(instance) > 0;
    const isHopeless =
      failure.error.kind === "not_found" || (live() === 0 && openings.connecting() === 0 && !isFull);
    if (isHopeless && !paused) {
      waiters.refuseAll(failure.error);
      openings.withdraw();
    }
    budget.release(instance, "connecting");
    if (isFull) openings.match();
    tellIfEmpty(true);
  }

  /** Finds a use for a connection that nobody holds. */
  function place(connection: Connection): void {
    if (connection.broken() || !members.isLive(connection)) return;
    const now = clock.now();
    const isOver =
      live() > mostLive() ||
      closed !== undefined ||
      paused ||
      isStale(connection) ||
      connection.expiresAt <= now;
    const waiter = waiters.first();
    if (isOver || budget.exceeded(instance, waiter?.healthCheck === true)) {
      members.retire(connection);
      return;
    }
    if (waiter === undefined) {
      members.rest(connection, now);
      if (budget.hasWishes()) budget.reclaim();
    } else if (
      !waiter.healthCheck &&
      budget.owes(instance, { now, since: waiter.since, held: live(), openedAt: connection.openedAt })
    ) {
      members.retire(connection);
    } else {
      members.lend(connection);
      waiter.lend(connection);
      openings.served();
      openings.match();
    }
  }

  const isStale = (connection: Connection) => connection.begunAt <= staleUntil;

  function giveBack(connection: Connection): Promise<void> | undefined {
    if (isClean(connection)) {
      members.takeBack(connection);
      place(connection);
      return undefined;
    }
    return cleanAndPlace(connection);
  }

  async function cleanAndPlace(connection: Connection): Promise<void> {
    if (connection.broken()) options.onSuspicion();
    const isFit = await cleanConnection(connection, clock, cleanTimeoutMs);
    members.takeBack(connection);
    if (members.isLive(connection)) {
      if (isFit) place(connection);
      else members.retire(connection);
    } else tellIfEmpty(false);
  }

  function tidy(): void {
    const now = clock.now();
    for (const connection of members.lent) if (isUnanswered(connection, now, settings)) connection.abandon();
    members.retireIdle(
      (connection) =>
        isDispensable(connection, { live: live(), now, settings }) || budget.exceeded(instance, false),
    );
    refuseUnreachable();
    openings.match();
    openings.fill();
    tellIfEmpty(false);
  }

  function refuseWaiters(): void {
    const refusal = options.refusesToWait(undefined);
    if (refusal === undefined) return;
    const expected = paused ? 0 : openings.connecting();
    waiters.refuse(
      refusal,
      ({ signal }, place) => place >= expected && options.refusesToWait(signal) !== undefined,
    );
    openings.match();
    tellIfEmpty(false);
  }

  function isEmpty(): boolean {
    return members.size === 0 && openings.isNone() && waiters.size === 0;
  }

  function isQuiet(): boolean {
    return members.size === 0 && openings.connecting() === 0;
  }

  async function drain(): Promise<void> {
    staleUntil = clock.now();
    const leaving = members.gone();
    members.retireIdle();
    await leaving;
  }

  function cut(reason: EndReason): void {
    for (const connection of members.lent) {
      connection.condemn(reason);
      if (members.isLive(connection)) members.retire(connection);
    }
  }

  async function pause(): Promise<boolean> {
    paused = true;
    openings.withdraw();
    members.retireIdle();
    return isQuiet() || new Promise<boolean>((resolve) => pausing.push(resolve));
  }

  function resume(): void {
    paused = false;
    tellPausing(false);
    openings.match();
  }

  const pool: Pool = {
    target,
    // No getter: an object of closures with one of its own takes 1 KiB more.
    lastUsedAt: () => lastUsedAt,
    borrow,
    giveBack,
    counts: () => ({
      size: members.size + openings.connecting(),
      lent: members.lent.size,
      idle: members.idle,
      connecting: openings.connecting(),
      waiting: waiters.size,
    }),
    longestWaitMs() {
      const first = waiters.longest();
      return first === undefined ? 0 : Math.max(0, clock.now() - first.since);
    },
    widen() {
      let wide = 1;
      extra += wide;
      return () => {
        extra -= wide;
        wide = 0;
      };
    },
    isEmpty,
    isUnused: () => isEmpty() && members.lent.size === 0,
    isQuiet,
    isDraining() {
      for (const connection of members) if (isStale(connection)) return true;
      return false;
    },
    idleSince: () => members.idleSince(),
    closeOldestIdle: () => members.retireOldestIdle(),
    resized() {
      members.retireIdle(() => live() > mostLive() || budget.exceeded(instance, false));
      openings.match();
      openings.fill();
    },
    tidy,
    refuseUnreachable,
    refuseWaiters,
    close(error) {
      closed = error;
      waiters.refuseAll(error);
      openings.close();
      members.retireIdle();
    },
    cut: () => cut("shutting_down"),
    pause,
    resume,
    drain,
    async kill() {
      const leaving = members.gone();
      members.retireIdle();
      cut("connection_killed");
      await leaving;
    },
  };
  return pool;
}
