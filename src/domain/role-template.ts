import { createHash } from "node:crypto";

/** What a template grants on. A view and a table take the same statements, but a template may tell them apart. */
export const objectKinds = [
  "database",
  "schema",
  "table",
  "view",
  "materialized_view",
  "sequence",
  "function",
  "procedure",
  "type",
  "large_object",
] as const;
export type ObjectKind = (typeof objectKinds)[number];

/** Object types as GRANT knows them, in the order in which privileges are granted. */
export const objectTypes = [
  "database",
  "schema",
  "table",
  "column",
  "sequence",
  "routine",
  "type",
  "large_object",
] as const;
export type ObjectType = (typeof objectTypes)[number];

/** Object types that have default privileges; those of large objects hold for all of the database, from 18 on. */
export const defaultTypes = ["table", "sequence", "routine", "type", "large_object"] as const;
export type DefaultType = (typeof defaultTypes)[number];

/** By what a kind of object is granted. */
export const typeOfKind: Readonly<Record<ObjectKind, ObjectType>> = {
  database: "database",
  schema: "schema",
  table: "table",
  view: "table",
  materialized_view: "table",
  sequence: "sequence",
  function: "routine",
  procedure: "routine",
  type: "type",
  large_object: "large_object",
};

/** ALTER DEFAULT PRIVILEGES cannot tell these apart: what it gives on one it gives on all. */
export const kindsOfDefaultType: Readonly<Record<DefaultType, readonly ObjectKind[]>> = {
  table: ["table", "view", "materialized_view"],
  sequence: ["sequence"],
  routine: ["function", "procedure"],
  type: ["type"],
  large_object: ["large_object"],
};

const relationPrivileges = [
  "SELECT",
  "INSERT",
  "UPDATE",
  "DELETE",
  "TRUNCATE",
  "REFERENCES",
  "TRIGGER",
  "MAINTAIN",
] as const;

/** https://www.postgresql.org/docs/current/ddl-priv.html */
export const privilegesOfKind: Readonly<Record<ObjectKind, readonly string[]>> = {
  database: ["CONNECT", "CREATE", "TEMPORARY"],
  schema: ["USAGE", "CREATE"],
  table: relationPrivileges,
  view: relationPrivileges,
  materialized_view: relationPrivileges,
  sequence: ["USAGE", "SELECT", "UPDATE"],
  function: ["EXECUTE"],
  procedure: ["EXECUTE"],
  type: ["USAGE"],
  large_object: ["SELECT", "UPDATE"],
};

export const columnPrivileges: readonly string[] = ["SELECT", "INSERT", "UPDATE", "REFERENCES"];

/** The first PostgreSQL major that knows a privilege; the others have always been there. */
const privilegeSince: Readonly<Record<string, number>> = { MAINTAIN: 17 };

export function sinceMajor(privilege: string): number {
  return privilegeSince[privilege] ?? 0;
}

/** Default privileges of large objects. */
export const largeObjectDefaultsSince = 18;

export interface TemplateGrant {
  readonly on: readonly ObjectKind[];
  readonly privileges: readonly string[];
  /** On what is there when the template is applied. */
  readonly existing: boolean;
  /** On what is made later, by default privileges. Never for databases and schemas, which have none. */
  readonly future: boolean;
}

/** Privileges on named columns of one table of the schema. Columns have no default privileges. */
export interface ColumnGrant {
  readonly table: string;
  readonly columns: readonly string[];
  readonly privileges: readonly string[];
}

export interface RoleTemplate {
  readonly kind: string;
  /** A database-wide role has its privileges on objects in every schema for which its template was applied. */
  readonly scope: "schema" | "database";
  /** With `{database}`, `{schema}`, `{kind}` and `{template}`. */
  readonly namePattern: string;
  /** Kinds of the same template that this one is a member of. */
  readonly inherits: readonly string[];
  /** Predefined roles that this one is a member of. */
  readonly nativeRoles: readonly string[];
  readonly grants: readonly TemplateGrant[];
  readonly columnGrants: readonly ColumnGrant[];
  /** Extensions whose relations this role may read, in databases that have them. */
  readonly extensions: readonly string[];
  readonly purpose: string;
}

export interface Template {
  readonly name: string;
  /** Semantic version; a change of any definition raises it. */
  readonly version: string;
  readonly description: string;
  /** Whether names are never shortened: a schema that leads to longer ones is refused. */
  readonly exactNames: boolean;
  readonly roles: readonly RoleTemplate[];
}

export const defaultNamePattern = {
  schema: "{database}_{schema}_{kind}",
  database: "{database}_{kind}",
} as const;

/**
 * What a role gets on future objects of a type by default privileges: what its definition gives on the future objects
 * of all kinds that they cover, since on one kind alone they would give more than the definition says.
 */
export function futurePrivileges(role: RoleTemplate, type: DefaultType): string[] {
  const [first = [], ...others] = kindsOfDefaultType[type].map((kind) => grantedOn(role, kind, "future"));
  return first.filter((privilege) => others.every((list) => list.includes(privilege)));
}

/** The privileges of a role on a kind of objects, existing or future ones, in the order of its definition. */
export function grantedOn(role: RoleTemplate, kind: ObjectKind, which: "existing" | "future"): string[] {
  const grants = role.grants.filter((grant) => grant[which] && grant.on.includes(kind));
  return [...new Set(grants.flatMap((grant) => grant.privileges))];
}

/** SHA-256 (hex) of a role's definition: the same wherever and whenever it is computed. */
export function definitionChecksum(template: Template, role: RoleTemplate): string {
  const definition = [
    template.name,
    template.version,
    role.kind,
    role.scope,
    role.inherits,
    role.nativeRoles,
    ...(firstForm(role) ?? [
      role.namePattern,
      objectKinds.map((kind) => [kind, grantedOn(role, kind, "existing"), grantedOn(role, kind, "future")]),
      role.columnGrants.map(({ table, columns, privileges }) => [table, columns, privileges]),
    ]),
    role.extensions,
  ];
  return createHash("sha256").update(JSON.stringify(definition)).digest("hex");
}

/**
 * How a definition was hashed before templates could tell kinds of relations and routines apart: what that could say
 * keeps its checksum, so that registries of that time read as unchanged.
 */
function firstForm(role: RoleTemplate): [unknown] | undefined {
  const types = ["database", "schema", "table", "sequence", "routine", "type"] as const;
  if (role.namePattern !== defaultNamePattern[role.scope] || role.columnGrants.length > 0) return undefined;
  const listed: unknown[] = [];
  for (const type of types) {
    const kinds = objectKinds.filter((kind) => typeOfKind[kind] === type);
    const lists = kinds.flatMap((kind) => {
      const existing = grantedOn(role, kind, "existing");
      const hasFuture = type !== "database" && type !== "schema";
      return hasFuture ? [existing, grantedOn(role, kind, "future")] : [existing];
    });
    const [first = []] = lists;
    if (lists.some((list) => list.join() !== first.join())) return undefined;
    listed.push([type, first.map((privilege) => [privilege, sinceMajor(privilege)])]);
  }
  const more = [...grantedOn(role, "large_object", "existing"), ...grantedOn(role, "large_object", "future")];
  return more.length > 0 ? undefined : [listed];
}

/** SHA-256 (hex) of all that a template says, words for people included: equal for equal content only. */
export function templateChecksum(template: Template): string {
  const { name, version, description, roles } = template;
  const content = roles.map((role) => [definitionChecksum(template, role), role.purpose]);
  return createHash("sha256")
    .update(JSON.stringify([name, version, description, content]))
    .digest("hex");
}
