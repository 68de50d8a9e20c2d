import { connectionName, type Target } from "../domain/target.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "./backoff.ts";
import type { Attempt, Breaker } from "./breaker.ts";
import { type Clock, pause, unlessAborted } from "./clock.ts";
import { connect } from "./connect.ts";
import { type ConnectFailure, PasswordUnread, readConnectFailure, readRefusal } from "./connect-failure.ts";
import type { Connection } from "./connection.ts";
import type { AdminPasswords, InstanceAccess } from "./instance-access.ts";
import type { PoolSettings } from "./pool-settings.ts";
import { sqlstate, sqlstateOf } from "./sqlstate.ts";

export interface Opener {
  readonly access: InstanceAccess;
  readonly passwords: AdminPasswords;
  readonly settings: PoolSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly breaker: Breaker;
  /** Whether the instance's pools hold any connection. */
  readonly holdsConnections: () => boolean;
  /** Told of every failed attempt. */
  readonly onFailure: (failure: ConnectFailure) => void;
}

export interface OpenRequest {
  readonly target: Target;
  /** On the clock. */
  readonly deadline: number;
  /** Aborts when the pools close. */
  readonly signal: AbortSignal;
  /** Whether a further attempt is worth it. */
  readonly wanted: () => boolean;
}

export type Opened = { readonly connection: Connection } | { readonly failure: ConnectFailure };

/** The least time that an attempt gets, where the deadline leaves that much. */
const leastAttemptMs = 1_000;
/**
 * The server answers, and what keeps it from letting us in is about to pass: a secret in rotation, a server that starts
 * after a restart or a failover. An instance that does not answer at all is left alone for the breaker's whole time.
 */
const defaultRecoveryMs = 5_000;

const passingRefusals: ReadonlySet<string | undefined> = new Set([
  sqlstate.invalidPassword,
  sqlstate.invalidAuthorization,
  sqlstate.cannotConnectNow,
]);

/**
 * Opens a connection, with retries (exponential backoff, full jitter) inside the deadline. A refused password is
 * read again, once. Every attempt is admitted and judged by the instance's breaker. Never rejects.
 */
export async function openConnection(opener: Opener, request: OpenRequest): Promise<Opened> {
  try {
    return await keepTrying(opener, request);
  } catch (error) {
    return { failure: readConnectFailure(error, request.target, opener.settings.adminUser) };
  }
}

async function keepTrying(opener: Opener, request: OpenRequest): Promise<Opened> {
  const { clock, settings, breaker } = opener;
  let opened: Opened | undefined;
  for (let made = 1; ; made++) {
    const attempt = breaker.admit();
    if (typeof attempt === "number") return opened ?? { failure: readRefusal(request.target, attempt) };
    const attemptsLeft = Math.max(1, settings.retryAttempts - made + 1);
    opened = await attemptToOpen(opener, request, attempt, attemptsLeft);
    if ("connection" in opened) return opened;
    const delayMs = backoffMs(made, clock);
    if (!opened.failure.retryable || attemptsLeft === 1) return opened;
    if (clock.now() + delayMs >= request.deadline || !request.wanted()) return opened;
    await pause(clock, delayMs, request.signal);
    if (request.signal.aborted || !request.wanted()) return opened;
  }
}

async function attemptToOpen(
  opener: Opener,
  request: OpenRequest,
  attempt: Attempt,
  attemptsLeft: number,
): Promise<Opened> {
  try {
    const connection = await connectWithPassword(opener, request, attemptsLeft);
    attempt.succeeded();
    return { connection };
  } catch (cause) {
    const failure = readConnectFailure(cause, request.target, opener.settings.adminUser);
    if (request.signal.aborted) attempt.undecided();
    else judge(opener, request.target, attempt, failure);
    return { failure };
  }
}

/** Tells the instance's breaker, and whoever has to know, that an attempt failed. */
export function judge(opener: Opener, target: Target, attempt: Attempt, failure: ConnectFailure): void {
  tellBreaker(opener, attempt, failure);
  if (failure.suspectsMetadata) opener.access.refresh(target);
  opener.log.debug("connecting failed", {
    instance: connectionName(target),
    database: target.database,
    reason: failure.error.message,
    sqlstate: failure.sqlstate,
  });
  opener.onFailure(failure);
}

function tellBreaker(
  { holdsConnections, settings }: Opener,
  attempt: Attempt,
  failure: ConnectFailure,
): void {
  const isOurOwnDoing = failure.sqlstate === sqlstate.tooManyConnections && holdsConnections();
  if (passingRefusals.has(failure.sqlstate)) attempt.failed(settings.breakerRecoveryMs ?? defaultRecoveryMs);
  else if (isOurOwnDoing) attempt.undecided();
  else if (failure.blamesInstance) attempt.failed();
  else if (failure.sqlstate === undefined) attempt.undecided();
  else attempt.succeeded();
}

async function connectWithPassword(opener: Opener, request: OpenRequest, attemptsLeft: number) {
  const { passwords, clock } = opener;
  const { target, signal, deadline } = request;
  const startedAt = clock.now();
  const budgetMs = attemptBudgetMs(deadline - startedAt, attemptsLeft);
  // What reading the password took is not the instance's fault: it has its time to answer all the same.
  const connectBy = (password: string) => {
    const now = clock.now();
    const timeoutMs = Math.max(budgetMs - (now - startedAt), attemptBudgetMs(deadline - now, attemptsLeft));
    return connect({ ...opener, target, signal, password, timeoutMs, begunAt: startedAt });
  };
  const readPassword = async () => {
    const read = await unlessAborted(passwords.read(target), signal).catch((cause) => {
      throw new PasswordUnread("the password could not be read", { cause });
    });
    if (clock.now() >= deadline) throw new PasswordUnread("reading the password took all the time there was");
    return read;
  };
  const password = await readPassword();
  const tried = await orRefusal(connectBy(password));
  if ("connection" in tried) return tried.connection;
  passwords.forget(target, password);
  const fresh = await readPassword();
  let refusal = tried.refusal;
  if (fresh !== password) {
    const second = await orRefusal(connectBy(fresh));
    if ("connection" in second) return second.connection;
    passwords.forget(target, fresh);
    refusal = second.refusal;
  }
  if (passwords.readPrevious === undefined) throw refusal;
  // One that cannot be read may just have been disabled, at the end of a rotation: then the server knows the latest.
  const reading = passwords.readPrevious(target).catch((): typeof unreadable => unreadable);
  const previous = await unlessAborted(reading, signal);
  if (previous === undefined || previous === fresh) throw refusal;
  return connectInRotation({ previous, fresh, connectBy, refusal }, opener, target);
}

const unreadable: unique symbol = Symbol();

interface Rotating {
  readonly previous: string | typeof unreadable;
  readonly fresh: string;
  readonly connectBy: (password: string) => Promise<Connection>;
  readonly refusal: unknown;
}

/** The latest version of the secret is stored before the server knows it: until then it takes the one before. */
async function connectInRotation(
  { previous, fresh, connectBy, refusal }: Rotating,
  opener: Opener,
  target: Target,
): Promise<Connection> {
  const third = previous === unreadable ? undefined : await orRefusal(connectBy(previous));
  if (third !== undefined && "connection" in third) {
    opener.log.info("the server does not take the latest version of the secret, but the one before", {
      instance: connectionName(target),
    });
    return third.connection;
  }
  // The server may have learnt the latest one in between.
  const last = await orRefusal(connectBy(fresh));
  if ("connection" in last) return last.connection;
  throw refusal;
}

/** Rejects with any failure but a refused password. */
async function orRefusal(
  connecting: Promise<Connection>,
): Promise<{ readonly connection: Connection } | { readonly refusal: unknown }> {
  try {
    return { connection: await connecting };
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.invalidPassword) throw error;
    return { refusal: error };
  }
}

/** An attempt gets its share of what is left, so that one that hangs leaves time for another. */
export function attemptBudgetMs(remainingMs: number, attemptsLeft: number): number {
  return Math.max(Math.min(leastAttemptMs, remainingMs), remainingMs / attemptsLeft);
}
