import type { Target } from "../domain/target.ts";
import type { Clock } from "./clock.ts";
import { connect } from "./connect.ts";
import { readConnectFailure } from "./connect-failure.ts";
import type { InstanceAccess } from "./instance-access.ts";
import type { PoolSettings } from "./pool-settings.ts";
import { retire } from "./retire.ts";
import { sqlstate, sqlstateOf } from "./sqlstate.ts";

export interface Login {
  readonly user: string;
  readonly password: string;
  /** Gives up at once. */
  readonly signal: AbortSignal;
}

export interface LoginMeans {
  readonly access: InstanceAccess;
  readonly settings: PoolSettings;
  readonly clock: Clock;
}

/**
 * Whether the server takes the password, by a connection that is opened for it and closed again. Rejects with a
 * ServiceError when that cannot be told, since the server was not to be had, or refused for another reason.
 */
export async function tryLogin(
  { access, settings, clock }: LoginMeans,
  target: Target,
  { user, password, signal }: Login,
): Promise<boolean> {
  const own = { ...settings, adminUser: user };
  const timeoutMs = settings.connectionTimeoutMs;
  try {
    const connection = await connect({
      ...{ access, clock, target, password, signal, timeoutMs },
      settings: own,
      begunAt: clock.now(),
    });
    await retire(connection, clock, access);
    return true;
  } catch (cause) {
    const state = sqlstateOf(cause);
    if (state === sqlstate.invalidPassword) return false;
    // Refused after the password was taken: the user may not connect to this database.
    if (state === sqlstate.insufficientPrivilege) return true;
    throw readConnectFailure(cause, target, user).error;
  }
}
