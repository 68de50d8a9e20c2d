import { type Breaker, createBreaker } from "./breaker.ts";
import type { Budget } from "./budget.ts";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import type { PoolSettings } from "./pool-settings.ts";

/** What the pools of one instance share. */
export interface InstanceState {
  readonly key: string;
  readonly breaker: Breaker;
  /** How many pools it has. */
  pools: number;
  /** Connections that lie idle since before this moment may have died unnoticed. */
  suspectBefore: number;
  limitReadAt: number | undefined;
  /** Until when it is treated as smaller, because it had no connection to spare. */
  cappedUntil: number | undefined;
}

/** How much of an instance the service may take when nobody says: the rest is for those whom the database is for. */
const shareOfInstance = 0.5;
/** An instance may have been resized: the limit is read again with a connection opened after that long. */
const limitIsGoodForMs = 10 * 60_000;
/** How long an instance is treated as smaller after it had no connection to spare. */
const capMs = 30_000;

export function createInstanceState(key: string, settings: PoolSettings, clock: Clock): InstanceState {
  return {
    key,
    breaker: createBreaker({
      threshold: settings.breakerThreshold,
      resetMs: settings.breakerResetMs,
      clock,
    }),
    pools: 0,
    suspectBefore: Number.NEGATIVE_INFINITY,
    limitReadAt: undefined,
    cappedUntil: undefined,
  };
}

/** The limit is read together with the first statement of a new connection: nobody waits for it. */
export function readLimitIfDue(
  state: InstanceState,
  connection: Connection,
  budget: Budget,
  settings: PoolSettings,
  clock: Clock,
): void {
  if (settings.instanceLimit !== undefined) return;
  const now = clock.now();
  if (state.limitReadAt !== undefined && now - state.limitReadAt < limitIsGoodForMs) return;
  state.limitReadAt = now;
  connection.housekeep<{ free: number }>(freeConnections).then(
    ({ rows }) => {
      const free = rows[0]?.free;
      if (free !== undefined)
        budget.setLimit(state.key, deriveLimit(free, settings.cloudRunMaxInstances ?? 1));
    },
    () => {
      state.limitReadAt = undefined;
    },
  );
}

/** https://www.postgresql.org/docs/current/runtime-config-connection.html; reserved_connections is of 16. */
const freeConnections = `
  SELECT current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true)::int, 0) AS free`;

/** This process's part of the service's part of an instance's connections; at least one. */
export function deriveLimit(free: number, processes: number): number {
  return Math.max(1, Math.floor((free * shareOfInstance) / Math.max(1, processes)));
}

/** The server had no connection to spare (53300): no more than what is open, for now. */
export function capForNow(state: InstanceState, budget: Budget, clock: Clock): void {
  state.cappedUntil = clock.now() + capMs;
  budget.cap(state.key, Math.max(1, budget.open(state.key)));
}

export function liftCapIfDue(state: InstanceState, budget: Budget, clock: Clock): void {
  if (state.cappedUntil === undefined || clock.now() < state.cappedUntil) return;
  state.cappedUntil = undefined;
  budget.cap(state.key, undefined);
}
