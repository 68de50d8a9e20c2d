import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { InstanceAccess } from "../../src/postgres/instance-access.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { createTestPools, directAccess, testTarget } from "../support/pools.ts";
import { startRelay } from "../support/relay.ts";
import { until } from "../support/until.ts";

const borrower = { operation: "test" };
const target = testTarget("pg17", "postgres");

let server: PostgresServer;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
});

after(() => server.stop());

function open(settings: Partial<PoolSettings> = {}): ClosablePools {
  return createTestPools({ pg17: server }, { settings });
}

const run = (pools: ClosablePools, seconds: number) =>
  pools.withSession(target, borrower, (session) => session.query("SELECT pg_sleep($1)", [seconds]));

/** Borrows a connection, keeps it until `release` is called, and then runs a statement on it. */
async function hold(pools: ClosablePools) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const lent = Promise.withResolvers<void>();
  const done = pools.withSession(target, borrower, async (session) => {
    lent.resolve();
    await promise;
    await session.query("SELECT 1");
  });
  await lent.promise;
  return { release, done };
}

async function countSessions(): Promise<number> {
  const { rows } = await server.querySuperuser<{ count: number }>(
    "postgres",
    "SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'postgres'",
  );
  return rows[0]?.count ?? 0;
}

/** Sessions of the admin begin that much later than they are there. */
async function slowLogins(seconds: number): Promise<() => Promise<unknown>> {
  const onSuperuser = (text: string) => server.querySuperuser(target.database, text);
  await onSuperuser(`
    CREATE FUNCTION linger() RETURNS event_trigger LANGUAGE plpgsql AS
      $$ BEGIN IF session_user = 'postgres' THEN PERFORM pg_sleep(${seconds}); END IF; END $$;
    CREATE EVENT TRIGGER linger ON login EXECUTE FUNCTION linger();`);
  return () => onSuperuser("DROP EVENT TRIGGER linger; DROP FUNCTION linger()");
}

describe("pools that let nobody wait any more", () => {
  it("refuse who waits and who would have to, at once, and serve those for whom there is a connection", async () => {
    const pools = open({ size: 1, maxOverflow: 0 });
    const running = await hold(pools);
    const waiting = [1, 2, 3].map(() => run(pools, 0));
    pools.stopWaiting();
    for (const each of [...waiting, run(pools, 0)]) {
      await assert.rejects(each, { kind: "unavailable", details: { reason: "shutting_down" } });
    }
    assert.equal(pools.totals().checkedOut, 1);
    running.release();
    await running.done;
    await run(pools, 0);
    await pools.close();
    assert.equal(await countSessions(), 0);
  });

  it("go on serving a request that had a connection before, since it may be in the middle of a change", async () => {
    const pools = open({ size: 1, maxOverflow: 0 });
    const request = { operation: "change", signal: new AbortController().signal };
    await pools.withSession(target, request, (session) => session.query("SELECT 1"));
    const running = await hold(pools);
    const second = pools.withSession(target, request, async (session) => session.user);
    await until(() => pools.totals().waiting === 1);
    pools.stopWaiting();
    const third = pools.withSession(target, request, async (session) => session.user);
    running.release();
    await running.done;
    assert.deepEqual(await Promise.all([second, third]), ["postgres", "postgres"]);
    await pools.close();
  });

  it("finish the connection that is being opened for somebody", async () => {
    const pools = open();
    const first = run(pools, 0);
    await until(() => pools.totals().waiting === 1);
    pools.stopWaiting();
    await first;
    await pools.close();
  });
});

describe("closing the pools", () => {
  it("lets what runs end, refuses what waits and what comes, and leaves no session", async () => {
    const pools = open({ size: 2, maxOverflow: 0 });
    const running = [await hold(pools), await hold(pools)];
    const waiting = [1, 2, 3].map(() => run(pools, 0));
    let ended = 0;
    for (const { done } of running) done.then(() => ended++);
    const closed = pools.close();
    for (const each of waiting) {
      await assert.rejects(each, { kind: "unavailable", details: { reason: "shutting_down" } });
    }
    assert.equal(ended, 0, "those who wait are told at once");
    await assert.rejects(run(pools, 0), { kind: "unavailable" });
    for (const { release } of running) release();
    await Promise.all(running.map(({ done }) => done));
    await closed;
    assert.equal(await countSessions(), 0);
  });

  it("cancels what still runs at the deadline", async () => {
    const pools = open();
    const running = run(pools, 60);
    running.catch(() => {});
    await until(() => pools.totals().checkedOut === 1);
    const startedAt = performance.now();
    await pools.close({ deadlineMs: 100 });
    assert.ok(performance.now() - startedAt < 20_000);
    await assert.rejects(running, { kind: "unavailable", details: { reason: "shutting_down" } });
    assert.equal(await countSessions(), 0);
  });

  it("ends what runs soon, even where no request to cancel comes through", async () => {
    const direct = directAccess({ pg17: server });
    let isFull = false;
    const access: InstanceAccess = {
      ...direct,
      openStream: (instance, options) =>
        isFull ? new Promise<never>(() => {}) : direct.openStream(instance, options),
    };
    const pools = createTestPools({ pg17: server }, { access });
    const running = Promise.allSettled([run(pools, 30), run(pools, 30)]);
    await until(async () => (await countSessions()) === 2 && pools.totals().checkedOut === 2);
    isFull = true;
    const startedAt = performance.now();
    await pools.close({ deadlineMs: 0 });
    const tookMs = performance.now() - startedAt;
    assert.equal(await countSessions(), 0);
    assert.ok(tookMs < 6_000, `it took ${tookMs} ms`);
    for (const { status, ...rest } of await running)
      assert.equal(status === "rejected" && "reason" in rest && rest.reason.details.reason, "shutting_down");
  });

  it("ends a borrower that holds a connection and does nothing", async () => {
    const pools = open();
    const { promise: never, resolve: release } = Promise.withResolvers<void>();
    const holding = pools.withSession(target, borrower, async (session) => {
      await session.query("BEGIN");
      await never;
      await session.query("COMMIT");
    });
    holding.catch(() => {});
    await until(() => pools.totals().checkedOut === 1);
    await pools.close({ deadlineMs: 50 });
    assert.equal(await countSessions(), 0);
    release();
    await assert.rejects(holding, { kind: "unavailable", details: { reason: "shutting_down" } });
  });

  it("under full load ends every session, and answers everybody", async () => {
    const pools = open({ size: 5, maxOverflow: 5 });
    let running = true;
    let answered = 0;
    const load = Array.from({ length: 100 }, async () => {
      while (running) {
        await run(pools, 0.002).catch((error) => {
          running = false;
          assert.equal(error.kind, "unavailable");
        });
        answered += 1;
      }
    });
    await until(() => answered > 300);
    const startedAt = performance.now();
    await pools.close();
    assert.ok(performance.now() - startedAt < 20_000);
    assert.equal(await countSessions(), 0);
    await Promise.all(load);
    assert.equal(pools.totals().waiting, 0);
  });

  it("gives up connections that are being opened", async () => {
    const relay = await startRelay(server.port);
    relay.set("silent");
    const pools = createTestPools({
      pg17: { host: relay.host, port: relay.port, adminPassword: server.adminPassword },
    });
    const waiting = run(pools, 0);
    waiting.catch(() => {});
    await until(() => relay.accepted() === 1);
    const startedAt = performance.now();
    await pools.close();
    assert.ok(performance.now() - startedAt < 10_000);
    await assert.rejects(waiting, { kind: "unavailable" });
    await relay.close();
  });

  it("waits for a session that has begun while its connection is still being opened", async () => {
    const letIn = await slowLogins(0.3);
    const pools = open();
    const waiting = run(pools, 0);
    waiting.catch(() => {});
    await until(async () => (await countSessions()) === 1);
    await pools.close();
    assert.equal(await countSessions(), 0);
    await assert.rejects(waiting, { kind: "unavailable" });
    await letIn();
  });

  it("may be asked for twice, and before anything was opened", async () => {
    const pools = open();
    await pools.close();
    await Promise.all([pools.close(), pools.close()]);
    await assert.rejects(run(pools, 0), { kind: "unavailable" });
  });
});
