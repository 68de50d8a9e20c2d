import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import { ServiceError } from "../../src/errors.ts";
import type { Context } from "../../src/operations/context.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { importState } from "../../src/operations/state-import.ts";
import { stateModes } from "../../src/operations/state-scope.ts";
import { offboardUser } from "../../src/operations/user-remove.ts";
import { brownfield } from "../support/brownfield.ts";
import { createFakeCloud } from "../support/fake-cloud.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";
import { readWholeCatalog } from "../support/whole-catalog.ts";

const alice = "alice@example.com";
const roles = ["reader", "writer", "admin", "analyst"];

for (const [major, mode] of [
  [14, "permissive"],
  [14, "strict"],
  [18, "permissive"],
  [18, "strict"],
] as const) {
  describe(`taking over what many hands left behind on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    let context: Context;
    const call = () => fleet.call();
    const catalog = () => readWholeCatalog(fleet, [target]);
    /** What an administrator did because the service asked. */
    const lent = new Set<string>();
    /** The catalog without what PostgreSQL has for the roles of the service's own. */
    const others = async () =>
      (await catalog()).filter(
        (line) => !/old_(app_|Odd Schema_|monitor|dba_agent)/.test(line) && !lent.has(line),
      );

    before(async () => {
      fleet = await startRoleFleet(mode, [major]);
      await fleet.server(major).createUser({ name: alice, type: "CLOUD_IAM_USER" });
      target = await fleet.createDatabase(major, "old", brownfield(major));
      context = { ...fleet.context, cloud: createFakeCloud(fleet).services };
    });
    after(() => fleet.stop());

    /** Where the admin may not act for the owner, an administrator runs the SQL that the conflict names. */
    async function initializeOrAsk(schema: string): Promise<void> {
      const initialize = () => initializeRoles(context, call(), target, { schema });
      await initialize().catch(async (error: unknown) => {
        assert.ok(error instanceof ServiceError && error.kind === "conflict", String(error));
        const before = await catalog();
        for (const sql of error.details.administrator_sql as string[]) await fleet.sql(target, sql);
        for (const line of await catalog()) if (!before.includes(line)) lent.add(line);
        await initialize();
      });
    }

    /** Imports, and holds that nothing would change in any mode; nor does it, applied. */
    async function assertImported(): Promise<void> {
      const { state } = await importState(context, call(), target);
      const parsed = parseDesiredState(structuredClone(state));
      for (const how of stateModes) {
        const { statements } = await planState(context, call(), target, { mode: how, state: parsed });
        assert.deepEqual(statements, [], how);
      }
      const before = await catalog();
      const applied = await applyState(context, call(), target, { mode: "authoritative", state: parsed });
      assert.equal(applied.changed, false);
      assert.deepEqual(await catalog(), before);
    }

    test("import, initialize, drift, apply, assign, revoke and offboard follow one another, and each leaves the rest alone", async () => {
      await assertImported();
      const found = await others();
      for (const schema of ["app", "Odd Schema"]) await initializeOrAsk(schema);
      for (const schema of ["app", "Odd Schema"]) {
        // What the admin was let do for one schema may serve the other.
        await initializeRoles(context, call(), target, { schema, forceUpdate: true });
        const { plan } = await initializeRoles(context, call(), target, { schema, dryRun: true });
        assert.deepEqual(plan, []);
      }
      const { drift } = await readDrift(context, call(), target, { forceFull: true });
      assert.deepEqual(drift, []);
      await assertImported();

      for (const username of [alice, "quiet"]) {
        const before = await catalog();
        for (const role of roles) {
          await assignRole(context, call(), target, { schema: "app", username, role });
          await revokeRole(context, call(), target, { schema: "app", username, role });
        }
        assert.deepEqual(await catalog(), before);
        await assignRole(context, call(), target, { schema: "app", username, role: "writer" });
      }
      await assertImported();
      assert.deepEqual(
        (await others()).filter((line) => !found.includes(line)),
        [],
      );

      await offboardUser(context, call(), target, { username: "quiet" });
      assert.deepEqual(await fleet.sql(target, "SELECT FROM pg_roles WHERE rolname = 'quiet'"), []);
      assert.deepEqual((await readDrift(context, call(), target, { forceFull: true })).drift, []);
      await assertImported();
    });
  });
}
