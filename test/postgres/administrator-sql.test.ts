import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { cleanupUser } from "../../src/operations/cleanup.ts";
import { grantInheritance } from "../../src/operations/inheritance.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { createSchema } from "../../src/operations/schema-create.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const iam = "eve@example.com";
const odd = `A "b" 'c`;
const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;

for (const major of majors) {
  describe(`what an administrator is to run on a strict PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    const snapshot = () =>
      fleet.sql(
        target,
        `SELECT (SELECT string_agg(m::text, ',' ORDER BY m::text) FROM pg_auth_members m) AS members,
                (SELECT string_agg(r.rolname, ',' ORDER BY r.rolname) FROM pg_roles r) AS roles,
                (SELECT string_agg(n::text, ',' ORDER BY n.oid) FROM pg_namespace n) AS schemas`,
      );

    before(async () => {
      fleet = await startRoleFleet("strict", [major]);
      await fleet.server(major).createUser({ name: iam, type: "CLOUD_IAM_USER" });
      target = await fleet.createDatabase(
        major,
        "shop",
        `CREATE ROLE ${q(odd)}; CREATE ROLE plain NOINHERIT LOGIN; CREATE ROLE group_of_another; CREATE ROLE other_grantor SUPERUSER;
         CREATE SCHEMA ${q(odd)} AUTHORIZATION ${q(odd)}; CREATE TABLE ${q(odd)}.t (); ALTER TABLE ${q(odd)}.t OWNER TO ${q(odd)};
         CREATE SCHEMA of_super; CREATE SCHEMA of_eve AUTHORIZATION "${iam}"; CREATE SCHEMA app AUTHORIZATION postgres`,
      );
    });
    after(() => fleet.stop());

    /** Fails as a conflict that touched nothing; succeeds once its SQL was run. */
    async function becomesPossible(change: () => Promise<unknown>): Promise<readonly string[]> {
      const first = await snapshot();
      const { kind, details } = await serviceErrorOf(change());
      const sql = details.administrator_sql as readonly string[];
      assert.equal(kind, "conflict");
      assert.equal(typeof details.because, "string");
      assert.deepEqual(await snapshot(), first);
      assert.ok(sql.length > 0);
      await fleet.sql(target, sql.join(";\n"));
      await change();
      await assert.doesNotReject(change());
      const locked = "SELECT pg_has_role('postgres', 'cloudsqliamuser', 'MEMBER') AS locked";
      assert.deepEqual(await fleet.sql(target, locked), [{ locked: false }]);
      return sql;
    }
    const initialize = (schema: string) => () =>
      initializeRoles(fleet.context, fleet.call(), target, { schema });

    test("roles of a schema of a superuser, of an IAM user, and of a role that the admin does not administer", async () => {
      await becomesPossible(initialize("of_super"));
      const again = { schema: "of_super", forceUpdate: true, dryRun: true };
      const { plan } = await initializeRoles(fleet.context, fleet.call(), target, again);
      assert.deepEqual(plan, [], "the roles that the administrator made are not finished");
      if (major < 16) return;
      await becomesPossible(initialize("of_eve"));
      const sql = await becomesPossible(initialize(odd));
      assert.deepEqual(sql, [`GRANT ${q(odd)} TO "postgres" WITH ADMIN OPTION`]);
    });

    test("a schema for another owner, and one that another has", async () => {
      const create = (schema: string, owner: string) => () =>
        createSchema(fleet.context, fleet.call(), target, { schema, owner });
      await becomesPossible(create("app", "plain"));
      if (major >= 16) await becomesPossible(create(`s ${odd}`, iam));
    });

    test("a role that the admin cannot grant, and a membership that a superuser granted", async () => {
      if (major < 16) return;
      const input = { schema: "app", username: iam, role: "group_of_another" };
      await becomesPossible(() => assignRole(fleet.context, fleet.call(), target, input));
      const by = "other_grantor";
      await fleet.sql(target, `SET ROLE ${by}; GRANT group_of_another TO plain; RESET ROLE`);
      const plain = { ...input, username: "plain" };
      await becomesPossible(() => revokeRole(fleet.context, fleet.call(), target, plain));
    });

    test("a role that has an attribute which only a superuser may take away", async () => {
      await fleet.sql(
        target,
        "CREATE ROLE shop_app_reader BYPASSRLS LOGIN; ALTER SCHEMA app OWNER TO postgres",
      );
      const input = { schema: "app", forceUpdate: true };
      const change = () => initializeRoles(fleet.context, fleet.call(), target, input);
      const { details } = await serviceErrorOf(change());
      assert.deepEqual(details.administrator_sql, ['ALTER ROLE "shop_app_reader" NOBYPASSRLS NOLOGIN']);
      await fleet.sql(target, String(details.administrator_sql));
      if (major < 16) await change();
      else await becomesPossible(change);
    });

    test("a user that owns things and cannot be acted for; to manage it at all takes what would lock the admin out", async () => {
      if (major < 16) return;
      await fleet.sql(
        target,
        `CREATE SCHEMA late AUTHORIZATION "${iam}"; CREATE TABLE late.t (); ALTER TABLE late.t OWNER TO "${iam}"`,
      );
      const manage = (username: string) => () =>
        grantInheritance(fleet.context, fleet.call(), target, { username });
      assert.deepEqual((await serviceErrorOf(manage(iam)())).details.administrator_sql, []);
      await becomesPossible(manage("plain"));
      await becomesPossible(() => cleanupUser(fleet.context, fleet.call(), target, { username: iam }));
      const rows = await fleet.sql(
        target,
        `SELECT nspowner::regrole::text AS owner FROM pg_namespace WHERE nspname = 'late'`,
      );
      assert.deepEqual(rows, [{ owner: "postgres" }]);
    });
  });
}
