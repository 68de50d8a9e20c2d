import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Client, escapeIdentifier } from "pg";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { withClient } from "../support/postgres.ts";
import { exchange, int32, message, split } from "../support/wire.ts";

const hostileNames = [
  'quote"quote""',
  "it's; DROP ROLE x --",
  "$body$ /* */ \\' \\",
  "with space, comma",
  "Ünïcödé 日本 🙂",
  `${"ü".repeat(31)}x`,
  "select",
  "CURRENT_USER",
  "%I %s %%",
];

for (const major of [16, 17, 18] as const) {
  describe(`role grants through the door of PostgreSQL ${major}`, () => {
    let server: PostgresServer;

    before(async () => {
      server = await startPostgresServer({ major, mode: "permissive" });
      for (const name of ["alice@example.com", "bob@example.com", ...hostileNames]) {
        await server.createUser({ name, type: "CLOUD_IAM_USER" });
      }
      await server.querySuperuser("postgres", "CREATE ROLE stock; CREATE ROLE other");
    });
    after(() => server.stop());

    const asAdmin = <T>(fn: (client: Client) => Promise<T>) => withClient(server.adminUrl(), fn);

    const readMembers = async (role: string) => {
      const { rows } = await server.querySuperuser(
        "postgres",
        `SELECT member::regrole::text AS member, grantor::regrole::text AS grantor, admin_option AS admin
          FROM pg_auth_members WHERE roleid = (SELECT oid FROM pg_roles WHERE rolname = $1::text) ORDER BY 1`,
        [role],
      );
      return rows;
    };

    it("grants and revokes foreign roles of any name, by text and by prepared statement", async () => {
      await asAdmin(async (client) => {
        for (const name of hostileNames) {
          const granted = await client.query(`GRANT ${escapeIdentifier(name)} TO CURRENT_USER`);
          assert.equal(granted.command, "GRANT");
          assert.deepEqual(granted.rows, []);
          assert.deepEqual(await readMembers(name), [
            { member: "postgres", grantor: "cloudsqladmin", admin: false },
          ]);
          const text = `REVOKE ${escapeIdentifier(name)} FROM CURRENT_USER`;
          const revoked = await client.query({ name: `revoke ${hostileNames.indexOf(name)}`, text });
          assert.equal(revoked.command, "REVOKE");
          assert.deepEqual(await readMembers(name), []);
        }
      });
    });

    it("undoes it with the transaction, and with a savepoint", async () => {
      await asAdmin(async (client) => {
        await client.query("BEGIN");
        await client.query('GRANT "alice@example.com" TO CURRENT_USER');
        await client.query("SAVEPOINT a");
        await client.query('GRANT "bob@example.com" TO CURRENT_USER');
        await client.query("ROLLBACK TO a");
        const { rows } = await client.query(
          `SELECT pg_has_role('alice@example.com', 'MEMBER') AS alice, pg_has_role('bob@example.com', 'MEMBER') AS bob`,
        );
        assert.deepEqual(rows, [{ alice: true, bob: false }]);
        await client.query("ROLLBACK");
        assert.deepEqual(await readMembers("alice@example.com"), []);
      });
    });

    it("keeps what the admin may do itself as the server does it", async () => {
      await asAdmin(async (client) => {
        await client.query("CREATE ROLE mine");
        await client.query("GRANT mine TO CURRENT_USER WITH INHERIT TRUE");
        assert.deepEqual(await readMembers("mine"), [
          { member: "postgres", grantor: "cloudsqladmin", admin: true },
          { member: "postgres", grantor: "postgres", admin: false },
        ]);
        await client.query("REVOKE mine FROM CURRENT_USER GRANTED BY CURRENT_USER");
        await client.query('GRANT mine TO "alice@example.com"');
        assert.deepEqual((await readMembers("mine")).length, 2);
      });
    });

    it("revokes a foreign grant row by row, by its grantor", async () => {
      await server.querySuperuser("postgres", 'CREATE ROLE holder; GRANT "bob@example.com" TO holder');
      await asAdmin(async (client) => {
        await client.query("CREATE ROLE own_group");
        await client.query('GRANT "bob@example.com" TO own_group');
        await client.query('REVOKE "bob@example.com" FROM own_group GRANTED BY cloudsqladmin');
        assert.deepEqual(await readMembers("bob@example.com"), [
          { member: "holder", grantor: "cloudsqladmin", admin: false },
        ]);
        await assert.rejects(client.query('REVOKE "bob@example.com" FROM holder'), { code: "42501" });
      });
    });

    it("passes notices and errors on as of a GRANT, without the procedure's context", async () => {
      await asAdmin(async (client) => {
        const notices: unknown[] = [];
        client.on("notice", ({ severity, code, message: text, where }) =>
          notices.push({ severity, code, text, where }),
        );
        await client.query("CREATE ROLE twice");
        await client.query('GRANT twice TO "alice@example.com"');
        await client.query('GRANT twice TO "alice@example.com"');
        await client.query('REVOKE "alice@example.com" FROM CURRENT_USER');
        assert.deepEqual(notices, [
          {
            severity: "NOTICE",
            code: "00000",
            text: 'role "alice@example.com" has already been granted membership in role "twice" by role "postgres"',
            where: undefined,
          },
          {
            severity: "WARNING",
            code: "01000",
            text: 'role "postgres" has not been granted membership in role "alice@example.com" by role "cloudsqladmin"',
            where: undefined,
          },
        ]);
        const missing = { code: "42704", message: 'role "missing" does not exist', where: undefined };
        await assert.rejects(client.query("GRANT missing TO CURRENT_USER"), missing);
        await assert.rejects(client.query('GRANT "alice@example.com" TO missing'), missing);
        await client.query("BEGIN READ ONLY");
        await assert.rejects(client.query('GRANT "alice@example.com" TO CURRENT_USER'), { code: "25006" });
        await assert.rejects(client.query('GRANT "alice@example.com" TO CURRENT_USER'), { code: "25P02" });
        await client.query("ROLLBACK");
      });
    });

    it("refuses dangerous roles, members of others, and callers below the admin", async () => {
      await server.querySuperuser(
        "postgres",
        `CREATE ROLE hidden; GRANT pg_execute_server_program TO hidden; CREATE ROLE bypass BYPASSRLS`,
      );
      await asAdmin(async (client) => {
        const roles = [
          "cloudsqladmin",
          "cloudsqlreplica",
          "hidden",
          "bypass",
          "pg_read_all_data",
          "pg_write_server_files",
        ];
        for (const role of roles) {
          await assert.rejects(client.query(`GRANT ${role} TO CURRENT_USER`), { code: "42501" }, role);
        }
        await assert.rejects(client.query('GRANT "alice@example.com" TO "bob@example.com"'), {
          code: "42501",
        });
        await client.query("CREATE ROLE low");
        await client.query("GRANT low TO CURRENT_USER");
        await client.query("SET ROLE low");
        await assert.rejects(client.query('GRANT "alice@example.com" TO CURRENT_USER'), { code: "42501" });
      });
    });

    it("grants the monitoring roles, and the role that owns the database, to a role of the admin's", async () => {
      await asAdmin(async (client) => {
        await client.query("CREATE ROLE operators");
        await client.query("GRANT pg_monitor, cloudsqlsuperuser TO operators");
        const { rows } = await client.query(
          "SELECT pg_has_role('operators', 'pg_read_all_stats', 'MEMBER') AS has",
        );
        assert.deepEqual(rows, [{ has: true }]);
      });
    });

    it("cannot be called to run something else", async () => {
      await asAdmin(async (client) => {
        const call = (...parts: string[]) =>
          client.query(
            `SELECT pg_catalog.cloudsql_change_membership_for($1, $2, ARRAY['alice@example.com'],
            ARRAY['postgres'], $3, NULL, $4) AS done`,
            parts,
          );
        const attempts = [
          ["DROP ROLE x; GRANT", "", "", ""],
          ["GRANT", "ADMIN OPTION FOR x", "", ""],
          ["GRANT", "", "; ALTER ROLE postgres SUPERUSER", ""],
          ["GRANT", "", " WITH ADMIN TRUE\n; ALTER ROLE postgres SUPERUSER", ""],
          ["GRANT", "", "", " CASCADE; ALTER ROLE postgres SUPERUSER"],
        ];
        for (const parts of attempts) assert.deepEqual((await call(...parts)).rows, [{ done: false }]);
      });
    });

    it("is left alone in other users' sessions and in texts of several statements", async () => {
      await server.createUser({ name: "second", type: "BUILT_IN", password: "second" });
      const url = new URL(server.adminUrl());
      url.username = url.password = "second";
      await withClient(url.href, (client) =>
        assert.rejects(client.query('GRANT "alice@example.com" TO CURRENT_USER'), { code: "42501" }),
      );
      await asAdmin((client) =>
        assert.rejects(client.query('BEGIN; GRANT "alice@example.com" TO CURRENT_USER; COMMIT'), {
          code: "42501",
        }),
      );
    });

    it("works in databases made from either template", async () => {
      await server.createDatabase("made_by_api");
      await asAdmin((client) => client.query("CREATE DATABASE made_by_sql TEMPLATE template0"));
      for (const database of ["made_by_api", "made_by_sql"]) {
        await withClient(server.adminUrl(database), async (client) => {
          await client.query("BEGIN");
          await client.query('GRANT "alice@example.com" TO CURRENT_USER');
          await client.query("ROLLBACK");
        });
      }
    });

    for (const piece of [1, 7, 100_000]) {
      it(`answers a pipeline to the byte like a server that grants by itself (in pieces of ${piece})`, async () => {
        const bytes = pipeline('"alice@example.com"', "stock");
        const admin = await answer(server.adminUrl(), pipeline('"alice@example.com"', "CURRENT_USER"), piece);
        const stock = await answer(server.superuserUrl(), bytes, piece);
        assert.deepEqual(admin, stock);
        assert.deepEqual(
          stock.map(({ type }) => type).join(""),
          "12nC12TDC1tn2nCZ" + "CZ" + "CGCZ" + "12EZ" + "1tn2CEZ" + "CZ" + "TDCZ",
        );
      });
    }
  });
}

/** Grants and revokes among other messages, all sent before the first answer. */
function pipeline(role: string, member: string): Buffer {
  const bindAndRun = (portal: string, statement: string) => [
    message("B", portal, statement, 0, 0, 0),
    message("D", Buffer.from("P"), portal),
    message("E", portal, int32(0)),
  ];
  const sync = message("S");
  return Buffer.concat([
    message("P", "", `GRANT ${role} TO ${member}`, 0),
    ...bindAndRun("", ""),
    message("P", "", "SELECT 'GRANT' AS text", 0),
    ...bindAndRun("", ""),
    message("P", "named", `REVOKE ${role} FROM ${member}`, 0),
    message("D", Buffer.from("S"), "named"),
    ...bindAndRun("portal", "named"),
    sync,
    message("Q", `GRANT ${role} TO ${member};`),
    message("Q", "CREATE TEMP TABLE t (n text); COPY t FROM STDIN"),
    message("d", Buffer.from("GRANT\n")),
    message("c"),
    message("P", "", "GRANT no_such_role TO other", 0),
    message("B", "", "", 0, 0, 0),
    message("E", "", int32(0)),
    message("P", "skipped", `GRANT ${role} TO ${member}`, 0),
    sync,
    message("P", "again", `REVOKE ${role} FROM ${member}`, 0),
    message("D", Buffer.from("S"), "again"),
    message("B", "", "again", 0, 0, 0),
    message("E", "", int32(0)),
    message("E", "", int32(0)),
    sync,
    message("Q", `REVOKE ${role} FROM ${member}`),
    message("Q", "SELECT 1"),
  ]);
}

async function answer(url: string, bytes: Buffer, piece: number) {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    const received = await exchange(client, bytes, { ready: 7, piece });
    return split(received).map(({ type, body }) => ({ type, body: body.toString("latin1") }));
  } finally {
    await client.end();
  }
}
