import { type Target, targetKey } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Pool } from "./pool.ts";
import { createPoolStats, type PoolStats } from "./pool-stats.ts";

/** A database that has a pool, or had one: of a pool that would be empty only this is kept. */
export interface Entry {
  readonly key: string;
  readonly target: Target;
  readonly stats: PoolStats;
  /** Readers with a place or a connection that they share with one who is counted by the pool. */
  readonly joined: Joined;
  /** What a read takes, in milliseconds, by operation; absent before there was one. */
  readMs?: Map<string, number>;
  pool: Pool | undefined;
  /** It had a connection once, so the database exists. */
  wasOpen: boolean;
}

export interface Joined {
  waiting: number;
  lent: number;
}

export interface Entries {
  readonly size: number;
  all(): Iterable<Entry>;
  pools(): Iterator<Pool> & Iterable<Pool>;
  /** Makes room for a new one where there is none. Throws `unavailable` when all are in use. */
  of(target: Target): Entry;
  remove(entry: Entry): void;
  /** There may be fewer now: lets those go that are too many and not in use. */
  resized(): void;
}

export interface EntriesOptions {
  readonly most: () => number;
  /** It is to close its pool. */
  readonly onEvicted: (pool: Pool) => void;
}

export function createEntries({ most, onEvicted }: EntriesOptions): Entries {
  const entries = new Map<string, Entry>();

  /** Leaves so many, or all that are in use. */
  function shrinkTo(count: number): void {
    while (entries.size > count) {
      const entry = findLeastUsed(entries.values());
      if (entry === undefined) return;
      entries.delete(entry.key);
      const { pool } = entry;
      entry.pool = undefined;
      if (pool !== undefined) onEvicted(pool);
    }
  }

  function makeRoom(): void {
    shrinkTo(most() - 1);
    if (entries.size < most()) return;
    throw new ServiceError("unavailable", "Too many databases are in use at the same time.", {
      retryAfterS: 1,
      details: { reason: "too_many_pools" },
    });
  }

  return {
    get size() {
      return entries.size;
    },
    all: () => entries.values(),
    *pools() {
      for (const { pool } of entries.values()) if (pool !== undefined) yield pool;
    },
    of(target) {
      const key = targetKey(target);
      const known = entries.get(key);
      if (known !== undefined) return known;
      makeRoom();
      const entry: Entry = {
        ...{ key, target, pool: undefined, wasOpen: false },
        ...{ stats: createPoolStats(), joined: { waiting: 0, lent: 0 } },
      };
      entries.set(key, entry);
      return entry;
    },
    remove(entry) {
      if (entries.get(entry.key) === entry) entries.delete(entry.key);
    },
    resized: () => shrinkTo(most()),
  };
}

/** One without a pool if there is any, else the one whose pool was not used for longest and is not in use. */
function findLeastUsed(entries: Iterable<Entry>): Entry | undefined {
  let oldest: { entry: Entry; lastUsedAt: number } | undefined;
  for (const entry of entries) {
    if (entry.pool === undefined) return entry;
    const { lent, waiting, connecting } = entry.pool.counts();
    if (lent + waiting + connecting > 0) continue;
    const lastUsedAt = entry.pool.lastUsedAt();
    if (oldest === undefined || lastUsedAt < oldest.lastUsedAt) oldest = { entry, lastUsedAt };
  }
  return oldest?.entry;
}
