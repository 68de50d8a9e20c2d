import { holdsInSchemas, type ManagedRole } from "../domain/managed-role.ts";
import type { Target } from "../domain/target.ts";
import { unitedSchemas } from "../domain/united-schemas.ts";
import { isChange } from "./access-standing.ts";
import type { Applied } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import type { Declared } from "./kept-state.ts";
import { recordChange, recordedOf, type Subject } from "./record.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";
import { recordOf } from "./role-records.ts";
import type { PlannedState } from "./state-plan.ts";

/** A desired state that was applied. */
export interface StateChange {
  readonly before: RegistryStatus | undefined;
  readonly applied: Applied<PlannedState>;
  readonly subject: Subject;
  readonly planId: string;
  readonly declared: Declared;
}

/** Records a state that was applied, where that changed something or the registry lacks one of its roles. */
export async function recordState(
  context: Context,
  call: Call,
  target: Target,
  { before, applied, subject, planId, declared }: StateChange,
): Promise<void> {
  const known = new Map(before?.roles.map((role) => [role.name, role]));
  const roles = templateRecords(applied).map((role) => unitedSchemas(role, known.get(role.name)));
  const isKnown = (role: RoleRecord): boolean => {
    const record = known.get(role.name);
    return (
      record?.checksum === role.checksum && record.version === role.version && record.status === role.status
    );
  };
  if (!isChange(applied) && roles.every(isKnown)) return;
  const change = { ...subject, ...recordedOf(applied), before, planId, declared };
  await recordChange(context, call, target, change, { upsertRoles: roles });
}

function templateRecords({ result, failedOptional }: Applied<PlannedState>): RoleRecord[] {
  const { templates, degraded, schemaOwners } = result;
  const schemasOf = (role: ManagedRole): string[] =>
    templates.filter((one) => one.roles.some(({ name }) => name === role.name)).map((one) => one.schema);
  const failed = new Set(failedOptional.map(({ statement }) => statement.role));
  const records = templates.flatMap(({ roles, schema }) =>
    roles.map((role): RoleRecord => {
      const owner = role.scope === "schema" ? schemaOwners.get(schema) : undefined;
      return {
        ...recordOf(role, degraded.has(role.name) || failed.has(role.name)),
        ...(owner === undefined ? {} : { schemaOwner: owner }),
        ...(role.scope === "database" && holdsInSchemas(role) ? { schemas: schemasOf(role) } : {}),
      };
    }),
  );
  return [...new Map(records.map((role) => [role.name, role])).values()];
}
