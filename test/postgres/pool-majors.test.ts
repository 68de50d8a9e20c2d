import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { Session } from "../../src/postgres/session.ts";
import { createTestPools, testTarget } from "../support/pools.ts";
import { until } from "../support/until.ts";

const majors: readonly Major[] = [14, 15, 16, 17, 18];
const target = testTarget("db", "postgres");
const borrower = { operation: "test" };
const sleep = (seconds: number) => (session: Session) =>
  session.query("SELECT pg_sleep($1)", [seconds], { read: true });

/** What the pools ask of the server itself, and so may be another from major to major. */
for (const major of majors) describe(`pools on PostgreSQL ${major}`, () => testPools(major));

function testPools(major: Major): void {
  let server: PostgresServer;

  before(async () => {
    server = await startPostgresServer({ major, mode: "permissive", maxConnections: 40 });
  });

  after(() => server.stop());

  async function ask<Row extends object>(text: string): Promise<Row | undefined> {
    return (await server.querySuperuser<Row>("postgres", text)).rows[0];
  }

  async function countSessions(): Promise<number> {
    const row = await ask<{ n: number }>(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'postgres'",
    );
    return row?.n ?? -1;
  }

  async function withPools<T>(
    settings: Partial<PoolSettings>,
    fn: (pools: ReturnType<typeof createTestPools>) => Promise<T>,
  ): Promise<T> {
    const pools = createTestPools({ db: server }, { settings });
    try {
      return await fn(pools);
    } finally {
      await pools.close();
      assert.equal(await countSessions(), 0, "no session is left on the server");
    }
  }

  it("derive the budget from what the server keeps back, and stay within it", async () => {
    const row = await ask<{ free: number }>(
      `SELECT sum(CASE name WHEN 'max_connections' THEN 1 ELSE -1 END * setting::int)::int AS free FROM pg_settings
        WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')`,
    );
    const half = Math.floor((row?.free ?? 0) / 2);
    assert.ok(half >= 10);
    await withPools({ size: 100, maxOverflow: 0 }, async (pools) => {
      await pools.withSession(target, borrower, sleep(0));
      await until(() => pools.totals().limit === half);
      let most = 0;
      let running = true;
      const watching = (async () => {
        while (running) most = Math.max(most, await countSessions());
      })();
      await Promise.all(Array.from({ length: 100 }, () => pools.withSession(target, borrower, sleep(0.01))));
      running = false;
      await watching;
      assert.ok(most > 1 && most <= half, `${most} sessions of ${half}`);
    });
  });

  it("end what runs at a kill, on the server too", async () => {
    await withPools({}, async (pools) => {
      const running = pools.withSession(target, borrower, sleep(60));
      const failed = assert.rejects(running, { details: { reason: "connection_killed" } });
      await until(() => pools.totals().checkedOut === 1);
      await pools.console.kill("everything").done;
      await failed;
      assert.equal(await countSessions(), 0);
    });
  });

  it("tell a statement whose session was ended apart from one that failed", async () => {
    await withPools({ size: 1, maxOverflow: 0 }, async (pools) => {
      const running = pools.withSession(target, borrower, sleep(60));
      const failed = assert.rejects(running, {
        kind: "unavailable",
        details: { reason: "connection_lost", sqlstate: "57P01" },
      });
      // A session that is ended before the statement came is lost without a word: there is nobody left to read it.
      await until(() =>
        ask(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND wait_event = 'PgSleep'",
        ),
      );
      await failed;
      await assert.rejects(
        pools.withSession(target, borrower, (session) => session.query("SELECT 1/0")),
        { code: "22012" },
      );
    });
  });
}
