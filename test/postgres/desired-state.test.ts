import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DesiredStateInput, parseDesiredState } from "../../src/domain/desired-state.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import type { StateMode } from "../../src/operations/state-scope.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const objects = `
  CREATE SCHEMA app AUTHORIZATION owner_one;
  GRANT USAGE, CREATE ON SCHEMA app TO owner_two;
  SET ROLE owner_one;
  CREATE TABLE app.one (id serial PRIMARY KEY, note text, secret text);
  CREATE VIEW app.one_view AS SELECT * FROM app.one;
  CREATE TYPE app.mood AS ENUM ('fine');
  CREATE FUNCTION app.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION app.f(a text) RETURNS int LANGUAGE sql AS 'SELECT 1';
  SET ROLE owner_two;
  CREATE TABLE app."Two ""quoted""" (id int);
  RESET ROLE`;

const wish: DesiredStateInput = {
  schemas: [
    { name: "app", owner: "owner_one" },
    { name: "New Schema", owner: "reporting" },
  ],
  templates: [{ name: "standard", schema: "app" }],
  roles: [{ name: "reporting" }, { name: 'Weird "role"' }],
  memberships: [
    { role: "shop_app_reader", member: "Alice@Example.com" },
    { role: "shop_app_admin", member: "bob@example.com" },
    { role: "reporting", member: "legacy_app", inherit: true },
    { role: 'Weird "role"', member: "reporting" },
  ],
  grants: [
    { grantee: "reporting", object_type: "database", privileges: ["CONNECT", "TEMP"] },
    { grantee: "reporting", object_type: "schema", schema: "app", privileges: ["usage"] },
    {
      grantee: "reporting",
      object_type: "table",
      schema: "app",
      objects: ["one"],
      columns: ["id", "note"],
      privileges: ["SELECT"],
    },
    {
      grantee: 'Weird "role"',
      object_type: "table",
      schema: "app",
      objects: "all",
      privileges: ["SELECT"],
      grantable: true,
      future_owners: ["owner_one", "owner_two"],
    },
    {
      grantee: "reporting",
      object_type: "routine",
      schema: "app",
      objects: [{ name: "f", arguments: "a text" }],
      privileges: ["EXECUTE"],
    },
    {
      grantee: "shop_app_reader",
      object_type: "table",
      schema: "app",
      objects: ["one"],
      privileges: ["UPDATE"],
    },
  ],
  public_revocations: [{ object_type: "routine", schema: "app", objects: ["f"], privileges: ["EXECUTE"] }],
};

for (const mode of ["permissive", "strict"] as const) {
  for (const major of majors.filter((one) =>
    (process.env.MAJORS ?? String(one)).split(",").includes(String(one)),
  )) {
    describe(`a desired state on PostgreSQL ${major}, ${mode}`, () => {
      let fleet: RoleFleet;
      let target: Target;
      const state = parseDesiredState(wish);
      const plan = (how: StateMode, what = state) =>
        planState(fleet.context, fleet.call("planRoles"), target, { mode: how, state: what });
      const apply = (how: StateMode, what = state, extra: object = {}) =>
        applyState(fleet.context, fleet.call("applyRoles"), target, { mode: how, state: what, ...extra });

      before(async () => {
        fleet = await startRoleFleet(mode, [major]);
        const server = fleet.server(major);
        for (const name of ["owner_one", "owner_two"])
          await server.querySuperuser("postgres", `SET ROLE postgres; CREATE ROLE ${name}`);
        for (const name of ["alice@example.com", "bob@example.com"])
          await server.createUser({ name, type: "CLOUD_IAM_USER" });
        await server.createUser({
          name: "legacy_app",
          type: "BUILT_IN",
          password: "secret",
          databaseRoles: [],
        });
        target = await fleet.createDatabase(
          major,
          "shop",
          `GRANT CREATE ON DATABASE shop TO owner_one; ${objects}`,
        );
      });
      after(() => fleet.stop());

      test("mode additive takes nothing away, and a second time there is nothing to do", async () => {
        const planned = await plan("additive");
        assert.ok(planned.statements.length > 20);
        const applied = await apply("additive", state, { planId: planned.planId });
        assert.deepEqual(
          applied.outcomes?.filter((one) => one.outcome !== "succeeded"),
          [],
        );
        const again = await plan("additive");
        assert.deepEqual(
          again.statements.map((one) => one.sql),
          [],
        );
        assert.equal((await apply("additive")).changed, false);
      });
    });
  }
}
