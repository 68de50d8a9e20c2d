import type { Target } from "../domain/target.ts";
import type { Breaker } from "./breaker.ts";
import type { Budget } from "./budget.ts";
import type { Clock } from "./clock.ts";
import type { ConnectFailure } from "./connect-failure.ts";
import type { Connection } from "./connection.ts";
import type { Opened, OpenRequest } from "./open-connection.ts";
import type { PoolSettings } from "./pool-settings.ts";
import type { Waiter, Waiters } from "./waiters.ts";

export interface OpeningsOptions {
  readonly target: Target;
  readonly instance: string;
  readonly settings: PoolSettings;
  readonly clock: Clock;
  readonly budget: Budget;
  readonly breaker: Breaker;
  readonly waiters: Waiters;
  readonly open: (request: Omit<OpenRequest, "signal">) => Promise<Opened>;
  /** How many connections the pool may have at present. */
  readonly most: () => number;
  /** The pool's connections, without those that close. */
  readonly live: () => number;
  /** The pool's connections, with those that close. */
  readonly held: () => number;
  /** Nothing is to be opened for now. */
  readonly paused: () => boolean;
  readonly onOpened: (connection: Connection) => void;
  /** Its slot is still taken. */
  readonly onFailed: (failure: ConnectFailure) => void;
}

/** The connections that a pool is about to have: those being opened, and wishes for slots of the budget. */
export interface Openings {
  connecting(): number;
  isNone(): boolean;
  /** Opens or wishes for as many connections as waiters lack, within the pool's size; withdraws what is too much. */
  match(): void;
  /** Opens what is missing of the pool's minimum, as far as the budget has room. */
  fill(): void;
  /** A waiter was: withdraws what was wished for it. */
  served(): void;
  withdraw(): void;
  /** Withdraws the wishes, and opens nothing from now on. */
  close(): void;
}

interface PendingWish {
  readonly healthCheck: boolean;
  readonly withdraw: () => void;
}

export function createOpenings(options: OpeningsOptions): Openings {
  const { target, instance, settings, clock, budget, breaker, waiters, live, held } = options;
  /** Oldest first. */
  const wishes: PendingWish[] = [];
  let connecting = 0;
  /** Those of the openings, wishes included, that were begun for a health check. */
  let forChecks = 0;
  let closed = false;

  const mayOpen = () => !closed && !options.paused() && breaker.refusedForMs() === 0;
  const expected = () => connecting + wishes.length;

  function forget(wish: PendingWish): void {
    wishes.splice(wishes.indexOf(wish), 1);
    if (wish.healthCheck) forChecks -= 1;
  }

  function wishFor({ since, healthCheck }: Waiter): void {
    const grant = () => {
      forget(wish);
      start(healthCheck);
    };
    const granted = budget.await({ instance, since, healthCheck, grant, held: () => live() + connecting });
    const wish = { healthCheck, withdraw: granted };
    wishes.push(wish);
    if (healthCheck) forChecks += 1;
  }

  function isWanted(): boolean {
    if (options.paused() || budget.overdrawn(instance)) return false;
    return waiters.size > 0 || live() + connecting <= settings.minSize;
  }

  /** The slot is taken already. */
  function start(healthCheck: boolean): void {
    connecting += 1;
    if (healthCheck) forChecks += 1;
    const deadline = clock.now() + settings.connectionTimeoutMs;
    void options.open({ target, deadline, wanted: isWanted }).then((opened) => {
      connecting -= 1;
      if (healthCheck) forChecks -= 1;
      if ("connection" in opened) options.onOpened(opened.connection);
      else options.onFailed(opened.failure);
    });
  }

  function withdraw(wish: PendingWish): void {
    forget(wish);
    wish.withdraw();
  }

  /** A wish that nobody is behind any more. Those of health checks count by themselves. */
  function findSurplus(which: "find" | "findLast"): PendingWish | undefined {
    const forCheck = wishes[which]((wish) => wish.healthCheck);
    if (forCheck !== undefined && forChecks > waiters.healthChecks) return forCheck;
    if (expected() <= waiters.size) return undefined;
    return wishes[which]((wish) => !wish.healthCheck) ?? forCheck;
  }

  function trim(which: "find" | "findLast"): void {
    for (;;) {
      const wish = findSurplus(which);
      if (wish === undefined) return;
      withdraw(wish);
    }
  }

  /** Health checks first: each has an opening of its own, which may use what is kept back for them. */
  function nextInNeed(): Waiter | undefined {
    if (expected() >= waiters.size) return undefined;
    return waiters.at(forChecks, true) ?? waiters.at(expected() - forChecks, false);
  }

  function withdrawAll(): void {
    for (const wish of [...wishes]) withdraw(wish);
  }

  return {
    connecting: () => connecting,
    isNone: () => expected() === 0,
    match() {
      trim("findLast");
      if (!mayOpen()) return;
      while (held() + expected() < options.most()) {
        const waiter = nextInNeed();
        if (waiter === undefined) return;
        if (budget.take(instance, waiter.healthCheck)) start(waiter.healthCheck);
        else wishFor(waiter);
      }
    },
    fill() {
      while (mayOpen() && live() + connecting < settings.minSize && budget.take(instance, false))
        start(false);
    },
    served: () => trim("find"),
    withdraw: withdrawAll,
    close() {
      closed = true;
      withdrawAll();
    },
  };
}
