/** The parts of JSON Schema that the contract uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly pattern?: string;
  readonly format?: string;
}

/** One line in a table of fields. */
export interface Field {
  /** Dotted: `tables[].table_name`; `{name}` stands for any name. */
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

export type Resolve = (schema: Schema) => Schema;

/** All fields of a schema, those of nested objects below their parent. */
export function listFields(schema: Schema, resolve: Resolve, prefix = ""): Field[] {
  const resolved = resolve(schema);
  if (resolved.allOf !== undefined) {
    return resolved.allOf.flatMap((part) => listFields(part, resolve, prefix));
  }
  const required = new Set(resolved.required);
  return Object.entries(resolved.properties ?? {}).flatMap(([key, property]) => {
    const name = prefix + key;
    const field = resolve(property);
    const shown = {
      name,
      type: describeType(field, resolve),
      required: required.has(key),
      description: describe(field),
    };
    return [shown, ...nestedFields(field, resolve, name)];
  });
}

function nestedFields(field: Schema, resolve: Resolve, name: string): Field[] {
  if (field.items !== undefined) return listFields(field.items, resolve, `${name}[].`);
  if (typeof field.additionalProperties === "object") {
    return listFields(field.additionalProperties, resolve, `${name}.{name}.`);
  }
  return listFields(field, resolve, `${name}.`);
}

function describeType(field: Schema, resolve: Resolve): string {
  const types = typeof field.type === "string" ? [field.type] : (field.type ?? ["any"]);
  const [first = "any", ...rest] = types;
  const item = field.items === undefined ? "" : ` of ${describeType(resolve(field.items), resolve)}`;
  return [first + item, ...rest].join(" or ");
}

function describe(field: Schema): string {
  const parts = [field.description?.trim().replace(/([^.!?])$/, "$1.") ?? ""];
  if (field.enum !== undefined) parts.push(`One of ${field.enum.map(quoted).join(", ")}.`);
  if (field.default !== undefined) parts.push(`Default: ${quoted(field.default)}.`);
  if (field.pattern !== undefined && !field.pattern.includes("\\p"))
    parts.push(`Pattern: ${quoted(field.pattern)}.`);
  return parts.filter(Boolean).join(" ");
}

function quoted(value: unknown): string {
  return `\`${String(value)}\``;
}
