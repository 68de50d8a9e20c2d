import assert from "node:assert/strict";
import { test } from "node:test";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { startRoleFleet } from "../support/role-fleet.ts";

for (const major of [16, 17, 18] as const) {
  test(`a membership without INHERIT or without SET is not the one that was asked for (PostgreSQL ${major})`, async (t) => {
    const fleet = await startRoleFleet("permissive", [major]);
    t.after(() => fleet.stop());
    const setup = "CREATE SCHEMA app AUTHORIZATION postgres; CREATE ROLE alice LOGIN; CREATE ROLE other";
    const target = await fleet.createDatabase(major, "shop", setup);
    await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
    await fleet.sql(target, "SET ROLE postgres; GRANT shop_app_reader TO other WITH ADMIN TRUE");
    const may = async (): Promise<unknown> =>
      (
        await fleet.sql(
          target,
          "SELECT pg_has_role('alice', 'shop_app_reader', 'USAGE') AS inherit, pg_has_role('alice', 'shop_app_reader', 'SET') AS set",
        )
      )[0];
    const input = { schema: "app", username: "alice", role: "reader" };
    for (const options of [
      "INHERIT TRUE, SET FALSE",
      "INHERIT FALSE, SET TRUE",
      "INHERIT FALSE, SET FALSE",
    ]) {
      for (const grantor of ["postgres", "other"]) {
        await fleet.sql(target, `SET ROLE ${grantor}; GRANT shop_app_reader TO alice WITH ${options}`);
        const done = await assignRole(fleet.context, fleet.call(), target, input);
        assert.equal(done.changed, true, `${options} by ${grantor}`);
        assert.deepEqual(await may(), { inherit: true, set: true });
        assert.equal((await assignRole(fleet.context, fleet.call(), target, input)).changed, false);
        await fleet.sql(
          target,
          `SET ROLE other; REVOKE shop_app_reader FROM alice; SET ROLE postgres; REVOKE shop_app_reader FROM alice`,
        );
      }
    }
  });
}
