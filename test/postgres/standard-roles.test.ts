import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { withClient } from "../support/postgres.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const kinds = ["reader", "writer", "admin", "analyst"] as const;
const schemaRoles = (database: string, schema: string): string[] =>
  [
    ...kinds.map((kind) => `${database}_${schema}_${kind}`),
    `${database}_monitor`,
    `${database}_dba_agent`,
  ].sort();

const objectsOfSeveralOwners = `
  CREATE SCHEMA app AUTHORIZATION owner_one;
  GRANT USAGE, CREATE ON SCHEMA app TO owner_two;
  SET ROLE owner_one;
  CREATE TABLE app.one (id serial PRIMARY KEY, note text);
  CREATE VIEW app.one_view AS SELECT * FROM app.one;
  CREATE TYPE app.mood AS ENUM ('fine');
  SET ROLE owner_two;
  CREATE TABLE app.two (id int, part int) PARTITION BY LIST (part);
  CREATE TABLE app.two_a PARTITION OF app.two FOR VALUES IN (1);
  CREATE MATERIALIZED VIEW app.two_mat AS SELECT 1 AS x;
  CREATE FUNCTION app.f(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE PROCEDURE app.p() LANGUAGE sql AS 'SELECT 1';
  REVOKE EXECUTE ON FUNCTION app.f FROM PUBLIC;
  RESET ROLE`;

const createdLater = (name: string): string =>
  `CREATE TABLE app.${name} (id serial); CREATE VIEW app.${name}_v AS SELECT 1 AS x;
   CREATE FUNCTION app.${name}_f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION app.${name}_f() FROM PUBLIC;`;

/** Roles other than those of the database itself that the admin could act as by a standing membership. */
async function standingMemberships(fleet: RoleFleet, target: Target): Promise<string[]> {
  const rows = await fleet.sql<{ role: string }>(
    target,
    `SELECT g.rolname::text AS role FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE m.member = 'postgres'::regrole AND g.rolname <> 'cloudsqlsuperuser'
        AND g.rolname NOT LIKE '%\\_reader' AND g.rolname !~ '_(writer|admin|analyst|monitor|dba_agent)$'`,
  );
  return rows.map((row) => row.role);
}

for (const major of majors) {
  describe(`standard roles on PostgreSQL ${major}, permissive`, () => {
    let fleet: RoleFleet;
    let target: Target;

    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
      const server = fleet.server(major);
      for (const name of ["owner_one", "owner_two"])
        await server.querySuperuser("postgres", `CREATE ROLE ${name}`);
      for (const name of ["alice@example.com", "bob@example.com", "carol@example.com"]) {
        await server.createUser({ name, type: "CLOUD_IAM_USER" });
      }
      await server.createUser({
        name: "legacy_app",
        type: "BUILT_IN",
        password: "secret",
        databaseRoles: [],
      });
      target = await fleet.createDatabase(
        major,
        "shop",
        `GRANT CREATE ON DATABASE shop TO owner_one; ${objectsOfSeveralOwners}`,
      );
    });
    after(() => fleet.stop());

    test("a dry run changes nothing and previews what the call then does", async () => {
      const plan = await initializeRoles(fleet.context, fleet.call(), target, {
        schema: "app",
        dryRun: true,
      });
      assert.ok((plan.plan?.length ?? 0) > 20);
      const rows = await fleet.sql(target, "SELECT 1 FROM pg_roles WHERE rolname LIKE 'shop%'");
      assert.equal(rows.length, 0);
      assert.deepEqual(await standingMemberships(fleet, target), []);
    });

    test("all six roles are made, and a second call has nothing to do", async () => {
      const first = await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      assert.deepEqual([...first.created].sort(), schemaRoles("shop", "app"));
      assert.deepEqual(first.warnings, []);
      const history = fleet.registry.history(target).length;
      for (const forceUpdate of [false, true]) {
        const again = await initializeRoles(fleet.context, fleet.call(), target, {
          schema: "app",
          forceUpdate,
        });
        assert.deepEqual([...again.skipped].sort(), schemaRoles("shop", "app"));
        assert.deepEqual([again.created, again.updated, again.warnings], [[], [], []]);
      }
      assert.equal(fleet.registry.history(target).length, history);
      assert.deepEqual(await standingMemberships(fleet, target), []);
    });

    test("members read and write what exists, whoever owns it, and no more than their role", async () => {
      const assign = (username: string, role: string) =>
        assignRole(fleet.context, fleet.call(), target, { schema: "app", username, role });
      assert.equal((await assign("alice@example.com", "reader")).changed, true);
      assert.equal((await assign("alice@example.com", "reader")).changed, false);
      assert.equal((await assign("bob@example.com", "shop_app_writer")).changed, true);
      const [alice, bob] = ["alice@example.com", "bob@example.com"];
      const reads = "SELECT * FROM app.one, app.one_view, app.two, app.two_a, app.two_mat";
      await fleet.as(target, alice, reads);
      await fleet.as(
        target,
        bob,
        `${reads}; INSERT INTO app.one (note) VALUES ('x'); UPDATE app.two SET id = 1; SELECT app.f(1); CALL app.p()`,
      );
      for (const denied of [
        "INSERT INTO app.one (note) VALUES ('x')",
        "SELECT app.f(1)",
        "SELECT nextval('app.one_id_seq')",
      ]) {
        await assert.rejects(fleet.as(target, alice, denied), { code: "42501" }, denied);
      }
      for (const denied of ["TRUNCATE app.one", "CREATE TABLE app.no ()"]) {
        await assert.rejects(fleet.as(target, bob, denied), { code: "42501" }, denied);
      }
    });

    test("objects that any creator makes later are covered: owners, grantees of CREATE and members assigned later", async () => {
      const assigned = await assignRole(fleet.context, fleet.call(), target, {
        schema: "app",
        username: "carol@example.com",
        role: "admin",
      });
      assert.deepEqual([assigned.changed, assigned.warnings], [true, []]);
      const creators = ["owner_one", "owner_two", "carol@example.com", "shop_app_admin"];
      for (const [at, creator] of creators.entries()) {
        await fleet.as(target, creator, createdLater(`later_${at}`), "keep");
        await fleet.as(target, "alice@example.com", `SELECT * FROM app.later_${at}, app.later_${at}_v`);
        await fleet.as(
          target,
          "bob@example.com",
          `INSERT INTO app.later_${at} DEFAULT VALUES; SELECT app.later_${at}_f()`,
        );
      }
      assert.deepEqual(await standingMemberships(fleet, target), []);
      const again = await initializeRoles(fleet.context, fleet.call(), target, {
        schema: "app",
        forceUpdate: true,
      });
      assert.deepEqual([again.updated, again.warnings], [[], []]);
    });

    test("revoking ends the membership and the default privileges that came with it", async () => {
      const revoke = () =>
        revokeRole(fleet.context, fleet.call(), target, {
          schema: "app",
          username: "carol@example.com",
          role: "admin",
        });
      assert.equal((await revoke()).changed, true);
      assert.equal((await revoke()).changed, false);
      const rows = await fleet.sql(
        target,
        `SELECT 1 FROM pg_default_acl WHERE defaclrole = '"carol@example.com"'::regrole`,
      );
      assert.equal(rows.length, 0);
      await assert.rejects(fleet.as(target, "carol@example.com", "CREATE TABLE app.no ()"), {
        code: "42501",
      });
    });

    test("what was taken away or added by hand is put right by force_update, and only by it", async () => {
      await fleet.sql(
        target,
        `
        DROP OWNED BY shop_app_analyst; DROP ROLE shop_app_analyst;
        REVOKE SELECT ON app.one FROM shop_app_reader;
        REVOKE shop_app_reader FROM shop_app_writer ${major < 16 ? "" : "GRANTED BY postgres"};
        GRANT DELETE ON app.two TO shop_app_reader;
        ALTER DEFAULT PRIVILEGES FOR ROLE owner_two IN SCHEMA app REVOKE SELECT ON TABLES FROM shop_app_reader;
        ALTER ROLE shop_app_reader LOGIN CREATEDB`,
      );
      const plain = await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      assert.deepEqual(plain.created, ["shop_app_analyst"]);
      assert.equal(plain.warnings.length, 1);
      const forced = await initializeRoles(fleet.context, fleet.call(), target, {
        schema: "app",
        forceUpdate: true,
      });
      assert.deepEqual([...forced.updated].sort(), ["shop_app_reader", "shop_app_writer"]);
      const [row] = await fleet.sql<Record<string, boolean>>(
        target,
        `SELECT rolcanlogin OR rolcreatedb AS elevated, has_table_privilege('shop_app_reader', 'app.two', 'DELETE') AS deletes,
                has_table_privilege('shop_app_writer', 'app.one', 'SELECT') AS reads
           FROM pg_roles WHERE rolname = 'shop_app_reader'`,
      );
      assert.deepEqual({ ...row }, { elevated: false, deletes: false, reads: true });
      const again = await initializeRoles(fleet.context, fleet.call(), target, {
        schema: "app",
        forceUpdate: true,
      });
      assert.deepEqual(again.updated, []);
    });

    test("names with quotes, spaces, dots, upper case, Unicode and reserved words work throughout", async () => {
      const schemas = ['we"ird. Schéma', "SELECT", "user", "日本語", "a'b\\c"];
      for (const schema of schemas) {
        const quoted = `"${schema.replaceAll('"', '""')}"`;
        await fleet.sql(
          target,
          `CREATE SCHEMA ${quoted} AUTHORIZATION owner_one; CREATE TABLE ${quoted}."T ""x""" (id serial); ALTER TABLE ${quoted}."T ""x""" OWNER TO owner_two`,
        );
        const first = await initializeRoles(fleet.context, fleet.call(), target, { schema });
        assert.equal(first.created.length, 4, schema);
        const member = await assignRole(fleet.context, fleet.call(), target, {
          schema,
          username: "Alice@Example.com",
          role: "reader",
        });
        assert.deepEqual(
          [member.normalizedUsername, member.role],
          ["alice@example.com", `shop_${schema}_reader`],
        );
        await fleet.as(target, "alice@example.com", `SELECT * FROM ${quoted}."T ""x"""`);
        const again = await initializeRoles(fleet.context, fleet.call(), target, {
          schema,
          forceUpdate: true,
        });
        assert.deepEqual(again.updated, [], schema);
      }
    });

    test("a role name of 63 bytes works and one of 64 is refused before any SQL", async () => {
      const fits = "s".repeat(63 - "shop__analyst".length);
      await fleet.sql(
        target,
        `CREATE SCHEMA ${fits} AUTHORIZATION owner_one; CREATE SCHEMA ${fits}s AUTHORIZATION owner_one`,
      );
      assert.equal(
        (await initializeRoles(fleet.context, fleet.call(), target, { schema: fits })).created.length,
        4,
      );
      const error = await serviceErrorOf(
        initializeRoles(fleet.context, fleet.call(), target, { schema: `${fits}s` }),
      );
      assert.equal(error.kind, "validation_error");
      const rows = await fleet.sql(target, `SELECT 1 FROM pg_roles WHERE rolname LIKE 'shop_${fits}s%'`);
      assert.equal(rows.length, 0);
    });

    test("a_b + c and a + b_c lead to one name: the second is refused and the first untouched", async () => {
      const one = await fleet.createDatabase(major, "a_b", "CREATE SCHEMA c AUTHORIZATION owner_one");
      const two = await fleet.createDatabase(major, "a", "CREATE SCHEMA b_c AUTHORIZATION owner_one");
      await initializeRoles(fleet.context, fleet.call(), one, { schema: "c" });
      for (const forceUpdate of [false, true]) {
        const error = await serviceErrorOf(
          initializeRoles(fleet.context, fleet.call(), two, { schema: "b_c", forceUpdate }),
        );
        assert.equal(error.kind, "conflict");
        assert.match(String(error.details.because), /"a_b"/);
      }
      const mine = await initializeRoles(fleet.context, fleet.call(), one, {
        schema: "c",
        forceUpdate: true,
      });
      assert.deepEqual(mine.updated, []);
      const assigning = assignRole(fleet.context, fleet.call(), two, {
        schema: "b_c",
        username: "alice@example.com",
        role: "reader",
      });
      assert.equal((await serviceErrorOf(assigning)).kind, "conflict");
    });

    test("roles and users that don't exist, system roles and logins are refused clearly", async () => {
      const assign = (username: string, role: string, schema = "app") =>
        serviceErrorOf(assignRole(fleet.context, fleet.call(), target, { schema, username, role }));
      const unknownRole = await assign("alice@example.com", "no_such_role");
      assert.deepEqual([unknownRole.kind, unknownRole.details.resource], ["not_found", "role"]);
      const unknownUser = await assign("nobody@example.com", "reader");
      assert.deepEqual([unknownUser.kind, unknownUser.details.resource], ["not_found", "user"]);
      const unknownSchema = await assign("alice@example.com", "owner_one", "no_such_schema");
      assert.deepEqual([unknownSchema.kind, unknownSchema.details.resource], ["not_found", "schema"]);
      for (const role of ["pg_read_all_data", "cloudsqlsuperuser", "cloudsqliamuser"]) {
        assert.equal((await assign("alice@example.com", role)).kind, "validation_error", role);
      }
      assert.equal((await assign("alice@example.com", "legacy_app")).kind, "conflict");
      assert.equal((await assign("postgres", "reader")).kind, "validation_error");
      assert.equal((await assign("cloudsqladmin", "reader")).kind, "validation_error");
      assert.equal((await assign("shop_app_writer", "reader")).kind, "conflict");
    });

    test("a membership that a superuser granted is found, and revoked wholly or not at all", async () => {
      await fleet.sql(target, 'GRANT shop_app_reader TO "bob@example.com"');
      const input = { schema: "app", username: "bob@example.com", role: "reader" };
      assert.equal((await assignRole(fleet.context, fleet.call(), target, input)).changed, false);
      const rows = () =>
        fleet.sql(
          target,
          `SELECT 1 FROM pg_auth_members WHERE roleid = 'shop_app_reader'::regrole AND member = '"bob@example.com"'::regrole`,
        );
      if (major < 16) {
        assert.equal((await revokeRole(fleet.context, fleet.call(), target, input)).changed, true);
        assert.equal((await rows()).length, 0);
      } else {
        const error = await serviceErrorOf(revokeRole(fleet.context, fleet.call(), target, input));
        assert.deepEqual([error.kind, error.details.grantors], ["conflict", ["cloudsqladmin"]]);
        assert.equal((await rows()).length, 1);
        await fleet.sql(target, 'REVOKE shop_app_reader FROM "bob@example.com"');
      }
    });

    test("simultaneous calls of two processes all succeed and leave one state", async () => {
      const schema = "busy";
      await fleet.sql(target, "CREATE SCHEMA busy AUTHORIZATION owner_one");
      const contexts = [fleet.context, fleet.otherProcess()];
      const calls = Array.from({ length: 8 }, (_, at) =>
        initializeRoles(contexts[at % 2] ?? fleet.context, fleet.call(), target, { schema }),
      );
      const results = await Promise.all(calls);
      assert.equal(results.filter((result) => result.created.length > 0).length, 1);
      const again = await initializeRoles(fleet.context, fleet.call(), target, { schema, forceUpdate: true });
      assert.deepEqual([again.updated, again.warnings], [[], []]);
    });

    test("when the registry fails after the commit, the caller is told and the next call completes it", async () => {
      await fleet.sql(target, "CREATE SCHEMA unrecorded AUTHORIZATION owner_one");
      const initialize = () => initializeRoles(fleet.context, fleet.call(), target, { schema: "unrecorded" });
      fleet.registry.fail(true, true);
      assert.equal((await serviceErrorOf(initialize())).kind, "unavailable");
      assert.equal(
        (await fleet.sql(target, "SELECT 1 FROM pg_roles WHERE rolname LIKE 'shop_unrecorded%'")).length,
        0,
      );
      fleet.registry.fail(false, true);
      const error = await serviceErrorOf(initialize());
      assert.deepEqual([error.kind, error.details.database], ["unavailable", "committed"]);
      fleet.registry.fail(false, false);
      assert.deepEqual((await initialize()).created, []);
      const status = await fleet.registry.read(target);
      assert.ok(status?.roles.some((role) => role.name === "shop_unrecorded_reader"));
    });

    test("the admin can still log in with its password after all of this", async () => {
      const [row] = await fleet.sql<{ member: boolean }>(
        target,
        "SELECT pg_has_role('postgres', 'cloudsqliamuser', 'MEMBER') AS member",
      );
      assert.equal(row?.member, false);
      await withClient(fleet.server(major).adminUrl("shop"), (client) => client.query("SELECT 1"));
    });
  });
}
