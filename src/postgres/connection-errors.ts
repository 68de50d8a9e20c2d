import { ServiceError } from "../errors.ts";
import { sqlstateOf } from "./sqlstate.ts";

/** Why the service itself ends a connection under its borrower. */
export type EndReason = "connection_killed" | "shutting_down";

/** What a statement comes to when its connection fails. */
export function connectionLost(cause: Error, when: "before" | "during"): ServiceError {
  const state = sqlstateOf(cause);
  const message =
    when === "before"
      ? "The connection to the database was lost before the statement could be sent."
      : "The connection to the database was lost while a statement ran; it is not known whether it took effect.";
  return new ServiceError("unavailable", message, {
    cause,
    retryAfterS: 1,
    details: { reason: "connection_lost", ...(state === undefined ? {} : { sqlstate: state }) },
  });
}

const endReasons: Readonly<Record<EndReason, string>> = {
  connection_killed: "The connection to the database was ended by an operator",
  shutting_down: "The service is shutting down and ended the connection to the database",
};

/** What a statement comes to when the service itself ended its connection. */
export function connectionEnded(
  reason: EndReason,
  when: "before" | "during",
  cause: Error | undefined,
): ServiceError {
  const what =
    when === "before"
      ? "before the statement could be sent."
      : "while a statement ran; it is not known whether it took effect.";
  return new ServiceError("unavailable", `${endReasons[reason]} ${what}`, {
    cause,
    retryAfterS: 1,
    details: { reason },
  });
}
