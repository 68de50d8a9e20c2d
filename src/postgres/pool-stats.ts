import { ServiceError } from "../errors.ts";
import { sqlstateOf } from "./sqlstate.ts";

/** What a database's pool did so far; outlives the pool. Times in milliseconds. */
export interface PoolStats {
  requests: number;
  waitMs: number;
  /** How long connections were lent. */
  queryMs: number;
  errors: number;
}

export function createPoolStats(): PoolStats {
  return { requests: 0, waitMs: 0, queryMs: 0, errors: 0 };
}

const faultKinds: ReadonlySet<string> = new Set(["unavailable", "timeout", "database_error"]);

/** Whether it is the database's fault or the connection's, rather than an answer such as "no such schema". */
export function isDatabaseFault(error: unknown): boolean {
  if (error instanceof ServiceError) return faultKinds.has(error.kind) || isAboutInstance(error);
  return sqlstateOf(error) !== undefined;
}

function isAboutInstance({ kind, details }: ServiceError): boolean {
  return kind === "not_found" && ["instance", "database", "secret"].includes(String(details.resource));
}
