import { ServiceError } from "../errors.ts";
import { LinkedList } from "../linked-list.ts";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";

/** A borrower in the queue. */
export interface Waiter {
  /** Since when it waits, on the clock. */
  readonly since: number;
  readonly healthCheck: boolean;
  /** Of the request that the borrower belongs to. */
  readonly signal: AbortSignal | undefined;
  lend(connection: Connection): void;
  refuse(error: Error): void;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly healthCheck: boolean;
  /** What to say when the time is up. */
  readonly explain: (since: number) => ServiceError;
}

/** First come, first served, health checks before others. A waiter whose signal aborts or whose time is up leaves the queue by itself. */
export interface Waiters {
  readonly size: number;
  /** The one that waits longest, left in the queue. */
  first(): Waiter | undefined;
  /** The one that came first, whatever the order of service. */
  longest(): Waiter | undefined;
  /** The waiter at a place in the order of health checks, or of the others, from 0. */
  at(place: number, healthCheck: boolean): Waiter | undefined;
  readonly healthChecks: number;
  refuseAll(error: Error): void;
  /** Refuses those of whom that is true; `place` is theirs in the order, from 0. */
  refuse(error: Error, isConcerned: (waiter: Waiter, place: number) => boolean): void;
  wait(options: WaitOptions): Promise<Connection>;
}

export function createWaiters(clock: Clock, onLeft: () => void): Waiters {
  return new Queue(clock, onLeft);
}

/** A class, since there is one for each database in use: as an object of closures it takes three times as much. */
class Queue implements Waiters {
  readonly #healthChecks = new LinkedList<Waiter>();
  readonly #others = new LinkedList<Waiter>();
  readonly #clock: Clock;
  readonly #onLeft: () => void;

  constructor(clock: Clock, onLeft: () => void) {
    this.#clock = clock;
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#healthChecks.size + this.#others.size;
  }

  get healthChecks(): number {
    return this.#healthChecks.size;
  }

  first(): Waiter | undefined {
    return (this.#healthChecks.first ?? this.#others.first)?.value;
  }

  longest(): Waiter | undefined {
    const check = this.#healthChecks.first?.value;
    const other = this.#others.first?.value;
    return check === undefined || (other !== undefined && other.since < check.since) ? other : check;
  }

  at(place: number, healthCheck: boolean): Waiter | undefined {
    let index = 0;
    for (const waiter of healthCheck ? this.#healthChecks : this.#others)
      if (index++ === place) return waiter;
    return undefined;
  }

  refuseAll(error: Error): void {
    this.refuse(error, () => true);
  }

  refuse(error: Error, isConcerned: (waiter: Waiter, place: number) => boolean): void {
    const concerned = [...this.#healthChecks, ...this.#others].filter(isConcerned);
    for (const waiter of concerned) waiter.refuse(error);
  }

  wait({ timeoutMs, signal, healthCheck, explain }: WaitOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const since = this.#clock.now();
      const queue = healthCheck ? this.#healthChecks : this.#others;
      const leave = () => {
        remove();
        cancelTimer();
        signal?.removeEventListener("abort", giveUp);
      };
      const waiter: Waiter = {
        since,
        healthCheck,
        signal,
        lend(connection) {
          leave();
          resolve(connection);
        },
        refuse(error) {
          leave();
          reject(error);
        },
      };
      const giveUp = () => {
        waiter.refuse(abandoned(signal));
        this.#onLeft();
      };
      const cancelTimer = this.#clock.after(timeoutMs, () => {
        waiter.refuse(explain(since));
        this.#onLeft();
      });
      signal?.addEventListener("abort", giveUp, { once: true });
      const { remove } = queue.add(waiter);
    });
  }
}

/** The caller has gone, or its time is up; its own reason is kept where it is one of ours. */
export function abandoned(signal: AbortSignal | undefined): ServiceError {
  if (signal?.reason instanceof ServiceError) return signal.reason;
  return new ServiceError("timeout", "The request was given up while it waited for a connection.", {
    cause: signal?.reason,
  });
}
