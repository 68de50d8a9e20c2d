import type { Clock } from "../../src/postgres/clock.ts";

/** A clock that stands still until it is told to go on; chance always answers the same. */
export interface FakeClock extends Clock {
  advance(ms: number): void;
}

export function createFakeClock(random = 0.5): FakeClock {
  let now = 0;
  const timers = new Set<{ at: number; fn: () => void }>();
  return {
    now: () => now,
    idleMs: () => now,
    random: () => random,
    after(ms, fn) {
      const timer = { at: now + ms, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const until = now + ms;
      for (;;) {
        const due = [...timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers.delete(due);
        now = due.at;
        due.fn();
      }
      now = until;
    },
  };
}
