import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinTemplates } from "../../src/domain/builtin-templates.ts";
import { expandTemplate } from "../../src/domain/managed-role.ts";
import { guardedNativeRoles } from "../../src/domain/native-roles.ts";
import { definitionChecksum, templateChecksum } from "../../src/domain/role-template.ts";
import { formatTemplate, templateWarnings } from "../../src/domain/template-form.ts";
import { parseTemplate } from "../../src/domain/template-parser.ts";
import { ServiceError } from "../../src/errors.ts";

const policy = { allowedNativeRoles: [] };
const role = (more: object = {}) => ({ kind: "one", scope: "schema", ...more });
const form = (...roles: object[]) => ({ name: "custom", version: "1.0.0", roles });
const grant = (more: object) => role({ grants: [{ on: ["table"], privileges: ["SELECT"], ...more }] });

function faultsOf(input: unknown): string[] {
  try {
    parseTemplate(input, policy);
  } catch (error) {
    assert.ok(error instanceof ServiceError && error.kind === "validation_error");
    return error.faults.map(({ pointer }) => pointer);
  }
  return [];
}

test("the built-in templates are valid, and read back from their form as they are", () => {
  for (const template of builtinTemplates) {
    const parsed = parseTemplate(formatTemplate(template), policy);
    assert.equal(templateChecksum(parsed), templateChecksum(template), template.name);
    assert.ok(parsed.roles.every((one) => one.purpose !== ""));
  }
});

const refused: readonly (readonly [string, unknown, string])[] = [
  ["no object", [], ""],
  ["an unknown field", { ...form(role()), sql: "DROP TABLE x" }, "/sql"],
  ["a name with capitals", { ...form(role()), name: "Custom" }, "/name"],
  ["no semantic version", { ...form(role()), version: "1.0" }, "/version"],
  ["leading zeros", { ...form(role()), version: "1.01.0" }, "/version"],
  ["no roles", form(), "/roles"],
  ["a kind with a quote", form(role({ kind: 'a"b' })), "/roles/0/kind"],
  ["a kind twice", form(role(), role({ name_pattern: "{database}_{schema}_other" })), "/roles/1/kind"],
  ["another scope", form(role({ scope: "instance" })), "/roles/0/scope"],
  ["SUPERUSER", form(role({ attributes: ["SUPERUSER"] })), "/roles/0/attributes/0"],
  ["REPLICATION", form(role({ attributes: ["REPLICATION"] })), "/roles/0/attributes/0"],
  ["BYPASSRLS", form(role({ attributes: ["NOLOGIN", "BYPASSRLS"] })), "/roles/0/attributes/1"],
  ["CREATEROLE", form(role({ attributes: ["CREATEROLE"] })), "/roles/0/attributes/0"],
  ["LOGIN", form(role({ attributes: ["LOGIN"] })), "/roles/0/attributes/0"],
  ["an attribute as a field", form(role({ superuser: true })), "/roles/0/superuser"],
  ...guardedNativeRoles.map(
    (name) => [name, form(role({ native_roles: ["pg_monitor", name] })), "/roles/0/native_roles/1"] as const,
  ),
  ["a role of Cloud SQL", form(role({ native_roles: ["cloudsqlsuperuser"] })), "/roles/0/native_roles/0"],
  ["pg_database_owner", form(role({ native_roles: ["pg_database_owner"] })), "/roles/0/native_roles/0"],
  ["an unknown inherited kind", form(role({ inherits: ["two"] })), "/roles/0/inherits/0"],
  ["itself inherited", form(role({ inherits: ["one"] })), "/roles/0/inherits/0"],
  [
    "a circle",
    form(
      role({ inherits: ["two"] }),
      role({ kind: "two", inherits: ["three"] }),
      role({ kind: "three", inherits: ["one"] }),
    ),
    "/roles/0/inherits/0",
  ],
  [
    "a schema's role inherited by a database-wide one",
    form(role(), role({ kind: "two", scope: "database", inherits: ["one"] })),
    "/roles/1/inherits/0",
  ],
  ["a pattern without the database", form(role({ name_pattern: "{schema}_x" })), "/roles/0/name_pattern"],
  ["a pattern without the schema", form(role({ name_pattern: "{database}_x" })), "/roles/0/name_pattern"],
  [
    "a schema in a database-wide pattern",
    form(role({ scope: "database", name_pattern: "{database}_{schema}" })),
    "/roles/0/name_pattern",
  ],
  [
    "an unknown placeholder",
    form(role({ name_pattern: "{database}_{schema}_{user}" })),
    "/roles/0/name_pattern",
  ],
  ["a stray brace", form(role({ name_pattern: "{database}_{schema}_{" })), "/roles/0/name_pattern"],
  [
    "a pattern of PostgreSQL's",
    form(role({ name_pattern: "pg_{database}_{schema}" })),
    "/roles/0/name_pattern",
  ],
  [
    "a kind that makes the name PostgreSQL's",
    form(role({ kind: "pg_x", name_pattern: "{kind}_{database}_{schema}" })),
    "/roles/0/name_pattern",
  ],
  [
    "a kind that makes the name Cloud SQL's",
    form(role({ kind: "cloudsqlx", name_pattern: "{kind}_{database}_{schema}" })),
    "/roles/0/name_pattern",
  ],
  [
    "a line feed in a pattern",
    form(role({ name_pattern: "{database}_{schema}\n" })),
    "/roles/0/name_pattern",
  ],
  [
    "one name for two kinds",
    form(
      role({ name_pattern: "{database}_{schema}_x" }),
      role({ kind: "two", name_pattern: "{database}_{schema}_x" }),
    ),
    "/roles/1/name_pattern",
  ],
  ["an unknown kind of objects", form(grant({ on: ["tables"] })), "/roles/0/grants/0/on/0"],
  ["columns as a kind", form(grant({ on: ["column"] })), "/roles/0/grants/0/on/0"],
  ["no kind of objects", form(grant({ on: [] })), "/roles/0/grants/0/on"],
  [
    "SQL for a privilege",
    form(grant({ privileges: ["SELECT ON ALL TABLES; DROP"] })),
    "/roles/0/grants/0/privileges/0",
  ],
  ["ALL", form(grant({ privileges: ["ALL"] })), "/roles/0/grants/0/privileges/0"],
  [
    "a privilege of other objects",
    form(grant({ on: ["table", "sequence"], privileges: ["INSERT"] })),
    "/roles/0/grants/0/privileges/0",
  ],
  ["a privilege twice", form(grant({ privileges: ["SELECT", "SELECT"] })), "/roles/0/grants/0/privileges/1"],
  [
    "neither existing nor future objects",
    form(grant({ existing: false, future: false })),
    "/roles/0/grants/0",
  ],
  [
    "future schemas",
    form(grant({ on: ["schema"], privileges: ["USAGE"], future: true })),
    "/roles/0/grants/0/future",
  ],
  [
    "a schema beside tables",
    form(grant({ on: ["schema", "sequence"], privileges: ["USAGE"] })),
    "/roles/0/grants/0/on",
  ],
  ["large objects of a schema", form(grant({ on: ["large_object"] })), "/roles/0/grants/0/on"],
  [
    "a column with a bidirectional character",
    form(role({ column_grants: [{ table: "t", columns: ["a\u202eb"], privileges: ["SELECT"] }] })),
    "/roles/0/column_grants/0/columns/0",
  ],
  [
    "a table of 64 bytes",
    form(role({ column_grants: [{ table: "é".repeat(32), columns: ["a"], privileges: ["SELECT"] }] })),
    "/roles/0/column_grants/0/table",
  ],
  [
    "DELETE on a column",
    form(role({ column_grants: [{ table: "t", columns: ["a"], privileges: ["DELETE"] }] })),
    "/roles/0/column_grants/0/privileges/0",
  ],
];

for (const [what, input, pointer] of refused) {
  test(`refused, by its pointer: ${what}`, () => assert.deepEqual(faultsOf(input)[0], pointer));
}

test("every fault is named at once", () => {
  const input = {
    ...form(role({ attributes: ["LOGIN"], inherits: ["x"] }), grant({ on: ["view"], privileges: ["USAGE"] })),
    version: "1",
  };
  assert.deepEqual(faultsOf(input).sort(), [
    "/roles/0/attributes/0",
    "/roles/0/inherits/0",
    "/roles/1/grants/0/privileges/0",
    "/roles/1/kind",
    "/version",
  ]);
});

test("a guarded predefined role is allowed by name only", () => {
  const input = form(role({ native_roles: ["pg_read_all_data"] }));
  const [parsed] = parseTemplate(input, { allowedNativeRoles: ["pg_read_all_data"] }).roles;
  assert.deepEqual(parsed?.nativeRoles, ["pg_read_all_data"]);
  assert.throws(() => parseTemplate(input, { allowedNativeRoles: ["pg_write_all_data"] }));
});

test("a name of 63 bytes stays, a longer one ends in a hash that tells it from others", () => {
  const template = parseTemplate(form(role(), role({ kind: "two" })), policy);
  const names = (schema: string) => expandTemplate(template, "db", schema, 18).map((one) => one.name);
  const exact = "s".repeat(63 - "db__one".length);
  assert.deepEqual(names(exact), [`db_${exact}_one`, `db_${exact}_two`]);
  const long = [
    ...names(`${exact}x`),
    ...names(`${exact}y`),
    ...names("é".repeat(31)),
    ...names("é".repeat(30)),
  ];
  assert.equal(new Set(long).size, long.length);
  for (const name of long) assert.ok(Buffer.byteLength(name) <= 63 && name.isWellFormed(), name);
  assert.match(names(`${exact}x`)[0] ?? "", /^db_s+_[0-9a-f]{12}$/);
  assert.deepEqual(names(`${exact}x`), names(`${exact}x`));
});

test("names that a database makes Cloud SQL's or PostgreSQL's are refused there", () => {
  const template = parseTemplate(form(role({ kind: "x", name_pattern: "{database}{schema}" })), policy);
  assert.equal(expandTemplate(template, "db", "app", 18)[0]?.name, "dbapp");
  for (const database of ["cloudsqldb", "pg_db"]) {
    assert.throws(
      () => expandTemplate(template, database, "app", 18),
      (error) => error instanceof ServiceError && error.kind === "validation_error",
    );
  }
});

test("two roles that would have one name in a certain schema are refused there", () => {
  const template = parseTemplate(
    form(role({ kind: "x" }), role({ kind: "app_x", scope: "database" })),
    policy,
  );
  assert.equal(expandTemplate(template, "db", "other", 18).length, 2);
  assert.throws(
    () => expandTemplate(template, "db", "app", 18),
    (error) => error instanceof ServiceError && error.kind === "conflict",
  );
});

test("default privileges hold what is granted on all kinds that they cover, and the rest is warned of", () => {
  const input = form(
    role({
      name_pattern: "{database}_{schema}_{template}_{kind}",
      grants: [
        { on: ["table"], privileges: ["SELECT", "INSERT"] },
        { on: ["view", "materialized_view"], privileges: ["SELECT"] },
        { on: ["function"], privileges: ["EXECUTE"] },
      ],
    }),
  );
  const template = parseTemplate(input, policy);
  const [expanded] = expandTemplate(template, "db", "app", 18);
  assert.deepEqual(expanded?.future, { table: ["SELECT"] });
  const warnings = templateWarnings(template);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0] ?? "", /^one: INSERT on a future table .* future view or materialized view/);
  assert.match(warnings[1] ?? "", /^one: EXECUTE on a future function .* future procedure/);
});

test("MAINTAIN, large objects and names of the standard roles are warned of", () => {
  const input = form(
    role({
      kind: "reader",
      grants: [{ on: ["table", "view", "materialized_view"], privileges: ["MAINTAIN"] }],
    }),
    role({ kind: "wide", scope: "database", grants: [{ on: ["large_object"], privileges: ["SELECT"] }] }),
  );
  const warnings = templateWarnings(parseTemplate(input, policy));
  assert.equal(warnings.length, 3);
  assert.match(
    warnings.join("\n"),
    /before PostgreSQL 17.*that of reader of the template standard.*PostgreSQL 18 on/s,
  );
});

test("checksums tell grants on existing and on future objects, columns and patterns apart", () => {
  const variants = [
    grant({}),
    grant({ future: false }),
    grant({ existing: false }),
    grant({ on: ["table", "view", "materialized_view"] }),
    { ...grant({}), name_pattern: "{database}_{schema}_other" },
    { ...grant({}), column_grants: [{ table: "t", columns: ["a"], privileges: ["UPDATE"] }] },
    { ...grant({}), column_grants: [{ table: "t", columns: ["b"], privileges: ["UPDATE"] }] },
  ];
  const sums = variants.map((variant) => {
    const template = parseTemplate(form(variant), policy);
    const [first] = template.roles;
    return first === undefined ? "" : definitionChecksum(template, first);
  });
  assert.equal(new Set(sums).size, variants.length);
});
