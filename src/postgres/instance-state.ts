import { type Breaker, createBreaker } from "./breaker.ts";
import type { Budget } from "./budget.ts";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import type { PoolSettings } from "./pool-settings.ts";

/** What the pools of one instance share. */
export interface InstanceState {
  readonly key: string;
  readonly breaker: Breaker;
  /** How many pools it has, and logins that are being tried. */
  users: number;
  /** Connections that lie idle since before this moment may have died unnoticed. */
  suspectBefore: number;
  limitReadAt: number | undefined;
  /** What the server has for all, when it was last asked. */
  free: number | undefined;
  /** It is treated as smaller for now, because it had no connection to spare. */
  cap: Cap | undefined;
}

interface Cap {
  readonly limit: number;
  /** When it is raised next. */
  readonly raiseAt: number;
}

/** How much of an instance the service may take when nobody says: the rest is for those whom the database is for. */
const shareOfInstance = 0.5;
/**
 * A change needs two: one holds the lock of the instance, the other works; a rotation tries the password on a third. As
 * many may be open before it is known how many there may be.
 */
export const leastLimit = 3;
/** An instance may have been resized: the limit is read again with a connection opened after that long. */
const limitIsGoodForMs = 10 * 60_000;
/** How long an instance is left as small as it was found after it had no connection to spare. */
const capMs = 30_000;
/** From then on it gets one connection more so often: if there is none to spare, that one alone is refused. */
const raiseEveryMs = 2_000;

export function createInstanceState(key: string, settings: PoolSettings, clock: Clock): InstanceState {
  return {
    key,
    breaker: createBreaker({
      settings: {
        get threshold() {
          return settings.breakerThreshold;
        },
        get resetMs() {
          return settings.breakerResetMs;
        },
      },
      clock,
    }),
    users: 0,
    suspectBefore: Number.NEGATIVE_INFINITY,
    limitReadAt: undefined,
    free: undefined,
    cap: undefined,
  };
}

/**
 * The limit is read together with the first statement of a new connection: nobody waits for it. Also when one is set: it
 * may be taken back.
 */
export function readLimitIfDue(
  state: InstanceState,
  connection: Connection,
  budget: Budget,
  settings: PoolSettings,
  clock: Clock,
): void {
  const now = clock.now();
  if (state.limitReadAt !== undefined && now - state.limitReadAt < limitIsGoodForMs) return;
  state.limitReadAt = now;
  connection.housekeep<{ free: number }>(freeConnections).then(
    ({ rows }) => {
      state.free = rows[0]?.free;
      applyLimit(state, budget, settings);
    },
    () => {
      state.limitReadAt = undefined;
    },
  );
}

/** The limit that was set, or the one that follows from what the server has. */
export function applyLimit({ key, free }: InstanceState, budget: Budget, settings: PoolSettings): void {
  const isDerived = settings.instanceLimit === undefined && free !== undefined;
  budget.setLimit(key, isDerived ? deriveLimit(free, settings.cloudRunMaxInstances ?? 1) : undefined);
}

/** https://www.postgresql.org/docs/current/runtime-config-connection.html; reserved_connections is of 16. */
const freeConnections = `
  SELECT current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true)::int, 0) AS free`;

/** This process's part of the service's part of an instance's connections. */
export function deriveLimit(free: number, processes: number): number {
  return Math.max(leastLimit, Math.floor((free * shareOfInstance) / Math.max(1, processes)));
}

/** The server had no connection to spare (53300): no more than what is open, for now. */
export function capForNow(state: InstanceState, budget: Budget, clock: Clock): void {
  setCap(state, budget, { limit: Math.max(1, budget.open(state.key)), raiseAt: clock.now() + capMs });
}

/** To be called now and then: raises the cap connection by connection, until it does not matter any more. */
export function raiseCapIfDue(state: InstanceState, budget: Budget, clock: Clock): void {
  const { cap } = state;
  if (cap === undefined) return;
  const steps = Math.floor((clock.now() - cap.raiseAt) / raiseEveryMs) + 1;
  if (steps <= 0) return;
  const limit = cap.limit + steps;
  const isOver = limit >= budget.uncappedLimit(state.key);
  setCap(state, budget, isOver ? undefined : { limit, raiseAt: cap.raiseAt + steps * raiseEveryMs });
}

function setCap(state: InstanceState, budget: Budget, cap: Cap | undefined): void {
  state.cap = cap;
  budget.cap(state.key, cap?.limit);
}
