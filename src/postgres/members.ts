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

export function createMembers({ instance, budget, retire: endConnection }: MembersOptions): Members {
  const all = new Map<Connection, Promise<void>>();
  const lent = new Set<Connection>();
  const closing = new Set<Connection>();
  /** The last is lent first. */
  const idle: Connection[] = [];

  function depart(connection: Connection): void {
    if (closing.has(connection)) return;
    closing.add(connection);
    budget.closing(instance);
  }

  function retire(connection: Connection): void {
    depart(connection);
    endConnection(connection);
  }

  return {
    get size() {
      return all.size;
    },
    get live() {
      return all.size - closing.size;
    },
    get idle() {
      return idle.length;
    },
    lent,
    [Symbol.iterator]: () => all.keys(),
    depart,
    join(connection, gone) {
      all.set(connection, gone);
      budget.connected(instance);
    },
    leave(connection) {
      all.delete(connection);
      budget.release(instance, closing.delete(connection) ? "closing" : "open");
    },
    isLive: (connection) => all.has(connection) && !closing.has(connection),
    answering(since) {
      let count = 0;
      for (const connection of all.keys()) {
        const isHung = (connection.unansweredSince() ?? since) < since;
        if (!closing.has(connection) && !isHung) count += 1;
      }
      return count;
    },
    lendIdle() {
      const connection = idle.pop();
      if (connection !== undefined) lent.add(connection);
      return connection;
    },
    lend(connection) {
      lent.add(connection);
    },
    takeBack(connection) {
      lent.delete(connection);
    },
    rest(connection, now) {
      connection.idleSince = now;
      idle.push(connection);
    },
    idleSince: () => idle[0]?.idleSince,
    dropIdle(connection) {
      const at = idle.indexOf(connection);
      if (at >= 0) idle.splice(at, 1);
      return at >= 0;
    },
    retire,
    retireOldestIdle() {
      const connection = idle.shift();
      if (connection !== undefined) retire(connection);
    },
    retireIdle(isTooMuch = () => true) {
      for (let at = 0; at < idle.length; ) {
        const connection = idle[at];
        if (connection === undefined) return;
        if (isTooMuch(connection)) {
          idle.splice(at, 1);
          retire(connection);
        } else at += 1;
      }
    },
    async gone() {
      await Promise.all(all.values());
    },
  };
}
