import type { DocumentData, DocumentSnapshot } from "@google-cloud/firestore";
import type { HistoryAdditions, HistoryHead, HistoryRecord, RecordedStatement } from "../domain/history.ts";
import type { InSyncNote, RoleRecord } from "../operations/registry.ts";
import { malformedDocument } from "./registry-errors.ts";

/** The document of a target, without its sub-collections. */
export interface TargetDocument extends HistoryHead {
  readonly revision: number;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly updatedAt: Date;
  readonly inSync?: InSyncNote;
}

/** Reads fields and narrows them; a wrong one is an error that names it. */
function fieldsOf(snapshot: DocumentSnapshot) {
  const data: DocumentData = snapshot.data() ?? {};
  const read = <T>(field: string, fits: (value: unknown) => value is T): T => {
    const value: unknown = data[field];
    if (!fits(value)) throw malformedDocument(snapshot.ref.path, field);
    return value;
  };
  return {
    text: (field: string) => read(field, isText),
    textOrNull: (field: string) => read(field, (value) => value === null || isText(value)),
    texts: (field: string) => read(field, (value): value is string[] => isList(value, isText)),
    count: (field: string) => read(field, isCount),
    time: (field: string) => read(field, isTime).toDate(),
    oneOf: <T extends string>(field: string, ...allowed: readonly T[]) =>
      read(field, (value): value is T => isText(value) && (allowed as readonly string[]).includes(value)),
    statements: (field: string) =>
      read(field, (value): value is RecordedStatement[] => isList(value, isStatement)),
  };
}

const isText = (value: unknown): value is string => typeof value === "string";
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function isList<T>(value: unknown, fits: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(fits);
}

function isTime(value: unknown): value is { toDate(): Date } {
  return (
    typeof value === "object" && value !== null && "toDate" in value && typeof value.toDate === "function"
  );
}

function isStatement(value: unknown): value is RecordedStatement {
  return (
    typeof value === "object" &&
    value !== null &&
    "sql" in value &&
    "description" in value &&
    isText(value.sql)
  );
}

export function parseTargetDocument(snapshot: DocumentSnapshot): TargetDocument | undefined {
  if (!snapshot.exists) return undefined;
  const fields = fieldsOf(snapshot);
  return {
    revision: fields.count("revision"),
    createdAt: fields.time("created_at"),
    createdBy: fields.text("created_by"),
    updatedAt: fields.time("updated_at"),
    totalEntries: fields.count("total_history_entries"),
    lastHash: fields.text("last_history_hash"),
    ...readInSync(snapshot.get("in_sync")),
  };
}

/** A note in another form is none: it only saves work. */
function readInSync(value: unknown): { inSync?: InSyncNote } {
  if (typeof value !== "object" || value === null) return {};
  const { fingerprint, templates, revision, schemas, warnings } = value as Record<string, unknown>;
  if (!isText(fingerprint) || !isText(templates) || !isCount(revision)) return {};
  if (!isList(schemas, isText) || !isList(warnings, isText)) return {};
  return { inSync: { fingerprint, templates, revision, schemas, warnings } };
}

/** The region of a target's document. */
export function parseRegion(snapshot: DocumentSnapshot): string {
  return fieldsOf(snapshot).text("region");
}

export function parseRoleDocument(snapshot: DocumentSnapshot): RoleRecord {
  const fields = fieldsOf(snapshot);
  return {
    name: fields.text("name"),
    kind: fields.text("kind"),
    scope: fields.oneOf("scope", "schema", "database"),
    schema: fields.textOrNull("schema"),
    template: fields.text("template"),
    version: fields.text("version"),
    checksum: fields.text("checksum"),
    status: fields.oneOf("status", "active", "degraded"),
    inherits: fields.texts("inherits"),
    nativeRoles: fields.texts("native_roles"),
    ...(snapshot.get("schema_owner") === undefined ? {} : { schemaOwner: fields.text("schema_owner") }),
    ...(snapshot.get("schemas") === undefined ? {} : { schemas: fields.texts("schemas") }),
  };
}

export function roleFields(role: RoleRecord, updatedAt: Date): DocumentData {
  return {
    name: role.name,
    kind: role.kind,
    scope: role.scope,
    schema: role.schema,
    template: role.template,
    version: role.version,
    checksum: role.checksum,
    status: role.status,
    inherits: [...role.inherits],
    native_roles: [...role.nativeRoles],
    ...(role.schemaOwner === undefined ? {} : { schema_owner: role.schemaOwner }),
    ...(role.schemas === undefined ? {} : { schemas: [...role.schemas] }),
    updated_at: updatedAt,
  };
}

export function parseHistoryDocument(snapshot: DocumentSnapshot): HistoryRecord {
  const fields = fieldsOf(snapshot);
  return {
    document_id: fields.text("document_id"),
    sequence: fields.count("sequence"),
    at: fields.time("at").toISOString(),
    actor: fields.text("actor"),
    request_id: fields.text("request_id"),
    action: fields.text("action"),
    outcome: fields.oneOf("outcome", "succeeded", "failed"),
    summary: fields.text("summary"),
    sqlstate: fields.textOrNull("sqlstate"),
    username: fields.textOrNull("username"),
    role_name: fields.textOrNull("role_name"),
    schema_name: fields.textOrNull("schema_name"),
    statements: fields.statements("statements"),
    statements_total: fields.count("statements_total"),
    previous_hash: fields.text("previous_hash"),
    hash: fields.text("hash"),
    ...readAdditions(snapshot),
  };
}

/** Those that the entry has; its hash is over them. */
function readAdditions(snapshot: DocumentSnapshot): HistoryAdditions {
  const fields = fieldsOf(snapshot);
  const has = (field: keyof HistoryAdditions): boolean => snapshot.get(field) !== undefined;
  return {
    ...(has("plan_id") ? { plan_id: fields.text("plan_id") } : {}),
    ...(has("revision_before") ? { revision_before: fields.count("revision_before") } : {}),
    ...(has("revision_after") ? { revision_after: fields.count("revision_after") } : {}),
    ...(has("templates_before") ? { templates_before: fields.texts("templates_before") } : {}),
    ...(has("templates_after") ? { templates_after: fields.texts("templates_after") } : {}),
    ...(has("state_after") ? { state_after: fields.text("state_after") } : {}),
  };
}

export function historyFields(record: HistoryRecord): DocumentData {
  return { ...record, at: new Date(record.at), statements: record.statements.map((each) => ({ ...each })) };
}
