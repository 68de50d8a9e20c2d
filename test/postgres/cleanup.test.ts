import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { cleanupUser } from "../../src/operations/cleanup.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { withClient } from "../support/postgres.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const alice = 'alice "the\'first"@example.com';
const quoted = `"${alice.replaceAll('"', '""')}"`;

/** Everything a user may own, hold or be named in. */
const estate = `
  CREATE SCHEMA app AUTHORIZATION keeper;
  GRANT USAGE, CREATE ON SCHEMA app TO ${quoted};
  SET ROLE keeper;
  CREATE TABLE app.kept (id int, note text);
  GRANT SELECT (id), UPDATE ON app.kept TO ${quoted};
  CREATE FUNCTION app.kept_f() RETURNS int LANGUAGE sql AS 'SELECT 1';
  GRANT EXECUTE ON FUNCTION app.kept_f() TO ${quoted};
  ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO ${quoted};
  RESET ROLE;
  SET ROLE ${quoted};
  CREATE TABLE app."Owned ""table""" (id serial PRIMARY KEY, at int) PARTITION BY RANGE (id);
  CREATE TABLE app.part PARTITION OF app."Owned ""table""" FOR VALUES FROM (1) TO (10);
  CREATE VIEW app.owned_v AS SELECT 1 AS x;
  CREATE SEQUENCE app.owned_seq;
  CREATE FUNCTION app.owned_f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE PROCEDURE app.owned_p() LANGUAGE sql AS 'SELECT 1';
  CREATE TYPE app.owned_e AS ENUM ('a'); CREATE DOMAIN app.owned_d AS int;
  CREATE STATISTICS app.owned_s ON id, at FROM app."Owned ""table""";
  ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO keeper;
  ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO keeper;
  RESET ROLE;
  ALTER TABLE app.kept ENABLE ROW LEVEL SECURITY;
  CREATE POLICY only_alice ON app.kept TO ${quoted}, keeper USING (true)`;

for (const major of majors) {
  describe(`cleaning up a user on PostgreSQL ${major}`, () => {
    const names = ["one", "two", "three"];
    let fleet: RoleFleet;
    let target: Target;

    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
    });
    after(() => fleet.stop());

    async function makeEstate(): Promise<void> {
      await fleet.server(major).querySuperuser("postgres", "CREATE ROLE keeper; CREATE ROLE team");
      await fleet.server(major).createUser({ name: alice, type: "CLOUD_IAM_USER" });
      for (const name of names) {
        const made = await fleet.createDatabase(major, name, estate);
        if (name === "one") target = made;
      }
      await fleet.sql(target, `GRANT team TO ${quoted}; GRANT CREATE ON DATABASE two TO ${quoted}`);
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      await assignRole(fleet.context, fleet.call(), target, {
        schema: "app",
        username: alice,
        role: "admin",
      });
    }

    const leftovers = (): Promise<{ dbid: string; what: string }[]> =>
      fleet.sql(
        target,
        `SELECT coalesce(d.datname, 'shared') AS dbid, s.classid::regclass::text || ' ' || s.deptype::text AS what
           FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid
          WHERE s.refobjid = '${quoted.replaceAll("'", "''")}'::regrole AND s.classid <> 'pg_auth_members'::regclass`,
      );

    test("a dry run lists the statements of every database and changes nothing", async () => {
      await makeEstate();
      const before = await leftovers();
      const result = await cleanupUser(fleet.context, fleet.call(), target, {
        username: alice,
        dryRun: true,
      });
      assert.deepEqual(
        result.databases.map((entry) => [entry.database, entry.outcome]),
        [
          ["one", "planned"],
          ["postgres", "nothing_to_do"],
          ["three", "planned"],
          ["two", "planned"],
        ],
      );
      assert.ok(result.plan?.some((statement) => statement.sql.startsWith("REASSIGN OWNED BY")));
      assert.deepEqual(await leftovers(), before);
    });

    test("with a schema, only what lies in it goes", async () => {
      const input = { username: alice, schema: "app" };
      const result = await cleanupUser(fleet.context, fleet.call(), target, input);
      assert.deepEqual(
        [result.ownershipTransferred, result.permissionsRevoked, result.databases.length],
        [true, true, 1],
      );
      const owners = await fleet.sql<{ owner: string }>(
        target,
        "SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relname LIKE '%wned%'",
      );
      assert.deepEqual(
        owners.map((row) => row.owner),
        ["postgres"],
      );
      const left = (await leftovers()).filter((row) => row.dbid === "one").map((row) => row.what);
      assert.deepEqual(left.sort(), ["pg_default_acl o", "pg_policy r"]);
      assert.equal((await leftovers()).filter((row) => row.dbid === "three").length > 10, true);
      const again = await cleanupUser(fleet.context, fleet.call(), target, input);
      assert.deepEqual([again.ownershipTransferred, again.permissionsRevoked], [false, false]);
    });

    test("without one, nothing is left in any database, and IAM's own membership stays", async () => {
      const result = await cleanupUser(fleet.context, fleet.call(), target, { username: alice });
      assert.deepEqual([result.ownershipTransferred, result.permissionsRevoked], [true, true]);
      assert.deepEqual(
        result.warnings.map((warning) => warning.includes("team") && warning.includes("cloudsqladmin")),
        major < 16 ? [] : [true],
      );
      assert.deepEqual(await leftovers(), []);
      const groups = await fleet.sql<{ name: string }>(
        target,
        `SELECT g.rolname::text AS name FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
          WHERE m.member = '${quoted.replaceAll("'", "''")}'::regrole`,
      );
      assert.deepEqual(
        groups.map((row) => row.name).sort(),
        major < 16 ? ["cloudsqliamuser"] : ["cloudsqliamuser", "team"],
      );
      await fleet.server(major).dropUser(alice);
    });

    test("a second time there is nothing to do", async () => {
      await fleet.server(major).createUser({ name: alice, type: "CLOUD_IAM_USER" });
      const result = await cleanupUser(fleet.context, fleet.call(), target, { username: alice });
      assert.ok(result.databases.every((entry) => entry.outcome === "nothing_to_do"));
      assert.deepEqual([result.ownershipTransferred, result.permissionsRevoked], [false, false]);
    });

    test("when one database fails, the answer says what was done in each, and the rest is untouched", async () => {
      for (const name of names) {
        await fleet.sql(
          { ...target, database: name },
          `GRANT CREATE ON SCHEMA app TO ${quoted}; CREATE TABLE app.again (); ALTER TABLE app.again OWNER TO ${quoted}`,
        );
      }
      const blocker = await import("pg").then(
        ({ default: pg }) => new pg.Client({ connectionString: fleet.server(major).superuserUrl("three") }),
      );
      await blocker.connect();
      await blocker.query(`BEGIN; LOCK TABLE app.again IN ACCESS EXCLUSIVE MODE`);
      try {
        const error = await serviceErrorOf(
          cleanupUser(fleet.context, fleet.call(), target, { username: alice }),
        );
        assert.ok(["unavailable", "timeout"].includes(error.kind), error.kind);
        assert.deepEqual(error.details.databases, [
          { database_name: "one", outcome: "done" },
          { database_name: "postgres", outcome: "nothing_to_do" },
          { database_name: "three", outcome: "failed" },
          { database_name: "two", outcome: "not_attempted" },
        ]);
      } finally {
        await blocker.end();
      }
      const result = await cleanupUser(fleet.context, fleet.call(), target, { username: alice });
      assert.deepEqual(
        result.databases.map((entry) => entry.outcome),
        ["nothing_to_do", "nothing_to_do", "done", "done"],
      );
    });

    test("a user that does not exist, the admin and system roles are refused", async () => {
      const cleanup = (username: string) =>
        serviceErrorOf(cleanupUser(fleet.context, fleet.call(), target, { username }));
      assert.equal((await cleanup("nobody@example.com")).kind, "not_found");
      for (const username of ["postgres", "cloudsqladmin", "pg_monitor"]) {
        assert.equal((await cleanup(username)).kind, "validation_error", username);
      }
    });

    test("the admin can still log in with its password", async () => {
      await withClient(fleet.server(major).adminUrl("one"), (client) => client.query("SELECT 1"));
    });
  });
}
