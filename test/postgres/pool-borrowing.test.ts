import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { Session } from "../../src/postgres/session.ts";
import { createTestPools, testPoolSettings, testTarget } from "../support/pools.ts";
import { watchSessions } from "../support/sessions.ts";
import { until } from "../support/until.ts";

const borrower = { operation: "test" };
const orders = testTarget("pg17", "orders");
const billing = testTarget("pg17", "billing");

let server: PostgresServer;
let pools: ClosablePools;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  for (const name of ["orders", "billing"]) await server.createDatabase(name);
  await server.querySuperuser("orders", "CREATE SCHEMA only_in_orders");
});

after(() => server.stop());

afterEach(async () => {
  await pools.close();
  assert.equal(await countSessions(), 0, "no session is left on the server");
});

function open(settings: Partial<PoolSettings> = {}) {
  pools = createTestPools({ pg17: server }, { settings });
}

/** Sessions of the admin on the server, as the server counts them. */
async function countSessions(database?: string): Promise<number> {
  const { rows } = await server.querySuperuser<{ count: number }>(
    "postgres",
    "SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'postgres' AND datname = coalesce($1, datname)",
    [database ?? null],
  );
  return rows[0]?.count ?? 0;
}

async function pidOf(session: Session): Promise<number> {
  const { rows } = await session.query<{ pid: number }>("SELECT pg_backend_pid() AS pid", [], { read: true });
  return rows[0]?.pid ?? 0;
}

const sleep = (seconds: number) => (session: Session) =>
  session.query("SELECT pg_sleep($1)", [seconds], { name: "sleep", read: true });

/** Borrows, and keeps what it borrowed until `release` is called. */
async function hold(target = orders) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const lent = Promise.withResolvers<Session>();
  const done = pools.withSession(target, borrower, async (session) => {
    lent.resolve(session);
    await promise;
  });
  done.catch(lent.reject);
  return { session: await lent.promise, release, done };
}

describe("databases of one instance", () => {
  it("never see each other's schemas, however their requests interleave", async () => {
    open({ size: 2, maxOverflow: 1 });
    const schemas = async (session: Session) => {
      const { rows } = await session.query<{ database: string; there: boolean }>(
        "SELECT current_database() AS database, to_regnamespace('only_in_orders') IS NOT NULL AS there",
        [],
        { name: "schemas", read: true },
      );
      return rows[0];
    };
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        pools.withSession(i % 2 === 0 ? orders : billing, borrower, (session) => schemas(session)),
      ),
    );
    for (const [i, answer] of answers.entries()) {
      const expected = i % 2 === 0 ? ["orders", true] : ["billing", false];
      assert.deepEqual([answer?.database, answer?.there], expected);
    }
    assert.equal(pools.totals().pools, 2);
  });

  it("have a pool of their own for each of the four fields", async () => {
    open();
    const targets = [
      orders,
      { ...orders, project: "other-project" },
      { ...orders, region: "us-central1" },
      billing,
    ];
    for (const target of targets) {
      await pools.withSession(target, borrower, async (session) => assert.deepEqual(session.target, target));
    }
    assert.equal(pools.totals().pools, 4);
  });

  it("fail alone when one does not exist, and leave no pool behind", async () => {
    open();
    const unknown = pools.withSession(testTarget("pg17", "no such"), borrower, async () => {});
    const known = pools.withSession(orders, borrower, pidOf);
    await assert.rejects(unknown, {
      kind: "not_found",
      details: { resource: "database", database_name: "no such" },
    });
    assert.ok((await known) > 0);
    assert.equal(pools.totals().pools, 1);
  });

  it("do not open the breaker by not existing", async () => {
    open({ breakerThreshold: 2 });
    for (let i = 0; i < 5; i++) {
      await assert.rejects(
        pools.withSession(testTarget("pg17", "no such"), borrower, async () => {}),
        { kind: "not_found" },
      );
    }
    assert.ok((await pools.withSession(orders, borrower, pidOf)) > 0);
  });

  it("are not found on an instance that is not", async () => {
    open();
    await assert.rejects(
      pools.withSession(testTarget("nowhere", "orders"), borrower, async () => {}),
      { kind: "not_found" },
    );
    assert.equal(pools.totals().pools, 0);
  });
});

describe("a borrower", () => {
  it("gets the connection that was used last", async () => {
    open();
    const [a, b] = [await hold(), await hold()];
    const pidOfB = await pidOf(b.session);
    a.release();
    await a.done;
    b.release();
    await b.done;
    assert.equal(await pools.withSession(orders, borrower, pidOf), pidOfB);
  });

  it("waits in line when all are lent: first come, first served", async () => {
    open({ size: 1, maxOverflow: 0 });
    const first = await hold();
    const order: number[] = [];
    const all = [0, 1, 2, 3, 4].map((i) =>
      pools.withSession(orders, borrower, async (session) => {
        order.push(i);
        await pidOf(session);
      }),
    );
    assert.equal(pools.totals().waiting, 5);
    first.release();
    await Promise.all(all);
    assert.deepEqual(order, [0, 1, 2, 3, 4]);
    assert.equal(await countSessions(), 1);
  });

  it("is served by a returned connection when that comes before the one that is opened for it", async () => {
    open({ size: 2, maxOverflow: 0 });
    const first = await hold();
    const pid = await pidOf(first.session);
    const second = pools.withSession(orders, borrower, pidOf);
    first.release();
    assert.equal(await second, pid);
    await until(() => pools.totals().idle === 2);
  });

  it("is refused after the connection timeout, with the time to come back", async () => {
    const settings = { ...testPoolSettings, size: 1, maxOverflow: 0 };
    open(settings);
    const first = await hold();
    pools.applySettings({ ...settings, connectionTimeoutMs: 400 });
    await assert.rejects(
      pools.withSession(orders, borrower, async () => {}),
      { kind: "unavailable", retryAfterS: 1, details: { reason: "connections_in_use" } },
    );
    assert.equal(pools.totals().waiting, 0);
    first.release();
    assert.ok((await pools.withSession(orders, borrower, pidOf)) > 0);
  });

  it("leaves the line when its signal aborts, and the next one takes its place", async () => {
    open({ size: 1, maxOverflow: 0 });
    const first = await hold();
    const gone = new AbortController();
    const leaving = pools.withSession(orders, { ...borrower, signal: gone.signal }, () => assert.fail());
    const staying = pools.withSession(orders, borrower, pidOf);
    gone.abort();
    await assert.rejects(leaving, { kind: "timeout" });
    assert.equal(pools.totals().waiting, 1);
    first.release();
    assert.ok((await staying) > 0);
  });

  it("is refused at once when its signal has aborted already", async () => {
    open();
    await assert.rejects(
      pools.withSession(orders, { ...borrower, signal: AbortSignal.abort() }, async () => {}),
      { kind: "timeout" },
    );
    assert.equal(await countSessions(), 0);
    assert.equal(pools.totals().pools, 0);
  });

  it("who checks the health gets the connection that is kept back, before those in line", async () => {
    open({ size: 3, maxOverflow: 0, instanceLimit: 4 });
    const held = [await hold(), await hold(), await hold()];
    const waiting = pools.withSession(orders, borrower, pidOf);
    const pid = await pools.withSession(orders, { ...borrower, healthCheck: true }, pidOf);
    assert.ok(pid > 0);
    for (const each of held) each.release();
    await waiting;
  });
});

describe("the connection that is kept back for health checks", () => {
  const check = (target = orders) => pools.withSession(target, { ...borrower, healthCheck: true }, pidOf);

  it("is there for them while others wait for one of the budget, in their database and in another", async () => {
    open({ size: 10, maxOverflow: 0, instanceLimit: 4 });
    const held = [await hold(), await hold(), await hold()];
    const waiting = [1, 2].map(() => pools.withSession(orders, borrower, pidOf));
    await until(() => pools.totals().waiting === 2);
    assert.ok((await check()) > 0);
    assert.ok((await check(billing)) > 0);
    assert.ok((await check()) > 0);
    assert.deepEqual([pools.totals().waiting, pools.totals().checkedOut], [2, 3]);
    for (const each of held) each.release();
    await Promise.all(waiting);
  });

  it("is not lent to others afterwards", async () => {
    open({ size: 10, maxOverflow: 0, instanceLimit: 4 });
    const held = [await hold(), await hold(), await hold()];
    const fourth = hold();
    await until(() => pools.totals().waiting === 1);
    assert.ok((await check()) > 0);
    await until(async () => (await countSessions()) === 3);
    assert.deepEqual([pools.totals().waiting, pools.totals().checkedOut], [1, 3]);
    assert.ok((await check(billing)) > 0);
    for (const each of held) each.release();
    (await fourth).release();
  });

  it("is one of the process's connections too", async () => {
    pools = createTestPools({ a: server, b: server }, { settings: { totalLimit: 4 } });
    const [first, second] = [testTarget("a", "orders"), testTarget("b", "orders")];
    const held = [await hold(first), await hold(first), await hold(second)];
    const waiting = [first, second].map((target) => pools.withSession(target, borrower, pidOf));
    await until(() => pools.totals().waiting === 2);
    for (const target of [first, second, first]) assert.ok((await check(target)) > 0);
    assert.deepEqual([pools.totals().waiting, pools.totals().checkedOut], [2, 3]);
    for (const each of held) each.release();
    await Promise.all(waiting);
  });
});

describe("a pool", () => {
  it("opens as many connections as there are borrowers, up to size and overflow", async () => {
    open({ size: 2, maxOverflow: 2 });
    const two = await Promise.all([1, 2].map(() => pools.withSession(orders, borrower, sleep(0.05))));
    assert.equal(two.length, 2);
    assert.equal(pools.totals().size, 2);
    await Promise.all(Array.from({ length: 40 }, () => pools.withSession(orders, borrower, sleep(0.005))));
    assert.equal(pools.totals().size, 4);
    assert.equal(pools.totals().overflow, 2);
    assert.equal(await countSessions(), 4);
  });

  it("closes its overflow soon after use, and keeps its size", async () => {
    open({ size: 1, maxOverflow: 3 });
    await Promise.all([1, 2, 3, 4].map(() => pools.withSession(orders, borrower, sleep(0.02))));
    assert.equal(pools.totals().overflow, 3);
    await until(async () => (await countSessions()) === 1 && pools.totals().size === 1);
  });

  it("holds nothing after the idle timeout", async () => {
    open({ idleTimeoutMs: 40 });
    await pools.withSession(orders, borrower, pidOf);
    await until(async () => (await countSessions()) === 0 && pools.totals().size === 0);
  });

  it("keeps its minimum open once it was used, and opens it again when it is lost", async () => {
    open({ idleTimeoutMs: 40, minSize: 2 });
    await pools.withSession(orders, borrower, pidOf);
    await until(() => pools.totals().idle === 2);
    const sessions = async (statement: string): Promise<readonly number[]> => {
      const text = `${statement} FROM pg_stat_activity WHERE usename = 'postgres' AND datname = 'orders'`;
      return (await server.querySuperuser<{ pid: number }>("postgres", text)).rows.map(({ pid }) => pid);
    };
    const lost = await sessions("SELECT pid, pg_terminate_backend(pid)");
    assert.equal(lost.length, 2);
    await until(async () => {
      const present = await sessions("SELECT pid");
      return present.length === 2 && !present.some((pid) => lost.includes(pid));
    });
    await until(() => pools.totals().idle === 2);
  });

  it("replaces a connection at the end of its lifetime", async () => {
    open({ maxLifetimeMs: 30 });
    const first = await pools.withSession(orders, borrower, pidOf);
    await until(async () => (await pools.withSession(orders, borrower, pidOf)) !== first);
    assert.ok(pools.totals().size <= 1);
  });

  it("says what it holds", async () => {
    open({ size: 2, maxOverflow: 1 });
    assert.deepEqual(pools.totals(), {
      ...{ pools: 0, size: 0, checkedOut: 0, idle: 0, waiting: 0, overflow: 0, limit: 0 },
    });
    const held = [await hold(), await hold(), await hold()];
    const waiting = pools.withSession(orders, borrower, pidOf);
    assert.deepEqual(pools.totals(), {
      ...{ pools: 1, size: 3, checkedOut: 3, idle: 0, waiting: 1, overflow: 1, limit: 3 },
      mostUsed: { name: "test-project:europe-west1:pg17", checkedOut: 3, limit: 3 },
    });
    for (const each of held) each.release();
    await waiting;
  });
});

describe("the budget of an instance", () => {
  it("holds from the first request on, before it is known", async () => {
    const { rows } = await server.querySuperuser<{ most: number }>(
      "postgres",
      `SELECT (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - current_setting('reserved_connections')::int) / 8 AS most`,
    );
    const most = rows[0]?.most ?? 0;
    open({ size: most, maxOverflow: most, cloudRunMaxInstances: 4, connectionTimeoutMs: 120_000 });
    const watch = watchSessions(server);
    const all = Array.from({ length: 100 }, () => pools.withSession(orders, borrower, sleep(0.05)));
    await Promise.all(all);
    const seen = await watch.stop();
    assert.ok(seen > 3 && seen <= most, `${seen} sessions of ${most}`);
  });

  it("is never exceeded on the server, by many databases at once, and all are served", async () => {
    const databases = Array.from({ length: 12 }, (_, i) => `many_${i}`);
    for (const name of databases) await server.createDatabase(name);
    open({ size: 3, maxOverflow: 2, instanceLimit: 5, connectionTimeoutMs: 120_000 });
    let most = 0;
    let running = true;
    const sampling = (async () => {
      while (running) most = Math.max(most, await countSessions());
    })();
    const served = await Promise.all(
      Array.from({ length: 240 }, (_, i) => {
        const target = testTarget("pg17", databases[(i * 7) % databases.length] ?? "");
        return pools.withSession(target, borrower, sleep(0.002));
      }),
    );
    running = false;
    await sampling;
    assert.equal(served.length, 240);
    assert.ok(most > 1 && most <= 5, `${most} sessions at most`);
  });

  it("closes the idle connection of the database that was not used for longest", async () => {
    open({ instanceLimit: 2 });
    await pools.withSession(orders, borrower, pidOf);
    await pools.withSession(billing, borrower, pidOf);
    await pools.withSession(testTarget("pg17", "postgres"), borrower, pidOf);
    assert.deepEqual([await countSessions("orders"), await countSessions("billing")], [0, 1]);
  });

  it("does not let a busy database starve another", async () => {
    open({ size: 2, maxOverflow: 0, instanceLimit: 2, connectionTimeoutMs: 60_000 });
    let busy = true;
    const load = Array.from({ length: 10 }, async () => {
      while (busy) await pools.withSession(orders, borrower, sleep(0.002));
    });
    await until(() => pools.totals().waiting > 0);
    const startedAt = performance.now();
    await pools.withSession(billing, borrower, pidOf);
    const waitedMs = performance.now() - startedAt;
    busy = false;
    await Promise.all(load);
    assert.ok(waitedMs < 20_000, `it waited ${waitedMs} ms`);
  });

  it("is half of what the server has when nobody sets it", async () => {
    open({ size: 100, maxOverflow: 0 });
    await pools.withSession(orders, borrower, pidOf);
    const { rows } = await server.querySuperuser<{ most: number }>(
      "postgres",
      `SELECT (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
               - current_setting('reserved_connections')::int) / 2 AS most`,
    );
    await until(() => pools.totals().limit === rows[0]?.most);
  });

  it("is shared with other instances up to the total limit", async () => {
    pools = createTestPools({ a: server, b: server }, { settings: { totalLimit: 2 } });
    await Promise.all(
      ["a", "b"].flatMap((instance) =>
        [1, 2, 3, 4].map(() => pools.withSession(testTarget(instance, "orders"), borrower, sleep(0.01))),
      ),
    );
    assert.ok((await countSessions()) <= 2);
  });

  it("limits the databases that have a pool at the same time", async () => {
    open({ maxPools: 1 });
    const held = await hold(orders);
    await assert.rejects(
      pools.withSession(billing, borrower, async () => {}),
      { kind: "unavailable", details: { reason: "too_many_pools" } },
    );
    held.release();
    await held.done;
    assert.ok((await pools.withSession(billing, borrower, pidOf)) > 0);
    assert.equal(pools.totals().pools, 1);
    await until(async () => (await countSessions("orders")) === 0);
  });
});
