import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DesiredStateInput, parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { importState } from "../../src/operations/state-import.ts";
import type { StateMode } from "../../src/operations/state-scope.ts";
import { majorsAndModes, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";
import { readWholeCatalog } from "../support/whole-catalog.ts";

const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const holder = `Holder "☃" ${"h".repeat(63 - Buffer.byteLength('Holder "☃" '))}`;
const [owner, outsider, app] = ['Own"er ☃', "Öwner; two", 'A "pp" ☃'];
const [one, two, three] = ['One "☃"', "Two; 2", "Three"].map((name) => `${q(app)}.${q(name)}`) as [
  string,
  string,
  string,
];

/**
 * The admin itself may grant on whatever it holds, and so may a role of which it is a member. The outsider may not use the
 * schema, nor does the admin have its rights without taking them.
 */
const setup = `
  CREATE SCHEMA ${q(app)} AUTHORIZATION ${q(owner)}; GRANT USAGE, CREATE ON SCHEMA ${q(app)} TO ${q(outsider)};
  CREATE SCHEMA other AUTHORIZATION ${q(owner)}; GRANT USAGE ON SCHEMA ${q(app)} TO ${q(holder)}, postgres WITH GRANT OPTION;
  SET ROLE ${q(owner)};
  CREATE TABLE ${one} (id int, note text); CREATE TABLE other.t (id int);
  CREATE FUNCTION ${q(app)}.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE ${q(app)}.s; CREATE TYPE ${q(app)}.m AS ENUM ('a');
  GRANT ALL ON ${one}, other.t TO ${q(holder)}, postgres WITH GRANT OPTION; GRANT SELECT (id) ON ${one} TO ${q(holder)} WITH GRANT OPTION;
  GRANT ALL ON FUNCTION ${q(app)}.f TO postgres WITH GRANT OPTION; GRANT ALL ON SEQUENCE ${q(app)}.s TO ${q(holder)} WITH GRANT OPTION;
  GRANT ALL ON TYPE ${q(app)}.m TO postgres WITH GRANT OPTION;
  SET ROLE ${q(outsider)};
  CREATE TABLE ${two} (id int, note text); CREATE TABLE ${three} (id int); GRANT INSERT ON ${three} TO ${q(holder)};
  GRANT ALL ON ${two} TO ${q(holder)} WITH GRANT OPTION; GRANT SELECT, UPDATE (note) ON ${two} TO postgres WITH GRANT OPTION;
  SET ROLE ${q(owner)}; REVOKE USAGE, CREATE ON SCHEMA ${q(app)} FROM ${q(outsider)}; RESET ROLE`;

const roles = `
  CREATE ROLE legacy; CREATE ROLE other_legacy;
  SET ROLE postgres; CREATE ROLE ${q(holder)}; CREATE ROLE ${q(owner)}; CREATE ROLE ${q(outsider)}; RESET ROLE;
  GRANT ${q(holder)} TO postgres; GRANT ${q(owner)} TO postgres`;

for (const [major, mode] of majorsAndModes) {
  describe(`objects on which others than the owner may grant on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    let databases = 0;
    before(async () => {
      fleet = await startRoleFleet(mode, [major]);
      await fleet.server(major).querySuperuser("postgres", roles);
    });
    after(() => fleet.stop());

    async function create(sql = setup): Promise<Target> {
      databases += 1;
      return fleet.createDatabase(major, `d${databases}`, sql);
    }
    const initialize = (
      target: Target,
      more: { readonly forceUpdate?: boolean; readonly dryRun?: boolean } = {},
    ) => initializeRoles(fleet.context, fleet.call(), target, { schema: app, ...more });
    const drift = async (target: Target) =>
      (await readDrift(fleet.context, fleet.call(), target, { forceFull: true })).drift;
    /** What the roles hold from others than the owners, each as a line of the catalog. */
    const foreign = async (target: Target, grantees: string): Promise<string[]> =>
      (
        await fleet.sql<{ line: string }>(
          target,
          `SELECT concat(o.what, ' ', a.grantee::regrole, ' ', a.privilege_type, ' by ', a.grantor::regrole) AS line
             FROM (SELECT c.oid::regclass::text AS what, c.relowner AS owner, c.relacl AS acl FROM pg_class c
                   UNION ALL SELECT attrelid::regclass::text, c.relowner, attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
                   UNION ALL SELECT oid::regprocedure::text, proowner, proacl FROM pg_proc
                   UNION ALL SELECT oid::regtype::text, typowner, typacl FROM pg_type
                   UNION ALL SELECT nspname, nspowner, nspacl FROM pg_namespace) o
            CROSS JOIN aclexplode(o.acl) a
            WHERE a.grantor <> o.owner AND a.grantee::regrole::text ~ $1`,
          [grantees],
        )
      ).map(({ line }) => line);
    /** Without default privileges: who could create for a while has been covered. */
    const rights = async (target: Target): Promise<string[]> =>
      (await readWholeCatalog(fleet, [target])).filter((line) => !/^\w+: default /.test(line));
    const managed = (target: Target): string => `^"?${target.database}_`;
    const mayUse = async (target: Target): Promise<boolean> =>
      (
        await fleet.sql<{ may: boolean }>(target, "SELECT has_schema_privilege($1, $2, 'USAGE') AS may", [
          outsider,
          app,
        ])
      )[0]?.may === true;

    test("initialize grants as the owners, and runs what its plan shows", async () => {
      const target = await create();
      const { plan = [] } = await initialize(target, { dryRun: true });
      await initialize(target);
      assert.deepEqual(await foreign(target, managed(target)), []);
      assert.equal(await mayUse(target), false);
      for (const forceUpdate of [false, true])
        assert.deepEqual((await initialize(target, { forceUpdate, dryRun: true })).plan, []);
      assert.deepEqual(await drift(target), []);
      const history = await fleet.registry.history(target);
      assert.deepEqual(
        history[0]?.statements.map((one) => one.sql),
        plan.map((one) => one.sql),
      );
    });

    test("what drifted is repaired as the owners, by the repairs and by force_update", async () => {
      const target = await create();
      await initialize(target);
      const reader = q(`${target.database}_${app}_reader`);
      const clean = await rights(target);
      const changes = `
        SET ROLE ${q(owner)}; REVOKE SELECT ON ${one} FROM ${reader}; GRANT DELETE, UPDATE (note) ON ${one} TO ${reader};
        REVOKE USAGE ON TYPE ${q(app)}.m FROM ${reader}; GRANT CREATE ON SCHEMA ${q(app)} TO ${reader}; GRANT SELECT ON other.t TO ${reader};
        SET ROLE ${q(outsider)}; GRANT INSERT, UPDATE (note) ON ${two} TO ${reader} WITH GRANT OPTION; RESET ROLE`;
      // An outsider's statements need the schema, as everybody's.
      const drifted = async () => {
        await fleet.sql(
          target,
          `GRANT USAGE ON SCHEMA ${q(app)} TO ${q(outsider)}; ${changes};
          REVOKE USAGE ON SCHEMA ${q(app)} FROM ${q(outsider)}`,
        );
        const found = await drift(target);
        assert.ok(found.length >= 6, `${found.length} differences`);
        return found;
      };
      for (const { repair, detail } of await drifted()) {
        assert.ok(repair.length > 0, detail);
        await fleet.as(target, "postgres", repair.join(";\n"), "keep");
      }
      assert.deepEqual(await drift(target), []);
      assert.deepEqual(await rights(target), clean);
      await drifted();
      await initialize(target, { forceUpdate: true });
      assert.deepEqual(await drift(target), []);
      assert.deepEqual(await rights(target), clean);
    });

    if (major >= 16 && mode === "strict") {
      test("where the admin has the owner's rights and may not act as the owner, nothing is changed", async () => {
        await fleet
          .server(major)
          .querySuperuser(
            "postgres",
            "CREATE ROLE locked; GRANT locked TO postgres WITH INHERIT TRUE, SET FALSE",
          );
        const target = await create(
          `CREATE SCHEMA ${q(app)} AUTHORIZATION locked; SET ROLE locked; CREATE TABLE ${one} (id int);
           GRANT SELECT ON ${one} TO postgres WITH GRANT OPTION`,
        );
        const found = await readWholeCatalog(fleet, [target]);
        await assert.rejects(initialize(target), { kind: "conflict" });
        assert.deepEqual(await readWholeCatalog(fleet, [target]), found);
        await fleet.sql(target, `SET ROLE locked; REVOKE GRANT OPTION FOR SELECT ON ${one} FROM postgres`);
        await initialize(target);
        assert.deepEqual((await initialize(target, { dryRun: true })).plan, []);
      });
    }

    test("a state grants and revokes as the owners in each mode", async () => {
      const target = await create();
      const found = await rights(target);
      const on = (grantee: string, name: string, privileges: string[]) => ({
        grantee,
        object_type: "table" as const,
        schema: app,
        objects: [name],
        privileges,
      });
      const apply = (how: StateMode, state: DesiredStateInput) =>
        applyState(fleet.context, fleet.call(), target, { mode: how, state: parseDesiredState(state) });
      const left = async (how: StateMode, state: DesiredStateInput) =>
        (await planState(fleet.context, fleet.call(), target, { mode: how, state: parseDesiredState(state) }))
          .statements;
      const names = ['One "☃"', "Two; 2", "Three"] as const;
      const wide = names.flatMap((name) => [
        on("legacy", name, ["SELECT", "INSERT"]),
        on("other_legacy", name, ["SELECT"]),
      ]);
      const columns = names
        .slice(0, 2)
        .map((name) => ({ ...on("legacy", name, ["UPDATE"]), columns: ["note"] }));
      const state = { grants: [...wide, ...columns] };
      await apply("additive", state);
      assert.deepEqual(await foreign(target, "legacy"), []);
      assert.deepEqual([await left("additive", state), await left("adopt", state)], [[], []]);
      const narrow = { grants: [...names.map((name) => on("legacy", name, ["SELECT"]))] };
      await apply("adopt", narrow);
      assert.deepEqual(await left("adopt", narrow), []);
      assert.equal(await mayUse(target), false);
      const imported = (await importState(fleet.context, fleet.call(), target)).state;
      const all = {
        ...imported,
        grants: imported.grants?.filter((one) => !one.grantee.endsWith("legacy")) ?? [],
      };
      await apply("authoritative", all);
      assert.deepEqual(await left("authoritative", all), []);
      assert.deepEqual(await rights(target), found);
    });
  });
}
