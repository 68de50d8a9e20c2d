import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { createTestPools, testPoolSettings, testTarget } from "../support/pools.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { countSessions, watchSessions } from "../support/sessions.ts";
import { until } from "../support/until.ts";

const target = testTarget("pg17", "postgres");
const borrower = { operation: "test" };

let server: PostgresServer;
let relay: Relay;
let pools: ClosablePools;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  relay = await startRelay(server.port);
});

after(async () => {
  await relay.close();
  await server.stop();
});

afterEach(async () => {
  relay.set("pass");
  await pools.close();
  assert.equal(await countSessions(server), 0, "no session is left on the server");
});

function open(settings: Partial<PoolSettings>): void {
  const through = { host: relay.host, port: relay.port, adminPassword: server.adminPassword };
  pools = createTestPools({ pg17: through }, { settings });
}

function logIn(password = server.adminPassword, signal = new AbortController().signal): Promise<boolean> {
  return pools.tryLogin(target, { user: "postgres", password, signal });
}

/** Borrows as many connections; the answer gives them back. */
async function hold(count: number): Promise<() => Promise<void>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = Array.from({ length: count }, () => pools.withSession(target, borrower, () => promise));
  await until(() => pools.totals().checkedOut === count);
  return async () => {
    resolve();
    await Promise.all(done);
  };
}

describe("a login that is tried", () => {
  it("waits for room in the budget, and stays within it", async () => {
    open({ instanceLimit: 3 });
    const watch = watchSessions(server);
    const release = await hold(3);
    const trying = Promise.all([logIn(), logIn("wrong"), logIn()]);
    const seen = watch.samples;
    await until(() => watch.samples > seen + 10);
    assert.equal(relay.accepted(), 3);
    await release();
    assert.deepEqual(await trying, [true, false, true]);
    assert.equal(await watch.stop(), 3);
  });

  it("may use the connection that is kept back for health checks", async () => {
    open({ instanceLimit: 4 });
    const release = await hold(3);
    const waiting = pools.withSession(target, borrower, async () => {});
    assert.equal(await logIn(), true);
    assert.equal(pools.totals().waiting, 1);
    await release();
    await waiting;
  });

  it("gives up the wait when its caller does, when its time is up, and when the pools close", async () => {
    open({ instanceLimit: 3 });
    const release = await hold(3);
    pools.applySettings({ ...testPoolSettings, instanceLimit: 3, connectionTimeoutMs: 500 });
    const gone = new AbortController();
    const left = serviceErrorOf(logIn(server.adminPassword, gone.signal));
    gone.abort();
    assert.equal((await left).kind, "timeout");
    assert.equal((await serviceErrorOf(logIn())).details.reason, "budget_spent");
    const last = serviceErrorOf(logIn());
    const closing = pools.close();
    assert.equal((await last).details.reason, "shutting_down");
    await release();
    await closing;
    assert.equal((await serviceErrorOf(logIn())).details.reason, "shutting_down");
  });

  it("says nothing of the instance when the password is refused, and opens its breaker when nobody answers", async () => {
    open({ breakerThreshold: 3, retryAttempts: 1 });
    for (let i = 0; i < 4; i++) assert.equal(await logIn("wrong"), false);
    assert.equal(await logIn(), true);
    relay.set("refuse");
    for (let i = 0; i < 3; i++) assert.deepEqual((await serviceErrorOf(logIn())).details, {});
    const accepted = relay.accepted();
    assert.equal((await serviceErrorOf(logIn())).details.reason, "breaker_open");
    const refused = pools.withSession(target, borrower, async () => {});
    assert.equal((await serviceErrorOf(refused)).details.reason, "breaker_open");
    assert.equal(relay.accepted(), accepted);
  });
});
