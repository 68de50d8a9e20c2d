import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { countQueries } from "../support/count-queries.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const all = ["o1", "o2", "o3", "o4", "o5"];

/** A schema in which each of five owners has tables with a sequence, views, functions and types. */
const objects = (tables: number, owners = all): string => `
  CREATE SCHEMA app AUTHORIZATION postgres; GRANT USAGE, CREATE ON SCHEMA app TO ${owners.join(", ")};
  DO $$ BEGIN
    FOR i IN 1..${tables} LOOP
      EXECUTE format('SET LOCAL ROLE %I', (ARRAY['${owners.join("','")}'])[i % ${owners.length} + 1]);
      EXECUTE format('CREATE TABLE app.%I (id serial)', 't ' || i);
      IF i % 2 = 0 THEN EXECUTE format('CREATE VIEW app.%I AS SELECT 1 AS x', 'v ' || i); END IF;
      IF i <= 25 OR i % 5 = 0 THEN
        EXECUTE format('CREATE FUNCTION app.%I(a int) RETURNS int LANGUAGE sql AS ''SELECT 1''', 'f ' || i);
      END IF;
      -- There is no GRANT ON ALL TYPES: they are always named.
      IF i <= 25 THEN EXECUTE format('CREATE TYPE app.%I AS ENUM (''a'')', 'e ' || i); END IF;
    END LOOP;
  END $$`;

for (const major of [14, 18] as const) {
  describe(`initialize on many tables on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let few: Target;
    let many: Target;
    const plan = async (target: Target) =>
      (await initializeRoles(fleet.context, fleet.call(), target, { schema: "app", dryRun: true })).plan ??
      [];
    const grantsOnTables = async (target: Target): Promise<string[]> =>
      (await plan(target))
        .map(({ sql }) => sql)
        .filter((sql) => /^GRANT .* ON (ALL TABLES|TABLE "app")/.test(sql));

    before(async () => {
      fleet = await startRoleFleet("strict", [major]);
      const server = fleet.server(major);
      // As right after a restore: without statistics the planner takes every list for a short one.
      await server.querySuperuser("postgres", "ALTER SYSTEM SET autovacuum = off");
      await server.querySuperuser("postgres", "SELECT pg_reload_conf()");
      for (const owner of all)
        await server.querySuperuser("postgres", `SET ROLE postgres; CREATE ROLE ${owner}`);
      few = await fleet.createDatabase(major, "few", objects(50));
      many = await fleet.createDatabase(major, "many", objects(500));
    });
    after(() => fleet.stop());

    test("the number of statements, and of queries, is the same for 50 tables of five owners and for 500", async () => {
      const { context, take } = countQueries(fleet.context);
      const sizes: number[][] = [];
      for (const target of [few, many]) {
        const { plan: planned = [] } = await initializeRoles(context, fleet.call(), target, {
          schema: "app",
          dryRun: true,
        });
        sizes.push([planned.length, take().length]);
        const names = planned.filter(({ sql }) => /t 4\d/.test(sql));
        assert.deepEqual(names, []);
      }
      assert.deepEqual(sizes[1], sizes[0]);
      assert.ok((await grantsOnTables(many)).every((sql) => sql.includes("ON ALL TABLES IN SCHEMA")));
    });

    test("so it is where the admin itself may grant on one of the tables of an owner", async () => {
      const { context, take } = countQueries(fleet.context);
      const sizes: number[][] = [];
      for (const [database, tables] of [
        ["few_of_one", 50],
        ["many_of_one", 500],
      ] as const) {
        const shared = `SET ROLE o1; GRANT SELECT ON app."t 7" TO postgres WITH GRANT OPTION; RESET ROLE`;
        const target = await fleet.createDatabase(major, database, `${objects(tables, ["o1"])}; ${shared}`);
        const input = { schema: "app", dryRun: true };
        const { plan: planned = [] } = await initializeRoles(context, fleet.call(), target, input);
        sizes.push([planned.length, take().length]);
        assert.ok(planned.some(({ sql }) => sql === 'SET ROLE "o1"'));
        await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
        assert.deepEqual(await plan(target), []);
      }
      assert.deepEqual(sizes[1], sizes[0]);
    });

    test("beside one table that is out of reach, the others are named by the hundred", async () => {
      const whole = await grantsOnTables(many);
      const withoutOne = 'ALTER TABLE app."t 7" OWNER TO cloudsqladmin';
      await fleet.sql(many, withoutOne);
      const named = await grantsOnTables(many);
      // 499 tables and 250 views.
      assert.equal(named.length, whole.length * Math.ceil((499 + 250) / 100));
      for (const sql of named) {
        assert.ok(!sql.includes("ON ALL"), sql);
        assert.ok(!sql.includes('"t 7"'), sql);
        assert.ok(sql.split('"app".').length - 1 <= 100);
      }
      const { context, take } = countQueries(fleet.context);
      await initializeRoles(context, fleet.call(), many, { schema: "app", dryRun: true });
      const ofMany = take().length;
      await fleet.sql(few, withoutOne);
      await initializeRoles(context, fleet.call(), few, { schema: "app", dryRun: true });
      assert.equal(take().length, ofMany);
    });

    test("every other table is readable then, nothing is left to do, and the one is named", async () => {
      const { warnings } = await initializeRoles(fleet.context, fleet.call(), many, { schema: "app" });
      assert.ok(
        warnings.some((one) => one.includes("t 7") && one.includes("cloudsqladmin")),
        warnings.join("\n"),
      );
      assert.deepEqual(await plan(many), []);
      const rows = await fleet.sql(
        many,
        `SELECT count(*)::int AS count, count(*) FILTER (WHERE has_table_privilege('many_app_reader', oid, 'SELECT'))::int AS readable
           FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'v')`,
      );
      assert.deepEqual(rows, [{ count: 750, readable: 749 }]);
    });
  });
}
