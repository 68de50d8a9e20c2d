import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { Session } from "../../src/postgres/session.ts";
import { createTestPools, testTarget } from "../support/pools.ts";
import { until } from "../support/until.ts";

/** A pool of one connection: the next borrower gets the session that the last one left. */
const oneConnection = { size: 1, maxOverflow: 0 };
const target = testTarget("pg17", "postgres");
const borrower = { operation: "test" };

const majors: readonly Major[] = [14, 15, 16, 17, 18];

for (const major of majors) describe(`on PostgreSQL ${major}`, () => testHygiene(major));

function testHygiene(major: Major): void {
  let server: PostgresServer;
  let pools: ClosablePools;

  before(async () => {
    server = await startPostgresServer({ major, mode: "permissive" });
    await server.querySuperuser("postgres", "CREATE ROLE hygiene_role; GRANT hygiene_role TO postgres");
    pools = createTestPools({ pg17: server }, { settings: oneConnection });
  });

  after(async () => {
    await pools.close();
    await server.stop();
  });

  const lend = <T>(fn: (session: Session) => Promise<T>) => pools.withSession(target, borrower, fn);

  async function pidOf(session: Session): Promise<number> {
    const { rows } = await session.query<{ pid: number }>("SELECT pg_backend_pid() AS pid", [], {
      name: "pid",
      read: true,
    });
    return rows[0]?.pid ?? 0;
  }

  async function valueIn(session: Session, expression: string): Promise<unknown> {
    const { rows } = await session.query<{ value: unknown }>(`SELECT ${expression} AS value`, [], {
      read: true,
    });
    return rows[0]?.value;
  }

  /** Runs `leave`, and then `look` in the same server process, as the next borrower. */
  async function nextBorrowerSees<T>(
    leave: (session: Session) => Promise<unknown>,
    look: (session: Session) => Promise<T>,
  ): Promise<T> {
    const first = await lend(async (session) => {
      const pid = await pidOf(session);
      await leave(session);
      return pid;
    });
    return lend(async (session) => {
      assert.equal(await pidOf(session), first, "the connection was kept");
      return look(session);
    });
  }

  describe("what a borrower leaves never reaches the next one", () => {
    it("settings go back to those of the start", async () => {
      const seen = await nextBorrowerSees(
        async (session) => {
          await session.query("SET work_mem TO '77MB'");
          await session.query("SET search_path TO public");
          await session.query("SET statement_timeout TO 0");
          await session.query("SELECT set_config('my.setting', 'left', false)");
        },
        async (session) => [
          await valueIn(session, "current_setting('work_mem') = '77MB'"),
          await valueIn(session, "current_setting('search_path')"),
          await valueIn(session, "current_setting('statement_timeout')"),
          await valueIn(session, "coalesce(current_setting('my.setting', true), '')"),
        ],
      );
      assert.deepEqual(seen, [false, "pg_catalog", "30s", ""]);
    });

    it("session and transaction advisory locks are released", async () => {
      const locks = await nextBorrowerSees(
        async (session) => {
          await session.query("SELECT pg_advisory_lock(1)");
          await session.query("SELECT pg_advisory_lock(1)");
          await session.query("BEGIN");
          await session.query("SELECT pg_advisory_xact_lock(2)");
        },
        (session) => valueIn(session, "(SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory')"),
      );
      assert.equal(locks, 0);
    });

    it("locks are released by the time the borrower has its answer", async () => {
      await lend((session) => session.query("SELECT pg_advisory_lock(3)"));
      const { rows } = await server.querySuperuser(
        "postgres",
        "SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory'",
      );
      assert.deepEqual(rows, [{ locks: 0 }]);
    });

    it("the role is the admin's again", async () => {
      const role = await nextBorrowerSees(
        (session) => session.query("SET ROLE hygiene_role"),
        (session) => valueIn(session, "current_user::text"),
      );
      assert.equal(role, "postgres");
    });

    it("an open transaction is rolled back", async () => {
      const seen = await nextBorrowerSees(
        async (session) => {
          await session.query("BEGIN");
          await session.query("CREATE TABLE public.left_over ()");
        },
        (session) => valueIn(session, "to_regclass('public.left_over') IS NULL"),
      );
      assert.equal(seen, true);
    });

    it("a failed transaction is rolled back, also when all its statements were called reads", async () => {
      const seen = await nextBorrowerSees(
        async (session) => {
          await session.query("BEGIN", [], { read: true });
          await assert.rejects(session.query("SELECT 1/0", [], { read: true }), { code: "22012" });
        },
        (session) => valueIn(session, "1"),
      );
      assert.equal(seen, 1);
    });

    it("a transaction that fails in the very statement that began it is rolled back, even one called a read", async () => {
      const seen = await nextBorrowerSees(
        (session) =>
          assert.rejects(session.query("BEGIN; SELECT 1/0", [], { read: true }), { code: "22012" }),
        (session) => valueIn(session, "1"),
      );
      assert.equal(seen, 1);
    });

    it("temporary tables are gone", async () => {
      const seen = await nextBorrowerSees(
        (session) => session.query("CREATE TEMP TABLE left_over (id int)"),
        (session) => valueIn(session, "to_regclass('pg_temp.left_over') IS NULL"),
      );
      assert.equal(seen, true);
    });

    it("nothing is listened to", async () => {
      const channels = await nextBorrowerSees(
        (session) => session.query("LISTEN news"),
        (session) => valueIn(session, "(SELECT count(*)::int FROM pg_listening_channels())"),
      );
      assert.equal(channels, 0);
    });

    it("cursors that outlive their transaction are closed", async () => {
      const cursors = await nextBorrowerSees(
        async (session) => {
          await session.query("BEGIN");
          await session.query("DECLARE left_over CURSOR WITH HOLD FOR SELECT 1");
          await session.query("COMMIT");
        },
        (session) => valueIn(session, "(SELECT count(*)::int FROM pg_cursors WHERE name = 'left_over')"),
      );
      assert.equal(cursors, 0);
    });

    let names = 0;

    /** What the next borrower sees of `left_over`, and of the statement that this one ran besides `leave`. */
    const nextBorrowerReads = (
      leave: (session: Session, name: string) => Promise<unknown>,
      text: string,
    ): Promise<unknown[]> => {
      names += 1;
      const name = `named_${names}`;
      return nextBorrowerSees(
        async (session) => {
          await session.query(first, [], { name });
          await leave(session, name);
        },
        async (session) => {
          const known = `(SELECT count(*)::int FROM pg_prepared_statements WHERE name IN ('left_over', '${name}'))`;
          const count = await valueIn(session, known);
          const { rows } = await session.query(text, [], { name });
          return [count, rows[0]?.value];
        },
      );
    };

    const first = "SELECT 'first' AS value";
    const second = "SELECT 'second' AS value";

    it("statements prepared by SQL are gone, and all others with them, so that a name may get another text", async () => {
      const seen = await nextBorrowerReads(
        (session) => session.query("PREPARE left_over AS SELECT 1"),
        second,
      );
      assert.deepEqual(seen, [0, "second"]);
    });

    it("so they are when a block or an event trigger prepared them", async () => {
      const block = "DO $$ BEGIN EXECUTE 'PREPARE left_over AS SELECT 1'; END $$";
      assert.deepEqual(await nextBorrowerReads((session) => session.query(block), second), [0, "second"]);
      await server.querySuperuser(
        "postgres",
        `CREATE FUNCTION public.prepares() RETURNS event_trigger LANGUAGE plpgsql AS
           'BEGIN EXECUTE ''PREPARE left_over AS SELECT 1''; END';
         CREATE EVENT TRIGGER prepares ON ddl_command_end EXECUTE FUNCTION public.prepares()`,
      );
      try {
        const table = (session: Session) => session.query("CREATE TEMPORARY TABLE of_trigger ()");
        assert.deepEqual(await nextBorrowerReads(table, second), [0, "second"]);
      } finally {
        await server.querySuperuser("postgres", "DROP EVENT TRIGGER prepares; DROP FUNCTION public.prepares");
      }
    });

    it("so they are when the transaction that prepared them failed", async () => {
      const leave = async (session: Session) => {
        await session.query("BEGIN", [], { plain: true });
        await session.query("PREPARE left_over AS SELECT 1");
        await assert.rejects(session.query("SELECT 1/0"), { code: "22012" });
      };
      assert.deepEqual(await nextBorrowerReads(leave, second), [0, "second"]);
    });

    it("a statement that SQL dropped is prepared again, and one that took its name is never run", async () => {
      for (const what of ["one", "ALL"]) {
        const drop = (session: Session, name: string) =>
          session.query(`DEALLOCATE ${what === "ALL" ? what : name}`);
        assert.deepEqual(await nextBorrowerReads(drop, second), [0, "second"]);
      }
      const taken = async (session: Session, name: string) => {
        await session.query(`DEALLOCATE ${name}`);
        await session.query(`PREPARE ${name} AS SELECT 'not ours' AS value`);
      };
      assert.deepEqual(await nextBorrowerReads(taken, second), [0, "second"]);
    });

    it("statements that the service prepared stay over a change, and are what they were", async () => {
      const change = (session: Session) => session.query("CREATE TEMPORARY TABLE left_over ()");
      assert.deepEqual(await nextBorrowerReads(change, first), [1, "first"]);
      const plain = (session: Session) => session.query("SET work_mem TO '77MB'", [], { plain: true });
      assert.deepEqual(await nextBorrowerReads(plain, first), [1, "first"]);
    });

    it("all of it is gone when every statement was called plain", async () => {
      await server.querySuperuser(
        "postgres",
        "CREATE SEQUENCE public.counted; GRANT ALL ON SEQUENCE public.counted TO PUBLIC",
      );
      const statements = [
        "SELECT nextval('public.counted')",
        "SELECT pg_advisory_lock(4)",
        "LISTEN news",
        "CREATE TEMPORARY TABLE left_over (id int)",
        "BEGIN",
        "DECLARE left_over CURSOR WITH HOLD FOR SELECT 1",
        "COMMIT",
        "SET work_mem TO '77MB'",
        "SET search_path TO public",
        "SET default_transaction_read_only TO on",
        "SET ROLE hygiene_role",
        "BEGIN",
        "SET LOCAL enable_nestloop TO off",
      ];
      const seen = await nextBorrowerSees(
        async (session) => {
          for (const text of statements) await session.query(text, [], { plain: true });
          await assert.rejects(session.query("SELECT 1/0", [], { plain: true }), { code: "22012" });
        },
        async (session) => {
          await assert.rejects(session.query("SELECT currval('public.counted')"), { code: "55000" });
          return [
            await valueIn(session, "(SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory')"),
            await valueIn(session, "(SELECT count(*)::int FROM pg_listening_channels())"),
            await valueIn(session, "to_regclass('pg_temp.left_over') IS NULL"),
            await valueIn(session, "(SELECT count(*)::int FROM pg_cursors WHERE name = 'left_over')"),
            await valueIn(session, "current_setting('work_mem') = '77MB'"),
            await valueIn(session, "current_setting('search_path')"),
            await valueIn(session, "current_setting('default_transaction_read_only')"),
            await valueIn(session, "current_setting('enable_nestloop')"),
            await valueIn(session, "current_user::text"),
          ];
        },
      );
      assert.deepEqual(seen, [0, 0, true, 0, false, "pg_catalog", "off", "on", "postgres"]);
    });

    it("the values of sequences are forgotten", async () => {
      await server.querySuperuser(
        "postgres",
        "CREATE SEQUENCE public.numbers; GRANT ALL ON SEQUENCE public.numbers TO postgres",
      );
      await nextBorrowerSees(
        (session) => session.query("SELECT nextval('public.numbers')"),
        (session) => assert.rejects(session.query("SELECT currval('public.numbers')"), { code: "55000" }),
      );
    });

    it("the session's authorization is its own again", async () => {
      const asSuperuser = createTestPools(
        { pg17: { host: server.host, port: server.port, adminPassword: server.superuserPassword } },
        { settings: { ...oneConnection, adminUser: "cloudsqladmin" } },
      );
      try {
        await asSuperuser.withSession(target, borrower, (session) =>
          session.query("SET SESSION AUTHORIZATION postgres"),
        );
        const user = await asSuperuser.withSession(target, borrower, (session) =>
          valueIn(session, "session_user::text"),
        );
        assert.equal(user, "cloudsqladmin");
      } finally {
        await asSuperuser.close();
      }
    });

    it("a connection on which a statement still runs is not lent again, and the statement is cancelled", async () => {
      const pid = await lend(async (session) => {
        const own = await pidOf(session);
        session.query("SELECT pg_sleep(60)").catch(() => {});
        return own;
      });
      assert.notEqual(await lend(pidOf), pid);
      // Its timeout is 30 s.
      const isGone = async () =>
        (await server.querySuperuser("postgres", "SELECT FROM pg_stat_activity WHERE pid = $1", [pid])).rows
          .length === 0;
      await until(isGone, { deadlineMs: 20_000 });
    });
  });

  describe("a session", () => {
    it("keeps its prepared statements over reads, for which nothing is discarded", async () => {
      const read = (session: Session) =>
        session.query("SELECT 'kept' AS value", [], { name: "kept", read: true });
      const count = await nextBorrowerSees(read, (session) =>
        valueIn(session, "(SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'kept')"),
      );
      assert.equal(count, 1);
    });

    it("goes back when its borrower ran nothing, or only something that could not be sent", async () => {
      const pid = await lend(pidOf);
      await lend(async () => {});
      const bad = { toPostgres: () => assert.fail("no value") };
      await pools.withSession(target, { operation: "another" }, (session) =>
        assert.rejects(session.query("SELECT $1::text", [bad]), /no value/),
      );
      assert.equal(await lend(pidOf), pid);
    });

    for (const options of [{ read: true }, { plain: true }, {}]) {
      it(`is swept when it has gathered very many prepared statements, ${JSON.stringify(options)}`, async () => {
        const count = await nextBorrowerSees(
          async (session) => {
            for (let i = 0; i < 251; i++)
              await session.query("SELECT 1", [], { name: `many_${i}`, ...options });
          },
          (session) =>
            valueIn(session, "(SELECT count(*)::int FROM pg_prepared_statements WHERE name LIKE 'many%')"),
        );
        assert.equal(count, 0);
      });
    }

    it("prepares a text that is kept once for all borrowers, and plans it anew for long arrays", async () => {
      const text = "SELECT count(*)::int AS count FROM unnest($1::text[]) AS names /* once for all */";
      const ask = async (session: Session, length: number) => {
        const { rows } = await session.query(text, [Array(length).fill("a")], { keep: true });
        return rows[0]?.count;
      };
      const known = `(SELECT array_agg((generic_plans + custom_plans)::int)
                        FROM pg_prepared_statements WHERE statement LIKE '%once for all%' AND name LIKE 'kept%')`;
      const seen = await nextBorrowerSees(
        async (session) => {
          for (let i = 0; i < 7; i++) await ask(session, 100);
          await session.query("SELECT set_config('work_mem', '77MB', false)");
        },
        async (session) => [await ask(session, 3), await ask(session, 101), await valueIn(session, known)],
      );
      assert.deepEqual(seen, [3, 101, [8]]);
    });

    it("keeps no plan that is wrong for another role or search_path", async () => {
      await server.querySuperuser(
        "postgres",
        `CREATE SCHEMA one; CREATE TABLE one.things AS SELECT 'of one' AS value;
         CREATE SCHEMA two; CREATE TABLE two.things AS SELECT 'of two' AS value UNION ALL SELECT 'of the role';
         GRANT USAGE ON SCHEMA one, two TO PUBLIC; GRANT SELECT ON one.things, two.things TO PUBLIC;
         ALTER TABLE two.things ENABLE ROW LEVEL SECURITY;
         CREATE POLICY of_admin ON two.things TO postgres USING (value = 'of two');
         CREATE POLICY of_role ON two.things TO hygiene_role USING (value = 'of the role')`,
      );
      const ask = async (session: Session) => {
        const { rows } = await session.query("SELECT value, current_user::text FROM things", [], {
          keep: true,
        });
        return rows.map((row) => `${row.value} ${row.current_user}`).join();
      };
      const askIn = async (schema: string, role: string, times: number) =>
        lend(async (session) => {
          await session.query(`SET search_path TO ${schema}`, [], { plain: true });
          await session.query(`SET ROLE ${role}`, [], { plain: true });
          const answers = new Set<string>();
          for (let i = 0; i < times; i++) answers.add(await ask(session));
          return [...answers].join();
        });
      const seen = [
        await askIn("one", "none", 7),
        await askIn("two", "none", 2),
        await askIn("two", "hygiene_role", 2),
        await askIn("one", "hygiene_role", 2),
        await askIn("two", "none", 2),
      ];
      // The admin is a member of the role: its policies are the admin's too.
      const admin = ["of one postgres", "of two postgres,of the role postgres"];
      const role = ["of the role hygiene_role", "of one hygiene_role"];
      assert.deepEqual(seen, [...admin, ...role, admin[1]]);
    });

    it("refuses to be used after its function has settled", async () => {
      const escaped = await lend(async (session) => session);
      await assert.rejects(escaped.query("SELECT 1"), /after it had been given back/);
    });

    it("passes an error of its function through, and lends the connection again", async () => {
      const own = new Error("own");
      const pid = await lend(pidOf);
      await assert.rejects(
        lend(() => Promise.reject(own)),
        (error) => error === own,
      );
      assert.equal(await lend(pidOf), pid);
    });

    it("hands each statement its own notices, also when statements are sent together", async () => {
      const notices = await lend(async (session) => {
        const raise = (text: string) => session.query(`DO $$ BEGIN RAISE WARNING '${text}'; END $$`);
        const results = await Promise.all([raise("one"), session.query("SELECT 1"), raise("two")]);
        return results.map((result) =>
          result.notices.map(({ severity, code, message }) => [severity, code, message]),
        );
      });
      assert.deepEqual(notices, [[["WARNING", "01000", "one"]], [], [["WARNING", "01000", "two"]]]);
    });

    it("goes on after an error between statements that were sent together", async () => {
      const results = await lend((session) =>
        Promise.allSettled([
          session.query("SELECT 1 AS n"),
          session.query("SELECT 1/0"),
          session.query("SELECT $1::jsonb", [{ toPostgres: () => assert.fail("no value") }]),
          session.query("SELECT 2 AS n"),
        ]),
      );
      assert.deepEqual(
        results.map((result) => result.status),
        ["fulfilled", "rejected", "rejected", "fulfilled"],
      );
    });

    it("answers the last result of a text of several statements", async () => {
      const { rows } = await lend((session) => session.query("SELECT 1 AS n; SELECT 2 AS n"));
      assert.deepEqual(rows, [{ n: 2 }]);
    });

    it("knows version, user and target, and shows the operation on the server", async () => {
      const name = "the operation's name is cut and 'harmless'";
      const seen = await pools.withSession(target, { operation: name }, async (session) => [
        session.versionNum,
        await valueIn(session, "current_setting('server_version_num')::int"),
        session.user,
        session.target,
        await valueIn(session, "current_setting('application_name')"),
        await valueIn(
          session,
          "(SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid())",
        ),
      ]);
      const shown = "cloudsql-postgres-manager/the_operation_s_name_is_cut_and__harm";
      assert.deepEqual(seen, [seen[1], seen[1], "postgres", target, shown, shown]);
    });

    it("has its timeouts from the start", async () => {
      const seen = await lend(async (session) => [
        await valueIn(session, "current_setting('statement_timeout')"),
        await valueIn(session, "current_setting('lock_timeout')"),
        await valueIn(session, "current_setting('idle_in_transaction_session_timeout')"),
      ]);
      assert.deepEqual(seen, ["30s", "10s", "30s"]);
    });
  });
}
