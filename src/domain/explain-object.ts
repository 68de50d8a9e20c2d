import { invalidField } from "../errors.ts";
import { identifierFault } from "./names.ts";

/** The privileges of each kind of object that can be explained (https://www.postgresql.org/docs/current/ddl-priv.html). */
export const explainablePrivileges = {
  database: ["CREATE", "CONNECT", "TEMPORARY"],
  schema: ["CREATE", "USAGE"],
  table: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
  column: ["SELECT", "INSERT", "UPDATE", "REFERENCES"],
  sequence: ["USAGE", "SELECT", "UPDATE"],
  function: ["EXECUTE"],
  type: ["USAGE"],
  large_object: ["SELECT", "UPDATE"],
} as const;

export type ExplainableType = keyof typeof explainablePrivileges;

/** An object as a caller names it. */
export type ObjectName =
  | { readonly type: "database" | "schema"; readonly name: string }
  /** The name is its oid. */
  | { readonly type: "large_object"; readonly name: string }
  | { readonly type: "table" | "sequence" | "type"; readonly schema: string; readonly name: string }
  | {
      readonly type: "column";
      readonly schema: string;
      readonly name: string;
      readonly column: string;
    }
  | {
      readonly type: "function";
      readonly schema: string;
      readonly name: string;
      /** The types of its arguments; undefined when the caller left the parentheses out. */
      readonly arguments: string | undefined;
    };

/**
 * The privilege in upper case; `validation_error` when objects of the type have none of that name, or the server's
 * major version does not know it.
 */
export function parsePrivilege(type: ExplainableType, value: string, major: number): string {
  const upper = value.toUpperCase();
  const privilege = type === "database" && upper === "TEMP" ? "TEMPORARY" : upper;
  const known: readonly string[] = explainablePrivileges[type];
  if (!known.includes(privilege))
    throw invalidField("privilege", `must be one of ${known.join(", ")} for a ${type.replaceAll("_", " ")}`);
  if (privilege === "MAINTAIN" && major < 17)
    throw invalidField("privilege", `MAINTAIN came with PostgreSQL 17; this is ${major}`);
  return privilege;
}

const shapes: Readonly<Record<ExplainableType, string>> = {
  database: "database",
  schema: "schema",
  table: "schema.table",
  column: "schema.table.column",
  sequence: "schema.sequence",
  function: "schema.function(type, type)",
  type: "schema.type",
  large_object: "16400, its oid",
};

/**
 * The parts of an object's name. They are spelt as the catalog has them (nothing is folded to lower case) and joined by
 * dots; one that holds a dot or a double quote, or for a function a parenthesis, stands in double quotes as in SQL.
 */
export function parseObjectName(type: ExplainableType, value: string): ObjectName {
  if (type === "large_object") return { type, name: parseOid(value) };
  const { parts, rest } = splitName(value, type === "function");
  const [first = "", second = "", third = ""] = parts;
  const expected = type === "column" ? 3 : type === "database" || type === "schema" ? 1 : 2;
  if (parts.length !== expected) throw invalidField("object", `must be like ${shapes[type]}`);
  for (const part of parts) {
    const fault = identifierFault(part);
    if (fault !== undefined) throw invalidField("object", fault);
  }
  if (type === "database" || type === "schema") return { type, name: first };
  if (type === "column") return { type, schema: first, name: second, column: third };
  if (type === "function") return { type, schema: first, name: second, arguments: parseArguments(rest) };
  return { type, schema: first, name: second };
}

/** Below 2^32, as PostgreSQL has it. */
function parseOid(value: string): string {
  if (/^[1-9]\d{0,9}$/.test(value) && Number(value) < 2 ** 32) return value;
  throw invalidField("object", `must be like ${shapes.large_object}`);
}

function parseArguments(rest: string): string | undefined {
  if (rest === "") return undefined;
  if (!rest.endsWith(")")) throw invalidField("object", `must be like ${shapes.function}`);
  return normalizeArguments(rest.slice(1, -1));
}

/** Types of arguments in a form in which white space does not count. */
export function normalizeArguments(text: string): string {
  return text
    .trim()
    .replace(/\s+/gu, " ")
    .replace(/ ?([,()[\]]) ?/gu, "$1");
}

interface Split {
  readonly parts: readonly string[];
  /** From the first parenthesis outside quotes on. */
  readonly rest: string;
}

function splitName(value: string, isFunction: boolean): Split {
  const part = isFunction
    ? /(?:"((?:[^"]|"")*)"|([^".(]*))(\.|$|(?=\())/uy
    : /(?:"((?:[^"]|"")*)"|([^".]*))(\.|$)/uy;
  const parts: string[] = [];
  for (;;) {
    const match = part.exec(value);
    if (match === null) throw invalidField("object", 'holds a double quote: write such a part as "part"');
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] !== ".") return { parts, rest: value.slice(part.lastIndex) };
  }
}
