import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import { applyState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { startRoleFleet } from "../support/role-fleet.ts";

const template = { name: "standard", schema: "app" };
const reader = "shop_app_reader";

test("what an applied state declares beside a template is no drift, and force_update leaves it", async () => {
  const fleet = await startRoleFleet("permissive", [15, 18]);
  try {
    for (const major of [15, 18] as const) {
      for (const name of ["owner_one", "stranger", "other_user"])
        await fleet.server(major).querySuperuser("postgres", `SET ROLE postgres; CREATE ROLE ${name}`);
      const target = await fleet.createDatabase(
        major,
        "shop",
        `CREATE SCHEMA app AUTHORIZATION owner_one; CREATE SCHEMA other AUTHORIZATION owner_one;
         SET ROLE owner_one; CREATE TABLE app.t (id int, c text); CREATE TABLE other.t (id int, c text)`,
      );
      const drift = async (): Promise<string[]> =>
        (await readDrift(fleet.context, fleet.call(), target, { forceFull: true })).drift.map(
          ({ role, object, detail }) => JSON.stringify([role, object, detail]),
        );
      const force = () =>
        initializeRoles(fleet.context, fleet.call(), target, { schema: "app", forceUpdate: true });
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      const on = { grantee: reader, object_type: "table" as const };
      const state = parseDesiredState({
        templates: [template],
        grants: [
          { ...on, schema: "app", objects: ["t"], privileges: ["DELETE"] },
          { ...on, schema: "app", objects: ["t"], columns: ["c"], privileges: ["UPDATE"] },
          { ...on, schema: "app", future_owners: ["owner_one"], privileges: ["INSERT"] },
          { ...on, schema: "other", objects: "all", privileges: ["SELECT"], grantable: true },
          { ...on, future_owners: ["owner_one"], privileges: ["TRUNCATE"] },
          { grantee: reader, object_type: "schema", schema: "other", privileges: ["USAGE"] },
          { grantee: reader, object_type: "database", privileges: ["TEMPORARY"] },
        ],
        memberships: [
          { role: reader, member: "stranger", admin: true, inherit: major < 16, set: true },
          { role: reader, member: "other_user" },
        ],
      });
      await applyState(fleet.context, fleet.call(), target, { mode: "adopt", state });
      assert.deepEqual(await drift(), []);
      assert.deepEqual((await force()).updated, []);

      await fleet.sql(
        target,
        `SET ROLE owner_one; GRANT DELETE ON other.t TO ${reader}; GRANT DELETE ON app.t TO ${reader} WITH GRANT OPTION;
         SET ROLE postgres; GRANT ${reader} TO other_user WITH ADMIN OPTION`,
      );
      // A change of something else keeps the state as it is by then: what was done by hand is not declared by that.
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "other" });
      const found = await drift();
      assert.equal(found.length, 3, found.join("\n"));
      assert.match(found[0] ?? "", /may grant DELETE on to others/);
      assert.match(found[1] ?? "", /table other\.t.*beyond its definition, DELETE/);
      assert.match(found[2] ?? "", /other_user is a member of shop_app_reader with ADMIN/);
      await force();
      assert.deepEqual(await drift(), []);
      const planned = await applyState(fleet.context, fleet.call(), target, {
        mode: "adopt",
        state,
        dryRun: true,
      });
      assert.deepEqual(planned.statements, []);
    }
  } finally {
    await fleet.stop();
  }
});
