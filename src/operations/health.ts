import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";

export interface DatabaseHealth {
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly connectionTimeMs: number;
  readonly info: {
    readonly version: string;
    readonly versionNum: number;
    /** Seconds since the server started. */
    readonly uptimeSeconds: number;
    /** For people, such as "5 days, 12 hours". */
    readonly uptime: string;
    readonly activeConnections: number;
    readonly totalConnections: number;
    readonly maxConnections: number;
    readonly databaseSizeBytes: number;
    readonly inRecovery: boolean;
  };
  readonly warnings: readonly string[];
}

/** Connects and looks around; bounded by HEALTH_CHECK_TIMEOUT. */
export async function checkDatabaseHealth(
  _context: Context,
  _call: Call,
  _target: Target,
): Promise<DatabaseHealth> {
  throw new Error("to come");
}
