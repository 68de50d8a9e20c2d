import type { Target } from "../domain/target.ts";
import { applicationNameOf, lend } from "./lease.ts";
import type { PoolSettings } from "./pool-settings.ts";
import { isDatabaseFault } from "./pool-stats.ts";
import { createReadBatches, type Lender } from "./read-batches.ts";
import type { BorrowOptions, Pools, Session } from "./session.ts";

export interface LendingOptions extends Pick<Lender, "clock" | "entryOf" | "poolOf"> {
  readonly settings: Pick<PoolSettings, "applicationName" | "maxReads">;
}

export interface Lending {
  readonly withSession: Pools["withSession"];
  /** Whether the request of that signal had a connection before, and so is in the middle of something. */
  isServed(signal: AbortSignal | undefined): boolean;
}

const mostNames = 1_000;

/** Lends connections and takes them back: a connection for each borrower, but where borrowers only read. */
export function createLending(options: LendingOptions): Lending {
  const { settings, clock, entryOf, poolOf } = options;
  /** Requests that had a connection, by their signals. */
  const served = new WeakSet<AbortSignal>();
  const names = new Map<string, string>();
  const isServed = (signal: AbortSignal | undefined) => signal !== undefined && served.has(signal);

  function applicationNameFor(operation: string): string {
    const known = names.get(operation);
    if (known !== undefined) return known;
    const name = applicationNameOf(settings.applicationName, operation);
    if (names.size < mostNames) names.set(operation, name);
    return name;
  }

  function onServed(signal: AbortSignal | undefined): void {
    if (signal !== undefined) served.add(signal);
  }

  const batches = createReadBatches({ ...options, applicationNameFor, onServed });

  async function lendAlone<T>(
    target: Target,
    borrower: BorrowOptions,
    fn: (session: Session) => Promise<T>,
  ): Promise<T> {
    const entry = entryOf(target);
    const { stats } = entry;
    stats.requests += 1;
    let narrow: (() => void) | undefined;
    try {
      const pool = poolOf(entry);
      if (borrower.aside === true) narrow = pool.widen();
      const askedAt = clock.now();
      const borrowed = pool.borrow(borrower);
      const connection = borrowed instanceof Promise ? await borrowed : borrowed;
      const lentAt = clock.now();
      stats.waitMs += lentAt - askedAt;
      onServed(borrower.signal);
      const lease = lend(connection, applicationNameFor(borrower.operation));
      try {
        return await fn(lease.session);
      } finally {
        lease.end();
        narrow?.();
        stats.queryMs += clock.now() - lentAt;
        const cleaning = pool.giveBack(connection);
        if (cleaning !== undefined) await cleaning;
      }
    } catch (error) {
      if (isDatabaseFault(error)) stats.errors += 1;
      throw error;
    } finally {
      narrow?.();
    }
  }

  return {
    // A request in the middle of something has rights in the queue that others lack.
    withSession: (target, borrower, fn) =>
      borrower.readsOnly === true && (settings.maxReads ?? 1) > 1 && !isServed(borrower.signal)
        ? batches.read(target, borrower, fn)
        : lendAlone(target, borrower, fn),
    isServed,
  };
}
