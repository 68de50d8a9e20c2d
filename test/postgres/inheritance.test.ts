import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { grantInheritance, revokeInheritance } from "../../src/operations/inheritance.ts";
import { createSchema } from "../../src/operations/schema-create.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { withClient } from "../support/postgres.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const alice = "alice@example.com";

for (const major of majors) {
  describe(`managing a user and creating schemas on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let target: Target;

    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
      await fleet.server(major).createUser({ name: alice, type: "CLOUD_IAM_USER" });
      await fleet.server(major).createUser({ name: "sa@demo.iam", type: "CLOUD_IAM_SERVICE_ACCOUNT" });
      await fleet.server(major).createUser({ name: "legacy_app", type: "BUILT_IN", password: "secret" });
      target = await fleet.createDatabase(major, "shop");
    });
    after(() => fleet.stop());

    const memberships = () =>
      fleet.sql(target, `SELECT 1 FROM pg_auth_members WHERE roleid = '"${alice}"'::regrole`);
    const login = () =>
      withClient(fleet.server(major).adminUrl("shop"), (client) => client.query("SELECT 1"));

    test("the admin manages a user on demand, which leaves no membership behind", async () => {
      for (const username of [alice, "Alice@Example.com", "sa@demo.iam.gserviceaccount.com", "legacy_app"]) {
        const result = await grantInheritance(fleet.context, fleet.call(), target, { username });
        assert.deepEqual(
          [result.mode, result.alreadyGranted, result.warnings],
          ["on_demand", true, []],
          username,
        );
      }
      assert.equal((await memberships()).length, 0);
      const revoked = await revokeInheritance(fleet.context, fleet.call(), target, { username: alice });
      assert.equal(revoked.alreadyRevoked, true);
      await login();
    });

    test("a standing membership is refused without the acknowledgement, and locks the admin out with it", async () => {
      const standing = { username: alice, standing: true };
      const refused = await serviceErrorOf(grantInheritance(fleet.context, fleet.call(), target, standing));
      assert.equal(refused.kind, "conflict");
      assert.equal((await memberships()).length, 0);
      const acknowledged = { ...standing, acknowledgeAdminLockout: true };
      const granted = await grantInheritance(fleet.context, fleet.call(), target, acknowledged);
      assert.deepEqual(
        [granted.mode, granted.alreadyGranted, granted.warnings.length],
        ["standing", false, 1],
      );
      const again = await grantInheritance(fleet.context, fleet.call(), target, acknowledged);
      assert.equal(again.alreadyGranted, true);
      await assert.rejects(login(), { code: "28000" });
      const onDemand = await grantInheritance(fleet.context, fleet.call(), target, { username: alice });
      assert.equal(onDemand.warnings.length, 1);
    });

    test("revoking ends it through the connections that live on, and the admin can log in again", async () => {
      const revoked = await revokeInheritance(fleet.context, fleet.call(), target, { username: alice });
      assert.equal(revoked.alreadyRevoked, false);
      assert.equal((await memberships()).length, 0);
      await login();
    });

    test("a new connection of a locked-out admin fails with the reason", async () => {
      await fleet.sql(target, `GRANT "${alice}" TO postgres`);
      const context = fleet.otherProcess();
      const error = await serviceErrorOf(
        grantInheritance(context, fleet.call(), target, { username: alice }),
      );
      assert.deepEqual([error.kind, error.details.sqlstate], ["unavailable", "28000"]);
      await fleet.sql(target, `REVOKE "${alice}" FROM postgres`);
    });

    test("a schema is created once, for its owner, and not for another", async () => {
      const create = (schema: string, owner?: string) =>
        createSchema(
          fleet.context,
          fleet.call(),
          target,
          owner === undefined ? { schema } : { schema, owner },
        );
      assert.deepEqual(await create("mine"), { owner: "postgres", created: true, warnings: [] });
      assert.deepEqual(await create("mine"), { owner: "postgres", created: false, warnings: [] });
      assert.deepEqual(await create("mine", "postgres"), { owner: "postgres", created: false, warnings: [] });
      assert.deepEqual(await create("hers", alice), { owner: alice, created: true, warnings: [] });
      assert.deepEqual(await create("hers", "ALICE@example.com"), {
        owner: alice,
        created: false,
        warnings: [],
      });
      const other = await serviceErrorOf(create("hers", "legacy_app"));
      assert.deepEqual([other.kind, other.details.owner], ["conflict", alice]);
      const unknown = await serviceErrorOf(create("theirs", "nobody@example.com"));
      assert.deepEqual([unknown.kind, unknown.details.resource], ["not_found", "user"]);
      assert.equal((await memberships()).length, 0);
      await login();
    });

    test("a dry run of a schema shows its SQL and makes nothing", async () => {
      const planned = await createSchema(fleet.context, fleet.call(), target, {
        schema: "later",
        owner: alice,
        dryRun: true,
      });
      assert.ok(
        planned.plan?.some((statement) => statement.sql === `CREATE SCHEMA "later" AUTHORIZATION "${alice}"`),
      );
      assert.equal((await fleet.sql(target, "SELECT 1 FROM pg_namespace WHERE nspname = 'later'")).length, 0);
    });

    test("hostile schema names are created as they are; reserved and overlong ones are refused", async () => {
      for (const schema of ['a"b', "Tab le", "select", "ü.ñ", "x'; DROP SCHEMA mine; --", "s".repeat(63)]) {
        assert.equal(
          (await createSchema(fleet.context, fleet.call(), target, { schema })).created,
          true,
          schema,
        );
        const rows = await fleet.sql(target, "SELECT 1 FROM pg_namespace WHERE nspname::text = $1", [schema]);
        assert.equal(rows.length, 1, schema);
      }
      for (const schema of [
        "pg_mine",
        "information_schema",
        "s".repeat(64),
        "é".repeat(32),
        "a\0b",
        "a\u202eb",
        " ",
        "",
      ]) {
        const error = await serviceErrorOf(createSchema(fleet.context, fleet.call(), target, { schema }));
        assert.equal(error.kind, "validation_error", schema);
        assert.equal(error.faults[0]?.pointer, "/schema_name");
      }
    });
  });
}
