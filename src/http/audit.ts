import { connectionName } from "../domain/target.ts";
import type { Place } from "../domain/target-pattern.ts";
import type { Log } from "../log.ts";
import type { Noted } from "../operations/context.ts";
import type { Caller } from "./caller.ts";
import type { OperationPermission } from "./permissions.ts";

/** What the audit log keeps of a request. */
export interface AuditedRequest {
  readonly operation: string;
  readonly permission: OperationPermission | undefined;
  /** Undefined: it was not found out. */
  readonly caller: Caller | undefined;
  readonly place: Place | undefined;
  readonly status: number;
  /** `success`, or the kind of failure. */
  readonly outcome: string;
  readonly noted: Noted;
  readonly requestId: string;
  readonly clientAddress: () => string | undefined;
}

const refused: ReadonlySet<number> = new Set([401, 403, 429]);

/** Whether a request belongs into the audit log: one that could change something, whatever came of it, or was refused. */
export function isAudited(permission: OperationPermission | undefined, status: number): boolean {
  return refused.has(status) || (typeof permission === "object" && permission.changes);
}

/** One record, in a log of its own by its label, and written whatever LOG_LEVEL says. */
export function writeAudit(log: Log, request: AuditedRequest): void {
  const { operation, permission, caller, status, outcome, noted } = request;
  const principal = caller?.name ?? "unknown";
  const { planIds = [], dryRun } = noted;
  log.notice(`${principal} ${operation} ${outcome}`, {
    labels: { log: "audit" },
    audit: {
      principal,
      principal_kind: caller?.kind ?? "unknown",
      operation,
      permission: typeof permission === "object" ? permission.name : null,
      target: targetOf(request.place),
      outcome,
      status,
      ...(dryRun === undefined ? {} : { dry_run: dryRun }),
      plan_id: planIds[0] ?? null,
      ...(planIds.length > 1 ? { plan_ids: planIds } : {}),
      request_id: request.requestId,
      client_address: request.clientAddress() ?? null,
    },
  });
}

function targetOf(place: Place | undefined): object | null {
  if (place === undefined || Object.keys(place).length === 0) return null;
  const { project, region, instance, database } = place;
  const named = project !== undefined && region !== undefined && instance !== undefined;
  return {
    ...(named ? { connection_name: connectionName({ project, region, instance }) } : {}),
    project_id: project ?? null,
    region: region ?? null,
    instance_name: instance ?? null,
    database_name: database ?? null,
  };
}
