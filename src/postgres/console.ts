import { covers, type Scope } from "../domain/scope.ts";
import { type Instance, instanceKey, type Target } from "../domain/target.ts";
import type { Breaker } from "./breaker.ts";
import type { Joined } from "./entries.ts";
import type { AdminPasswords } from "./instance-access.ts";
import type { Pauses } from "./pauses.ts";
import type { Pool, PoolCounts } from "./pool.ts";
import type { PoolSettings } from "./pool-settings.ts";
import type { PoolStats } from "./pool-stats.ts";

/** `idle` holds nothing and nobody waits; `pausing` and `draining` still wait for connections that are lent. */
export type PoolState = "idle" | "active" | "pausing" | "paused" | "draining";

/** One database's pool. */
export interface PoolReport {
  readonly target: Target;
  readonly state: PoolState;
  readonly counts: PoolCounts;
  /** Borrowers with a connection, and those who wait for one; several may share a connection. */
  readonly clients: { readonly active: number; readonly waiting: number };
  /** How long the borrower waits that waits longest, in milliseconds. */
  readonly longestWaitMs: number;
  /** Connections above the pool's regular size. */
  readonly overflow: number;
  readonly stats: Readonly<PoolStats>;
}

/**
 * Begun at once; `done` resolves with true when the last connection that is to go has gone, or with false when a pause was
 * ended before by `resume`.
 */
export interface Begun {
  readonly done: Promise<boolean>;
}

/** PgBouncer's commands, for what is in a scope. */
export interface PoolConsole {
  list(scope: Scope): PoolReport[];
  /** What is paused, pools or not. */
  pauses(): readonly Scope[];
  /** Lends nothing: borrowers wait up to their connection timeout. What is lent comes back, then it is closed. */
  pause(scope: Scope): Begun;
  /** Ends the pauses of the scope and of what lies in it, and forgets failures to connect: the next attempt is made. */
  resume(scope: Scope): void;
  /** Replaces connections: idle ones now, lent ones when they come back. */
  drain(scope: Scope): Begun;
  /** Reads credentials again, and then as `drain`. */
  reload(scope: Scope): Begun;
  /** Ends connections, with what runs on them: that is `unavailable`, details.reason `connection_killed`. */
  kill(scope: Scope): Begun;
}

/** A database that has, or had, a pool. */
export interface ConsoleEntry {
  readonly target: Target;
  readonly stats: PoolStats;
  readonly joined: Joined;
  /** Undefined while it would be empty. */
  readonly pool: Pool | undefined;
}

export interface ConsoleOptions {
  readonly entries: () => Iterable<ConsoleEntry>;
  readonly pauses: Pauses;
  readonly breakers: () => Iterable<{ readonly key: string; readonly breaker: Breaker }>;
  readonly passwords: AdminPasswords;
  readonly settings: Pick<PoolSettings, "size">;
}

const nothing: PoolCounts = { size: 0, lent: 0, idle: 0, connecting: 0, waiting: 0 };

export function createConsole({
  entries,
  pauses,
  breakers,
  passwords,
  settings,
}: ConsoleOptions): PoolConsole {
  function* entriesOf(scope: Scope): Generator<ConsoleEntry> {
    for (const entry of entries()) if (covers(scope, entry.target)) yield entry;
  }

  function begin(scope: Scope, command: (pool: Pool) => Promise<unknown>): Begun {
    const ends: Promise<unknown>[] = [];
    for (const { pool } of entriesOf(scope)) if (pool !== undefined) ends.push(command(pool));
    return { done: Promise.all(ends).then((all) => !all.includes(false)) };
  }

  function stateOf({ pool, target }: ConsoleEntry): PoolState {
    const isEmpty = pool === undefined || pool.isEmpty();
    if (pauses.holds(target)) return pool?.isQuiet() === false ? "pausing" : "paused";
    if (isEmpty) return "idle";
    return pool.isDraining() ? "draining" : "active";
  }

  function report(entry: ConsoleEntry): PoolReport {
    const counts = entry.pool?.counts() ?? nothing;
    return {
      target: entry.target,
      state: stateOf(entry),
      counts,
      clients: {
        active: counts.lent + entry.joined.lent,
        waiting: counts.waiting + entry.joined.waiting,
      },
      longestWaitMs: entry.pool?.longestWaitMs() ?? 0,
      overflow: Math.max(0, counts.size - settings.size),
      stats: { ...entry.stats },
    };
  }

  function instancesOf(scope: Scope): Map<string, Instance> {
    const found = new Map<string, Instance>();
    for (const { target } of entriesOf(scope)) found.set(instanceKey(target), target);
    return found;
  }

  function resetBreakers(scope: Scope): void {
    const keys = new Set(instancesOf(scope).keys());
    if (scope !== "everything") keys.add(instanceKey(scope));
    for (const { key, breaker } of breakers()) if (keys.has(key)) breaker.reset();
  }

  return {
    list: (scope) => Array.from(entriesOf(scope), report),
    pauses: () => pauses.list(),
    pause(scope) {
      pauses.pause(scope);
      return begin(scope, (pool) => pool.pause());
    },
    resume(scope) {
      pauses.resume(scope);
      resetBreakers(scope);
      for (const { pool, target } of entriesOf(scope)) if (!pauses.holds(target)) pool?.resume();
    },
    drain: (scope) => begin(scope, (pool) => pool.drain()),
    reload(scope) {
      for (const instance of instancesOf(scope).values()) passwords.expire(instance);
      if (scope !== "everything") passwords.expire(scope);
      resetBreakers(scope);
      return begin(scope, (pool) => pool.drain());
    },
    kill: (scope) => begin(scope, (pool) => pool.kill()),
  };
}
