import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { PolicyCaller } from "../../src/domain/policy.ts";
import type { Target } from "../../src/domain/target.ts";
import { requestAccess } from "../../src/operations/access.ts";
import { approveAccess } from "../../src/operations/access-approval.ts";
import { sweepAccesses } from "../../src/operations/access-sweep.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { rollbackState } from "../../src/operations/rollback.ts";
import { importState } from "../../src/operations/state-import.ts";
import { createMemoryAccesses } from "../support/memory-accesses.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const hour = 3_600_000;

/** What others than managed roles hold. */
const rights = `
  SELECT 'table ' || c.relname || ' ' || a::text AS line FROM pg_class c CROSS JOIN unnest(c.relacl) a
   WHERE c.relnamespace = 'app'::regnamespace AND a::text !~ '^shop_app_'
  UNION ALL SELECT 'column ' || t.attname || ' ' || t.attacl::text FROM pg_attribute t WHERE t.attrelid = 'app.one'::regclass AND t.attacl IS NOT NULL
  UNION ALL SELECT 'default ' || d.defaclobjtype::text || ' ' || a::text FROM pg_default_acl d CROSS JOIN unnest(d.defaclacl) a WHERE a::text !~ '^shop_app_'
  UNION ALL SELECT 'member ' || m.roleid::regrole || ' ' || m.member::regrole || ' ' || m.admin_option FROM pg_auth_members m
   WHERE m.roleid::regrole::text ~ 'reporting|shop_app_reader' AND m.member::regrole::text ~ 'legacy|alice'
  ORDER BY 1`;

for (const major of [14, 18] as const) {
  describe(`the way back on PostgreSQL ${major}`, () => {
    const store = createMemoryAccesses();
    let now = Date.UTC(2026, 10, 21);
    let fleet: RoleFleet;
    let context: Context;
    let target: Target;
    const by = (name: string): Call => ({
      ...fleet.call("approveAccess"),
      actor: name,
      accessPolicy: {
        caller: { name, kind: "user" } as PolicyCaller,
        rulesFor: async () => [{ roleKinds: ["reader"], maxDurationMs: 8 * hour, approves: true }],
        isOperator: async () => true,
      },
    });
    const lines = async (): Promise<string[]> =>
      (await fleet.sql<{ line: string }>(target, rights)).map(({ line }) => line);
    const lastEntry = async (): Promise<number> =>
      (await fleet.registry.readHistory(target, { newestFirst: true, limit: 1 }))?.records[0]?.sequence ?? 0;
    const back = (sequence: number, dryRun = false) =>
      rollbackState(context, fleet.call("rollbackRoles"), target, { sequence, dryRun });
    const app = { schemas: [{ name: "app" }], templates: [{ name: "standard", schema: "app" }] };

    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
      context = { ...fleet.context, accesses: { store, now: () => now } };
      for (const name of ["owner_one", "reporting", "gone_soon", "legacy_app", "alice", "erin"])
        await fleet.server(major).querySuperuser("postgres", `SET ROLE postgres; CREATE ROLE ${name}`);
      target = await fleet.createDatabase(
        major,
        "shop",
        `CREATE SCHEMA app AUTHORIZATION owner_one; SET ROLE owner_one; CREATE TABLE app.one (id int, c text);
         CREATE TABLE app.two (id int); GRANT USAGE ON SCHEMA app TO gone_soon; RESET ROLE`,
      );
      await initializeRoles(context, fleet.call("initializeRoles"), target, { schema: "app" });
    });
    after(() => fleet.stop());

    test("what an authoritative state took of others is given back, and what it gave is not kept", async () => {
      await fleet.sql(
        target,
        `SET ROLE owner_one; GRANT DELETE ON app.one TO legacy_app WITH GRANT OPTION; GRANT INSERT ON app.one TO PUBLIC;
         GRANT SELECT (c) ON app.one TO reporting; GRANT SELECT ON app.two TO gone_soon;
         ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT UPDATE ON TABLES TO legacy_app;
         SET ROLE postgres; GRANT reporting TO legacy_app WITH ADMIN OPTION`,
      );
      const earlier = await lines();
      const sequence = await lastEntry();
      const call = fleet.call("applyRoles");
      const given = parseDesiredState({
        roles: [{ name: "reporting" }],
        grants: [
          { grantee: "alice", object_type: "table", schema: "app", objects: ["one"], privileges: ["SELECT"] },
        ],
      });
      await applyState(context, call, target, { mode: "adopt", state: given });
      const state = parseDesiredState({ ...app, roles: [{ name: "reporting" }] });
      const applied = await applyState(context, call, target, { mode: "authoritative", state });
      assert.ok(applied.summary.destructive >= 5);
      assert.notDeepEqual(await lines(), earlier);
      await fleet.sql(
        target,
        "SET ROLE owner_one; GRANT UPDATE ON app.one TO legacy_app; DROP TABLE app.two",
      );
      const planned = await back(sequence, true);
      assert.deepEqual(
        planned.warnings.filter((one) => one.includes("not there any more")),
        ["Not given back, since it is not there any more: SELECT on table app.two to gone_soon."],
      );
      await back(sequence);
      assert.deepEqual((await back(sequence, true)).statements, []);
      // What somebody did by hand meanwhile is left.
      await fleet.sql(target, "SET ROLE owner_one; REVOKE UPDATE ON app.one FROM legacy_app");
      assert.deepEqual(
        await lines(),
        earlier.filter((line) => !line.startsWith("table two")),
      );
      assert.deepEqual((await readDrift(context, fleet.call(), target, {})).drift, []);
    });

    test("a way back can be gone back", async () => {
      const sequence = await lastEntry();
      const earlier = await lines();
      const state = parseDesiredState({ ...app, roles: [{ name: "reporting" }] });
      await applyState(context, fleet.call("applyRoles"), target, { mode: "authoritative", state });
      const between = await lastEntry();
      const taken = await lines();
      await back(sequence);
      assert.deepEqual(await lines(), earlier);
      await back(between);
      assert.deepEqual(await lines(), taken);
      await back(sequence);
      assert.deepEqual(await lines(), earlier);
    });

    test("what other operations took is named, with their statements", async () => {
      const sequence = await lastEntry();
      const statement = {
        description: "d",
        sql: "REVOKE ALL ON x FROM y",
        database: "shop",
        optional: false,
      };
      await fleet.registry.record(target, {
        ...{ actor: "a", requestId: "r", action: "cleanupUser", outcome: "succeeded", summary: "s" },
        statements: [{ ...statement, destructive: true, outcome: "succeeded" }],
      });
      const { warnings } = await back(sequence, true);
      assert.deepEqual(warnings, [
        `Entry ${sequence + 1} (cleanupUser) is not undone: REVOKE ALL ON x FROM y.`,
      ]);
    });

    test("access for some time is not given back for good, nor imported; while it lasts it is no drift", async () => {
      const ask = { schema: "app", role: "reader", durationMs: hour, reason: "x" };
      const asked = await requestAccess(context, by("erin"), target, ask);
      await approveAccess(context, by("approver"), target, { id: asked.access.id });
      const { records = [] } =
        (await fleet.registry.readHistory(target, { newestFirst: true, limit: 5 })) ?? {};
      const entry = records.find((one) => one.state_after !== undefined);
      assert.ok(entry?.state_after);
      assert.deepEqual((await readDrift(context, fleet.call(), target, {})).drift, []);
      const imported = await importState(context, fleet.call(), target);
      assert.ok(!imported.state.memberships.some((one) => one.member === "erin"));
      assert.ok(imported.warnings.some((one) => one.startsWith("erin has shop_app_reader until ")));
      const plan = { mode: "authoritative", state: imported.state } as const;
      assert.deepEqual((await planState(context, fleet.call(), target, plan)).statements, []);
      // A state that an earlier version of the service kept has the membership like any other.
      const text = await fleet.registry.readText(target, { kind: "states", id: entry.state_after });
      const old = JSON.parse(text ?? "");
      old.memberships.push({
        role: "shop_app_reader",
        member: "erin",
        inherit: true,
        set: true,
        admin: false,
      });
      const { hashState } = await import("../../src/domain/state-snapshot.ts");
      const id = hashState(old);
      await fleet.registry.keepText(target, { kind: "states", id, text: JSON.stringify(old) });
      await fleet.registry.record(target, {
        ...{ actor: "a", requestId: "r", action: "assignRole", outcome: "succeeded", summary: "s" },
        ...{ statements: [], stateAfter: id },
      });
      const sequence = await lastEntry();
      now += 2 * hour;
      await sweepAccesses(context, fleet.call("expireAccess"));
      for (const to of [entry.sequence, sequence]) {
        const { statements, warnings } = await back(to, true);
        assert.deepEqual(statements, []);
        assert.equal(
          warnings.filter((one) => one.startsWith("erin had shop_app_reader")).length,
          to === sequence ? 1 : 0,
        );
      }
    });

    test("the last state is found however long ago it was kept, and with it what is declared", async () => {
      const on = { object_type: "table" as const, schema: "app", objects: ["one"] };
      const state = parseDesiredState({
        ...{
          templates: app.templates,
          memberships: [{ role: "shop_app_reader", member: "legacy_app", admin: true }],
        },
        grants: [{ grantee: "shop_app_reader", ...on, privileges: ["DELETE"] }],
      });
      await applyState(context, fleet.call("applyRoles"), target, { mode: "adopt", state });
      const entry = { actor: "a", requestId: "r", action: "t", outcome: "succeeded", summary: "" } as const;
      for (let at = 0; at < 250; at += 1) await fleet.registry.record(target, { ...entry, statements: [] });
      assert.deepEqual((await readDrift(context, fleet.call(), target, {})).drift, []);
      const sequence = await lastEntry();
      const member = { schema: "app", username: "alice", role: "reader" };
      await assignRole(context, fleet.call("assignRole"), target, member);
      assert.deepEqual((await readDrift(context, fleet.call(), target, {})).drift, []);
      assert.deepEqual(
        (await back(sequence, true)).statements.map(({ sql }) => sql.replace(/ GRANTED BY .*/, "")),
        ['REVOKE "shop_app_reader" FROM "alice"'],
      );
    });

    test("the way back to before the first entry leaves roles without members", async () => {
      await back(0);
      assert.deepEqual(
        (await lines()).filter((line) => line.startsWith("member shop")),
        [],
      );
      assert.deepEqual((await back(0, true)).statements, []);
    });
  });
}
