import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { cleanupUser } from "../../src/operations/cleanup.ts";
import { grantInheritance } from "../../src/operations/inheritance.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { createSchema } from "../../src/operations/schema-create.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { withClient } from "../support/postgres.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const alice = "alice@example.com";

for (const major of majors) {
  describe(`an admin with no more than stock PostgreSQL ${major} gives it`, () => {
    const stockCreateRole = major < 16;
    let fleet: RoleFleet;
    let target: Target;

    before(async () => {
      fleet = await startRoleFleet("strict", [major]);
      await fleet.server(major).createUser({ name: alice, type: "CLOUD_IAM_USER" });
      await fleet.server(major).createUser({ name: "bob@example.com", type: "CLOUD_IAM_USER" });
      await fleet.server(major).querySuperuser("postgres", "CREATE ROLE stranger");
      target = await fleet.createDatabase(major, "shop", "CREATE SCHEMA foreign_made AUTHORIZATION stranger");
      await createSchema(fleet.context, fleet.call(), target, { schema: "app" });
    });
    after(() => fleet.stop());

    test("initializes a schema of its own, and says which predefined roles it may not grant", async () => {
      const result = await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      assert.equal(result.created.length, 6);
      const status = await fleet.registry.read(target);
      const degraded =
        status?.roles.filter((role) => role.status === "degraded").map((role) => role.kind) ?? [];
      assert.deepEqual(degraded.sort(), stockCreateRole ? [] : ["analyst", "dba_agent", "monitor"]);
      assert.equal(result.warnings.length > 0, !stockCreateRole);
      const again = await initializeRoles(fleet.context, fleet.call(), target, {
        schema: "app",
        forceUpdate: true,
      });
      assert.deepEqual([again.created, again.updated], [[], []]);
    });

    test("assigns and revokes, and names the member whose future objects it can't cover", async () => {
      const input = { schema: "app", username: alice, role: "admin" };
      const assigned = await assignRole(fleet.context, fleet.call(), target, input);
      assert.equal(assigned.changed, true);
      assert.equal(
        assigned.warnings.some((warning) => warning.includes(alice)),
        !stockCreateRole,
      );
      await fleet.as(target, alice, "CREATE TABLE app.mine (id int)", "keep");
      const again = await assignRole(fleet.context, fleet.call(), target, input);
      assert.equal(again.changed, false);
      const forced = await initializeRoles(fleet.context, fleet.call(), target, {
        schema: "app",
        forceUpdate: true,
      });
      assert.equal(
        forced.warnings.some((warning) => warning.includes(`of ${alice}`)),
        !stockCreateRole,
      );
      assert.equal((await revokeRole(fleet.context, fleet.call(), target, input)).changed, true);
      assert.equal((await revokeRole(fleet.context, fleet.call(), target, input)).changed, false);
    });

    test("refuses the schema of an owner for whom it may not act, untouched", async () => {
      const initialize = initializeRoles(fleet.context, fleet.call(), target, { schema: "foreign_made" });
      if (stockCreateRole) {
        assert.equal((await initialize).created.length, 4);
        return;
      }
      const error = await serviceErrorOf(initialize);
      assert.equal(error.kind, "conflict");
      assert.match(String(error.details.because), /stranger/);
      const made = await fleet.sql(target, "SELECT 1 FROM pg_roles WHERE rolname LIKE 'shop_foreign%'");
      assert.equal(made.length, 0);
    });

    test("says whether it can manage a user, and changes nothing to find out", async () => {
      const grant = grantInheritance(fleet.context, fleet.call(), target, { username: alice });
      if (stockCreateRole) assert.equal((await grant).mode, "on_demand");
      else assert.equal((await serviceErrorOf(grant)).kind, "conflict");
      const rows = await fleet.sql(
        target,
        `SELECT 1 FROM pg_auth_members WHERE roleid = '"${alice}"'::regrole`,
      );
      assert.equal(rows.length, 0);
    });

    test("refuses to clean up an owner for whom it may not act, and cleans up one who owns nothing", async () => {
      const cleanup = cleanupUser(fleet.context, fleet.call(), target, { username: alice });
      if (stockCreateRole) assert.equal((await cleanup).ownershipTransferred, true);
      else {
        const error = await serviceErrorOf(cleanup);
        assert.deepEqual([error.kind, error.details.owned], ["conflict", ["table app.mine"]]);
      }
      await assignRole(fleet.context, fleet.call(), target, {
        schema: "app",
        username: "bob@example.com",
        role: "reader",
      });
      await withClient(fleet.server(major).adminUrl("shop"), (client) =>
        client.query(
          'CREATE TABLE app.t (id int, n int); GRANT SELECT (id) ON app.t TO "bob@example.com"; GRANT USAGE ON SCHEMA app TO "bob@example.com"',
        ),
      );
      const bob = { username: "bob@example.com" };
      const cleaned = await cleanupUser(fleet.context, fleet.call(), target, bob);
      assert.deepEqual([cleaned.permissionsRevoked, cleaned.warnings], [true, []]);
      const again = await cleanupUser(fleet.context, fleet.call(), target, bob);
      assert.ok(again.databases.every((entry) => entry.outcome === "nothing_to_do"));
    });

    test("can still log in with its password", async () => {
      await withClient(fleet.server(major).adminUrl("shop"), (client) => client.query("SELECT 1"));
    });
  });
}
