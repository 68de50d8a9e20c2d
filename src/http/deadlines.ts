/** Deadlines of one length, kept by one timer: one of its own for each request costs more, and hardly any is reached. */
export interface Deadlines {
  readonly ms: number;
  /** Calls back when `ms` have passed since `startedAt`, on performance.now(). The answer cancels that. */
  add(startedAt: number, onReached: () => void): () => void;
}

interface Deadline {
  readonly at: number;
  readonly onReached: () => void;
}

export function createDeadlines(ms: number): Deadlines {
  /** The first to be reached is the first that was added. */
  const pending = new Set<Deadline>();
  let timer: NodeJS.Timeout | undefined;

  function watch(delayMs: number): void {
    timer = setTimeout(check, delayMs);
    // What waits for a deadline holds something else that keeps the process alive.
    timer.unref();
  }

  function check(): void {
    timer = undefined;
    const now = performance.now();
    for (const deadline of pending) {
      if (deadline.at > now) {
        watch(Math.max(1, Math.ceil(deadline.at - now)));
        return;
      }
      pending.delete(deadline);
      deadline.onReached();
    }
  }

  return {
    ms,
    add(startedAt, onReached) {
      const deadline = { at: startedAt + ms, onReached };
      pending.add(deadline);
      if (timer === undefined) watch(ms);
      return () => void pending.delete(deadline);
    },
  };
}
