import type { Target } from "../domain/target.ts";
import type { Breaker } from "./breaker.ts";
import type { Budget } from "./budget.ts";
import type { Clock } from "./clock.ts";
import type { ConnectFailure } from "./connect-failure.ts";
import type { Connection } from "./connection.ts";
import type { Opened, OpenRequest } from "./open-connection.ts";
import type { PoolSettings } from "./pool-settings.ts";
import type { Waiters } from "./waiters.ts";

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
  withdrawOldest(): void;
  withdraw(): void;
  /** Withdraws the wishes, and opens nothing from now on. */
  close(): void;
}

export function createOpenings(options: OpeningsOptions): Openings {
  const { target, instance, settings, clock, budget, breaker, waiters, live, held } = options;
  /** Each wish by its withdrawal, oldest first. */
  const wishes: (() => void)[] = [];
  let connecting = 0;
  let closed = false;

  const mayOpen = () => !closed && !options.paused() && breaker.refusedForMs() === 0;

  function wishFor(since: number, healthCheck: boolean): void {
    const grant = () => {
      wishes.splice(wishes.indexOf(withdraw), 1);
      start();
    };
    const withdraw = budget.await({ instance, since, healthCheck, grant, held: () => live() + connecting });
    wishes.push(withdraw);
  }

  function isWanted(): boolean {
    if (options.paused() || budget.overdrawn(instance)) return false;
    return waiters.size > 0 || live() + connecting <= settings.minSize;
  }

  /** The slot is taken already. */
  function start(): void {
    connecting += 1;
    const deadline = clock.now() + settings.connectionTimeoutMs;
    void options.open({ target, deadline, wanted: isWanted }).then((opened) => {
      connecting -= 1;
      if ("connection" in opened) options.onOpened(opened.connection);
      else options.onFailed(opened.failure);
    });
  }

  function withdraw(): void {
    for (const each of wishes.splice(0)) each();
  }

  return {
    connecting: () => connecting,
    isNone: () => connecting === 0 && wishes.length === 0,
    match() {
      while (wishes.length > 0 && connecting + wishes.length > waiters.size) wishes.pop()?.();
      if (!mayOpen()) return;
      while (held() + connecting + wishes.length < options.most()) {
        const waiter = waiters.at(connecting + wishes.length);
        if (waiter === undefined) return;
        if (budget.take(instance, waiter.healthCheck)) start();
        else wishFor(waiter.since, waiter.healthCheck);
      }
    },
    fill() {
      while (mayOpen() && live() + connecting < settings.minSize && budget.take(instance, false)) start();
    },
    withdrawOldest() {
      wishes.shift()?.();
    },
    withdraw,
    close() {
      closed = true;
      withdraw();
    },
  };
}
