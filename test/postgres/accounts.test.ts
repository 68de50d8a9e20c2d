import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { listAccounts } from "../../src/operations/accounts.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { createFakeCloud, type FakeCloud } from "../support/fake-cloud.ts";
import { withClient } from "../support/postgres.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const hostile = 'bob "the\'builder"';

for (const major of majors) {
  describe(`the users of an instance on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let cloud: FakeCloud;
    let target: Target;
    const list = () => listAccounts({ ...fleet.context, cloud: cloud.services }, fleet.call(), target);

    before(async () => {
      fleet = await startRoleFleet("strict", [major]);
      cloud = createFakeCloud(fleet);
      target = await fleet.createDatabase(major, "shop", "CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser");
      await fleet.createDatabase(major, "books", "CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser");
      const server = fleet.server(major);
      await server.createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
      await server.createUser({ name: "team@example.com", type: "CLOUD_IAM_GROUP" });
      await server.createUser({ name: "app@p.iam", type: "CLOUD_IAM_SERVICE_ACCOUNT" });
      await server.createUser({ name: hostile, type: "BUILT_IN", password: "p4ssword", databaseRoles: [] });
    });
    after(() => fleet.stop());

    test("have a kind, a status, and their memberships in every database", async () => {
      for (const database of ["shop", "books"]) {
        const place = { ...target, database };
        await initializeRoles(fleet.context, fleet.call(), place, { schema: "app" });
        const membership = { schema: "app", username: "alice@example.com", role: "reader" };
        await assignRole(fleet.context, fleet.call(), place, membership);
      }
      await fleet.sql(target, 'CREATE ROLE other; GRANT other TO "alice@example.com"');
      const accounts = await list();
      assert.deepEqual(
        accounts.map(({ username, type, status }) => [username, type, status]),
        [
          ["alice@example.com", "iam_user", "active"],
          ["app@p.iam", "iam_service_account", "active"],
          [hostile, "built_in", "active"],
          ["team@example.com", "iam_group", "active"],
        ],
      );
      assert.deepEqual(accounts[0], {
        username: "alice@example.com",
        type: "iam_user",
        status: "active",
        memberships: [
          { database: "books", roles: ["books_app_reader"] },
          { database: "shop", roles: ["shop_app_reader"] },
        ],
        otherRoles: ["other"],
        sessions: 0,
        lastActivity: null,
      });
    });

    test("are named when only one side knows them, or when they may not log in", async () => {
      cloud.listed.push({ name: "ghost@example.com", type: "iam_user" });
      cloud.hidden.add("app@p.iam");
      await fleet.sql(target, 'ALTER ROLE "alice@example.com" NOLOGIN');
      const status = Object.fromEntries((await list()).map((each) => [each.username, each.status]));
      assert.deepEqual(status, {
        "alice@example.com": "cannot_login",
        "app@p.iam": "missing_in_cloud_sql",
        [hostile]: "active",
        "ghost@example.com": "missing_in_postgresql",
        "team@example.com": "active",
      });
      cloud.hidden.clear();
      cloud.listed.length = 0;
      await fleet.sql(target, 'ALTER ROLE "alice@example.com" LOGIN');
    });

    test("have the activity of their sessions, and none when there is no session", async () => {
      const url = new URL(fleet.server(major).adminUrl("shop"));
      url.username = encodeURIComponent(hostile);
      url.password = "p4ssword";
      const during = await withClient(url.href, async (client) => {
        await client.query("SELECT 1");
        return (await list()).find(({ username }) => username === hostile);
      });
      assert.equal(during?.sessions, 1);
      assert.ok(during.lastActivity !== null && Date.now() - during.lastActivity.getTime() < 60_000);
    });

    test("are not answered when Cloud SQL cannot be asked", async () => {
      cloud.fail("unavailable");
      assert.equal((await serviceErrorOf(list())).kind, "unavailable");
      cloud.fail(undefined);
    });
  });
}
