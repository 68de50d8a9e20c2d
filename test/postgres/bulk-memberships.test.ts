import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { assignMany, revokeMany } from "../../src/operations/bulk-memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const hostile = 'eve "the\'last" --';

for (const major of majors) {
  describe(`many memberships on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    before(async () => {
      fleet = await startRoleFleet("strict", [major]);
      target = await fleet.createDatabase(major, "shop", "CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser");
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      await fleet.server(major).createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
      await fleet
        .server(major)
        .createUser({ name: hostile, type: "BUILT_IN", password: "x", databaseRoles: [] });
    });
    after(() => fleet.stop());

    const one = (username: string, role = "reader", schema = "app") => ({ schema, username, role });
    const many = [
      one("alice@example.com"),
      one("nobody@example.com"),
      one(hostile, "writer"),
      one(hostile, "no_such_role"),
      one("alice@example.com", "reader", "no_such_schema"),
      one("alice@example.com"),
    ];
    const outcomes = (results: Awaited<ReturnType<typeof assignMany>>) =>
      results.map(({ outcome, failure }) => failure?.kind ?? outcome);

    test("have a result each; one that fails does not undo the others; a second time nothing is left", async () => {
      const planned = await assignMany(fleet.context, fleet.call(), target, {
        memberships: many,
        dryRun: true,
      });
      assert.deepEqual(outcomes(planned), [
        "changed",
        "not_found",
        "changed",
        "not_found",
        "not_found",
        "changed",
      ]);
      const first = await assignMany(fleet.context, fleet.call(), target, { memberships: many });
      assert.deepEqual(outcomes(first), [
        "changed",
        "not_found",
        "changed",
        "not_found",
        "not_found",
        "unchanged",
      ]);
      const again = await assignMany(fleet.context, fleet.call(), target, { memberships: many });
      assert.ok(again.every(({ outcome }) => outcome !== "changed"));
      const revoked = await revokeMany(fleet.context, fleet.call(), target, { memberships: many });
      assert.deepEqual(outcomes(revoked), [
        "changed",
        "not_found",
        "changed",
        "not_found",
        "not_found",
        "unchanged",
      ]);
    });

    test("more than the settings allow are refused, and none is done", async () => {
      const context = { ...fleet.context, settings: { ...fleet.context.settings, maxUsersPerRequest: 5 } };
      const error = await serviceErrorOf(assignMany(context, fleet.call(), target, { memberships: many }));
      assert.deepEqual([error.kind, error.faults[0]?.pointer], ["validation_error", "/memberships"]);
      const [first] = await assignMany(fleet.context, fleet.call(), target, {
        memberships: many.slice(0, 1),
        dryRun: true,
      });
      assert.equal(first?.outcome, "changed");
    });

    test("an instance that cannot be reached is one failure, not many", async () => {
      fleet.registry.fail(true, true);
      const error = await serviceErrorOf(
        assignMany(fleet.context, fleet.call(), target, { memberships: many }),
      );
      assert.equal(error.kind, "unavailable");
      fleet.registry.fail(false, false);
    });
  });
}
