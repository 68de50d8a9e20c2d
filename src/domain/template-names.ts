import { identifierFault, isSystemRole } from "./names.ts";
import { defaultNamePattern } from "./role-template.ts";

type Scope = "schema" | "database";

const placeholders = ["database", "schema", "kind", "template"];

export function defaultPatternOf(scope: Scope): string {
  return defaultNamePattern[scope];
}

/** What is wrong with the pattern of a role's name. A hostile character in it is quoted like any other. */
export function namePatternFault(pattern: string, scope: Scope): string | undefined {
  const used = [...pattern.matchAll(/\{(\w*)\}/g)].map((match) => match[1] ?? "");
  const literal = pattern.replaceAll(/\{\w*\}/g, "");
  const unknown = used.find((one) => !placeholders.includes(one));
  if (unknown !== undefined || /[{}]/.test(literal))
    return `may hold the placeholders ${placeholders.map((one) => `{${one}}`).join(", ")}, and no other braces`;
  if (!used.includes("database"))
    return "must hold {database}: roles are shared by all databases of an instance";
  if (scope === "schema" && !used.includes("schema"))
    return "must hold {schema}, or the roles of two schemas would be one";
  if (scope === "database" && used.includes("schema"))
    return "must not hold {schema}: a database-wide role has one name in all of them";
  if (isSystemRole(literal) || isSystemRole(pattern))
    return "must not begin like a role of PostgreSQL (pg_) or Cloud SQL (cloudsql)";
  return literal === "" ? undefined : identifierFault(`_${literal}`);
}
