import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { ServiceError } from "../../src/errors.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { Clock } from "../../src/postgres/clock.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { createTestPools, testPoolSettings, testTarget } from "../support/pools.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { countSessions, untilNoSessions, watchSessions } from "../support/sessions.ts";
import { createSlowClock } from "../support/slow-clock.ts";
import { until } from "../support/until.ts";

const borrower = { operation: "test" };
const orders = testTarget("pg17", "orders");
const billing = testTarget("pg17", "billing");
const events = testTarget("pg17", "events");

let server: PostgresServer;
let relay: Relay;
let pools: ClosablePools;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  for (const { database } of [orders, billing, events]) await server.createDatabase(database);
  relay = await startRelay(server.port);
});

after(async () => {
  await relay.close();
  await server.stop();
});

afterEach(async () => {
  relay.set("pass");
  await pools.close();
  await untilNoSessions(server);
});

function open(settings: Partial<PoolSettings>, clock?: Clock) {
  const servers = { pg17: { ...relay, adminPassword: server.adminPassword } };
  pools = createTestPools(servers, { settings, ...(clock === undefined ? {} : { clock }) });
}

const sleep = (target = orders, seconds = 0) =>
  pools.withSession(target, borrower, (session) =>
    session.query("SELECT pg_sleep($1)", [seconds], { read: true }),
  );

async function hold(target = orders) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const lent = Promise.withResolvers<void>();
  const done = pools.withSession(target, borrower, async () => {
    lent.resolve();
    await promise;
  });
  await lent.promise;
  return { release, done };
}

describe("a pool that gave way to another", () => {
  it("leaves its instance's breaker to those that are there", async () => {
    const settings = { ...testPoolSettings, maxPools: 2, breakerThreshold: 2, retryAttempts: 1 };
    open(settings);
    const held = await hold();
    for (const target of [billing, events, billing, events]) await sleep(target);
    await until(async () => (await countSessions(server)) === 2);
    relay.set("refuse");
    pools.applySettings({ ...settings, connectionTimeoutMs: 500 });
    await assert.rejects(sleep(orders), { kind: "unavailable" });
    await pools.console.kill(events).done;
    await assert.rejects(sleep(events), { kind: "unavailable" });
    const attempts = relay.accepted();
    await assert.rejects(sleep(events), { details: { reason: "breaker_open" } });
    assert.equal(relay.accepted(), attempts);
    held.release();
    await held.done;
  });

  it("goes at once when fewer databases may have one, unless it is in use", async () => {
    open({ maxPools: 3 });
    for (const target of [orders, billing]) await sleep(target);
    const held = await hold(events);
    pools.applySettings({ ...testPoolSettings, maxPools: 1 });
    assert.equal(pools.totals().pools, 1);
    await until(async () => (await countSessions(server)) === 1);
    held.release();
    await held.done;
    await sleep(orders);
    assert.equal(pools.totals().pools, 1);
  });
});

describe("connections that were given up while they were opened", () => {
  it("count until their sessions are gone", async () => {
    const onSuperuser = (text: string) => server.querySuperuser(orders.database, text);
    await onSuperuser(`
      CREATE FUNCTION linger() RETURNS event_trigger LANGUAGE plpgsql AS
        $$ BEGIN IF session_user = 'postgres' THEN PERFORM pg_sleep(1.65); END IF; END $$;
      CREATE EVENT TRIGGER linger ON login EXECUTE FUNCTION linger();`);
    const watch = watchSessions(server);
    // Given up after 1.6 s, which is before the session has begun, and counted for 0.8 s more.
    const settings = { connectionTimeoutMs: 200, retryAttempts: 1, instanceLimit: 1, breakerThreshold: 100 };
    open(settings, createSlowClock(8));
    for (let i = 0; i < 3; i++) await assert.rejects(sleep(), { kind: "unavailable" });
    assert.equal(await watch.stop(), 1);
    await pools.close();
    await onSuperuser("DROP EVENT TRIGGER linger; DROP FUNCTION linger()");
  });
});

describe("a pool's minimum", () => {
  it("is not more than its size: nothing is opened only to be closed", async () => {
    open({ minSize: 3, size: 1, maxOverflow: 3, idleTimeoutMs: 40 });
    const accepted = relay.accepted();
    for (let i = 0; i < 20; i++) await sleep(orders, 0.02);
    assert.equal(relay.accepted() - accepted, 1);
  });

  it("is there again when the instance is, even where its breaker was open", async () => {
    const failing = { breakerThreshold: 2, breakerResetMs: 500, retryAttempts: 1 };
    open({ minSize: 2, idleTimeoutMs: 40, ...failing });
    await sleep();
    await until(() => pools.totals().idle === 2);
    relay.set("refuse");
    relay.reset();
    const refused = (error: ServiceError) => error.details.reason === "breaker_open";
    await until(() => sleep().then(() => false, refused));
    await until(() => pools.totals().size === 0);
    relay.set("pass");
    await until(() => pools.totals().idle === 2);
  });

  it("keeps no pool that is empty when there is none any more", async () => {
    open({ minSize: 1, idleTimeoutMs: 40 });
    await sleep();
    relay.set("refuse");
    relay.reset();
    await until(() => pools.totals().size === 0);
    assert.equal(pools.totals().pools, 1);
    pools.applySettings({ ...testPoolSettings, idleTimeoutMs: 40 });
    await until(() => pools.totals().pools === 0);
  });
});
