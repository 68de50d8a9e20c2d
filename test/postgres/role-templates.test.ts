import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { expandTemplate, type ManagedRole } from "../../src/domain/managed-role.ts";
import {
  columnPrivileges,
  type ObjectKind,
  privilegesOfKind,
  sinceMajor,
} from "../../src/domain/role-template.ts";
import type { Target } from "../../src/domain/target.ts";
import { parseTemplate } from "../../src/domain/template-parser.ts";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { addRoleTemplate } from "../../src/operations/role-templates.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { type Mode, majorsAndModes, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const relations = ["table", "view", "materialized_view"];
const reads = { on: [...relations, "sequence"], privileges: ["SELECT"] };
const enters = [
  { on: ["database"], privileges: ["CONNECT"] },
  { on: ["schema"], privileges: ["USAGE"] },
];

/** Every kind of object, existing and future, alone and together. */
const everything = {
  name: "everything",
  version: "1.0.0",
  roles: [
    {
      kind: "base",
      scope: "schema",
      grants: [
        ...enters,
        { on: ["database"], privileges: ["TEMPORARY"] },
        reads,
        { on: ["sequence"], privileges: ["USAGE"] },
        { on: ["function", "procedure"], privileges: ["EXECUTE"] },
        { on: ["type"], privileges: ["USAGE"] },
      ],
      column_grants: [{ table: 'od"d; Table', columns: ['no"te', "Part"], privileges: ["UPDATE", "INSERT"] }],
    },
    {
      kind: "maker",
      scope: "schema",
      inherits: ["base"],
      native_roles: ["pg_read_all_stats"],
      grants: [
        { on: ["schema"], privileges: ["CREATE"] },
        {
          on: relations,
          privileges: ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"],
        },
        { on: ["sequence"], privileges: ["UPDATE"] },
      ],
    },
    {
      kind: "looker",
      scope: "schema",
      grants: [
        ...enters,
        { on: ["view"], privileges: ["SELECT"], future: false },
        { on: ["procedure"], privileges: ["EXECUTE"], future: false },
      ],
    },
    {
      kind: "latecomer",
      scope: "schema",
      name_pattern: "{template} of {schema} in {database}: {kind}",
      grants: [...enters, { on: relations, privileges: ["SELECT", "INSERT"], existing: false }],
    },
    {
      kind: "dumper",
      scope: "database",
      grants: [...enters, reads, { on: ["large_object"], privileges: ["SELECT"] }],
    },
  ],
};

const hostile = 'we"ird; DROP--';
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const objectsOf = (schema: string, suffix: string): string => `
  CREATE TABLE ${schema}.${quoted(`od"d; Table${suffix}`)} (id serial, "no""te" text, "Part" int, plain int);
  CREATE VIEW ${schema}.view${suffix} AS SELECT 1 AS x;
  CREATE MATERIALIZED VIEW ${schema}.mat${suffix} AS SELECT 1 AS x;
  CREATE SEQUENCE ${schema}.seq${suffix};
  CREATE FUNCTION ${schema}.fun${suffix}(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE PROCEDURE ${schema}.pro${suffix}(a int) LANGUAGE sql AS 'SELECT 1';
  CREATE TYPE ${schema}.typ${suffix} AS ENUM ('a');
  CREATE DOMAIN ${schema}.dom${suffix} AS int;
  REVOKE ALL ON FUNCTION ${schema}.fun${suffix} FROM PUBLIC; REVOKE ALL ON PROCEDURE ${schema}.pro${suffix} FROM PUBLIC;
  REVOKE ALL ON TYPE ${schema}.typ${suffix}, ${schema}.dom${suffix} FROM PUBLIC;`;

interface Held {
  readonly role: string;
  readonly kind: ObjectKind | "column";
  readonly object: string;
  readonly column: string | null;
  readonly privileges: string[];
}

/** What roles hold in effect, by has_*_privilege, on all that a schema holds. */
const heldSql = `
  WITH roles AS (SELECT unnest($2::text[]) AS role),
  privileges AS (SELECT * FROM unnest($3::text[], $4::text[]) AS p (kind, privilege)),
  objects AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' ELSE 'table' END AS kind,
           c.oid, c.relname::text AS object, NULL::text AS col
      FROM pg_class c WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relkind IN ('r', 'v', 'm', 'S', 'p')
    UNION ALL
    SELECT 'column', c.oid, c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
     WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relkind = 'r'
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid, p.proname::text, NULL
      FROM pg_proc p WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
    UNION ALL
    SELECT 'type', t.oid, t.typname::text, NULL
      FROM pg_type t WHERE t.typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND t.typtype IN ('e', 'd')
    UNION ALL
    SELECT 'schema', n.oid, n.nspname::text, NULL FROM pg_namespace n WHERE n.nspname = $1
    UNION ALL
    SELECT 'large_object', l.oid, l.oid::text, NULL FROM pg_largeobject_metadata l)
  SELECT r.role, o.kind, o.object, o.col AS "column",
         array_agg(p.privilege ORDER BY p.privilege) FILTER (WHERE
           CASE o.kind WHEN 'sequence' THEN has_sequence_privilege(r.role, o.oid, p.privilege)
                       WHEN 'column' THEN has_column_privilege(r.role, o.oid, o.col, p.privilege)
                       WHEN 'function' THEN has_function_privilege(r.role, o.oid, p.privilege)
                       WHEN 'procedure' THEN has_function_privilege(r.role, o.oid, p.privilege)
                       WHEN 'type' THEN has_type_privilege(r.role, o.oid, p.privilege)
                       WHEN 'schema' THEN has_schema_privilege(r.role, o.oid, p.privilege)
                       WHEN 'large_object' THEN EXISTS (
                         SELECT FROM pg_largeobject_metadata l, aclexplode(l.lomacl) a JOIN pg_roles g ON g.oid = a.grantee
                          WHERE l.oid = o.oid AND g.rolname::text = r.role AND a.privilege_type = p.privilege)
                       ELSE has_table_privilege(r.role, o.oid, p.privilege) END) AS privileges
    FROM roles r CROSS JOIN objects o JOIN privileges p ON p.kind = o.kind
   GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;

async function readHeld(
  fleet: RoleFleet,
  target: Target,
  schema: string,
  roles: readonly ManagedRole[],
  major: number,
) {
  const kinds = Object.entries({ ...privilegesOfKind, column: columnPrivileges }).filter(
    ([kind]) => kind !== "database",
  );
  const pairs = kinds.flatMap(([kind, list]) =>
    list.filter((p) => sinceMajor(p) <= major).map((p) => [kind, p] as const),
  );
  const values = [
    schema,
    roles.map((role) => role.name),
    pairs.map(([kind]) => kind),
    pairs.map(([, p]) => p),
  ];
  return fleet.sql<Held & Record<string, unknown>>(target, heldSql, values);
}

/** What a role is to hold on an object, with what it inherits. */
function promised(roles: readonly ManagedRole[], held: Held, future: boolean): string[] {
  const role = roles.find((one) => one.name === held.role);
  assert.ok(role);
  const inherited = role.inherits.flatMap((name) => promised(roles, { ...held, role: name }, future));
  const { kind } = held;
  const type =
    relations.includes(kind) || kind === "column"
      ? "table"
      : kind === "function" || kind === "procedure"
        ? "routine"
        : kind;
  const later = role.future[type as "table"] ?? [];
  const now = role.privileges[kind === "column" ? "table" : kind] ?? [];
  const own = kind === "schema" || !future ? now : later;
  const columns = role.columnGrants
    .filter(
      (grant) =>
        kind === "column" && grant.table === held.object && grant.columns.includes(held.column ?? ""),
    )
    .flatMap((grant) => grant.privileges);
  const known = kind === "column" ? own.filter((one) => columnPrivileges.includes(one)) : own;
  return [...new Set([...inherited, ...known, ...columns])].sort();
}

function assertMatrix(
  roles: readonly ManagedRole[],
  held: readonly Held[],
  later: (object: string) => boolean,
) {
  assert.ok(held.length >= roles.length * 8);
  for (const one of held) {
    const wanted = promised(roles, one, later(one.object));
    assert.deepEqual(
      one.privileges ?? [],
      wanted,
      `${one.role} on ${one.kind} ${one.object} ${one.column ?? ""}`,
    );
  }
}

async function startFleet(mode: Mode, major: Major) {
  const fleet = await startRoleFleet(mode, [major]);
  const server = fleet.server(major);
  // On a strict instance the admin acts for what it administers only.
  const make = (name: string) =>
    mode === "strict" && major >= 16
      ? `SET ROLE postgres; CREATE ROLE ${name}; RESET ROLE`
      : `CREATE ROLE ${name}`;
  for (const name of ["owner_one", "owner_two"]) await server.querySuperuser("postgres", make(name));
  for (const name of ["alice@example.com", "bob@example.com"])
    await server.createUser({ name, type: "CLOUD_IAM_USER" });
  return fleet;
}

const setUp = (database: string, schema: string): string => `
  GRANT CREATE ON DATABASE ${database} TO owner_one;
  CREATE SCHEMA ${schema} AUTHORIZATION owner_one;
  GRANT USAGE, CREATE ON SCHEMA ${schema} TO owner_two;
  SET ROLE owner_one; ${objectsOf(schema, "")} SELECT lo_create(0);
  SET ROLE owner_two; ${objectsOf(schema, "_two")} SELECT lo_create(0);
  RESET ROLE;`;

for (const [major, mode] of majorsAndModes) {
  describe(`role templates on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    const roles = expandTemplate(
      parseTemplate(everything, { allowedNativeRoles: [] }),
      "shop",
      hostile,
      major,
    );
    const apply = (more: object = {}) =>
      initializeRoles(fleet.context, fleet.call(), target, {
        schema: hostile,
        template: "everything",
        ...more,
      });
    const drift = () => readDrift(fleet.context, fleet.call(), target, { schema: hostile });

    before(async () => {
      fleet = await startFleet(mode, major);
      target = await fleet.createDatabase(major, "shop", setUp("shop", quoted(hostile)));
      await addRoleTemplate(fleet.context, fleet.call(), everything, "new");
    });
    after(() => fleet.stop());

    test("all that a template grants is held on objects of several owners, and nothing else", async () => {
      const planned = await apply({ dryRun: true });
      assert.ok((planned.plan?.length ?? 0) > 10);
      const first = await apply();
      assert.deepEqual([...first.created].sort(), roles.map((role) => role.name).sort());
      assert.deepEqual([first.template, first.templateVersion], ["everything", "1.0.0"]);
      // A strict instance does not let the admin grant predefined roles from 16 on.
      assert.equal(
        first.warnings.length,
        mode === "strict" && major >= 16 ? 1 : 0,
        first.warnings.join("\n"),
      );
      assertMatrix(roles, await readHeld(fleet, target, hostile, roles, major), () => false);
    });

    test("a second call, an update and drift have nothing to do", async () => {
      const history = fleet.registry.history(target).length;
      for (const forceUpdate of [false, true]) {
        const again = await apply({ forceUpdate });
        assert.deepEqual([again.created, again.updated], [[], []]);
      }
      assert.equal(fleet.registry.history(target).length, history);
      assert.deepEqual((await drift()).drift, []);
    });

    test("what several creators make later is held as far as default privileges reach", async () => {
      for (const [at, creator] of ["owner_one", "owner_two"].entries())
        await fleet.as(
          target,
          creator,
          `${objectsOf(quoted(hostile), `_later${at}`)} SELECT lo_create(0)`,
          "keep",
        );
      const held = await readHeld(fleet, target, hostile, roles, major);
      const large = held.filter((one) => one.kind === "large_object" && one.role.endsWith("dumper"));
      assert.equal(large.filter((one) => one.privileges?.includes("SELECT")).length, major >= 18 ? 4 : 2);
      assertMatrix(
        roles,
        held.filter((one) => one.kind !== "large_object"),
        (object) => object.includes("_later"),
      );
      // What has no default privileges, or not on one kind of objects alone, is drift until it is applied again.
      const found = await drift();
      assert.ok(
        found.drift.every((one) => one.kind === "missing"),
        JSON.stringify(found.drift),
      );
      assert.equal(
        found.drift.some((one) => one.object.startsWith("large object")),
        major < 18,
      );
      assert.equal(
        found.drift.some((one) => one.object.includes("view_later0")),
        true,
      );
      await apply({ forceUpdate: true });
      assert.deepEqual((await drift()).drift, []);
    });

    test("what was granted beside the template, on columns too, is taken away, and columns keep theirs", async () => {
      const [base, looker, dumper] = ["base", "looker", "dumper"].map(
        (kind) => roles.find((role) => role.kind === kind)?.name ?? "",
      );
      const table = `${quoted(hostile)}.${quoted('od"d; Table')}`;
      await fleet.as(
        target,
        "owner_one",
        `GRANT UPDATE ON ${table} TO ${quoted(base ?? "")}; GRANT SELECT (plain) ON ${table} TO ${quoted(looker ?? "")};
           GRANT DELETE ON ${table} TO ${quoted(dumper ?? "")}`,
        "keep",
      );
      const kinds = (await drift()).drift.map((one) => one.kind);
      assert.equal(kinds.filter((kind) => kind === "extra").length, 3);
      await apply({ forceUpdate: true });
      assert.deepEqual((await drift()).drift, []);
      assertMatrix(
        roles,
        (await readHeld(fleet, target, hostile, roles, major)).filter(
          (one) => one.kind === "column" && !one.object.includes("_later"),
        ),
        () => false,
      );
    });
  });
}
