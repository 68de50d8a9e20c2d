import { connectionName, type Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { readRefusal } from "./connect-failure.ts";

export interface Shortage {
  readonly target: Target;
  readonly timeoutMs: number;
  /** Connections that the pool has. */
  readonly live: number;
  /** Connections that it is opening. */
  readonly connecting: number;
  readonly paused: boolean;
  /** For how long the breaker lets nobody connect; 0 when it does. */
  readonly refusedForMs: number;
  /** Why connecting failed while the borrower waited. */
  readonly failure: ServiceError | undefined;
}

/** What a borrower is told that got no connection in time. */
export function explainShortage({
  target,
  timeoutMs,
  live,
  connecting,
  paused,
  refusedForMs,
  failure,
}: Shortage): ServiceError {
  if (paused) return pausedFor(target, timeoutMs);
  if (refusedForMs > 0 && live === 0 && connecting === 0) return readRefusal(target, refusedForMs).error;
  const [reason, why] =
    live > 0
      ? ["connections_in_use", "All are in use."]
      : connecting > 0
        ? ["no_answer", "The instance did not answer in time."]
        : ["budget_spent", "Other databases use all that the instance may have."];
  const where = `${target.database} on ${connectionName(target)}`;
  return new ServiceError(
    "unavailable",
    `No connection to ${where} within ${timeoutMs / 1_000} s. ${failure?.message ?? why}`,
    { cause: failure, retryAfterS: failure?.retryAfterS ?? 1, details: failure?.details ?? { reason } },
  );
}

function pausedFor(target: Target, timeoutMs: number): ServiceError {
  const where = `${target.database} on ${connectionName(target)}`;
  return new ServiceError("unavailable", `${where} is paused, and was for ${timeoutMs / 1_000} s.`, {
    retryAfterS: 5,
    details: { reason: "paused" },
  });
}
