import { createHash } from "node:crypto";

/** Object types on which a template grants, in the order in which privileges are granted. */
export const objectTypes = ["database", "schema", "table", "sequence", "routine", "type"] as const;
export type ObjectType = (typeof objectTypes)[number];

/** Object types that have default privileges in a schema. */
export const schemaObjectTypes = ["table", "sequence", "routine", "type"] as const;
export type SchemaObjectType = (typeof schemaObjectTypes)[number];

export interface TemplatePrivilege {
  readonly privilege: string;
  /** The first PostgreSQL major that knows it; always there when missing. */
  readonly since?: number;
}

export interface RoleTemplate {
  readonly kind: string;
  readonly scope: "schema" | "database";
  /** Kinds of the same template that this one is a member of. */
  readonly inherits: readonly string[];
  /** Predefined roles that this one is a member of. */
  readonly nativeRoles: readonly string[];
  readonly privileges: Readonly<Partial<Record<ObjectType, readonly TemplatePrivilege[]>>>;
  /** Extensions whose relations this role may read, in databases that have them. */
  readonly extensions: readonly string[];
  readonly purpose: string;
}

export interface Template {
  readonly name: string;
  /** Semantic version; a change of any definition raises it. */
  readonly version: string;
  readonly roles: readonly RoleTemplate[];
}

const privileges = (...names: readonly string[]): TemplatePrivilege[] =>
  names.map((privilege) => ({ privilege }));
const monitorRoles = ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats"];

/**
 * The six standard roles. pg_read_all_data is kept out on purpose: it reads pg_authid's password verifiers.
 * MAINTAIN exists from PostgreSQL 17 (https://www.postgresql.org/docs/17/ddl-priv.html).
 */
export const standardTemplate: Template = {
  name: "standard",
  version: "1.0.0",
  roles: [
    {
      kind: "reader",
      scope: "schema",
      inherits: [],
      nativeRoles: [],
      privileges: {
        database: privileges("CONNECT"),
        schema: privileges("USAGE"),
        table: privileges("SELECT"),
        sequence: privileges("SELECT"),
        type: privileges("USAGE"),
      },
      extensions: [],
      purpose: "reads every table, view and sequence",
    },
    {
      kind: "writer",
      scope: "schema",
      inherits: ["reader"],
      nativeRoles: [],
      privileges: {
        table: privileges("INSERT", "UPDATE", "DELETE"),
        sequence: privileges("USAGE", "UPDATE"),
        routine: privileges("EXECUTE"),
      },
      extensions: [],
      purpose: "changes data and runs functions",
    },
    {
      kind: "admin",
      scope: "schema",
      inherits: ["writer"],
      nativeRoles: [],
      privileges: {
        schema: privileges("CREATE"),
        table: [...privileges("TRUNCATE", "REFERENCES", "TRIGGER"), { privilege: "MAINTAIN", since: 17 }],
      },
      extensions: [],
      purpose: "creates objects in the schema",
    },
    {
      kind: "analyst",
      scope: "schema",
      inherits: ["reader"],
      nativeRoles: ["pg_read_all_stats"],
      privileges: {},
      extensions: [],
      purpose: "reads data and statistics",
    },
    {
      kind: "monitor",
      scope: "database",
      inherits: [],
      nativeRoles: monitorRoles,
      privileges: { database: privileges("CONNECT") },
      extensions: [],
      purpose: "reads statistics and settings",
    },
    {
      kind: "dba_agent",
      scope: "database",
      inherits: [],
      nativeRoles: monitorRoles,
      privileges: { database: privileges("CONNECT") },
      extensions: ["pg_stat_statements"],
      purpose: "reads statistics, settings and statement statistics",
    },
  ],
};

/** SHA-256 (hex) of a role's definition: the same wherever and whenever it is computed. */
export function definitionChecksum(template: Template, role: RoleTemplate): string {
  const { kind, scope, inherits, nativeRoles, privileges, extensions } = role;
  const listed = objectTypes.map((type) => [
    type,
    (privileges[type] ?? []).map((p) => [p.privilege, p.since ?? 0]),
  ]);
  const definition = [
    template.name,
    template.version,
    kind,
    scope,
    inherits,
    nativeRoles,
    listed,
    extensions,
  ];
  return createHash("sha256").update(JSON.stringify(definition)).digest("hex");
}
