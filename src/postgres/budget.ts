import { comesBefore, countNeedier, type Owner, type Wish } from "./fairness.ts";

export interface BudgetOptions {
  /** Connections of the whole process. */
  readonly totalLimit: () => number;
  /** Connections to an instance whose limit was not set. */
  readonly instanceLimit: () => number;
  /** Begins to close the idle connection that was not used for longest, of the instance or of any; false if there is none. */
  readonly reclaim: (instance: string | undefined) => boolean;
}

/**
 * Counts slots: every connection holds one of its instance and one of the process, from before it is opened until
 * the server's side of it is gone. Does no I/O.
 */
export interface Budget {
  /** Takes a slot if one is free. */
  take(instance: string, healthCheck: boolean): boolean;
  /** Waits for a slot; idle connections of others are closed for it. The answer withdraws the wish. */
  await(wish: Wish): () => void;
  /** The connection for which a slot was taken is open. */
  connected(instance: string): void;
  /** An open connection began to close: its slot will come back. */
  closing(instance: string): void;
  /** A slot comes back; `from` says how far its connection had come. */
  release(instance: string, from: "connecting" | "open" | "closing"): void;
  /** Undefined: that of the options. */
  setLimit(instance: string, limit: number | undefined): void;
  /** The limits of the options are others now. */
  limitsChanged(): void;
  /** Lowers the limit for now, because the server has no more (53300); undefined lifts that. */
  cap(instance: string, limit: number | undefined): void;
  limit(instance: string): number;
  /** The limit, less what is kept back for health checks. */
  room(instance: string): number;
  /** What the limit would be without a cap. */
  uncappedLimit(instance: string): number;
  /** Open connections, those that close not counted. */
  open(instance: string): number;
  /** More connections are open than may be: the limit sank, or one stands where only a health check's may. */
  exceeded(instance: string, healthCheck: boolean): boolean;
  /** The same, with those that are being opened. */
  overdrawn(instance: string): boolean;
  /** Whether anybody waits for a slot. */
  hasWishes(): boolean;
  /**
   * Whether a pool that could use a connection itself should hand it over: another needs it more (see
   * `needsMore`), and no connection is being closed for that one yet.
   */
  owes(instance: string, owner: Owner): boolean;
  /** Closes idle connections for the wishes that wait. */
  reclaim(): void;
}

interface Account {
  used: number;
  open: number;
  closing: number;
  limit: number | undefined;
  cap: number | undefined;
  wishes: Wish[];
}

/** Limits below this keep no connection back for health checks. */
const leastLimitWithReserve = 4;

function lessReserve(limit: number, healthCheck: boolean): number {
  return healthCheck || limit < leastLimitWithReserve ? limit : limit - 1;
}

export function createBudget(options: BudgetOptions): Budget {
  const accounts = new Map<string, Account>();
  const total = { used: 0, open: 0, closing: 0 };
  /** Of all accounts: whether there is any is asked each time a connection comes back. */
  let wishes = 0;

  function accountOf(instance: string): Account {
    let account = accounts.get(instance);
    if (account === undefined) {
      account = { used: 0, open: 0, closing: 0, limit: undefined, cap: undefined, wishes: [] };
      accounts.set(instance, account);
    }
    return account;
  }

  function forgetUnused(instance: string, account: Account): void {
    const isUnused = account.used === 0 && account.wishes.length === 0;
    if (isUnused && account.limit === undefined && account.cap === undefined) accounts.delete(instance);
  }

  function limitOf(account: Account): number {
    const limit = account.limit ?? options.instanceLimit();
    return Math.max(1, Math.min(limit, account.cap ?? limit));
  }

  /** How many connections the wish may find in use, at most, its own included. */
  function roomFor(account: Account, healthCheck: boolean): number {
    return lessReserve(limitOf(account), healthCheck);
  }

  function roomInTotal(healthCheck: boolean): number {
    return lessReserve(options.totalLimit(), healthCheck);
  }

  function fits(account: Account, healthCheck: boolean): boolean {
    return account.used < roomFor(account, healthCheck) && total.used < roomInTotal(healthCheck);
  }

  /**
   * How many more connections its instance has room for, when those that close have closed: what waits beyond that gains
   * nothing by another's.
   */
  function roomForWishes(account: Account): number {
    const forCheck = account.wishes.some((wish) => wish.healthCheck);
    return Math.max(0, roomFor(account, forCheck) - account.used + account.closing);
  }

  function grantWhatFits(): void {
    while (wishes > 0) {
      let best: { account: Account; wish: Wish } | undefined;
      for (const account of accounts.values()) {
        for (const wish of account.wishes) {
          if (!fits(account, wish.healthCheck)) continue;
          if (best === undefined || comesBefore(wish, best.wish)) best = { account, wish };
        }
      }
      if (best === undefined) return;
      best.account.wishes.splice(best.account.wishes.indexOf(best.wish), 1);
      wishes -= 1;
      best.account.used += 1;
      total.used += 1;
      best.wish.grant();
    }
  }

  function reclaimForWishes(): void {
    let inNeedOfTotal = 0;
    for (const [instance, account] of accounts) {
      if (account.wishes.length === 0) continue;
      const spare = roomFor(account, false) - account.used + account.closing;
      for (let short = account.wishes.length - spare; short > 0; short--) {
        if (!options.reclaim(instance)) break;
      }
      inNeedOfTotal += Math.min(account.wishes.length, roomForWishes(account));
    }
    const spareInTotal = roomInTotal(false) - total.used + total.closing;
    for (let short = inNeedOfTotal - spareInTotal; short > 0; short--) {
      if (!options.reclaim(undefined)) break;
    }
  }

  return {
    take(instance, healthCheck) {
      const account = accountOf(instance);
      const free = fits(account, healthCheck);
      if (free) {
        account.used += 1;
        total.used += 1;
      } else forgetUnused(instance, account);
      return free;
    },
    await(wish) {
      const account = accountOf(wish.instance);
      const at = account.wishes.findLastIndex((other) => other.since <= wish.since);
      account.wishes.splice(at + 1, 0, wish);
      wishes += 1;
      reclaimForWishes();
      return () => {
        const index = account.wishes.indexOf(wish);
        if (index >= 0) {
          account.wishes.splice(index, 1);
          wishes -= 1;
        }
        forgetUnused(wish.instance, account);
      };
    },
    connected(instance) {
      accountOf(instance).open += 1;
      total.open += 1;
    },
    closing(instance) {
      const account = accountOf(instance);
      account.open -= 1;
      account.closing += 1;
      total.open -= 1;
      total.closing += 1;
    },
    release(instance, from) {
      const account = accountOf(instance);
      account.used -= 1;
      total.used -= 1;
      if (from === "open") {
        account.open -= 1;
        total.open -= 1;
      }
      if (from === "closing") {
        account.closing -= 1;
        total.closing -= 1;
      }
      grantWhatFits();
      if (wishes > 0) reclaimForWishes();
      forgetUnused(instance, account);
    },
    setLimit(instance, limit) {
      const account = accountOf(instance);
      account.limit = limit;
      grantWhatFits();
      forgetUnused(instance, account);
    },
    limitsChanged: grantWhatFits,
    cap(instance, limit) {
      const account = accountOf(instance);
      account.cap = limit;
      grantWhatFits();
      forgetUnused(instance, account);
    },
    limit(instance) {
      const account = accounts.get(instance);
      return account === undefined ? options.instanceLimit() : limitOf(account);
    },
    room(instance) {
      const account = accounts.get(instance);
      return account === undefined ? lessReserve(options.instanceLimit(), false) : roomFor(account, false);
    },
    uncappedLimit: (instance) => accounts.get(instance)?.limit ?? options.instanceLimit(),
    open: (instance) => accounts.get(instance)?.open ?? 0,
    exceeded(instance, healthCheck) {
      const account = accounts.get(instance);
      if (account === undefined) return false;
      return account.open > roomFor(account, healthCheck) || total.open > roomInTotal(healthCheck);
    },
    overdrawn(instance) {
      const account = accounts.get(instance);
      return account !== undefined && account.used - account.closing > limitOf(account);
    },
    hasWishes: () => wishes > 0,
    owes(instance, owner) {
      const account = accounts.get(instance);
      if (account !== undefined && countNeedier(account.wishes, owner) > account.closing) return true;
      if (total.used < roomInTotal(false)) return false;
      let count = 0;
      for (const each of accounts.values())
        count += Math.min(countNeedier(each.wishes, owner), roomForWishes(each));
      return count > total.closing;
    },
    reclaim: reclaimForWishes,
  };
}
