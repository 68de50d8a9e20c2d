import type { Target } from "../domain/target.ts";
import type { ServiceError } from "../errors.ts";
import type { Attempt } from "./breaker.ts";
import type { Budget } from "./budget.ts";
import { unlessAborted } from "./clock.ts";
import { connect } from "./connect.ts";
import { readConnectFailure, readRefusal } from "./connect-failure.ts";
import { judge, type Opener } from "./open-connection.ts";
import { retire, untilGone } from "./retire.ts";
import { explainShortage } from "./shortage.ts";
import { sqlstate, sqlstateOf } from "./sqlstate.ts";
import { abandoned } from "./waiters.ts";

export interface Login {
  readonly user: string;
  readonly password: string;
  /** Gives up at once. */
  readonly signal: AbortSignal;
}

export interface LoginMeans {
  readonly opener: Opener;
  readonly budget: Budget;
  /** The key of the instance in the budget. */
  readonly instance: string;
}

/**
 * Whether the server takes the password, by a connection that is opened for it and closed again. It takes a slot of
 * the budget, that of health checks where no other is left. Rejects with a ServiceError when it cannot be told, since the
 * server was not to be had, or refused for another reason.
 */
export async function tryLogin(means: LoginMeans, target: Target, login: Login): Promise<boolean> {
  const { opener, budget, instance } = means;
  const { clock, breaker, access } = opener;
  const deadline = clock.now() + opener.settings.connectionTimeoutMs;
  await takeSlot(means, target, login.signal);
  let from: "connecting" | "closing" = "connecting";
  try {
    const attempt = breaker.admit();
    if (typeof attempt === "number") throw readRefusal(target, attempt).error;
    const connection = await open(opener, target, attempt, login, Math.max(1, deadline - clock.now()));
    if (!("end" in connection)) return connection.taken;
    budget.connected(instance);
    budget.closing(instance);
    from = "closing";
    await retire(connection, clock, access);
    await untilGone(connection, clock, access);
    return true;
  } finally {
    budget.release(instance, from);
  }
}

/** The connection, or what a refusal says of the password. The breaker is told what the attempt says of the instance. */
async function open(
  opener: Opener,
  target: Target,
  attempt: Attempt,
  { user, password, signal }: Login,
  timeoutMs: number,
) {
  const { access, clock } = opener;
  const settings = { ...opener.settings, adminUser: user };
  try {
    const connection = await connect({
      ...{ access, clock, target, password, signal, timeoutMs, settings },
      begunAt: clock.now(),
    });
    attempt.succeeded();
    return connection;
  } catch (cause) {
    const state = sqlstateOf(cause);
    const failure = readConnectFailure(cause, target, user);
    // What a user may do says nothing of the instance, nor of how the admin fares.
    if (signal.aborted || aboutUser.has(state)) attempt.undecided();
    else judge(opener, target, attempt, failure);
    if (state === sqlstate.invalidPassword) return { taken: false };
    // Refused after the password was taken: the user may not connect to this database.
    if (state === sqlstate.insufficientPrivilege) return { taken: true };
    throw failure.error;
  }
}

const aboutUser: ReadonlySet<string | undefined> = new Set([
  sqlstate.invalidPassword,
  sqlstate.invalidAuthorization,
  sqlstate.insufficientPrivilege,
]);

async function takeSlot(
  { opener, budget, instance }: LoginMeans,
  target: Target,
  signal: AbortSignal,
): Promise<void> {
  const { clock, settings, breaker } = opener;
  if (signal.aborted) throw abandoned(signal);
  if (budget.take(instance, true)) return;
  const timeoutMs = settings.connectionTimeoutMs;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let granted = false;
  const grant = (): void => {
    granted = true;
    resolve();
  };
  const since = clock.now();
  const withdraw = budget.await({ instance, since, healthCheck: true, held: () => 0, grant });
  const shortage = (): ServiceError =>
    explainShortage({
      ...{ target, timeoutMs, live: 0, connecting: 0, paused: false },
      ...{ refusedForMs: breaker.refusedForMs(), failure: undefined },
    });
  const cancelTimer = clock.after(timeoutMs, () => reject(shortage()));
  try {
    await unlessAborted(promise, signal);
  } catch (error) {
    if (granted) budget.release(instance, "connecting");
    else withdraw();
    throw signal.aborted ? abandoned(signal) : error;
  } finally {
    cancelTimer();
  }
}
