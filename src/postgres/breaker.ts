import type { Clock } from "./clock.ts";

/**
 * A circuit breaker: a number of consecutive failures opens it; when its time is over it lets one attempt through
 * (the probe), whose outcome closes it or opens it again.
 */
export interface Breaker {
  /** For how long attempts are refused, in milliseconds; 0 when one would be admitted. Changes nothing. */
  refusedForMs(): number;
  /** Since when it is open, further probes included; undefined while it is closed. On the clock. */
  openSince(): number | undefined;
  /** Nothing failed since the last success, or only long ago: it may be forgotten. */
  isQuiet(): boolean;
  /** An attempt, which must then be judged; or for how long to stay away, in milliseconds. */
  admit(): Attempt | number;
  /** Somebody says that the instance is well again: attempts are admitted, as in the beginning. */
  reset(): void;
}

/** An attempt that was admitted. It is judged once: what is said of it later is ignored. */
export interface Attempt {
  succeeded(): void;
  /** `atMostMs` shortens for how long a breaker that opens by this refuses. */
  failed(atMostMs?: number): void;
  /** The attempt said nothing about the instance. */
  undecided(): void;
}

export interface BreakerSettings {
  readonly threshold: number;
  readonly resetMs: number;
}

export interface BreakerOptions {
  /** Read again each time. */
  readonly settings: BreakerSettings;
  readonly clock: Pick<Clock, "now">;
}

/** What others are told to wait while a probe is under way. */
const probeWaitMs = 1_000;

export function createBreaker({ settings, clock }: BreakerOptions): Breaker {
  let failures = 0;
  let failedAt = 0;
  let openUntil: number | undefined;
  let openSince: number | undefined;
  /** Others, from before the breaker opened, may still be under way; what becomes of them does not end the probe. */
  let probe: Attempt | undefined;

  function refusedForMs(): number {
    if (openUntil === undefined) return 0;
    const remainingMs = openUntil - clock.now();
    if (remainingMs > 0) return remainingMs;
    return probe === undefined ? 0 : probeWaitMs;
  }

  function reset(): void {
    failures = 0;
    openUntil = undefined;
    openSince = undefined;
    probe = undefined;
  }

  function fail(atMostMs: number): void {
    failures += 1;
    failedAt = clock.now();
    if (failures < settings.threshold) return;
    openSince ??= failedAt;
    openUntil = failedAt + Math.min(settings.resetMs, atMostMs);
  }

  function begin(): Attempt {
    let judged = false;
    const judge = (tell: () => void): void => {
      if (judged) return;
      judged = true;
      if (probe === attempt) probe = undefined;
      tell();
    };
    const attempt: Attempt = {
      succeeded: () => judge(reset),
      failed: (atMostMs = Number.POSITIVE_INFINITY) => judge(() => fail(atMostMs)),
      undecided: () => judge(() => {}),
    };
    return attempt;
  }

  return {
    refusedForMs,
    openSince: () => openSince,
    isQuiet: () => failures === 0 || clock.now() - failedAt > 2 * settings.resetMs,
    admit() {
      const waitMs = refusedForMs();
      if (waitMs > 0) return waitMs;
      const attempt = begin();
      if (openUntil !== undefined) probe = attempt;
      return attempt;
    },
    reset,
  };
}
