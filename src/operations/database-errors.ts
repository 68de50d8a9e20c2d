import { type ErrorKind, ServiceError } from "../errors.ts";
import { sqlstateOf } from "../postgres/sqlstate.ts";

/** Failures of PostgreSQL that mean more than "a statement failed", by SQLSTATE or its class. */
const kinds: Readonly<Record<string, ErrorKind>> = {
  "42501": "conflict", // the admin may not do it: a matter of the database's state, not of the caller's rights
  "2BP01": "conflict",
  "0LP01": "conflict",
  "42P06": "conflict",
  "42710": "conflict",
  "57014": "timeout",
  "55P03": "unavailable",
};

const kindsByClass: Readonly<Record<string, ErrorKind>> = {
  "08": "unavailable",
  "53": "unavailable",
  "57": "unavailable",
};

const retryAfterS = 2;

/**
 * What a failed statement means to the caller. The server's message stays in `cause`: it may quote data. Errors that
 * are ServiceErrors already, or that did not come from the server, pass through.
 */
export function databaseError(
  error: unknown,
  during: string,
  details: Record<string, unknown> = {},
): unknown {
  const state = sqlstateOf(error);
  if (error instanceof ServiceError || state === undefined) return error;
  const kind = kinds[state] ?? kindsByClass[state.slice(0, 2)] ?? "database_error";
  return new ServiceError(kind, `PostgreSQL refused: ${during} (SQLSTATE ${state}).`, {
    cause: error,
    details: { sqlstate: state, ...details },
    ...(kind === "unavailable" ? { retryAfterS } : {}),
  });
}
