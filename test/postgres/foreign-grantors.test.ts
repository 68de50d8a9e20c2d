import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DesiredStateInput, parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import type { StateMode } from "../../src/operations/state-scope.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

for (const major of majors) {
  describe(`grants of somebody who is not let into the schema on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let databases = 0;
    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
      const roles =
        "SET ROLE postgres; CREATE ROLE owner_one; CREATE ROLE owner_two; CREATE ROLE delegate; CREATE ROLE legacy";
      await fleet.server(major).querySuperuser("postgres", roles);
    });
    after(() => fleet.stop());

    /** The delegate may grant on, and did, to the legacy role and to the managed reader. */
    async function delegate(): Promise<Target> {
      databases += 1;
      const database = `d${databases}`;
      const target = await fleet.createDatabase(
        major,
        database,
        `CREATE SCHEMA app AUTHORIZATION owner_one; GRANT USAGE, CREATE ON SCHEMA app TO owner_two;
         SET ROLE owner_two; CREATE TABLE app.one (id int, note text); CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      );
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      await fleet.sql(
        target,
        `SET ROLE owner_one; GRANT USAGE ON SCHEMA app TO delegate;
         SET ROLE owner_two; GRANT DELETE, TRUNCATE ON app.one TO delegate WITH GRANT OPTION;
         GRANT UPDATE (note) ON app.one TO delegate WITH GRANT OPTION; GRANT EXECUTE ON FUNCTION app.f() TO delegate WITH GRANT OPTION;
         SET ROLE delegate; GRANT DELETE ON app.one TO ${database}_app_reader; GRANT UPDATE (note) ON app.one TO ${database}_app_reader;
         GRANT TRUNCATE ON app.one TO legacy; GRANT EXECUTE ON FUNCTION app.f() TO legacy`,
      );
      return target;
    }
    const shutOut = (target: Target) =>
      fleet.sql(target, "SET ROLE owner_one; REVOKE USAGE ON SCHEMA app FROM delegate");
    const granted = async (target: Target, by: string): Promise<number> =>
      (
        await fleet.sql(
          target,
          `SELECT FROM pg_class c, aclexplode(c.relacl) a WHERE c.relname = 'one' AND a.grantor = $1::regrole
           UNION ALL SELECT FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = 'app.one'::regclass AND a.grantor = $1::regrole
           UNION ALL SELECT FROM pg_proc p, aclexplode(p.proacl) a WHERE p.oid = 'app.f()'::regprocedure AND a.grantor = $1::regrole`,
          [by],
        )
      ).length;
    const isIn = async (target: Target): Promise<boolean> =>
      (
        await fleet.sql<{ is: boolean }>(
          target,
          "SELECT has_schema_privilege('delegate', 'app', 'USAGE') AS is",
        )
      )[0]?.is === true;
    const apply = (target: Target, mode: StateMode, state: DesiredStateInput) =>
      applyState(fleet.context, fleet.call(), target, { mode, state: parseDesiredState(state) });
    const left = async (target: Target, mode: StateMode, state: DesiredStateInput) =>
      (
        await planState(fleet.context, fleet.call(), target, { mode, state: parseDesiredState(state) })
      ).statements.map((one) => one.sql);

    const templates = [{ name: "standard", schema: "app" }];

    test("drift's repair and force_update end them, and the grantor stays outside", async () => {
      const target = await delegate();
      await shutOut(target);
      const before = await readDrift(fleet.context, fleet.call(), target, {});
      const foreign = before.drift.filter((one) => one.kind === "foreign_grantor");
      assert.equal(foreign.length, 2);
      const repair = foreign.flatMap((one) => one.repair).join(";\n");
      await fleet.as(target, "postgres", repair);
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app", forceUpdate: true });
      assert.deepEqual((await readDrift(fleet.context, fleet.call(), target, {})).drift, []);
      assert.deepEqual([await granted(target, "delegate"), await isIn(target)], [2, false]);
    });

    test("so does a state, in each mode that takes", async () => {
      for (const mode of ["adopt", "authoritative"] as const) {
        const target = await delegate();
        await shutOut(target);
        const reads = { grantee: "legacy", object_type: "table" as const, schema: "app", objects: ["one"] };
        const state = { templates, grants: [{ ...reads, privileges: ["SELECT"] }] };
        await apply(target, mode, state);
        assert.equal(await granted(target, "delegate"), mode === "adopt" ? 1 : 0, mode);
        assert.equal(await isIn(target), false);
        assert.deepEqual(await left(target, mode, state), []);
      }
    });

    test("a plan that shuts the grantor out ends first what it granted inside", async () => {
      const target = await delegate();
      const owners = { grantee: "owner_two", object_type: "schema" as const, schema: "app" };
      const state = {
        schemas: [{ name: "app" }],
        templates,
        grants: [{ ...owners, privileges: ["USAGE", "CREATE"] }],
      };
      const { statements } = await apply(target, "authoritative", state);
      assert.ok(statements.some((one) => /^REVOKE USAGE ON SCHEMA "app" FROM "delegate"$/.test(one.sql)));
      assert.deepEqual([await granted(target, "delegate"), await isIn(target)], [0, false]);
      assert.deepEqual(await left(target, "authoritative", state), []);
    });

    test("a managed role that loses the schema with what it granted there is no obstacle either", async () => {
      const target = await delegate();
      const monitor = `${target.database}_monitor`;
      await fleet.sql(
        target,
        `SET ROLE owner_one; GRANT USAGE ON SCHEMA app TO ${monitor}; SET ROLE owner_two; GRANT INSERT ON app.one TO ${monitor} WITH GRANT OPTION;
         SET ROLE ${monitor}; GRANT INSERT ON app.one TO ${target.database}_app_reader`,
      );
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app", forceUpdate: true });
      assert.deepEqual((await readDrift(fleet.context, fleet.call(), target, {})).drift, []);
      assert.equal(await granted(target, monitor), 0);
    });
  });
}
