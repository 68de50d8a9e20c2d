import { type Clock, systemClock } from "../../src/postgres/clock.ts";

/** A clock on which time passes so many times slower: what a busy machine adds is little beside its pauses and timeouts. */
export function createSlowClock(times: number): Clock {
  return {
    ...systemClock,
    now: () => systemClock.now() / times,
    idleMs: () => systemClock.idleMs() / times,
    after: (ms, fn) => systemClock.after(ms * times, fn),
  };
}
