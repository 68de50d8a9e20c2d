import { accessWarnings } from "../../operations/access-sweep.ts";
import type { PoolTotals } from "../../postgres/session.ts";
import { poolFields, utilizationOf } from "../pool-fields.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

export function healthHandlers({
  context,
  operations,
  service,
  access,
  now,
}: HandlerContext): Pick<Handlers, "getServiceHealth" | "checkDatabaseHealth"> {
  const startedAt = now();
  return {
    async getServiceHealth() {
      const totals = context.pools.totals();
      const greatest = Math.max(utilizationOf(totals), utilizationOf(totals.mostUsed));
      const status = totals.waiting > 0 && greatest >= 0.9 ? "degraded" : "healthy";
      return {
        message: `The service is ${status}`,
        status,
        service: service.name,
        version: service.version,
        timestamp: new Date(now()).toISOString(),
        uptime_seconds: Math.max(0, now() - startedAt) / 1000,
        pools: poolFields(totals),
        warnings: [...poolWarnings(totals), ...access.warnings(), ...accessWarnings(context)],
      };
    },

    async checkDatabaseHealth(_input, call) {
      const { status, connectionTimeMs, info, warnings } = await operations.checkDatabaseHealth(
        context,
        call,
        call.target,
      );
      return {
        message: `The database is ${status}`,
        status,
        connection_time_ms: connectionTimeMs,
        database_info: {
          version: info.version,
          version_num: info.versionNum,
          uptime: info.uptime,
          uptime_seconds: info.uptimeSeconds,
          active_connections: info.activeConnections,
          total_connections: info.totalConnections,
          max_connections: info.maxConnections,
          database_size_bytes: info.databaseSizeBytes,
          in_recovery: info.inRecovery,
        },
        warnings,
      };
    },
  };
}

const levels = [0.9, 0.8] as const;

function levelOf(utilization: number): number {
  return levels.find((level) => utilization > level) ?? 0;
}

function poolWarnings(totals: PoolTotals): string[] {
  const [ofAll, ofInstance] = [levelOf(utilizationOf(totals)), levelOf(utilizationOf(totals.mostUsed))];
  const warnings: string[] = [];
  if (ofInstance > 0) {
    const name = totals.mostUsed?.name;
    warnings.push(`More than ${ofInstance * 100} % of the database connections to ${name} are in use`);
  }
  if (ofAll > ofInstance) warnings.push(`More than ${ofAll * 100} % of the database connections are in use`);
  if (totals.waiting > 0) {
    const wait = totals.waiting === 1 ? "request waits" : "requests wait";
    warnings.push(`${totals.waiting} ${wait} for a database connection`);
  }
  return warnings;
}
