import { instanceKey, type Target, targetKey } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import { createBudget } from "./budget.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { AdminPasswords, InstanceAccess } from "./instance-access.ts";
import {
  capForNow,
  createInstanceState,
  type InstanceState,
  liftCapIfDue,
  readLimitIfDue,
} from "./instance-state.ts";
import { applicationNameOf, lend } from "./lease.ts";
import { openConnection } from "./open-connection.ts";
import { createPool, type Pool } from "./pool.ts";
import type { PoolSettings } from "./pool-settings.ts";
import { retire } from "./retire.ts";
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

/** Opens nothing: a database's pool comes with its first borrower. */
export function createPools(options: PoolsOptions): ClosablePools {
  const { settings, access, log } = options;
  const clock = options.clock ?? systemClock;
  const pools = new Map<string, Pool>();
  /** Taken out of use; their connections are on their way out. */
  const leaving = new Set<Pool>();
  const instances = new Map<string, InstanceState>();
  const applicationNames = new Map<string, string>();
  const closing = new AbortController();
  const whenEmpty: (() => void)[] = [];
  let cancelTidy: (() => void) | undefined;
  const budget = createBudget({
    totalLimit: settings.totalLimit ?? defaultTotalLimit,
    instanceLimit: settings.instanceLimit ?? settings.size + settings.maxOverflow + 1,
    reclaim: closeOldestIdle,
  });

  function poolOf(target: Target): Pool {
    const key = targetKey(target);
    const known = pools.get(key);
    if (known !== undefined) return known;
    if (closing.signal.aborted) throw shuttingDown();
    makeRoom();
    const pool = openPool(target, key);
    pools.set(key, pool);
    return pool;
  }

  function openPool(target: Target, key: string): Pool {
    const state = instanceOf(target);
    state.pools += 1;
    const opener = {
      ...{ access, settings, clock, log, breaker: state.breaker, passwords: options.passwords },
      holdsConnections: () => budget.open(state.key) > 0,
      onFailure: (failure: { sqlstate: string | undefined }) => {
        if (failure.sqlstate === sqlstate.tooManyConnections) capForNow(state, budget, clock);
      },
    };
    return createPool({
      ...{ target, settings, clock, log, budget, instance: state.key, breaker: state.breaker },
      open: (request) => openConnection(opener, { ...request, signal: closing.signal }),
      retire: (connection) => void retire(connection, clock, access),
      suspectBefore: () => state.suspectBefore,
      onSuspicion: () => {
        state.suspectBefore = clock.now();
      },
      onOpened: (connection) => {
        scheduleTidy();
        readLimitIfDue(state, connection, budget, settings, clock);
      },
      onEmpty: (pool, failed) => emptied(pool, key, failed),
    });
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

  /** At the limit of pools, the one that was not used for longest goes, if nobody uses it. */
  function makeRoom(): void {
    if (pools.size < (settings.maxPools ?? defaultMaxPools)) return;
    let oldest: { key: string; pool: Pool } | undefined;
    for (const [key, pool] of pools) {
      const { lent, waiting, connecting } = pool.counts();
      if (lent + waiting + connecting > 0) continue;
      if (oldest === undefined || pool.lastUsedAt < oldest.pool.lastUsedAt) oldest = { key, pool };
    }
    if (oldest === undefined) {
      throw new ServiceError("unavailable", "Too many databases are in use at the same time.", {
        retryAfterS: 1,
        details: { reason: "too_many_pools" },
      });
    }
    remove(oldest.key, oldest.pool);
    if (!oldest.pool.isEmpty()) leaving.add(oldest.pool);
    oldest.pool.close(shuttingDown());
  }

  function remove(key: string, pool: Pool): void {
    if (pools.get(key) !== pool) return;
    pools.delete(key);
    const state = instanceOf(pool.target);
    state.pools -= 1;
    forgetIfIdle(state);
  }

  /** An instance that failed lately is remembered: its breaker counts. */
  function forgetIfIdle(state: InstanceState): void {
    if (state.pools === 0 && state.breaker.isQuiet()) instances.delete(state.key);
  }

  function emptied(pool: Pool, key: string, failed: boolean): void {
    leaving.delete(pool);
    if (failed) remove(key, pool);
    if (whenEmpty.length > 0 && isEmpty()) for (const done of whenEmpty.splice(0)) done();
  }

  function everyPool(): Pool[] {
    return [...pools.values(), ...leaving];
  }

  function isEmpty(): boolean {
    return everyPool().every((pool) => pool.isEmpty());
  }

  function closeOldestIdle(instance: string | undefined): boolean {
    let oldest: { pool: Pool; since: number } | undefined;
    for (const pool of pools.values()) {
      const since = pool.idleSince();
      if (since === undefined || (oldest !== undefined && since >= oldest.since)) continue;
      if (instance === undefined || instanceKey(pool.target) === instance) oldest = { pool, since };
    }
    oldest?.pool.closeOldestIdle();
    return oldest !== undefined;
  }

  function scheduleTidy(): void {
    if (cancelTidy !== undefined || closing.signal.aborted) return;
    const intervalMs = Math.max(10, Math.min(longestTidyIntervalMs, settings.idleTimeoutMs / 2));
    cancelTidy = clock.after(intervalMs, () => {
      cancelTidy = undefined;
      for (const state of instances.values()) liftCapIfDue(state, budget, clock);
      for (const pool of pools.values()) pool.tidy();
      for (const state of instances.values()) forgetIfIdle(state);
      if (!isEmpty()) scheduleTidy();
    });
  }

  function applicationNameFor(operation: string): string {
    const known = applicationNames.get(operation);
    if (known !== undefined) return known;
    const name = applicationNameOf(settings.applicationName, operation);
    if (applicationNames.size < 1_000) applicationNames.set(operation, name);
    return name;
  }

  return {
    async withSession(target, borrower, fn) {
      const pool = poolOf(target);
      const borrowed = pool.borrow(borrower);
      const connection = borrowed instanceof Promise ? await borrowed : borrowed;
      const lease = lend(connection, applicationNameFor(borrower.operation));
      try {
        return await fn(lease.session);
      } finally {
        lease.end();
        const cleaning = pool.giveBack(connection);
        if (cleaning !== undefined) await cleaning;
      }
    },
    totals() {
      const totals = { size: 0, checkedOut: 0, idle: 0, waiting: 0, overflow: 0 };
      const wanted = new Map<string, number>();
      for (const pool of pools.values()) {
        const counts = pool.counts();
        totals.size += counts.size;
        totals.checkedOut += counts.lent;
        totals.idle += counts.idle;
        totals.waiting += counts.waiting;
        totals.overflow += Math.max(0, counts.size - settings.size);
        const instance = instanceKey(pool.target);
        wanted.set(instance, (wanted.get(instance) ?? 0) + settings.size + settings.maxOverflow);
      }
      let limit = 0;
      for (const [instance, most] of wanted) limit += Math.min(most, budget.limit(instance));
      limit = Math.min(limit, settings.totalLimit ?? defaultTotalLimit);
      return { pools: pools.size, ...totals, limit };
    },
    async close({ deadlineMs = closeDeadlineMs } = {}) {
      cancelTidy?.();
      closing.abort();
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

function shuttingDown(): ServiceError {
  return new ServiceError("unavailable", "The service is shutting down.", {
    retryAfterS: 1,
    details: { reason: "shutting_down" },
  });
}
