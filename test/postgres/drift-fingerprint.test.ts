import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client } from "pg";
import type { Target } from "../../src/domain/target.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { readFingerprint } from "../../src/postgres/fingerprint.ts";
import { countQueries } from "../support/count-queries.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const schema = `A "b" 'c`;
const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const roleOf = (kind: string): string => q(`shop_${schema}_${kind}`);
const table = `${q(schema)}."T 1"`;

for (const major of majors) {
  describe(`the catalog's fingerprint on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    const check = (more: { schema?: string; forceFull?: boolean } = {}, context = fleet.context) =>
      readDrift(context, fleet.call(), target, more);

    before(async () => {
      fleet = await startRoleFleet(major % 2 === 0 ? "permissive" : "strict", [major]);
      target = await fleet.createDatabase(
        major,
        "shop",
        `CREATE ROLE owner_two; CREATE SCHEMA ${q(schema)} AUTHORIZATION postgres;
         CREATE TABLE ${table} (id serial, c text); ALTER TABLE ${table} OWNER TO postgres;
         CREATE FUNCTION ${q(schema)}.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE TYPE ${q(schema)}.mood AS ENUM ('ok'); CREATE VIEW ${q(schema)}.v AS SELECT 1 AS one;
         CREATE EXTENSION pg_stat_statements;
         ALTER FUNCTION ${q(schema)}.f() OWNER TO postgres; ALTER TYPE ${q(schema)}.mood OWNER TO postgres;
         ALTER VIEW ${q(schema)}.v OWNER TO postgres;`,
      );
      await initializeRoles(fleet.context, fleet.call(), target, { schema });
    });
    after(() => fleet.stop());

    test("an unchanged database takes one query, in this process and in another; force_full takes them all", async () => {
      assert.deepEqual([(await check()).drift, (await check()).checked], [[], "fingerprint"]);
      const here = countQueries(fleet.context);
      const report = await check({}, here.context);
      assert.deepEqual(
        [report.checked, report.schemas, report.drift, here.take().length],
        ["fingerprint", [schema], [], 1],
      );
      const there = countQueries(fleet.otherProcess());
      assert.equal((await check({}, there.context)).checked, "fingerprint");
      assert.equal(there.take().length, 1);
      assert.equal((await check({ forceFull: true }, here.context)).checked, "full");
      assert.ok(here.take().length > 10);
      assert.equal((await check({ schema })).checked, "full");
      assert.equal((await check({ schema })).checked, "fingerprint");
    });

    test("what the registry says anew is compared anew", async () => {
      const entry = {
        actor: "a",
        requestId: "r",
        action: "t",
        outcome: "succeeded",
        statements: [],
        summary: "",
      } as const;
      await fleet.registry.record(target, entry);
      assert.equal((await check()).checked, "full");
      assert.equal((await check()).checked, "fingerprint");
    });

    test("that the registry cannot note it is no failure", async () => {
      await fleet.sql(
        target,
        `CREATE TABLE ${q(schema)}.more (); ALTER TABLE ${q(schema)}.more OWNER TO owner_two; DROP TABLE ${q(schema)}.more`,
      );
      fleet.registry.fail(false, true);
      assert.deepEqual((await check({ forceFull: true })).drift, []);
      fleet.registry.fail(false, false);
      assert.equal((await check()).checked, "fingerprint");
    });

    const changes: readonly string[] = [
      `REVOKE SELECT ON ${table} FROM ${roleOf("reader")}`,
      `GRANT DELETE ON ${table} TO ${roleOf("reader")}`,
      `GRANT SELECT (c) ON ${table} TO ${roleOf("analyst")}`,
      `REVOKE USAGE ON SCHEMA ${q(schema)} FROM ${roleOf("reader")}`,
      `REVOKE EXECUTE ON FUNCTION ${q(schema)}.f() FROM ${roleOf("writer")}`,
      `REVOKE USAGE ON TYPE ${q(schema)}.mood FROM ${roleOf("reader")}`,
      `REVOKE CONNECT ON DATABASE shop FROM ${roleOf("reader")}`,
      `REVOKE SELECT ON SEQUENCE ${q(schema)}."T 1_id_seq" FROM ${roleOf("reader")}`,
      `ALTER ROLE ${roleOf("reader")} LOGIN`,
      `ALTER ROLE ${roleOf("reader")} NOINHERIT`,
      `COMMENT ON ROLE ${roleOf("reader")} IS 'mine'`,
      `GRANT owner_two TO ${roleOf("reader")}`,
      `GRANT ${roleOf("analyst")} TO ${roleOf("writer")} WITH ADMIN OPTION`,
      ...(major >= 16 ? [`GRANT ${roleOf("reader")} TO ${roleOf("writer")} WITH INHERIT FALSE`] : []),
      `ALTER ROLE ${roleOf("writer")} RENAME TO elsewhere`,
      "CREATE ROLE another",
      `DROP OWNED BY ${roleOf("analyst")}; DROP ROLE ${roleOf("analyst")}`,
      `ALTER SCHEMA ${q(schema)} OWNER TO owner_two`,
      `ALTER SCHEMA ${q(schema)} RENAME TO gone`,
      `ALTER TABLE ${table} OWNER TO owner_two`,
      `ALTER TABLE ${table} RENAME COLUMN c TO d`,
      `ALTER DATABASE shop OWNER TO owner_two`,
      `GRANT USAGE, CREATE ON SCHEMA ${q(schema)} TO owner_two`,
      `ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA ${q(schema)} REVOKE SELECT ON TABLES FROM ${roleOf("reader")}`,
      `CREATE TABLE ${q(schema)}.another (id int)`,
      `CREATE PROCEDURE ${q(schema)}.p() LANGUAGE sql AS 'SELECT 1'`,
      `GRANT SELECT ON ${table} TO ${roleOf("reader")} WITH GRANT OPTION`,
      `GRANT CREATE ON DATABASE shop TO ${roleOf("reader")}`,
      `GRANT CONNECT ON DATABASE postgres TO ${roleOf("reader")}`,
      `ALTER DEFAULT PRIVILEGES FOR ROLE owner_two GRANT SELECT ON TABLES TO ${roleOf("reader")}`,
      `GRANT USAGE ON LANGUAGE sql TO ${roleOf("reader")}`,
      `GRANT SELECT ON pg_authid TO ${roleOf("reader")}`,
      `SELECT lo_create(4711); GRANT UPDATE ON LARGE OBJECT 4711 TO ${roleOf("reader")}`,
      ...(major >= 15 ? [`GRANT SET ON PARAMETER log_statement TO ${roleOf("reader")}`] : []),
      `CREATE ROLE bob; GRANT ${roleOf("reader")} TO bob`,
      ...(major >= 16 ? [`CREATE ROLE bob; GRANT ${roleOf("reader")} TO bob WITH SET FALSE`] : []),
      `ALTER TABLE ${table} OWNER TO ${roleOf("reader")}`,
      `SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO ${roleOf("reader")}`,
      "DROP EXTENSION pg_stat_statements",
      "REVOKE SELECT ON pg_stat_statements FROM PUBLIC",
    ];

    test("each change that is drift, or may become it, changes the fingerprint; what is none does not", async () => {
      const client = new Client({ connectionString: fleet.server(major).superuserUrl("shop") });
      await client.connect();
      const session = {
        versionNum: major * 10_000,
        user: "",
        target,
        query: async (text: string, values: unknown[]) => ({
          ...(await client.query(text, values)),
          notices: [],
        }),
      } as never;
      const read = (largeObjects = false) => readFingerprint(session, { largeObjects });
      try {
        const first = await read();
        for (const sql of changes) {
          await client.query("BEGIN");
          await client.query(sql);
          assert.notEqual(await read(), first, sql);
          await client.query("ROLLBACK");
          assert.equal(await read(), first, sql);
        }
        const withLargeObjects = await read(true);
        await client.query("SELECT lo_create(0)");
        assert.notEqual(await read(true), withLargeObjects);
        for (const sql of [
          `INSERT INTO ${table} DEFAULT VALUES`,
          "CREATE TEMP TABLE t (id int)",
          "ANALYZE",
        ]) {
          await client.query(sql);
          assert.equal(await read(), first, sql);
        }
      } finally {
        await client.end();
      }
    });
  });
}
