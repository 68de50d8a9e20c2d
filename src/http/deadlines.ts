import { LinkedList } from "../linked-list.ts";

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
  const pending = new LinkedList<Deadline>();
  let timer: NodeJS.Timeout | undefined;

  function watch(delayMs: number): void {
    timer = setTimeout(check, delayMs);
    // What waits for a deadline holds something else that keeps the process alive.
    timer.unref();
  }

  function check(): void {
    timer = undefined;
    const now = performance.now();
    for (let next = pending.first; next !== undefined; next = pending.first) {
      if (next.value.at > now) {
        watch(Math.max(1, Math.ceil(next.value.at - now)));
        return;
      }
      next.remove();
      next.value.onReached();
    }
  }

  return {
    ms,
    add(startedAt, onReached) {
      const { remove } = pending.add({ at: startedAt + ms, onReached });
      if (timer === undefined) watch(ms);
      return remove;
    },
  };
}
