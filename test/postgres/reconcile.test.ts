import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { reconcileUsers } from "../../src/operations/reconcile.ts";
import { createFakeCloud, type FakeCloud } from "../support/fake-cloud.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

for (const major of majors) {
  describe(`Cloud SQL's users against PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let cloud: FakeCloud;
    let target: Target;
    const find = async () => {
      const { findings } = await reconcileUsers(
        { ...fleet.context, cloud: cloud.services },
        fleet.call(),
        target,
      );
      return findings.map(({ kind, username }) => `${kind} ${username}`);
    };

    before(async () => {
      fleet = await startRoleFleet("strict", [major]);
      cloud = createFakeCloud(fleet);
      target = await fleet.createDatabase(major, "shop");
      await fleet.createDatabase(major, "books");
      for (const name of ["alice@example.com", "bob@example.com", "carol@example.com"]) {
        await fleet.server(major).createUser({ name, type: "CLOUD_IAM_USER" });
      }
      await fleet.server(major).createUser({ name: "team@example.com", type: "CLOUD_IAM_GROUP" });
      await fleet.sql(
        target,
        `CREATE ROLE crew; GRANT crew TO "alice@example.com", "carol@example.com"; CREATE SCHEMA app`,
      );
      await fleet.sql(
        { ...target, database: "books" },
        `CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO "bob@example.com"`,
      );
    });
    after(() => fleet.stop());

    test("nothing is found where all fits", async () => {
      assert.deepEqual(await find(), []);
    });

    test("orphans, logins that cannot or need not be, and the admin in an IAM role are named", async () => {
      cloud.listed.push({ name: "ghost@example.com", type: "iam_user" });
      cloud.hidden.add("bob@example.com");
      await fleet.sql(target, 'ALTER ROLE "alice@example.com" NOLOGIN');
      await fleet.sql(target, `ALTER ROLE "carol@example.com" VALID UNTIL '2001-01-01'`);
      await fleet
        .server(major)
        .createUser({ name: "odd 'one' \"here\"", type: "BUILT_IN", password: "x", databaseRoles: [] });
      // The pool has a connection: a new login of the admin would be refused now.
      await fleet.sql(target, 'GRANT "carol@example.com" TO postgres');
      try {
        assert.deepEqual(await find(), [
          "admin_is_iam_member postgres",
          "iam_user_cannot_login alice@example.com",
          "orphan_in_postgresql bob@example.com",
          "iam_user_cannot_login carol@example.com",
          "orphan_in_cloud_sql ghost@example.com",
          "login_without_grants odd 'one' \"here\"",
        ]);
      } finally {
        await fleet.sql(target, 'REVOKE "carol@example.com" FROM postgres');
      }
    });
  });
}
