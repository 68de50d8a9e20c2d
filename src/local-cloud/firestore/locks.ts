import { aborted, type Transaction, type Transactions } from "./transactions.ts";

const CHECK_EVERY_MS = 50;
/**
 * A transaction that reads what another has read waits its turn, which spares both a retry. When the other does
 * nothing for so long, it gets its lock beside it, as in production, where locks of readers are shared.
 */
const SHARE_AFTER_MS = 500;

export interface LockRequest<T> {
  /** undefined for a write outside a transaction. */
  readonly transaction: Transaction | undefined;
  /** A read can share a lock with an idle reader; a commit cannot. */
  readonly kind: "read" | "commit";
  /** Other transactions that hold what this request needs. */
  blockers(): Transaction[];
  /** Runs in one turn with the check that nothing blocks. */
  act(): T;
  readonly signal: AbortSignal;
}

interface Waiting {
  readonly request: LockRequest<unknown>;
  readonly sinceMs: number;
  proceed(): void;
  fail(error: unknown): void;
}

export interface Locks {
  /** Acts as soon as nothing blocks. Throws ABORTED for the youngest in a deadlock, and after too long a wait. */
  run<T>(request: LockRequest<T>): Promise<T>;
  end(transaction: Transaction, how: "ended" | "aborted"): void;
  stop(): void;
}

/** Locks are those of the open transactions' reads; commits happen in one turn, so nothing is ever half written. */
export function createLocks(transactions: Transactions, lockWaitMs: number, nowMs: () => number): Locks {
  let queue: Waiting[] = [];
  let timer: NodeJS.Timeout | undefined;

  function isIdle(transaction: Transaction, forMs: number): boolean {
    return transaction.waiting === 0 && nowMs() - transaction.usedAtMs >= forMs;
  }

  function blockersOf(request: LockRequest<unknown>): Transaction[] {
    const blockers = request.blockers();
    return request.kind === "read" ? blockers.filter((each) => !isIdle(each, SHARE_AFTER_MS)) : blockers;
  }

  function leave(waiting: Waiting): void {
    queue = queue.filter((each) => each !== waiting);
    if (waiting.request.transaction) waiting.request.transaction.waiting -= 1;
    if (queue.length > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  /** Lets everyone go on who can, first come first served. */
  function wake(): void {
    for (let next = firstFree(); next !== undefined; next = firstFree()) {
      leave(next);
      next.proceed();
    }
  }

  function firstFree(): Waiting | undefined {
    return queue.find(({ request }) => blockersOf(request).length === 0);
  }

  function end(transaction: Transaction, how: "ended" | "aborted"): void {
    transactions.end(transaction, how);
    for (const waiting of queue.filter(({ request }) => request.transaction === transaction)) {
      leave(waiting);
      waiting.fail(aborted());
    }
    wake();
  }

  /** The transactions in a circle of waiting that `start` is part of; empty when there is none. */
  function circleOf(start: Transaction): Transaction[] {
    const seen = new Set<Transaction>();
    const search = (from: Transaction, path: Transaction[]): Transaction[] => {
      for (const { request } of queue.filter((each) => each.request.transaction === from)) {
        for (const blocker of blockersOf(request)) {
          if (blocker === start) return path;
          if (seen.has(blocker)) continue;
          seen.add(blocker);
          const circle = search(blocker, [...path, blocker]);
          if (circle.length > 0) return circle;
        }
      }
      return [];
    };
    return search(start, [start]);
  }

  function breakDeadlocks(start: Transaction): void {
    for (let circle = circleOf(start); circle.length > 0; circle = circleOf(start)) {
      end(
        circle.reduce((a, b) => (b.bornAt > a.bornAt ? b : a)),
        "aborted",
      );
    }
  }

  function check(): void {
    for (const waiting of [...queue]) {
      if (!queue.includes(waiting) || nowMs() - waiting.sinceMs < lockWaitMs) continue;
      const blockers = waiting.request.blockers();
      const abandoned = blockers.filter((each) => isIdle(each, lockWaitMs));
      for (const transaction of abandoned) end(transaction, "aborted");
      // Others may have been waiting for the same; too long is too long.
      if (abandoned.length === 0 && nowMs() - waiting.sinceMs >= 2 * lockWaitMs) {
        leave(waiting);
        waiting.fail(aborted());
      }
    }
    wake();
  }

  function run<T>(request: LockRequest<T>): Promise<T> {
    if (blockersOf(request).length === 0) return new Promise((resolve) => resolve(request.act()));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiting: Waiting = {
      request,
      sinceMs: nowMs(),
      proceed() {
        try {
          resolve(request.act());
        } catch (error) {
          reject(error);
        }
      },
      fail: reject,
    };
    if (request.signal.aborted) return Promise.reject(aborted());
    request.signal.addEventListener("abort", () => {
      if (!queue.includes(waiting)) return;
      leave(waiting);
      reject(aborted());
    });
    queue.push(waiting);
    timer ??= setInterval(check, CHECK_EVERY_MS);
    if (request.transaction) {
      request.transaction.waiting += 1;
      breakDeadlocks(request.transaction);
    }
    return promise;
  }

  return {
    run,
    end,
    stop() {
      for (const waiting of [...queue]) {
        leave(waiting);
        waiting.fail(aborted());
      }
    },
  };
}
