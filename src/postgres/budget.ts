/** A pool's wish for one more connection. */
export interface Wish {
  /** Key of the instance. */
  readonly instance: string;
  /** Since when the borrower behind it waits: the oldest comes first, whatever its database. */
  readonly since: number;
  /** May use the connections that are kept back. */
  readonly healthCheck: boolean;
  /** Connections that the pool has, with those that it is opening. */
  held(): number;
  /** A slot is free and now belongs to the wish. */
  grant(): void;
}

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
  /** What the limit would be without a cap. */
  uncappedLimit(instance: string): number;
  /** Open connections, those that close not counted. */
  open(instance: string): number;
  /** More connections are open than the limit allows, since it sank. */
  exceeded(instance: string): boolean;
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

/** A pool with a connection that its own next borrower could use. */
export interface Owner {
  readonly now: number;
  /** Since when its next borrower waits. */
  readonly since: number;
  readonly held: number;
  /** Since when the connection is open and of use to the pool. */
  readonly openedAt: number;
}

interface Account {
  used: number;
  open: number;
  closing: number;
  limit: number | undefined;
  cap: number | undefined;
  wishes: Wish[];
}

/** Instances with fewer connections than this keep none back for health checks. */
const leastLimitWithReserve = 4;

export function createBudget(options: BudgetOptions): Budget {
  const accounts = new Map<string, Account>();
  const total = { used: 0, closing: 0 };

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
    const limit = limitOf(account);
    return healthCheck || limit < leastLimitWithReserve ? limit : limit - 1;
  }

  function fits(account: Account, healthCheck: boolean): boolean {
    return account.used < roomFor(account, healthCheck) && total.used < options.totalLimit();
  }

  function grantWhatFits(): void {
    for (;;) {
      let best: { account: Account; wish: Wish } | undefined;
      for (const account of accounts.values()) {
        for (const wish of account.wishes) {
          if (!fits(account, wish.healthCheck)) continue;
          if (best === undefined || comesBefore(wish, best.wish)) best = { account, wish };
        }
      }
      if (best === undefined) return;
      best.account.wishes.splice(best.account.wishes.indexOf(best.wish), 1);
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
      inNeedOfTotal += Math.min(account.wishes.length, Math.max(0, roomFor(account, false) - account.used));
    }
    const spareInTotal = options.totalLimit() - total.used + total.closing;
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
      reclaimForWishes();
      return () => {
        const index = account.wishes.indexOf(wish);
        if (index >= 0) account.wishes.splice(index, 1);
        forgetUnused(wish.instance, account);
      };
    },
    connected(instance) {
      accountOf(instance).open += 1;
    },
    closing(instance) {
      const account = accountOf(instance);
      account.open -= 1;
      account.closing += 1;
      total.closing += 1;
    },
    release(instance, from) {
      const account = accountOf(instance);
      account.used -= 1;
      total.used -= 1;
      if (from === "open") account.open -= 1;
      if (from === "closing") {
        account.closing -= 1;
        total.closing -= 1;
      }
      grantWhatFits();
      forgetUnused(instance, account);
    },
    setLimit(instance, limit) {
      accountOf(instance).limit = limit;
      grantWhatFits();
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
    uncappedLimit: (instance) => accounts.get(instance)?.limit ?? options.instanceLimit(),
    open: (instance) => accounts.get(instance)?.open ?? 0,
    exceeded(instance) {
      const account = accounts.get(instance);
      return account !== undefined && account.open > limitOf(account);
    },
    overdrawn(instance) {
      const account = accounts.get(instance);
      return account !== undefined && account.used - account.closing > limitOf(account);
    },
    hasWishes() {
      for (const account of accounts.values()) if (account.wishes.length > 0) return true;
      return false;
    },
    owes(instance, owner) {
      const account = accounts.get(instance);
      if (account !== undefined && needs(account, owner) > account.closing) return true;
      if (total.used < options.totalLimit()) return false;
      let count = 0;
      for (const each of accounts.values()) count += needs(each, owner);
      return count > total.closing;
    },
    reclaim: reclaimForWishes,
  };
}

/** The pool that has least comes first; among equals, whoever waits longest. */
function comesBefore(wish: Wish, other: Wish): boolean {
  const difference = wish.held() - other.held();
  return difference < 0 || (difference === 0 && wish.since < other.since);
}

/** Wishes that need a connection more than its owner does. */
function needs(account: Account, owner: Owner): number {
  let count = 0;
  for (const wish of account.wishes) if (needsMore(wish, owner)) count += 1;
  return count;
}

/**
 * Moving a connection costs closing one and opening another. So a wish must have waited for a while, and a new
 * connection serves its own pool for as long; else connections would only be moved, and serve nobody.
 */
const handOverAfterMs = 25;
/** How long databases that have one connection each keep it before they give way to one that has none. */
const rotateAfterMs = 100;
/** From then on only the order of arrival counts. */
const orderAfterMs = 1_000;

/** A pool is served by its own connections; one is moved to level out what pools have, or to let everybody have a turn. */
export function needsMore(wish: Pick<Wish, "since" | "held">, owner: Owner): boolean {
  const waitedMs = owner.now - wish.since;
  const servedMs = owner.now - owner.openedAt;
  if (Math.min(waitedMs, servedMs) < handOverAfterMs) return false;
  if (waitedMs > orderAfterMs && wish.since < owner.since) return true;
  const theirs = wish.held();
  if (theirs === 0 && owner.held === 1) return Math.min(waitedMs, servedMs) >= rotateAfterMs;
  return theirs + 1 < owner.held || (theirs === 0 && owner.held > 1);
}
