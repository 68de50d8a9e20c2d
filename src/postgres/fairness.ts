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

/** A pool with a connection that its own next borrower could use. */
export interface Owner {
  readonly now: number;
  /** Since when its next borrower waits. */
  readonly since: number;
  readonly held: number;
  /** Since when the connection is open and of use to the pool. */
  readonly openedAt: number;
}

/** A health check comes first, then the pool that has least; among equals, whoever waits longest. */
export function comesBefore(wish: Wish, other: Wish): boolean {
  if (wish.healthCheck !== other.healthCheck) return wish.healthCheck;
  const difference = wish.held() - other.held();
  return difference < 0 || (difference === 0 && wish.since < other.since);
}

/** Wishes that need a connection more than its owner does. */
export function countNeedier(wishes: readonly Wish[], owner: Owner): number {
  let count = 0;
  for (const wish of wishes) if (needsMore(wish, owner)) count += 1;
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
