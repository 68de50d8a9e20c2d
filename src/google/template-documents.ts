import type { DocumentData, DocumentSnapshot } from "@google-cloud/firestore";
import { guardedNativeRoles } from "../domain/native-roles.ts";
import type { Template } from "../domain/role-template.ts";
import { compareVersions, versionPattern } from "../domain/semantic-version.ts";
import { formatTemplate } from "../domain/template-form.ts";
import { parseTemplate } from "../domain/template-parser.ts";
import type { StoredTemplate, TemplateVersion } from "../domain/template-versions.ts";
import { malformedDocument } from "./registry-errors.ts";

/** The document of a template: what is known of all versions. */
export function storedFields(template: StoredTemplate): DocumentData {
  const versions = template.versions.map((one) => [
    one.version,
    {
      checksum: one.checksum,
      created_at: one.createdAt,
      created_by: one.createdBy,
      retired_at: one.retiredAt,
      retired_by: one.retiredBy,
    },
  ]);
  return {
    name: template.name,
    created_at: template.createdAt,
    created_by: template.createdBy,
    updated_at: template.updatedAt,
    retired_at: template.retiredAt,
    retired_by: template.retiredBy,
    versions: Object.fromEntries(versions),
  };
}

export function parseStored(snapshot: DocumentSnapshot): StoredTemplate | undefined {
  if (!snapshot.exists) return undefined;
  const data = fieldsOf(snapshot, snapshot.data());
  const versions = Object.entries(data.map("versions")).map(([version, value]): TemplateVersion => {
    if (!versionPattern.test(version)) throw malformedDocument(snapshot.ref.path, "versions");
    const fields = fieldsOf(snapshot, value);
    return {
      version,
      checksum: fields.text("checksum"),
      createdAt: fields.time("created_at"),
      createdBy: fields.text("created_by"),
      retiredAt: fields.timeOrNull("retired_at"),
      retiredBy: fields.textOrNull("retired_by"),
    };
  });
  if (versions.length === 0) throw malformedDocument(snapshot.ref.path, "versions");
  return {
    name: data.text("name"),
    createdAt: data.time("created_at"),
    createdBy: data.text("created_by"),
    updatedAt: data.time("updated_at"),
    retiredAt: data.timeOrNull("retired_at"),
    retiredBy: data.textOrNull("retired_by"),
    versions: versions.sort((one, other) => compareVersions(other.version, one.version)),
  };
}

/** The document of a version: its definition, as JSON text. */
export function definitionFields(template: Template): DocumentData {
  return { version: template.version, definition: JSON.stringify(formatTemplate(template)) };
}

export function parseDefinition(snapshot: DocumentSnapshot): Template | undefined {
  if (!snapshot.exists) return undefined;
  const text = fieldsOf(snapshot, snapshot.data()).text("definition");
  try {
    // Whoever wrote it was allowed what it names.
    return parseTemplate(JSON.parse(text), { allowedNativeRoles: guardedNativeRoles });
  } catch (cause) {
    throw malformedDocument(snapshot.ref.path, "definition", cause);
  }
}

/** Reads fields and narrows them; a wrong one is an error that names it. */
function fieldsOf(snapshot: DocumentSnapshot, data: unknown) {
  const wrong = (field: string) => malformedDocument(snapshot.ref.path, field);
  const read = (field: string): unknown => {
    if (typeof data !== "object" || data === null) throw wrong(field);
    return (data as Record<string, unknown>)[field];
  };
  const text = (field: string): string => {
    const value = read(field);
    if (typeof value !== "string") throw wrong(field);
    return value;
  };
  const time = (field: string): Date => {
    const value = read(field);
    const readable = typeof value === "object" && value !== null && "toDate" in value;
    if (!readable || typeof value.toDate !== "function") throw wrong(field);
    return (value as { toDate(): Date }).toDate();
  };
  return {
    text,
    time,
    textOrNull: (field: string) => (read(field) === null ? null : text(field)),
    timeOrNull: (field: string) => (read(field) === null ? null : time(field)),
    map(field: string): Record<string, unknown> {
      const value = read(field);
      if (typeof value !== "object" || value === null) throw wrong(field);
      return value as Record<string, unknown>;
    },
  };
}
