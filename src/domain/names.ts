import { type FieldFault, invalidField, ServiceError } from "../errors.ts";
import type { Target } from "./target.ts";

/**
 * PostgreSQL cuts an identifier after NAMEDATALEN - 1 bytes with no more than a NOTICE, so that two long names
 * become one (https://www.postgresql.org/docs/current/sql-syntax-lexical.html): longer ones are refused here.
 */
export const maxIdentifierBytes = 63;

// Control and format characters (zero-width, bidirectional overrides), line and paragraph separators, surrogates
// without a partner: none has a place in a name that people read in logs, plans and grants.
const unreadable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** Whether a text holds what people who read it cannot see, or see in another order. */
export function hasUnreadable(text: string): boolean {
  return unreadable.test(text);
}

/** What is wrong with an identifier, in words that also say how to mend it; undefined when nothing is. */
export function identifierFault(value: string): string | undefined {
  if (value.trim() === "") return "must not be empty or only white space";
  if (unreadable.test(value)) return "must not hold control, invisible or bidirectional characters";
  const bytes = Buffer.byteLength(value);
  if (bytes > maxIdentifierBytes) {
    return `is ${bytes} bytes long; PostgreSQL keeps ${maxIdentifierBytes}, use a shorter name`;
  }
  return undefined;
}

/** A name of any PostgreSQL object, as the catalog spells it (not quoted). */
export function parseIdentifier(field: string, value: string): string {
  const fault = identifierFault(value);
  if (fault !== undefined) throw invalidField(field, fault);
  return value;
}

/** Whether PostgreSQL keeps this schema for itself. */
export function isSystemSchema(name: string): boolean {
  return name.startsWith("pg_") || name === "information_schema";
}

/** A schema that may be changed: not one that PostgreSQL keeps for itself. */
export function parseSchemaName(field: string, value: string): string {
  const name = parseIdentifier(field, value);
  if (isSystemSchema(name)) throw invalidField(field, "is a system schema; name one of your own");
  return name;
}

const reservedRoles = new Set(["public", "none", "current_user", "current_role", "session_user", "user"]);

/** Whether a role belongs to PostgreSQL or to Cloud SQL: never granted, altered or listed by this service. */
export function isSystemRole(name: string): boolean {
  return name.startsWith("pg_") || name.startsWith("cloudsql") || reservedRoles.has(name);
}

const projectId = /^([a-z][a-z0-9.-]{1,61}:)?[a-z]([a-z0-9-]{0,28}[a-z0-9])?$/;
const regionName = /^[a-z]+-[a-z]+[0-9]{1,2}$/;
const instanceName = /^[a-z]([a-z0-9-]{0,96}[a-z0-9])?$/;

export interface TargetFields {
  readonly project_id: string;
  readonly region: string;
  readonly instance_name: string;
  readonly database_name: string;
}

type FieldRule = (value: string) => string | undefined;

function matching(pattern: RegExp, shape: string): FieldRule {
  return (value) => (pattern.test(value) ? undefined : `must be ${shape}`);
}

const targetRules: Readonly<Record<keyof TargetFields, FieldRule>> = {
  project_id: matching(projectId, "a Google Cloud project id, such as demo-project"),
  region: matching(regionName, "a Google Cloud region, such as europe-west1"),
  instance_name: matching(instanceName, "a Cloud SQL instance name, such as orders-db"),
  database_name: identifierFault,
};

/** Checks those of the target's fields that are given and reports all faults at once, before anything is contacted. */
export function assertTargetFields(
  fields: { readonly [Field in keyof TargetFields]?: string | undefined },
): void {
  const faults: FieldFault[] = [];
  for (const field of ["project_id", "region", "instance_name", "database_name"] as const) {
    const value = fields[field];
    const fault = value === undefined ? undefined : targetRules[field](value);
    if (fault !== undefined) faults.push({ pointer: `/${field}`, detail: fault });
  }
  if (faults.length === 0) return;
  const message = faults.map(({ pointer, detail }) => `${pointer.slice(1)} ${detail}`).join("; ");
  throw new ServiceError("validation_error", message, { faults });
}

/** A target from its four fields; reports all faults at once, before anything is contacted. */
export function parseTarget(fields: TargetFields): Target {
  assertTargetFields(fields);
  return {
    project: fields.project_id,
    region: fields.region,
    instance: fields.instance_name,
    database: fields.database_name,
  };
}
