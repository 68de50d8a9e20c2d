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
  return new OpeningsOfPool(options);
}

/** A class, since there is one for each database in use: as an object of closures it takes three times as much. */
class OpeningsOfPool implements Openings {
  readonly #options: OpeningsOptions;
  /** Oldest first. */
  readonly #wishes: PendingWish[] = [];
  #connecting = 0;
  /** Those of the openings, wishes included, that were begun for a health check. */
  #forChecks = 0;
  #closed = false;

  constructor(options: OpeningsOptions) {
    this.#options = options;
  }

  connecting(): number {
    return this.#connecting;
  }

  isNone(): boolean {
    return this.#expected() === 0;
  }

  match(): void {
    this.#trim("findLast");
    if (!this.#mayOpen()) return;
    const { budget, instance, held, most } = this.#options;
    while (held() + this.#expected() < most()) {
      const waiter = this.#nextInNeed();
      if (waiter === undefined) return;
      if (budget.take(instance, waiter.healthCheck)) this.#start(waiter.healthCheck);
      else this.#wishFor(waiter);
    }
  }

  fill(): void {
    const { budget, instance, settings } = this.#options;
    while (this.#mayOpen() && this.#present() < settings.minSize && budget.take(instance, false))
      this.#start(false);
  }

  served(): void {
    this.#trim("find");
  }

  withdraw(): void {
    for (const wish of [...this.#wishes]) this.#withdrawOne(wish);
  }

  close(): void {
    this.#closed = true;
    this.withdraw();
  }

  #mayOpen(): boolean {
    return !this.#closed && !this.#options.paused() && this.#options.breaker.refusedForMs() === 0;
  }

  #expected(): number {
    return this.#connecting + this.#wishes.length;
  }

  #present(): number {
    return this.#options.live() + this.#connecting;
  }

  #forget(wish: PendingWish): void {
    this.#wishes.splice(this.#wishes.indexOf(wish), 1);
    if (wish.healthCheck) this.#forChecks -= 1;
  }

  #wishFor({ since, healthCheck }: Waiter): void {
    const { budget, instance } = this.#options;
    const grant = () => {
      this.#forget(wish);
      this.#start(healthCheck);
    };
    const granted = budget.await({ instance, since, healthCheck, grant, held: () => this.#present() });
    const wish = { healthCheck, withdraw: granted };
    this.#wishes.push(wish);
    if (healthCheck) this.#forChecks += 1;
  }

  #isWanted(): boolean {
    const { budget, instance, waiters, settings, paused } = this.#options;
    if (paused() || budget.overdrawn(instance)) return false;
    return waiters.size > 0 || this.#present() <= settings.minSize;
  }

  /** The slot is taken already. */
  #start(healthCheck: boolean): void {
    const { clock, settings, target, open, onOpened, onFailed } = this.#options;
    this.#connecting += 1;
    if (healthCheck) this.#forChecks += 1;
    const deadline = clock.now() + settings.connectionTimeoutMs;
    void open({ target, deadline, wanted: () => this.#isWanted() }).then((opened) => {
      this.#connecting -= 1;
      if (healthCheck) this.#forChecks -= 1;
      if ("connection" in opened) onOpened(opened.connection);
      else onFailed(opened.failure);
    });
  }

  #withdrawOne(wish: PendingWish): void {
    this.#forget(wish);
    wish.withdraw();
  }

  /** A wish that nobody is behind any more. Those of health checks count by themselves. */
  #findSurplus(which: "find" | "findLast"): PendingWish | undefined {
    const { waiters } = this.#options;
    const forCheck = this.#wishes[which]((wish) => wish.healthCheck);
    if (forCheck !== undefined && this.#forChecks > waiters.healthChecks) return forCheck;
    if (this.#expected() <= waiters.size) return undefined;
    return this.#wishes[which]((wish) => !wish.healthCheck) ?? forCheck;
  }

  #trim(which: "find" | "findLast"): void {
    for (;;) {
      const wish = this.#findSurplus(which);
      if (wish === undefined) return;
      this.#withdrawOne(wish);
    }
  }

  /** Health checks first: each has an opening of its own, which may use what is kept back for them. */
  #nextInNeed(): Waiter | undefined {
    const { waiters } = this.#options;
    const expected = this.#expected();
    if (expected >= waiters.size) return undefined;
    return waiters.at(this.#forChecks, true) ?? waiters.at(expected - this.#forChecks, false);
  }
}
