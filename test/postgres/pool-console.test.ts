import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { ServiceError } from "../../src/errors.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { AdminPasswords, InstanceAccess } from "../../src/postgres/instance-access.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { Session } from "../../src/postgres/session.ts";
import {
  createTestPools,
  directAccess,
  directPasswords,
  testInstance,
  testPoolSettings,
  testTarget,
} from "../support/pools.ts";
import { startRelay } from "../support/relay.ts";
import { untilNoSessions } from "../support/sessions.ts";
import { until } from "../support/until.ts";

const borrower = { operation: "test" };
const orders = testTarget("pg17", "orders");
const billing = testTarget("pg17", "billing");
const elsewhere = testTarget("other", "orders");

let server: PostgresServer;
let pools: ClosablePools;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  for (const name of ["orders", "billing"]) await server.createDatabase(name);
});

after(() => server.stop());

afterEach(async () => {
  await pools.close();
  assert.equal(await countSessions(), 0, "no session is left on the server");
});

function open(settings: Partial<PoolSettings> = {}, passwords?: AdminPasswords) {
  const servers = { pg17: server, other: server };
  pools = createTestPools(servers, { settings, ...(passwords === undefined ? {} : { passwords }) });
}

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

const pidIn = (target = orders) => pools.withSession(target, borrower, pidOf);
const sleepIn = (target: typeof orders, seconds: number) =>
  pools.withSession(target, borrower, (session) =>
    session.query("SELECT pg_sleep($1)", [seconds], { read: true }),
  );

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

function stateOf(target = orders): string | undefined {
  return pools.console.list(target)[0]?.state;
}

async function rejection(work: Promise<unknown>): Promise<ServiceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ServiceError, String(error));
  return error;
}

/** Borrowers in many databases, until `stop` is called; it answers how they fared. */
function startLoad(clients: number, targets = [orders]) {
  let running = true;
  let served = 0;
  const failures: unknown[] = [];
  const clientsDone = Array.from({ length: clients }, async (_, i) => {
    const target = targets[i % targets.length] ?? orders;
    while (running) {
      await sleepIn(target, 0.002).then(
        () => served++,
        (error: unknown) => failures.push(error),
      );
    }
  });
  return {
    served: () => served,
    async stop() {
      running = false;
      await Promise.all(clientsDone);
      return { served, failures };
    },
  };
}

describe("the list of pools", () => {
  it("tells what each holds, who waits and for how long, and what it did so far", async () => {
    open({ size: 1, maxOverflow: 1 });
    await pidIn(billing);
    const [a, b] = [await hold(), await hold()];
    const waiting = pidIn();
    await until(() => (pools.console.list(orders)[0]?.longestWaitMs ?? 0) > 20);
    const [report] = pools.console.list(orders);
    assert.deepEqual(report?.counts, { size: 2, lent: 2, idle: 0, connecting: 0, waiting: 1 });
    assert.deepEqual([report?.state, report?.overflow], ["active", 1]);
    assert.deepEqual(pools.console.list("everything").length, 2);
    a.release();
    b.release();
    await Promise.all([a.done, b.done, waiting]);
    const stats = pools.console.list(orders)[0]?.stats;
    assert.deepEqual([stats?.requests, stats?.errors], [3, 0]);
    assert.ok((stats?.waitMs ?? 0) >= 20 && (stats?.queryMs ?? 0) >= 40, JSON.stringify(stats));
    assert.equal(pools.console.list(orders)[0]?.longestWaitMs, 0);
  });

  it("counts what failed by the database, and not what was answered", async () => {
    open();
    await assert.rejects(
      pools.withSession(orders, borrower, (session) => session.query("SELECT no_such_column")),
    );
    await assert.rejects(
      pools.withSession(orders, borrower, async () => {
        throw new ServiceError("not_found", "There is no such schema.", { details: { resource: "schema" } });
      }),
    );
    const stats = pools.console.list(orders)[0]?.stats;
    assert.deepEqual([stats?.requests, stats?.errors], [2, 1]);
  });

  it("keeps the figures of a database whose connections are gone", async () => {
    open({ idleTimeoutMs: 30 });
    await pidIn();
    await until(() => stateOf() === "idle");
    assert.equal(pools.totals().size, 0);
    assert.equal(pools.console.list(orders)[0]?.stats.requests, 1);
    await pidIn();
    assert.equal(pools.console.list(orders)[0]?.stats.requests, 2);
    assert.equal(stateOf(), "active");
  });
});

describe("a pause", () => {
  it("lets what runs end, holds the others back, leaves no session, and ends with resume", async () => {
    open({ size: 2, maxOverflow: 0 });
    await pidIn(billing);
    const running = await hold();
    await pidIn();
    const paused = pools.console.pause(orders);
    let complete = false;
    void paused.done.then(() => {
      complete = true;
    });
    const held = [pidIn(), pidIn(), pidIn()];
    assert.equal(stateOf(), "pausing");
    assert.ok((await pidOf(running.session)) > 0, "what runs goes on");
    assert.equal(complete, false);
    running.release();
    await paused.done;
    assert.equal(stateOf(), "paused");
    assert.equal(await countSessions("orders"), 0);
    assert.equal(pools.console.list(orders)[0]?.counts.waiting, 3);
    assert.ok((await pidIn(billing)) > 0, "others are served");
    pools.console.resume(orders);
    for (const pid of await Promise.all(held)) assert.ok(pid > 0);
    assert.equal(stateOf(), "active");
  });

  it("that takes too long is told to those who wait, as that", async () => {
    open({ connectionTimeoutMs: 100 });
    await pools.console.pause(orders).done;
    const error = await rejection(pidIn());
    assert.deepEqual([error.kind, error.details], ["unavailable", { reason: "paused" }]);
    assert.ok((error.retryAfterS ?? 0) > 0);
    pools.applySettings(testPoolSettings);
    pools.console.resume(orders);
    await until(() => pidIn().catch(() => 0));
  });

  it("holds for the databases of an instance that come later, and for no other instance", async () => {
    open();
    await pools.console.pause(testInstance("pg17")).done;
    const held = [pidIn(orders), pidIn(billing)];
    assert.ok((await pidIn(elsewhere)) > 0);
    assert.deepEqual([stateOf(orders), stateOf(billing)], ["paused", "paused"]);
    pools.console.resume(orders);
    assert.equal(stateOf(orders), "paused", "the instance is paused still");
    pools.console.resume("everything");
    assert.deepEqual(pools.console.pauses(), []);
    assert.equal((await Promise.all(held)).length, 2);
  });

  it("lets a waiter go whose client has gone, and keeps nothing of it", async () => {
    open();
    pools.console.pause(orders);
    const client = new AbortController();
    const waiting = pools.withSession(orders, { ...borrower, signal: client.signal }, pidOf);
    client.abort();
    assert.equal((await rejection(waiting)).kind, "timeout");
    assert.equal(pools.totals().pools, 0);
  });

  it("bridges a restart of the server: nobody sees an error", async () => {
    open({ size: 3, maxOverflow: 0, connectionTimeoutMs: 60_000 });
    const load = startLoad(10);
    await until(() => load.served() > 20);
    await pools.console.pause("everything").done;
    await server.shutDown();
    await server.startAgain();
    const before = load.served();
    pools.console.resume("everything");
    await until(() => load.served() > before + 20);
    assert.deepEqual((await load.stop()).failures, []);
  });

  it("is over after resume even where the breaker had opened", async () => {
    const relay = await startRelay(server.port);
    relay.set("refuse");
    const ill = { host: relay.host, port: relay.port, adminPassword: server.adminPassword };
    pools = createTestPools({ pg17: ill }, { settings: { retryAttempts: 1, breakerThreshold: 1 } });
    await rejection(pidIn());
    assert.equal((await rejection(pidIn())).details.reason, "breaker_open");
    pools.console.pause(orders);
    relay.set("pass");
    const held = pidIn();
    pools.console.resume(orders);
    assert.ok((await held) > 0);
    await pools.close();
    await relay.close();
  });

  it("that is ended before what runs has ended waits no longer for it", async () => {
    open({ size: 2, maxOverflow: 0 });
    const running = await hold();
    const pause = pools.console.pause(orders);
    pools.console.resume(orders);
    assert.equal(await pause.done, false);
    const again = pools.console.pause(orders);
    running.release();
    assert.equal(await again.done, true);
    await running.done;
    pools.console.resume(orders);
  });

  it("keeps who waits for a connection that cannot be opened any more: the server may be down already", async () => {
    const relay = await startRelay(server.port);
    relay.set("silent");
    const going = { host: relay.host, port: relay.port, adminPassword: server.adminPassword };
    pools = createTestPools({ pg17: going }, { settings: { retryAttempts: 1 } });
    const held = pidIn();
    await until(() => relay.accepted() === 1);
    const { done } = pools.console.pause(orders);
    assert.equal(stateOf(), "pausing", "a session may still come of it");
    relay.reset();
    await done;
    assert.deepEqual([stateOf(), pools.totals().waiting], ["paused", 1]);
    await untilNoSessions(server);
    relay.set("pass");
    pools.console.resume(orders);
    assert.ok((await held) > 0);
    await pools.close();
    await relay.close();
  });

  it("can be closed under", async () => {
    open();
    await pools.console.pause(orders).done;
    const held = rejection(pidIn());
    await pools.close();
    assert.equal((await held).details.reason, "shutting_down");
  });
});

describe("a drain", () => {
  it("replaces every connection without an error, idle ones now and lent ones when they come back", async () => {
    open({ size: 2, maxOverflow: 0 });
    const running = await hold();
    const [pidOfRunning, pidOfIdle] = [await pidOf(running.session), await pidIn()];
    const drained = pools.console.drain(orders);
    assert.equal(stateOf(), "draining");
    const fresh = await pidIn();
    assert.ok(fresh !== pidOfIdle && fresh !== pidOfRunning);
    assert.equal(await pidOf(running.session), pidOfRunning);
    running.release();
    await drained.done;
    assert.equal(stateOf(), "active");
    assert.equal(await pidIn(), fresh);
    assert.equal(await countSessions(), 1);
  });

  it("goes on under load, within the pool's size", async () => {
    open({ size: 3, maxOverflow: 0 });
    const load = startLoad(12);
    for (let round = 0; round < 5; round++) {
      const before = load.served();
      await pools.console.drain("everything").done;
      assert.ok((await countSessions()) <= 3);
      await until(() => load.served() > before);
    }
    assert.deepEqual((await load.stop()).failures, []);
  });
});

describe("a reload", () => {
  it("brings a changed password into use without a failed request, and reads it once", async () => {
    let reads = 0;
    let cached: string | undefined;
    const passwords: AdminPasswords = {
      async read() {
        if (cached === undefined) reads += 1;
        cached ??= server.adminPassword;
        return cached;
      },
      forget: () => assert.fail("the server refused a password"),
      expire() {
        cached = undefined;
      },
    };
    open({ size: 4, maxOverflow: 0 }, passwords);
    const load = startLoad(12, [orders, billing]);
    await until(() => load.served() > 40);
    await server.setAdminPassword("changed for the reload");
    await pools.console.reload(testInstance("pg17")).done;
    const before = load.served();
    await until(() => load.served() > before + 40);
    const { failures } = await load.stop();
    assert.deepEqual(failures, []);
    assert.equal(reads, 2);
  });

  it("also replaces a connection that was being opened, with a password that was read before", async () => {
    let reads = 0;
    let gate: Promise<void> | undefined;
    const opening = Promise.withResolvers<void>();
    const direct = directAccess({ pg17: server });
    const access: InstanceAccess = {
      ...direct,
      async openStream(instance, options) {
        opening.resolve();
        await gate;
        return direct.openStream(instance, options);
      },
    };
    const passwords = {
      ...directPasswords({ pg17: server }),
      read: async () => {
        reads += 1;
        return server.adminPassword;
      },
    };
    const letGo = Promise.withResolvers<void>();
    gate = letGo.promise;
    pools = createTestPools({ pg17: server }, { access, passwords });
    const waiting = pidIn();
    await opening.promise;
    const reloading = pools.console.reload("everything").done;
    letGo.resolve();
    await reloading;
    assert.ok((await waiting) > 0);
    assert.equal(reads, 2);
  });

  it("expires the credentials of what it names, and of nothing else", async () => {
    const expired: string[] = [];
    const passwords: AdminPasswords = {
      ...directPasswords({ pg17: server, other: server }),
      expire: ({ instance }) => expired.push(instance),
    };
    open({}, passwords);
    await Promise.all([pidIn(orders), pidIn(elsewhere)]);
    await pools.console.reload(testInstance("other")).done;
    assert.deepEqual([...new Set(expired)], ["other"]);
    expired.length = 0;
    await pools.console.reload("everything").done;
    assert.deepEqual(expired.sort(), ["other", "pg17"]);
  });
});

describe("other settings", () => {
  const few = { ...testPoolSettings, size: 2, maxOverflow: 0 };

  it("let a pool grow at once: who waits gets a connection", async () => {
    open(few);
    const held = await Promise.all([hold(), hold()]);
    const waiting = pidIn();
    await until(() => pools.totals().waiting === 1);
    pools.applySettings({ ...few, size: 3 });
    assert.ok((await waiting) > 0);
    for (const each of held) each.release();
    await Promise.all(held.map((each) => each.done));
    assert.deepEqual([pools.totals().size, pools.totals().limit], [3, 3]);
  });

  it("let a pool shrink: idle connections go now, lent ones when they come back, and nobody notices", async () => {
    open({ ...few, size: 8 });
    const load = startLoad(24);
    const held = await Promise.all([hold(), hold(), hold()]);
    await until(() => load.served() > 50 && pools.totals().size === 8);
    pools.applySettings(few);
    assert.ok((await held[0]?.session.query("SELECT 1"))?.rowCount);
    for (const each of held) each.release();
    await until(async () => (await countSessions()) <= 2);
    const before = load.served();
    await until(() => load.served() > before + 50);
    assert.ok((await countSessions()) <= 2);
    assert.deepEqual((await load.stop()).failures, []);
    await until(() => pools.totals().idle === 2);
  });

  it("reach new sessions, and leave those that are there their own timeouts", async () => {
    open({ ...few, statementTimeoutMs: 30_000 });
    const running = sleepIn(orders, 3);
    await until(() => pools.totals().checkedOut === 1);
    pools.applySettings({ ...few, statementTimeoutMs: 100, unansweredGraceMs: 2_000 });
    await pools.console.drain("everything").done;
    await running;
    await assert.rejects(sleepIn(orders, 5), { code: "57014" });
  });

  it("set the budget, and derive it again when it is no longer set", async () => {
    open({ ...few, instanceLimit: 20 });
    await pidIn();
    pools.applySettings({ ...few, instanceLimit: 1 });
    assert.equal(pools.totals().limit, 1);
    const [first, second] = [await hold(), pidIn(billing)];
    await until(() => pools.totals().waiting === 1);
    pools.applySettings({ ...few, instanceLimit: 5 });
    assert.ok((await second) > 0);
    first.release();
    await first.done;
    pools.applySettings({ ...few, cloudRunMaxInstances: 10, size: 50 });
    assert.equal(pools.totals().limit, 4, "of what the first connection read");
    pools.applySettings({ ...few, cloudRunMaxInstances: 1_000, size: 50 });
    assert.equal(pools.totals().limit, 3);
  });

  it("reach a breaker that is there", async () => {
    const passwords = { ...directPasswords({ pg17: server }), read: async () => "not the password" };
    open({ ...few, breakerThreshold: 50, retryAttempts: 1 }, passwords);
    await rejection(pidIn());
    pools.applySettings({ ...few, breakerThreshold: 2, retryAttempts: 1 });
    pools.console.reload("everything");
    for (let i = 0; i < 2; i++) await rejection(pidIn());
    const error = await rejection(pidIn());
    assert.equal(error.details.reason, "breaker_open");
  });
});

describe("a kill", () => {
  it("ends what runs with a clear error, on the server too, and serves who comes next", async () => {
    open({ size: 2, maxOverflow: 0 });
    const running = sleepIn(orders, 60);
    running.catch(() => {});
    const idling = await hold();
    await idling.session.query("BEGIN");
    await until(() => pools.totals().checkedOut === 2);
    const waiting = pidIn();
    const other = await hold(billing);
    const startedAt = performance.now();
    await pools.console.kill(orders).done;
    assert.ok(performance.now() - startedAt < 20_000);
    const error = await rejection(running);
    assert.deepEqual([error.kind, error.details], ["unavailable", { reason: "connection_killed" }]);
    assert.match(error.message, /not known whether it took effect/);
    const late = await rejection(idling.session.query("COMMIT"));
    assert.equal(late.details.reason, "connection_killed");
    assert.match(late.message, /before the statement could be sent/);
    idling.release();
    await idling.done;
    assert.ok((await waiting) > 0, "who waited is served");
    assert.ok((await pidOf(other.session)) > 0, "others go on");
    other.release();
    await other.done;
    assert.equal(pools.console.list(orders)[0]?.stats.errors, 1);
    assert.equal(pools.console.list(billing)[0]?.stats.errors, 0);
  });

  it("under load fails only what ran, and leaves the pool whole", async () => {
    open({ size: 3, maxOverflow: 0 });
    const load = startLoad(12);
    await until(() => load.served() > 20);
    await pools.console.kill("everything").done;
    const before = load.served();
    await until(() => load.served() > before + 20);
    const { failures } = await load.stop();
    assert.ok(failures.length <= 3, `${failures.length} failed`);
    for (const failure of failures) {
      assert.ok(failure instanceof ServiceError);
      assert.equal(failure.details.reason, "connection_killed");
    }
    assert.deepEqual([pools.totals().waiting, pools.totals().checkedOut], [0, 0]);
  });
});
