import { assertTargetFields } from "../domain/names.ts";
import type { Place } from "../domain/target-pattern.ts";

const fields = {
  project_id: "project",
  region: "region",
  instance_name: "instance",
  database_name: "database",
} as const;

/** What of a target an input names; what it names is checked. Throws a `validation_error` with every fault. */
export function parsePlace(input: unknown): Place {
  if (typeof input !== "object" || input === null) return {};
  const named: { -readonly [Field in keyof typeof fields]?: string } = {};
  const place: { -readonly [Part in keyof Place]: string } = {};
  for (const field of ["project_id", "region", "instance_name", "database_name"] as const) {
    const value: unknown = Object.hasOwn(input, field)
      ? (input as Record<string, unknown>)[field]
      : undefined;
    if (typeof value !== "string") continue;
    named[field] = value;
    place[fields[field]] = value;
  }
  assertTargetFields(named);
  return place;
}
