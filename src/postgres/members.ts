import type { Budget } from "./budget.ts";
import type { Connection } from "./connection.ts";

export interface MembersOptions {
  /** The key of the instance in the budget. */
  readonly instance: string;
  readonly budget: Budget;
  /** Ends a connection that is retired. */
  readonly retire: (connection: Connection) => void;
}

/**
 * The connections of a pool, and what each is there for: lent, idle, or on its way out. Keeps the budget's books of
 * those that are open.
 */
export interface Members extends Iterable<Connection> {
  /** All whose slot is not free yet. */
  readonly size: number;
  /** Those that do not close. */
  readonly live: number;
  readonly idle: number;
  readonly lent: ReadonlySet<Connection>;
  /** Begins with a connection that was opened; `gone` settles when the server's session is no more. */
  join(connection: Connection, gone: Promise<void>): void;
  /** Its stream is closed, whoever closed it. */
  depart(connection: Connection): void;
  /** Its session has gone, and its slot is free. */
  leave(connection: Connection): void;
  /** It is here, and not on its way out. */
  isLive(connection: Connection): boolean;
  /** Of the live ones, those of which the server owes no answer since before that moment. */
  answering(since: number): number;
  /** Lends the idle one that was used last. */
  lendIdle(): Connection | undefined;
  lend(connection: Connection): void;
  /** A lent one comes back; what becomes of it is still to be said. */
  takeBack(connection: Connection): void;
  /** Nobody needs it for now. */
  rest(connection: Connection, now: number): void;
  /** Since when the longest idle one lies idle. */
  idleSince(): number | undefined;
  /** Takes an idle one that broke out of use; false when it did not lie idle. */
  dropIdle(connection: Connection): boolean;
  /** Ends a connection: its slot comes back when the server's session is gone. */
  retire(connection: Connection): void;
  retireOldestIdle(): void;
  /** Retires the idle ones of which that is true; the oldest is asked first. */
  retireIdle(isTooMuch?: (connection: Connection) => boolean): void;
  /** Settles when those that are here now have gone. */
  gone(): Promise<void>;
}

export function createMembers(options: MembersOptions): Members {
  return new MembersOfPool(options);
}

/** A class, since there is one for each database in use: as an object of closures it takes three times as much. */
class MembersOfPool implements Members {
  readonly lent = new Set<Connection>();
  readonly #all = new Map<Connection, Promise<void>>();
  readonly #closing = new Set<Connection>();
  /** The last is lent first. */
  readonly #idle: Connection[] = [];
  readonly #options: MembersOptions;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#all.size;
  }

  get live(): number {
    return this.#all.size - this.#closing.size;
  }

  get idle(): number {
    return this.#idle.length;
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#all.keys();
  }

  join(connection: Connection, gone: Promise<void>): void {
    this.#all.set(connection, gone);
    this.#options.budget.connected(this.#options.instance);
  }

  depart(connection: Connection): void {
    if (this.#closing.has(connection)) return;
    this.#closing.add(connection);
    this.#options.budget.closing(this.#options.instance);
  }

  leave(connection: Connection): void {
    this.#all.delete(connection);
    this.#options.budget.release(
      this.#options.instance,
      this.#closing.delete(connection) ? "closing" : "open",
    );
  }

  isLive(connection: Connection): boolean {
    return this.#all.has(connection) && !this.#closing.has(connection);
  }

  answering(since: number): number {
    let count = 0;
    for (const connection of this) {
      const isHung = (connection.unansweredSince() ?? since) < since;
      if (!this.#closing.has(connection) && !isHung) count += 1;
    }
    return count;
  }

  lendIdle(): Connection | undefined {
    const connection = this.#idle.pop();
    if (connection !== undefined) this.lent.add(connection);
    return connection;
  }

  lend(connection: Connection): void {
    this.lent.add(connection);
  }

  takeBack(connection: Connection): void {
    this.lent.delete(connection);
  }

  rest(connection: Connection, now: number): void {
    connection.idleSince = now;
    this.#idle.push(connection);
  }

  idleSince(): number | undefined {
    return this.#idle[0]?.idleSince;
  }

  dropIdle(connection: Connection): boolean {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    return at >= 0;
  }

  retire(connection: Connection): void {
    this.depart(connection);
    this.#options.retire(connection);
  }

  retireOldestIdle(): void {
    const connection = this.#idle.shift();
    if (connection !== undefined) this.retire(connection);
  }

  retireIdle(isTooMuch: (connection: Connection) => boolean = () => true): void {
    for (let at = 0; at < this.#idle.length; ) {
      const connection = this.#idle[at];
      if (connection === undefined) return;
      if (isTooMuch(connection)) {
        this.#idle.splice(at, 1);
        this.retire(connection);
      } else at += 1;
    }
  }

  async gone(): Promise<void> {
    await Promise.all(this.#all.values());
  }
}
