import {
  defaultNamePattern,
  type ObjectKind,
  type RoleTemplate,
  type Template,
  type TemplateGrant,
} from "./role-template.ts";

const relations = ["table", "view", "materialized_view"] as const;
const routines = ["function", "procedure"] as const;
const monitorRoles = ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats"];

function on(kinds: ObjectKind | readonly ObjectKind[], ...privileges: readonly string[]): TemplateGrant {
  const list = typeof kinds === "string" ? [kinds] : kinds;
  const future = !list.includes("database") && !list.includes("schema");
  return { on: list, privileges, existing: true, future };
}

type RoleInput = Pick<RoleTemplate, "kind" | "purpose"> & Partial<RoleTemplate>;

function role(input: RoleInput): RoleTemplate {
  const scope = input.scope ?? "schema";
  return {
    scope,
    namePattern: defaultNamePattern[scope],
    inherits: [],
    nativeRoles: [],
    grants: [],
    columnGrants: [],
    extensions: [],
    ...input,
  };
}

/** The six standard roles. pg_read_all_data is kept out on purpose: it reads pg_authid's password verifiers. */
export const standardTemplate: Template = {
  name: "standard",
  version: "1.0.0",
  description: "Readers, writers, admins and analysts of a schema, and who watches the database.",
  exactNames: true,
  roles: [
    role({
      kind: "reader",
      grants: [
        on("database", "CONNECT"),
        on("schema", "USAGE"),
        on([...relations, "sequence"], "SELECT"),
        on("type", "USAGE"),
      ],
      purpose: "reads every table, view and sequence",
    }),
    role({
      kind: "writer",
      inherits: ["reader"],
      grants: [
        on(relations, "INSERT", "UPDATE", "DELETE"),
        on("sequence", "USAGE", "UPDATE"),
        on(routines, "EXECUTE"),
      ],
      purpose: "changes data and runs functions",
    }),
    role({
      kind: "admin",
      inherits: ["writer"],
      grants: [on("schema", "CREATE"), on(relations, "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")],
      purpose: "creates objects in the schema",
    }),
    role({
      kind: "analyst",
      inherits: ["reader"],
      nativeRoles: ["pg_read_all_stats"],
      purpose: "reads data and statistics",
    }),
    role({
      kind: "monitor",
      scope: "database",
      nativeRoles: monitorRoles,
      grants: [on("database", "CONNECT")],
      purpose: "reads statistics and settings",
    }),
    role({
      kind: "dba_agent",
      scope: "database",
      nativeRoles: monitorRoles,
      grants: [on("database", "CONNECT")],
      extensions: ["pg_stat_statements"],
      purpose: "reads statistics, settings and statement statistics",
    }),
  ],
};

const readsData = [
  on("database", "CONNECT"),
  on("schema", "USAGE"),
  on(relations, "SELECT"),
  on("type", "USAGE"),
];

const dataScientist: Template = {
  name: "data_scientist",
  version: "1.0.0",
  description:
    "Reads all data of a schema, calls its functions, and keeps intermediate results in temporary tables.",
  exactNames: false,
  roles: [
    role({
      kind: "data_scientist",
      nativeRoles: ["pg_read_all_stats"],
      grants: [...readsData, on("database", "TEMPORARY"), on("sequence", "SELECT"), on(routines, "EXECUTE")],
      purpose: "reads data, calls functions, makes temporary tables",
    }),
  ],
};

const audit: Template = {
  name: "audit",
  version: "1.0.0",
  description:
    "Reads the data of each schema that it is applied to, settings and statistics; changes nothing.",
  exactNames: false,
  roles: [
    role({
      kind: "auditor",
      scope: "database",
      nativeRoles: monitorRoles,
      grants: [...readsData, on("sequence", "SELECT")],
      extensions: ["pg_stat_statements"],
      purpose: "reads data, settings and statement statistics",
    }),
  ],
};

const backup: Template = {
  name: "backup",
  version: "1.0.0",
  description:
    "What pg_dump needs of each schema that it is applied to, without pg_read_all_data: tables, sequences and large " +
    "objects. Large objects that are made later are covered from PostgreSQL 18 on, others by applying it again.",
  exactNames: false,
  roles: [
    role({
      kind: "backup",
      scope: "database",
      grants: [
        on("database", "CONNECT"),
        on("schema", "USAGE"),
        on([...relations, "sequence"], "SELECT"),
        on("type", "USAGE"),
        on("large_object", "SELECT"),
      ],
      purpose: "dumps schemas and data",
    }),
  ],
};

const analyticsReadonly: Template = {
  name: "analytics_readonly",
  version: "1.0.0",
  description: "For dashboards and warehouses: reads tables and views, and neither sequences nor functions.",
  exactNames: false,
  roles: [role({ kind: "analytics_readonly", grants: readsData, purpose: "reads tables and views" })],
};

/** The templates that come with the service, all versions of each. They cannot be changed or retired. */
export const builtinTemplates: readonly Template[] = [
  standardTemplate,
  dataScientist,
  audit,
  backup,
  analyticsReadonly,
];
