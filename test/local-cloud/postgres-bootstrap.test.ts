import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { majors } from "../../src/local-cloud/postgres-binaries.ts";
import type { Mode } from "../../src/local-cloud/postgres-bootstrap.ts";
import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { startServers, withClient } from "../support/postgres.ts";

const modes: readonly Mode[] = ["permissive", "strict"];

for (const mode of modes) {
  for (const major of majors) {
    describe(`PostgreSQL ${major}, ${mode}`, () => {
      let server: PostgresServer;
      const foreignWorks = major < 16 || mode === "permissive";

      before(async () => {
        server = (await startServers([major], mode))[0] as PostgresServer;
        await server.createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
        await server.createUser({ name: "sa@p.iam", type: "CLOUD_IAM_SERVICE_ACCOUNT" });
        await server.createUser({ name: "team@example.com", type: "CLOUD_IAM_GROUP" });
      });
      after(() => server.stop());

      /** Runs statements as the admin; the SQLSTATE of the first failure, or "ok". */
      const tryAsAdmin = (...statements: string[]) =>
        withClient(server.adminUrl(), async (client) => {
          for (const statement of statements) {
            try {
              await client.query(statement);
            } catch (error) {
              return sqlstate(error);
            }
          }
          return "ok";
        });

      it("is the right major, with fast settings and pg_stat_statements loaded", async () => {
        const { rows } = await server.querySuperuser(
          "postgres",
          `SELECT current_setting('server_version_num')::int / 10000 AS major, current_setting('fsync') AS fsync,
            current_setting('shared_preload_libraries') AS libraries`,
        );
        assert.deepEqual(rows, [{ major, fsync: "off", libraries: "pg_stat_statements" }]);
      });

      it("has an admin that is no superuser and no member of an IAM role", async () => {
        const { rows } = await server.querySuperuser(
          "postgres",
          `SELECT rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolreplication, rolbypassrls,
              pg_has_role('postgres', 'cloudsqlsuperuser', 'USAGE') AS manages,
              pg_has_role('postgres', 'cloudsqliamuser', 'MEMBER') AS iam
            FROM pg_roles WHERE rolname = 'postgres'`,
        );
        assert.deepEqual(rows, [
          {
            rolsuper: false,
            rolcreatedb: true,
            rolcreaterole: true,
            rolinherit: true,
            rolreplication: false,
            rolbypassrls: false,
            manages: true,
            iam: false,
          },
        ]);
      });

      it("lets the admin create, alter, comment, grant and drop its own roles", async () => {
        const outcome = await tryAsAdmin(
          "CREATE ROLE own",
          "ALTER ROLE own CREATEDB",
          "COMMENT ON ROLE own IS 'mine'",
          'GRANT own TO "alice@example.com", "team@example.com"',
          'REVOKE own FROM "alice@example.com", "team@example.com"',
          "DROP ROLE own",
        );
        assert.equal(outcome, "ok");
      });

      it("lets the admin act for its own role only after granting it to itself", async () => {
        assert.equal(await tryAsAdmin("CREATE ROLE acting", "SET ROLE acting"), "42501");
        assert.equal(await tryAsAdmin("CREATE SCHEMA acting AUTHORIZATION acting"), "42501");
        const outcome = await tryAsAdmin(
          "BEGIN",
          "GRANT acting TO CURRENT_USER",
          "CREATE SCHEMA acting AUTHORIZATION acting",
          "ALTER DEFAULT PRIVILEGES FOR ROLE acting GRANT SELECT ON TABLES TO PUBLIC",
          "REVOKE acting FROM CURRENT_USER",
          "COMMIT",
        );
        assert.equal(outcome, "ok");
      });

      it("lets the admin act for a foreign login within a transaction, except in strict mode from 16 on", async () => {
        const defaults = `ALTER DEFAULT PRIVILEGES FOR ROLE "alice@example.com" GRANT SELECT ON TABLES TO PUBLIC`;
        assert.equal(await tryAsAdmin(defaults), "42501");
        const outcome = await tryAsAdmin(
          "BEGIN",
          'GRANT "alice@example.com" TO CURRENT_USER',
          defaults,
          'REVOKE "alice@example.com" FROM CURRENT_USER',
          "COMMIT",
        );
        assert.equal(outcome, foreignWorks ? "ok" : "42501");
        const left = await server.querySuperuser(
          "postgres",
          "SELECT FROM pg_auth_members WHERE roleid = '\"alice@example.com\"'::regrole",
        );
        assert.equal(left.rowCount, 0);
        assert.equal(await tryAsAdmin("SELECT 1"), "ok");
      });

      it("lets the admin alter a foreign login before 16 only", async () => {
        const outcome = await tryAsAdmin('ALTER ROLE "alice@example.com" CONNECTION LIMIT 50');
        assert.equal(outcome, major < 16 ? "ok" : "42501");
      });

      it("lets the admin grant the monitoring roles, except in strict mode from 16 on", async () => {
        assert.equal(await tryAsAdmin("CREATE ROLE watcher"), "ok");
        assert.equal(await tryAsAdmin("GRANT pg_monitor TO watcher"), foreignWorks ? "ok" : "42501");
        assert.equal(await tryAsAdmin("GRANT pg_read_all_data TO watcher"), major < 16 ? "ok" : "42501");
      });

      it("keeps from the admin what no Cloud SQL admin may", async () => {
        assert.equal(await tryAsAdmin("SELECT FROM pg_authid"), "42501");
        assert.equal(await tryAsAdmin("ALTER SYSTEM SET work_mem = '8MB'"), "42501");
        assert.equal(await tryAsAdmin("CREATE ROLE root SUPERUSER"), "42501");
        assert.equal(await tryAsAdmin("GRANT cloudsqladmin TO CURRENT_USER"), "42501");
      });

      it("locks the admin's login while it is a member of an IAM role, also by another role", async () => {
        await server.querySuperuser(
          "postgres",
          'CREATE ROLE middle; GRANT "sa@p.iam" TO middle; GRANT middle TO postgres',
        );
        await assert.rejects(
          withClient(server.adminUrl(), async () => {}),
          { code: "28000" },
        );
        await server.querySuperuser("postgres", "REVOKE middle FROM postgres");
        assert.equal(await tryAsAdmin("SELECT 1"), "ok");
        const option = major >= 16 ? " WITH INHERIT FALSE" : "";
        await server.querySuperuser("postgres", `GRANT "alice@example.com" TO postgres${option}`);
        await assert.rejects(
          withClient(server.adminUrl(), async () => {}),
          { code: "28000" },
        );
        await server.querySuperuser("postgres", 'REVOKE "alice@example.com" FROM postgres; DROP ROLE middle');
        assert.equal(await tryAsAdmin("SELECT 1"), "ok");
      });

      it("refuses a password login of an IAM user, and a wrong password", async () => {
        const url = new URL(server.adminUrl());
        url.username = "alice%40example.com";
        await assert.rejects(
          withClient(url.href, async () => {}),
          { code: "28000" },
        );
        url.username = "postgres";
        url.password = "wrong";
        await assert.rejects(
          withClient(url.href, async () => {}),
          { code: "28P01" },
        );
      });

      it("makes databases that belong to cloudsqlsuperuser, in which the admin may create schemas and extensions", async () => {
        await server.createDatabase('Or"ders é');
        await withClient(server.adminUrl('Or"ders é'), async (client) => {
          await client.query(
            "CREATE SCHEMA app; CREATE TABLE public.t (); CREATE EXTENSION pg_stat_statements",
          );
          await client.query('CREATE EXTENSION pgcrypto; CREATE EXTENSION "uuid-ossp"');
          const { rows } = await client.query(
            "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = current_database()",
          );
          assert.deepEqual(rows, [{ owner: "cloudsqlsuperuser" }]);
          const schemas = await client.query("SELECT nspname FROM pg_namespace ORDER BY 1");
          const names = schemas.rows.map((row) => row.nspname).filter((name) => !name.startsWith("pg_"));
          assert.deepEqual(names, ["app", "information_schema", "public"]);
        });
        await server.dropDatabase('Or"ders é');
      });

      it("makes built-in users as the Admin API does", async () => {
        await server.createUser({ name: "o'hara", type: "BUILT_IN", password: "it's \\ ü" });
        await server
          .createUser({ name: "plain", type: "BUILT_IN", password: "p", databaseRoles: ["own_role"] })
          .then(
            () => assert.fail("a role that does not exist was granted"),
            (error) => assert.equal(sqlstate(error), "42704"),
          );
        await server.createUser({ name: "plain", type: "BUILT_IN", password: "p", databaseRoles: [] });
        const url = new URL(server.adminUrl());
        url.username = "o'hara";
        url.password = encodeURIComponent("it's \\ ü");
        await withClient(url.href, async (client) => {
          const { rows } = await client.query(
            `SELECT pg_has_role('o''hara', 'cloudsqlsuperuser', 'MEMBER') AS one,
              pg_has_role('plain', 'cloudsqlsuperuser', 'MEMBER') AS two`,
          );
          assert.deepEqual(rows, [{ one: true, two: false }]);
        });
        await server.dropUser("o'hara");
        await server.dropUser("plain");
      });

      it("refuses names that PostgreSQL would cut", async () => {
        const name = "ü".repeat(32);
        await assert.rejects(server.createUser({ name, type: "BUILT_IN" }), { kind: "validation_error" });
        await server.createUser({ name: `${"ü".repeat(31)}x`, type: "BUILT_IN" });
      });

      it("changes the admin's password", async () => {
        const old = server.adminUrl();
        await server.setAdminPassword("new'\\ @:/ password");
        await assert.rejects(
          withClient(old, async () => {}),
          { code: "28P01" },
        );
        assert.equal(await tryAsAdmin("SELECT 1"), "ok");
      });
    });
  }
}

function sqlstate(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
