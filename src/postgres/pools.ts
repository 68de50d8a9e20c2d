import { instanceKey, type Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import { createBudget } from "./budget.ts";
import { type Clock, systemClock } from "./clock.ts";
import { createConsole } from "./console.ts";
import { createEntries, type Entry } from "./entries.ts";
import type { AdminPasswords, InstanceAccess } from "./instance-access.ts";
import {
  applyLimit,
  capForNow,
  createInstanceState,
  type InstanceState,
  leastLimit,
  raiseCapIfDue,
  readLimitIfDue,
} from "./instance-state.ts";
import { createLending } from "./lending.ts";
import { type Login, tryLogin } from "./login.ts";
import { type Opener, openConnection } from "./open-connection.ts";
import { createPauses } from "./pauses.ts";
import { createPool, type Pool } from "./pool.ts";
import type { PoolSettings } from "./pool-settings.ts";
import { sumUp } from "./pool-totals.ts";
import { retire, untilGone } from "./retire.ts";
import { rememberScramKeys } from "./scram-keys.ts";
import type { Pools } from "./session.ts";
import { sqlstate } from "./sqlstate.ts";

export interface PoolsOptions {
  readonly access: InstanceAccess;
  readonly passwords: AdminPasswords;
  readonly settings: PoolSettings;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface ClosablePools extends Pools {
  /** Other settings from now on, for all pools; no request fails by it. A connection keeps its session's timeouts. */
  applySettings(settings: PoolSettings): void;
  /**
   * From now on nobody waits for a connection (`unavailable`, details.reason `shutting_down`) but requests that had one
   * before, and so are in the middle of something, and those for whom one is being opened.
   */
  stopWaiting(): void;
  /**
   * Refuses new and waiting borrowers (`unavailable`), waits for lent connections until the deadline, then cancels
   * what they run. Resolves when no session is left on any server.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

const defaultMaxPools = 1_000;
const defaultTotalLimit = 500;
const closeDeadlineMs = 6_000;
const longestTidyIntervalMs = 1_000;
const optionalSettings = [
  "maxReads",
  "instanceLimit",
  "cloudRunMaxInstances",
  "maxPools",
  "totalLimit",
  "checkAfterIdleMs",
  "unansweredGraceMs",
  "breakerRecoveryMs",
] as const;

/** Opens nothing: a database's pool comes with its first borrower. */
export function createPools(options: PoolsOptions): ClosablePools {
  const { access, log } = options;
  rememberScramKeys();
  /** All parts read it where they need it, so that it can change. */
  const settings: { -readonly [Name in keyof PoolSettings]: PoolSettings[Name] } = consistent(
    options.settings,
  );
  const clock = options.clock ?? systemClock;
  /** Taken out of use; their connections are on their way out. */
  const leaving = new Set<Pool>();
  const instances = new Map<string, InstanceState>();
  const closing = new AbortController();
  let waitsNoMore = false;
  /** Logins that are being tried. */
  let logins = 0;
  const whenEmpty: (() => void)[] = [];
  let cancelTidy: (() => void) | undefined;
  const pauses = createPauses();
  const entries = createEntries({
    most: () => settings.maxPools ?? defaultMaxPools,
    onEvicted: evicted,
  });
  const budget = createBudget({
    totalLimit: () => settings.totalLimit ?? defaultTotalLimit,
    instanceLimit: () => settings.instanceLimit ?? leastLimit,
    reclaim: closeOldestIdle,
  });

  const lending = createLending({ settings, clock, entryOf: entries.of, poolOf });

  function poolOf(entry: Entry): Pool {
    if (entry.pool !== undefined) return entry.pool;
    if (closing.signal.aborted) throw shuttingDown();
    entry.pool = openPool(entry);
    return entry.pool;
  }

  function openPool(entry: Entry): Pool {
    const { target } = entry;
    const state = instanceOf(target);
    state.users += 1;
    raiseCapIfDue(state, budget, clock);
    const opener = openerOf(state);
    return createPool({
      ...{ target, settings, clock, log, budget, instance: state.key, breaker: state.breaker },
      paused: pauses.holds(target),
      refusesToWait,
      open: (request) => openConnection(opener, { ...request, signal: closing.signal }),
      retire: (connection) => void retire(connection, clock, access),
      untilGone: (connection) => untilGone(connection, clock, access),
      suspectBefore: () => state.suspectBefore,
      onSuspicion: () => {
        state.suspectBefore = clock.now();
      },
      onOpened: (connection) => {
        entry.wasOpen = true;
        if (closing.signal.aborted) return;
        scheduleTidy();
        readLimitIfDue(state, connection, budget, settings, clock);
      },
      onEmpty: (pool, failed) => emptied(entry, pool, failed),
    });
  }

  function openerOf(state: InstanceState): Opener {
    return {
      ...{ access, settings, clock, log, breaker: state.breaker, passwords: options.passwords },
      holdsConnections: () => budget.open(state.key) > 0,
      onFailure(failure) {
        if (failure.sqlstate === sqlstate.tooManyConnections) capForNow(state, budget, clock);
        if (state.breaker.refusedForMs() > 0) refuseUnreachable(state.key);
      },
    };
  }

  async function logIn(target: Target, login: Login): Promise<boolean> {
    if (closing.signal.aborted) throw shuttingDown();
    const state = instanceOf(target);
    const signal = AbortSignal.any([login.signal, closing.signal]);
    state.users += 1;
    logins += 1;
    try {
      const means = { opener: openerOf(state), budget, instance: state.key };
      return await tryLogin(means, target, { ...login, signal });
    } finally {
      logins -= 1;
      left(state);
      tellIfEmpty();
    }
  }

  function refuseUnreachable(instance: string): void {
    for (const pool of everyPool()) if (instanceKey(pool.target) === instance) pool.refuseUnreachable();
  }

  function refusesToWait(signal: AbortSignal | undefined): ServiceError | undefined {
    return waitsNoMore && !lending.isServed(signal) ? shuttingDown() : undefined;
  }

  function instanceOf(target: Target): InstanceState {
    const key = instanceKey(target);
    let state = instances.get(key);
    if (state === undefined) {
      state = createInstanceState(key, settings, clock);
      instances.set(key, state);
    }
    return state;
  }

  function evicted(pool: Pool): void {
    forgotten(pool);
    if (!pool.isEmpty()) leaving.add(pool);
    pool.close(shuttingDown());
  }

  function forgotten(pool: Pool): void {
    left(instanceOf(pool.target));
  }

  function left(state: InstanceState): void {
    state.users -= 1;
    forgetIfIdle(state);
  }

  /** An instance that failed lately is remembered: its breaker and its cap count. */
  function forgetIfIdle(state: InstanceState): void {
    if (state.users > 0 || state.cap !== undefined || !state.breaker.isQuiet()) return;
    instances.delete(state.key);
    budget.setLimit(state.key, undefined);
  }

  /** An empty pool is forgotten, so that a database that is not in use costs next to nothing. */
  function emptied(entry: Entry, pool: Pool, failed: boolean): void {
    leaving.delete(pool);
    const isNeeded = settings.minSize > 0 && entry.wasOpen;
    if (entry.pool === pool && pool.isUnused() && !isNeeded) {
      entry.pool = undefined;
      forgotten(pool);
    }
    if (failed && !entry.wasOpen) entries.remove(entry);
    tellIfEmpty();
  }

  function tellIfEmpty(): void {
    if (whenEmpty.length > 0 && isEmpty()) for (const done of whenEmpty.splice(0)) done();
  }

  function everyPool(): Pool[] {
    return [...entries.pools(), ...leaving];
  }

  function isEmpty(): boolean {
    return logins === 0 && everyPool().every((pool) => pool.isEmpty());
  }

  function closeOldestIdle(instance: string | undefined): boolean {
    let oldest: { pool: Pool; since: number } | undefined;
    for (const pool of entries.pools()) {
      const since = pool.idleSince();
      if (since === undefined || (oldest !== undefined && since >= oldest.since)) continue;
      if (instance === undefined || instanceKey(pool.target) === instance) oldest = { pool, since };
    }
    oldest?.pool.closeOldestIdle();
    return oldest !== undefined;
  }

  /** A pool is empty that is not to be: its instance is out of reach, or has no room for it. */
  function keepsMinimum(): boolean {
    return settings.minSize > 0 && !entries.pools().next().done;
  }

  function scheduleTidy(): void {
    if (cancelTidy !== undefined || closing.signal.aborted) return;
    const intervalMs = Math.max(10, Math.min(longestTidyIntervalMs, settings.idleTimeoutMs / 2));
    cancelTidy = clock.after(intervalMs, () => {
      cancelTidy = undefined;
      for (const state of instances.values()) raiseCapIfDue(state, budget, clock);
      for (const pool of entries.pools()) pool.tidy();
      for (const state of instances.values()) forgetIfIdle(state);
      if (!isEmpty() || keepsMinimum()) scheduleTidy();
    });
  }

  return {
    tryLogin: logIn,
    withSession: lending.withSession,
    totals() {
      return sumUp(entries.all(), settings, budget, settings.totalLimit ?? defaultTotalLimit);
    },
    console: createConsole({
      entries: entries.all,
      breakers: () => instances.values(),
      ...{ pauses, passwords: options.passwords, settings },
    }),
    applySettings(next) {
      for (const name of optionalSettings) delete settings[name];
      Object.assign(settings, consistent(next));
      for (const state of instances.values()) applyLimit(state, budget, settings);
      budget.limitsChanged();
      entries.resized();
      for (const pool of entries.pools()) pool.resized();
      scheduleTidy();
    },
    stopWaiting() {
      waitsNoMore = true;
      for (const pool of everyPool()) pool.refuseWaiters();
    },
    async close({ deadlineMs = closeDeadlineMs } = {}) {
      cancelTidy?.();
      closing.abort(shuttingDown());
      for (const pool of everyPool()) pool.close(shuttingDown());
      if (isEmpty()) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      whenEmpty.push(resolve);
      const cancel = clock.after(deadlineMs, () => {
        for (const pool of everyPool()) pool.cut();
      });
      await promise;
      cancel();
    },
  };
}

/** A pool never keeps more than its size. */
function consistent(settings: PoolSettings): PoolSettings {
  return { ...settings, minSize: Math.min(settings.minSize, settings.size) };
}

function shuttingDown(): ServiceError {
  return new ServiceError("unavailable", "The service is shutting down.", {
    retryAfterS: 1,
    details: { reason: "shutting_down" },
  });
}
