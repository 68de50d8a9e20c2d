import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { emptyState } from "../../src/domain/desired-state.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyState } from "../../src/operations/desired-state.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { addRoleTemplate } from "../../src/operations/role-templates.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

/** Groups that lead far up by groups of theirs, and what has to be said of each. */
const far = {
  ops: /ops is a member of cloudsqlsuperuser \(through mid\)/,
  spies: /member of pg_read_all_data \(through spies_too\)/,
  shell: /member of pg_execute_server_program/,
  makers: /member of maker, which has the attribute CREATEROLE/,
  robots: /member of cloudsqliamserviceaccount \(through robot@project.iam\)/,
} as const;

for (const major of [14, 18] as const) {
  describe(`what a role leads to on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    const user = "alice@example.com";
    const holds = async (role: string): Promise<boolean> =>
      (await fleet.sql<{ m: boolean }>(target, "SELECT pg_has_role($1, $2, 'MEMBER') AS m", [user, role]))[0]
        ?.m === true;
    const by = (allowedNativeRoles: readonly string[]) => ({ ...fleet.call(), allowedNativeRoles });
    const give = (role: string, natives: readonly string[] = []) =>
      assignRole(fleet.context, by(natives), target, { schema: "app", username: user, role });

    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
      await fleet.server(major).createUser({ name: user, type: "CLOUD_IAM_USER" });
      await fleet.server(major).createUser({ name: "robot@project.iam", type: "CLOUD_IAM_SERVICE_ACCOUNT" });
      target = await fleet.createDatabase(major, "shop", "CREATE SCHEMA app AUTHORIZATION postgres");
      await fleet.as(
        target,
        "postgres",
        `CREATE ROLE mid; CREATE ROLE ops; CREATE ROLE spies; CREATE ROLE spies_too; CREATE ROLE shell;
         CREATE ROLE maker CREATEROLE; CREATE ROLE makers; CREATE ROLE lookers; CREATE ROLE lookers_too;
         GRANT mid TO ops; GRANT spies_too TO spies; GRANT maker TO makers; GRANT lookers_too TO lookers`,
        "keep",
      );
      await fleet.sql(
        target,
        `GRANT cloudsqlsuperuser TO mid; GRANT pg_read_all_data TO spies_too; GRANT pg_execute_server_program TO shell;
         CREATE ROLE robots; GRANT "robot@project.iam" TO robots; GRANT pg_monitor TO lookers_too`,
      );
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
    });
    after(() => fleet.stop());

    for (const [role, because] of Object.entries(far)) {
      test(`${role} is not given, neither by itself nor by a state, and the way is named`, async () => {
        const memberships = [{ role, member: user, inherit: true, set: true, admin: false }];
        const state = { ...emptyState, memberships };
        for (const refused of [
          give(role, ["pg_read_all_data", "pg_execute_server_program"]),
          applyState(fleet.context, fleet.call(), target, { mode: "additive", state }),
        ]) {
          const error = await serviceErrorOf(refused);
          assert.equal(error.kind, "conflict");
          assert.match(`${role} ${error.message.replace(/^.*?(?=is a member)/, "")}`, because);
        }
        assert.equal(await holds(role), false);
      });
    }

    test("what was given in another way is taken back", async () => {
      await fleet.as(target, "postgres", `GRANT ops TO "${user}"`, "keep");
      const input = { schema: "app", username: user, role: "ops" };
      assert.equal((await revokeRole(fleet.context, fleet.call(), target, input)).changed, true);
      assert.equal(await holds("ops"), false);
    });

    test("predefined roles that only look are no obstacle, in a template or in a group", async () => {
      for (const role of ["monitor", "dba_agent", "lookers"])
        assert.equal((await give(role)).changed, true, role);
    });

    test("what a template gives is given by whom the policy allows it by name", async () => {
      const roles = [{ kind: "snoop", scope: "schema", native_roles: ["pg_read_all_data"] }];
      const template = { name: "snoop", version: "1.0.0", roles };
      await addRoleTemplate(fleet.context, by(["pg_read_all_data"]), template, "new");
      const wish = { schema: "app", template: "snoop" };
      const state = { ...emptyState, templates: [{ schema: "app", name: "snoop", version: null }] };
      for (const refused of [
        initializeRoles(fleet.context, by([]), target, wish),
        applyState(fleet.context, by(["pg_write_all_data"]), target, { mode: "additive", state }),
      ]) {
        const error = await serviceErrorOf(refused);
        assert.equal(error.kind, "permission_error");
        assert.match(error.message, /pg_read_all_data/);
      }
      await initializeRoles(fleet.context, by(["pg_read_all_data"]), target, wish);
      // From 16 on only somebody with ADMIN OPTION on it can give it to a role.
      await fleet.sql(target, "GRANT pg_read_all_data TO shop_app_snoop");
      const error = await serviceErrorOf(give("shop_app_snoop"));
      assert.equal(error.kind, "permission_error");
      assert.equal((await give("shop_app_snoop", ["pg_read_all_data"])).changed, true);
    });
  });
}
