import { holdsInSchemas, type ManagedRole } from "../domain/managed-role.ts";
import type { Template } from "../domain/role-template.ts";
import { unitedSchemas } from "../domain/united-schemas.ts";
import type { Applied } from "./apply.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";

/** What came of a schema's initialization. */
export interface Initialization {
  readonly template: Template;
  readonly roles: readonly ManagedRole[];
  readonly existing: ReadonlySet<string>;
  readonly degraded: ReadonlySet<string>;
  readonly schemaOwner: string;
  /** Recorded roles of kinds that the template does not have any more, and that are gone. */
  readonly forgotten: readonly string[];
}

/** Whether roles of that version are recorded in a schema. */
export function isUsed(
  before: RegistryStatus | undefined,
  { name, version }: Template,
  schema: string,
): boolean {
  return (before?.roles ?? []).some(
    (role) =>
      role.template === name &&
      role.version === version &&
      (role.schema === schema || role.schemas?.includes(schema) === true),
  );
}

/** The recorded roles of a schema by a template that are of none of its kinds now. */
export function supersededRoles(
  before: RegistryStatus | undefined,
  { name, roles }: Template,
  schema: string,
): string[] {
  return (before?.roles ?? [])
    .filter((role) => role.template === name && role.schema === schema)
    .filter((role) => roles.every((one) => one.kind !== role.kind))
    .map((role) => role.name);
}

/** What the registry says of a role of which it says nothing yet; without its schemas and their owner. */
export function recordOf(role: ManagedRole, isDegraded: boolean): RoleRecord {
  const { name, kind, scope, schema, template, version, checksum, inherits, nativeRoles } = role;
  const status = isDegraded ? "degraded" : "active";
  return { name, kind, scope, schema, template, version, checksum, status, inherits, nativeRoles };
}

/**
 * `kept`: what is recorded of roles that were left alone stays, with the version that made them; only an update that was
 * asked for accepts a new owner of the schema.
 */
export function roleRecords(
  applied: Applied<Initialization>,
  schema: string,
  kept: RegistryStatus | undefined,
): RoleRecord[] {
  const { roles, existing, degraded, schemaOwner } = applied.result;
  const known = new Map(kept?.roles.map((role) => [role.name, role]));
  const failed = new Set(applied.failedOptional.map(({ statement }) => statement.role));
  return roles.map((role) => {
    const record = known.get(role.name);
    const schemas = role.scope === "database" && holdsInSchemas(role) ? { schemas: [schema] } : {};
    if (record?.template === role.template && existing.has(role.name))
      return unitedSchemas({ ...record, ...schemas }, record);
    return {
      ...recordOf(role, degraded.has(role.name) || failed.has(role.name)),
      ...schemas,
      ...(role.scope === "schema" ? { schemaOwner: record?.schemaOwner ?? schemaOwner } : {}),
    };
  });
}

/** Whether the registry already says all this: it may lack it when it failed after an earlier commit. */
export function isRecorded(before: RegistryStatus | undefined, roles: readonly RoleRecord[]): boolean {
  const known = new Map(before?.roles.map((role) => [role.name, role]));
  return roles.every((role) => {
    const record = known.get(role.name);
    return (
      record?.checksum === role.checksum &&
      record.version === role.version &&
      record.schemaOwner === role.schemaOwner &&
      (role.schemas ?? []).every((one) => record.schemas?.includes(one) === true)
    );
  });
}
