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

    it("prepared statements are gone, and a name may get another text", async () => {
      const seen = await nextBorrowerSees(
        async (session) => {
          await session.query("PREPARE left_over AS SELECT 1");
          await session.query("SELECT 'first' AS value", [], { name: "named" });
        },
        async (session) => {
          const count = await valueIn(
            session,
            "(SELECT count(*)::int FROM pg_prepared_statements WHERE name IN ('left_over', 'named'))",
          );
          const { rows } = await session.query("SELECT 'second' AS value", [], { name: "named" });
          return [count, rows];
        },
      );
      assert.deepEqual(seen, [0, [{ value: "second" }]]);
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

    it("is swept when it has gathered very many prepared statements", async () => {
      const count = await nextBorrowerSees(
        async (session) => {
          for (let i = 0; i < 251; i++)
            await session.query("SELECT 1", [], { name: `many_${i}`, read: true });
        },
        (session) =>
          valueIn(session, "(SELECT count(*)::int FROM pg_prepared_statements WHERE name LIKE 'many%')"),
      );
      assert.equal(count, 0);
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
