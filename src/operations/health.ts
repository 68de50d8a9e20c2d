import {
  type DatabaseReading,
  describeDuration,
  findHealthWarnings,
  healthLimits,
} from "../domain/database-health.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { readDatabaseHealth, readDatabaseSize } from "../postgres/reads/health.ts";
import type { Session } from "../postgres/session.ts";
import { sqlstateOf } from "../postgres/sqlstate.ts";
import type { Call, Context } from "./context.ts";

export interface DatabaseHealth {
  readonly status: "healthy" | "degraded" | "unhealthy";
  /** To borrow a connection and get a first answer on it. */
  readonly connectionTimeMs: number;
  /** What could be read: null is for what was not, in an `unhealthy` database only. */
  readonly info: {
    readonly version: string;
    readonly versionNum: number;
    /** Seconds since the server started. */
    readonly uptimeSeconds: number | null;
    /** For people, such as "5 days, 12 hours". */
    readonly uptime: string | null;
    /** Sessions of the whole instance that run a statement, this one included. */
    readonly activeConnections: number | null;
    /** Sessions of the whole instance. */
    readonly totalConnections: number | null;
    readonly maxConnections: number | null;
    readonly databaseSizeBytes: number | null;
    readonly inRecovery: boolean | null;
  };
  readonly warnings: readonly string[];
}

/** What is known so far; filled while the checks run. */
interface Findings {
  versionNum?: number;
  connectionTimeMs?: number;
  reading?: DatabaseReading;
  databaseSizeBytes?: number;
}

/**
 * Connects and looks around; everything together is bounded by HEALTH_CHECK_TIMEOUT. A database that cannot be
 * reached is an error, as for every operation (`timeout` when it took too long). One that can be reached but then
 * fails a check, or does not finish in time, is `unhealthy`; one with warnings is `degraded`.
 */
export async function checkDatabaseHealth(
  context: Context,
  call: Call,
  target: Target,
): Promise<DatabaseHealth> {
  const limitMs = context.settings.healthCheckTimeoutMs;
  const startedAt = performance.now();
  const findings: Findings = {};
  const timeUp = new AbortController();
  const signal = AbortSignal.any([call.signal, timeUp.signal]);
  const checks = context.pools.withSession(
    target,
    { operation: call.operation, signal, healthCheck: true },
    (session) => runChecks(session, { findings, startedAt, limitMs }),
  );
  const failure = await settledWithin(checks, limitMs);
  timeUp.abort();
  if (findings.versionNum === undefined) throw connectFailure(failure, limitMs);
  if (failure !== undefined) call.log.warning("the health check failed", { error: failure, limitMs });
  return toDatabaseHealth(findings, failure, { limitMs, elapsedMs: performance.now() - startedAt });
}

async function runChecks(
  session: Session,
  { findings, startedAt, limitMs }: { findings: Findings; startedAt: number; limitMs: number },
): Promise<void> {
  findings.versionNum = session.versionNum;
  await session.query("BEGIN READ ONLY", [], { read: true });
  findings.connectionTimeMs = performance.now() - startedAt;
  // The server gives up when we do, so that a slow check does not keep the connection. All of it ends with the
  // transaction, so that the session needs no cleaning (and it does when the transaction stays open).
  const remainingMs = Math.max(1, Math.ceil(limitMs - findings.connectionTimeMs));
  await session.query(`SET LOCAL statement_timeout = ${remainingMs}`, [], {
    ...{ read: true, raisesTimeoutToMs: remainingMs },
  });
  findings.reading = await readDatabaseHealth(session, healthLimits);
  findings.databaseSizeBytes = await readDatabaseSize(session);
  await session.query("COMMIT", [], { read: true });
}

const tookTooLong = new ServiceError("timeout", "The health check took too long.");

/** Why it failed: the error, `tookTooLong`, or undefined when it did not. Never rejects, even later. */
async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<unknown> {
  const { promise: limit, resolve } = Promise.withResolvers<ServiceError>();
  const timer = setTimeout(() => resolve(tookTooLong), limitMs);
  const settled = promise.then(
    () => undefined,
    (error: unknown) => error ?? new Error("rejected with nothing"),
  );
  try {
    return await Promise.race([settled, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function connectFailure(failure: unknown, limitMs: number): unknown {
  if (failure !== tookTooLong) return failure;
  return new ServiceError("timeout", `No connection to the database within ${limitMs / 1000} seconds.`);
}

function toDatabaseHealth(
  findings: Findings,
  failure: unknown,
  { limitMs, elapsedMs }: { limitMs: number; elapsedMs: number },
): DatabaseHealth {
  const { reading, versionNum = 0 } = findings;
  const warnings = reading === undefined ? [] : findHealthWarnings(reading);
  if (failure !== undefined) warnings.unshift(describeFailure(failure, limitMs));
  const status = failure !== undefined ? "unhealthy" : warnings.length > 0 ? "degraded" : "healthy";
  return {
    status,
    connectionTimeMs: findings.connectionTimeMs ?? elapsedMs,
    info: {
      version: reading?.version ?? `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`,
      versionNum,
      uptimeSeconds: reading?.uptimeSeconds ?? null,
      uptime: reading === undefined ? null : describeDuration(reading.uptimeSeconds),
      activeConnections: reading?.activeConnections ?? null,
      totalConnections: reading?.totalConnections ?? null,
      maxConnections: reading?.maxConnections ?? null,
      databaseSizeBytes: findings.databaseSizeBytes ?? null,
      inRecovery: reading?.inRecovery ?? null,
    },
    warnings,
  };
}

/** In words; rethrows what is neither the server's doing nor the connection's. */
function describeFailure(failure: unknown, limitMs: number): string {
  const sqlstate = sqlstateOf(failure);
  if (failure === tookTooLong || sqlstate === "57014") {
    return `The checks did not finish within ${limitMs / 1000} seconds`;
  }
  if (sqlstate !== undefined) return `A check failed with SQLSTATE ${sqlstate}`;
  if (failure instanceof ServiceError) return "The connection was lost during the checks";
  throw failure;
}
