import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { importState } from "../../src/operations/state-import.ts";
import { stateModes } from "../../src/operations/state-scope.ts";
import { brownfield } from "../support/brownfield.ts";
import { majorsAndModes, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

for (const [major, mode] of majorsAndModes) {
  describe(`importing on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    const read = () => importState(fleet.context, fleet.call("importRoles"), target);
    const planned = async (
      how: (typeof stateModes)[number],
      state: Awaited<ReturnType<typeof read>>["state"],
    ) => {
      const { statements } = await planState(fleet.context, fleet.call("planRoles"), target, {
        mode: how,
        state,
      });
      return statements.map((one) => one.sql);
    };

    before(async () => {
      fleet = await startRoleFleet(mode, [major]);
      await fleet.server(major).createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
      target = await fleet.createDatabase(major, "old", brownfield(major));
    });
    after(() => fleet.stop());

    test("a database that nobody managed plans empty in every mode, and again after it was parsed", async () => {
      const { state, warnings } = await read();
      for (const how of stateModes) assert.deepEqual(await planned(how, state), [], how);
      const parsed = parseDesiredState(structuredClone(state));
      assert.deepEqual(parsed, state);
      assert.ok(state.grants.length > 10);
      for (const said of [
        /Mixed Case granted privileges/,
        /pg_read_all_data/,
        /builder/,
        /Mixed@Example.com/,
      ])
        assert.ok(
          warnings.some((one) => said.test(one)),
          `${said}\n${warnings.join("\n")}`,
        );
    });

    test("managed roles come as their template", async () => {
      const own = await fleet.createDatabase(
        major,
        "own",
        "CREATE SCHEMA app; ALTER SCHEMA app OWNER TO postgres",
      );
      const was = target;
      target = own;
      try {
        await initializeRoles(fleet.context, fleet.call(), own, { schema: "app" });
        await assignRole(fleet.context, fleet.call(), own, {
          schema: "app",
          username: "alice@example.com",
          role: "admin",
        });
        const { state } = await read();
        assert.deepEqual(state.templates, [{ schema: "app", name: "standard", version: "1.0.0" }]);
        assert.deepEqual(
          state.memberships.filter((one) => one.member === "alice@example.com"),
          [{ role: "own_app_admin", member: "alice@example.com", inherit: true, set: true, admin: false }],
        );
        for (const how of stateModes) assert.deepEqual(await planned(how, state), [], how);
        const applied = await applyState(fleet.context, fleet.call(), own, {
          mode: "authoritative",
          state,
        });
        assert.equal(applied.changed, false);
        assert.ok(!(await read()).warnings.some((one) => one.includes("/roles/drift")));
        await fleet.sql(own, "GRANT CREATE ON SCHEMA app TO own_app_reader");
        const changed = await read();
        assert.ok(
          changed.warnings.some((one) => /leads to \d+ statements? that mend.*\/roles\/drift/.test(one)),
        );
        assert.ok((await planned("adopt", changed.state)).length > 0);
      } finally {
        target = was;
      }
    });
  });
}
