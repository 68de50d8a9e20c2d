import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseConfig } from "../../src/config.ts";
import { ServiceError } from "../../src/errors.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { AdminPasswords, InstanceAccess } from "../../src/postgres/instance-access.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { createTestPools, directAccess, testTarget } from "../support/pools.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { type SessionWatch, untilNoSessions, watchSessions } from "../support/sessions.ts";
import { until } from "../support/until.ts";

const borrower = { operation: "test" };
const targets = ["orders", "billing", "events"].map((name) => testTarget("pg17", name));

let server: PostgresServer;
let pools: ClosablePools;
let watch: SessionWatch;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  for (const { database } of targets) await server.createDatabase(database);
});

after(() => server.stop());

beforeEach(() => {
  watch = watchSessions(server);
});

afterEach(async () => {
  await pools.close();
  await watch.stop();
  await untilNoSessions(server);
});

/** What the server showed all the while. */
async function assertMost(limit: number): Promise<void> {
  const { samples } = watch;
  const most = await watch.stop();
  assert.ok(samples > 5 && most <= limit, `${most} sessions of ${limit}, in ${samples} samples`);
}

async function pids(): Promise<number[]> {
  const { rows } = await server.querySuperuser<{ pid: number }>(
    "postgres",
    "SELECT pid FROM pg_stat_activity WHERE usename = 'postgres'",
  );
  return rows.map(({ pid }) => pid);
}

const read = (target = targets[0] ?? testTarget("pg17", "orders"), seconds = 0.002) =>
  pools.withSession(target, borrower, (session) =>
    session.query("SELECT pg_sleep($1)", [seconds], { name: "sleep", read: true }),
  );

/** Clients that ask one after the other, in turns over the databases, until they are stopped. */
function startLoad(clients: number, over = targets, seconds = 0.002) {
  let running = true;
  const tally = { served: 0, failures: [] as unknown[], slowestMs: 0 };
  const work = Array.from({ length: clients }, async (_, i) => {
    for (let turn = i; running; turn++) {
      const startedAt = performance.now();
      try {
        await read(over[turn % over.length], seconds);
        tally.served += 1;
      } catch (error) {
        tally.failures.push(error);
        await pause(20);
      }
      tally.slowestMs = Math.max(tally.slowestMs, performance.now() - startedAt);
    }
  });
  return {
    tally,
    serves: (more: number) => {
      const from = tally.served;
      return until(() => tally.served >= from + more, { deadlineMs: 90_000 });
    },
    async stop() {
      running = false;
      await Promise.all(work);
      return tally;
    },
  };
}

function assertLost(failures: readonly unknown[]): void {
  for (const failure of failures) {
    assert.ok(failure instanceof ServiceError, String(failure));
    assert.deepEqual([failure.kind, failure.details.reason], ["unavailable", "connection_lost"]);
  }
}

describe("under load", () => {
  it("backends that are killed at random fail what they ran, and nothing else", async () => {
    pools = createTestPools({ pg17: server }, { settings: { size: 4, maxOverflow: 0, instanceLimit: 10 } });
    const load = startLoad(30);
    await load.serves(100);
    let killed = 0;
    for (let round = 0; round < 30; round++) {
      const present = await pids();
      const victim = present[round % Math.max(1, present.length)];
      if (victim !== undefined) {
        await server.querySuperuser("postgres", "SELECT pg_terminate_backend($1)", [victim]);
        killed += 1;
      }
      await load.serves(5);
    }
    await load.serves(100);
    const { failures } = await load.stop();
    assertLost(failures);
    assert.ok(failures.length <= killed, `${failures.length} failed, ${killed} were killed`);
    await assertMost(10);
    const { checkedOut, waiting } = pools.totals();
    assert.deepEqual([checkedOut, waiting], [0, 0]);
  });

  it("a password that is rotated goes unnoticed, even when every connection ends with it", async () => {
    let cached: string | undefined;
    let reads = 0;
    const passwords: AdminPasswords = {
      async read() {
        if (cached === undefined) reads += 1;
        cached ??= server.adminPassword;
        return cached;
      },
      forget(_instance, refused) {
        if (cached === refused) cached = undefined;
      },
      expire() {},
    };
    pools = createTestPools({ pg17: server }, { passwords, settings: { size: 3, maxOverflow: 0 } });
    const load = startLoad(20);
    await load.serves(60);
    for (const password of ["rotated once", "rotated twice"]) {
      await server.setAdminPassword(password);
      await pools.console.drain("everything").done;
      await load.serves(60);
    }
    assert.deepEqual((await load.stop()).failures, []);
    assert.equal(reads, 3);
    await assertMost(9);
  });

  it("a network that resets every connection fails what ran, and is connected to again", async () => {
    const relay = await startRelay(server.port);
    // A reset that comes while all of them connect is not to be taken for an instance that is down.
    const settings = { size: 4, maxOverflow: 0, retryAttempts: 5, breakerThreshold: 100 };
    pools = createTestPools({ pg17: { ...relay, adminPassword: server.adminPassword } }, { settings });
    const load = startLoad(20);
    for (let round = 0; round < 5; round++) {
      await load.serves(50);
      relay.reset();
    }
    await load.serves(50);
    const { failures } = await load.stop();
    assertLost(failures);
    assert.ok(failures.length <= 5 * 12, `${failures.length} failed`);
    await assertMost(12);
    await pools.close();
    await relay.close();
  });

  it("a network that resets every connection leaves no session behind that would exceed the budget", async () => {
    const relay = await startRelay(server.port);
    const settings = {
      size: 4,
      maxOverflow: 0,
      instanceLimit: 4,
      retryAttempts: 5,
      breakerThreshold: 100,
      connectionTimeoutMs: 60_000,
    };
    pools = createTestPools({ pg17: { ...relay, adminPassword: server.adminPassword } }, { settings });
    const load = startLoad(8, targets, 1.5);
    for (let round = 0; round < 4; round++) {
      await until(() => pools.totals().checkedOut >= 3);
      relay.reset();
      await until(() => load.tally.failures.length >= 3 * (round + 1));
    }
    await load.serves(4);
    const { failures } = await load.stop();
    assertLost(failures);
    await assertMost(4);
    await pools.close();
    await relay.close();
  });

  it("a statement whose connection was lost is cancelled, even when the server was not told of the loss", async () => {
    const relay = await startRelay(server.port);
    pools = createTestPools({ pg17: { ...relay, adminPassword: server.adminPassword } });
    const isRunning = async () => {
      const { rows } = await server.querySuperuser(
        "postgres",
        "SELECT 1 FROM pg_stat_activity WHERE usename = 'postgres' AND wait_event = 'PgSleep'",
      );
      return rows.length > 0;
    };
    const lost = read(targets[0], 60);
    await until(isRunning);
    relay.reset({ cutOff: true });
    await assert.rejects(lost, { kind: "unavailable", details: { reason: "connection_lost" } });
    await until(async () => !(await isRunning()), { deadlineMs: 30_000 });
    await pools.close();
    await relay.close();
  });

  it("a failover is followed to the new address", async () => {
    const relays = [await startRelay(server.port), await startRelay(server.port)] as const;
    let known: Relay = relays[0];
    let lookUps = 0;
    const access: InstanceAccess = {
      openStream: (instance, options) =>
        directAccess({ pg17: { ...known, adminPassword: server.adminPassword } }).openStream(
          instance,
          options,
        ),
      refresh() {
        lookUps += 1;
        known = relays[1];
      },
    };
    const settings = { size: 4, maxOverflow: 0, retryAttempts: 5, breakerResetMs: 300 };
    pools = createTestPools({ pg17: server }, { access, settings });
    const load = startLoad(20);
    await load.serves(50);
    assert.equal(lookUps, 0);
    relays[0].set("refuse");
    relays[0].reset();
    await load.serves(200);
    const { length } = load.tally.failures;
    await load.serves(200);
    const { failures } = await load.stop();
    assert.equal(failures.length, length, "it is over once somebody was served");
    for (const failure of failures) {
      assert.ok(failure instanceof ServiceError, String(failure));
      assert.equal(failure.kind, "unavailable");
    }
    assert.ok(lookUps > 0 && relays[1].accepted() > 0);
    await assertMost(12);
    await pools.close();
    for (const relay of relays) await relay.close();
  });
});

describe("ten instances, one of which goes silent", () => {
  it("serve as before, but for the silent one", async () => {
    const relay = await startRelay(server.port);
    const ill = testTarget("ill", "orders");
    const well = Array.from({ length: 9 }, (_, i) => testTarget(`well_${i}`, "orders"));
    const servers = Object.fromEntries(well.map(({ instance }) => [instance, server]));
    pools = createTestPools(
      { ...servers, ill: { ...relay, adminPassword: server.adminPassword } },
      {
        settings: { size: 2, maxOverflow: 0, connectionTimeoutMs: 30_000, retryAttempts: 1, totalLimit: 20 },
      },
    );
    await Promise.all([...well, ill].map((target) => read(target)));
    relay.set("silent");
    const stuck = Array.from({ length: 40 }, () => read(ill).catch((error: unknown) => error));
    let ended = 0;
    for (const each of stuck) each.then(() => ended++);
    await until(() => pools.console.list(ill)[0]?.counts.waiting === 39);
    const load = startLoad(18, well);
    await load.serves(500);
    const { failures, slowestMs } = await load.stop();
    assert.equal(ended, 0, "the silent one was still waited for");
    assert.deepEqual(failures, []);
    assert.ok(slowestMs < 10_000, `one of the others took ${slowestMs} ms`);
    await assertMost(20);
    relay.set("pass");
    relay.reset();
    await Promise.all(stuck);
    await pools.close();
    await relay.close();
  });
});

describe("a network that goes silent while a statement runs", () => {
  it("ends the statement soon after its timeout, so that it does not keep its connection", async () => {
    const relay = await startRelay(server.port);
    const settings = { size: 1, maxOverflow: 0, statementTimeoutMs: 1_000, unansweredGraceMs: 500 };
    pools = createTestPools({ pg17: { ...relay, adminPassword: server.adminPassword } }, { settings });
    await read();
    relay.mute();
    await assert.rejects(read(), { kind: "unavailable", details: { reason: "connection_lost" } });
    await read();
    await pools.close();
    await relay.close();
  });
});

describe("the first requests of a database that come at the same time", () => {
  it("open a connection each, as far as the pool goes, and not more", async () => {
    for (const [requests, connections] of [
      [1, 1],
      [3, 3],
      [12, 5],
    ] as const) {
      const relay = await startRelay(server.port);
      const settings = { size: 3, maxOverflow: 2 };
      pools = createTestPools({ pg17: { ...relay, adminPassword: server.adminPassword } }, { settings });
      await Promise.all(Array.from({ length: requests }, () => read(targets[0], 0.05)));
      assert.equal(relay.accepted(), connections);
      await pools.close();
      await relay.close();
    }
  });
});

const nobody = { AUTH_MODE: "none", API_HOST: "127.0.0.1" };

describe("the settings of the environment", () => {
  it("reach the budget: an instance's connections are shared by the processes", async () => {
    const limitWith = async (environment: Record<string, string>) => {
      const settings = parseConfig({ ...nobody, CONNECTION_POOL_SIZE: "200", ...environment }).pools;
      pools = createTestPools({ pg17: server }, { settings });
      const before = pools.totals().limit;
      await read();
      await until(() => pools.totals().limit !== before);
      const { limit } = pools.totals();
      await pools.close();
      return limit;
    };
    const alone = await limitWith({});
    assert.equal(await limitWith({ CLOUD_RUN_MAX_INSTANCES: "4" }), Math.floor(alone / 4));
    assert.equal(await limitWith({ INSTANCE_CONNECTION_LIMIT: "7" }), 7);
    assert.equal(await limitWith({ TOTAL_CONNECTION_LIMIT: "5" }), 5);
  });

  it("reach the breaker", async () => {
    const relay = await startRelay(server.port);
    relay.set("refuse");
    const { pools: settings } = parseConfig({
      ...nobody,
      BREAKER_FAILURE_THRESHOLD: "2",
      BREAKER_RESET_TIMEOUT: "7",
      CONNECTION_RETRY_ATTEMPTS: "1",
    });
    pools = createTestPools({ pg17: { ...relay, adminPassword: server.adminPassword } }, { settings });
    for (let i = 0; i < 2; i++) await assert.rejects(read(), { details: {} });
    await assert.rejects(read(), { retryAfterS: 7, details: { reason: "breaker_open" } });
    await pools.close();
    await relay.close();
  });
});
