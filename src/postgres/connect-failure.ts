import { connectionName, type Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { ConnectTimeout } from "./connect.ts";
import { retryableOnConnect, sqlstate, sqlstateOf } from "./sqlstate.ts";

/** Why a connection could not be opened, and what follows from it. */
export interface ConnectFailure {
  /** For the borrowers. */
  readonly error: ServiceError;
  readonly sqlstate: string | undefined;
  /** The same attempt may succeed a moment later. */
  readonly retryable: boolean;
  /** The instance is at fault, rather than what was asked of it: its breaker counts it. */
  readonly blamesInstance: boolean;
  /** Old metadata (an address, a certificate) would explain it. */
  readonly suspectsMetadata: boolean;
}

/** The admin's password could not be read; the `cause` says why. */
export class PasswordUnread extends Error {
  override readonly name = "PasswordUnread";
}

/** What a failed attempt to connect means. */
export function readConnectFailure(cause: unknown, target: Target, user: string): ConnectFailure {
  const state = sqlstateOf(cause);
  if (state !== undefined) return refusedByServer(cause, state, target, user);
  if (cause instanceof PasswordUnread) return passwordUnread(cause.cause);
  if (cause instanceof ServiceError) {
    // Whoever reports in this form has made its own further attempts; what took too long may still be on its way.
    const retryable = cause.kind === "timeout";
    const error = withoutTimeout(cause);
    const blamesInstance = error.kind === "unavailable";
    return { error, sqlstate: undefined, retryable, blamesInstance, suspectsMetadata: false };
  }
  const what = cause instanceof ConnectTimeout ? "did not answer in time" : "could not be reached";
  return {
    error: unavailable(`The instance ${connectionName(target)} ${what}.`, cause),
    sqlstate: undefined,
    retryable: true,
    blamesInstance: true,
    suspectsMetadata: true,
  };
}

function passwordUnread(cause: unknown): ConnectFailure {
  const error =
    cause instanceof ServiceError
      ? withoutTimeout(cause)
      : unavailable("The admin's password could not be read.", cause);
  return { error, sqlstate: undefined, retryable: false, blamesInstance: false, suspectsMetadata: false };
}

/** Whoever waited for a connection in vain is told that there is none for now, whichever part took too long. */
function withoutTimeout(error: ServiceError): ServiceError {
  if (error.kind !== "timeout") return error;
  const { message, details, retryAfterS = 5 } = error;
  return new ServiceError("unavailable", message, { cause: error, details, retryAfterS });
}

/** The breaker of the instance is open: nothing was tried. */
export function readRefusal(target: Target, refusedForMs: number): ConnectFailure {
  const message = `The instance ${connectionName(target)} failed several times in a row; no attempt is made for now.`;
  const retryAfterS = Math.max(1, Math.ceil(refusedForMs / 1_000));
  return {
    error: new ServiceError("unavailable", message, { retryAfterS, details: { reason: "breaker_open" } }),
    sqlstate: undefined,
    retryable: false,
    blamesInstance: false,
    suspectsMetadata: false,
  };
}

function refusedByServer(cause: unknown, state: string, target: Target, user: string): ConnectFailure {
  const name = connectionName(target);
  const failure = { sqlstate: state, retryable: false, blamesInstance: true, suspectsMetadata: false };
  switch (state) {
    case sqlstate.undefinedDatabase:
      return {
        ...failure,
        blamesInstance: false,
        error: notFound("database", `The database ${target.database} does not exist on ${name}.`, {
          database_name: target.database,
        }),
      };
    case sqlstate.invalidPassword:
      return {
        ...failure,
        error: unavailable(
          `The instance ${name} refused the password of ${user}: the secret does not match.`,
          cause,
        ),
      };
    case sqlstate.invalidAuthorization:
      return {
        ...failure,
        error: unavailable(
          `The instance ${name} refuses password logins of ${user}. The likely cause is that ${user} was made a ` +
            "member of an IAM role and was left so, which turns its login into an IAM login. Revoke that membership.",
          cause,
        ),
      };
    case sqlstate.tooManyConnections:
      return {
        ...failure,
        retryable: true,
        error: unavailable(`The instance ${name} has no connection to spare.`, cause),
      };
    default:
      return refusedOtherwise(cause, state, target);
  }
}

function refusedOtherwise(cause: unknown, state: string, target: Target): ConnectFailure {
  const name = connectionName(target);
  if (retryableOnConnect.has(state)) {
    const error = unavailable(`The instance ${name} does not accept connections at the moment.`, cause);
    return { error, sqlstate: state, retryable: true, blamesInstance: true, suspectsMetadata: true };
  }
  const error = new ServiceError(
    "database_error",
    `The database ${target.database} on ${name} refused the connection (SQLSTATE ${state}).`,
    { cause, details: { sqlstate: state } },
  );
  return { error, sqlstate: state, retryable: false, blamesInstance: false, suspectsMetadata: false };
}

function unavailable(message: string, cause: unknown): ServiceError {
  const state = sqlstateOf(cause);
  return new ServiceError("unavailable", message, {
    cause,
    retryAfterS: 5,
    details: state === undefined ? {} : { sqlstate: state },
  });
}
