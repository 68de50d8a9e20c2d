import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import request, { type Response } from "supertest";
import { realOperations } from "../../src/http/operations.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { assertContract, assertProblem } from "../support/contract.ts";
import { startTestServer, type TestServer } from "../support/http.ts";
import { createTestPools, testTarget } from "../support/pools.ts";
import { until } from "../support/until.ts";

const instance = { project_id: "test-project", region: "europe-west1", instance_name: "pg17" };
const orders = { ...instance, database_name: "orders" };
const billing = { ...instance, database_name: "billing" };

let database: PostgresServer;
let pools: ClosablePools;
let service: TestServer;

before(async () => {
  database = await startPostgresServer({ major: 17, mode: "permissive" });
  for (const name of ["orders", "billing"]) await database.createDatabase(name);
});

after(() => database.stop());

beforeEach(() => start(10_000));

afterEach(stop);

async function start(connectionTimeoutMs: number): Promise<void> {
  pools = createTestPools({ pg17: database }, { settings: { size: 2, maxOverflow: 1, connectionTimeoutMs } });
  service = await startTestServer({
    pools,
    operations: realOperations,
    settings: { allowedRegions: ["europe-west1"] },
  });
}

async function stop(): Promise<void> {
  await pools.close();
  await service.close();
}

const operationIds: Readonly<Record<string, string>> = {
  pause: "pausePools",
  resume: "resumePools",
  drain: "drainPools",
  reload: "reloadPools",
  kill: "killPools",
};

/** Sends a command, and holds the answer against the contract. */
async function command(name: string, body: object = {}): Promise<Response> {
  const response = await request(service.url).post(`/pools/${name}`).send(body);
  assertContract(operationIds[name] ?? name, response);
  return response;
}

const schemasOf = async (target: object) => request(service.url).post("/database/schemas").send(target);

async function listPools() {
  const response = await request(service.url).get("/pools");
  assertContract("listPools", response);
  return response.body;
}

/** Borrows a connection beside the API, and keeps it until `release` is called. */
async function hold(name: string) {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const lent = Promise.withResolvers<void>();
  const done = pools.withSession(testTarget("pg17", name), { operation: "test" }, async (session) => {
    await session.query("SELECT 1", [], { read: true });
    lent.resolve();
    await promise;
  });
  await lent.promise;
  return { release, done };
}

/** Runs a statement that lasts, beside the API. */
function runLong(name: string) {
  const target = testTarget("pg17", name);
  const running = pools.withSession(target, { operation: "test" }, (session) =>
    session.query("SELECT pg_sleep(30)"),
  );
  running.catch(() => {});
  return running;
}

describe("GET /pools", () => {
  it("lists nothing before anything was asked", async () => {
    const { message, pools: listed, paused, totals } = await listPools();
    assert.deepEqual([message, listed, paused, totals.pools], ["Found 0 pools", [], [], 0]);
  });

  it("has PgBouncer's figures of each database", async () => {
    await schemasOf(orders);
    await schemasOf(billing);
    const running = await hold("orders");
    const { pools: listed, totals } = await listPools();
    const {
      totals: history,
      maxwait,
      ...now
    } = listed.find(({ database_name }: { database_name: string }) => database_name === "orders");
    assert.deepEqual(now, {
      ...orders,
      state: "active",
      cl_active: 1,
      cl_waiting: 0,
      sv_active: 1,
      sv_idle: 0,
      sv_connecting: 0,
      size: 1,
      checked_in: 0,
      checked_out: 1,
      overflow: 0,
    });
    assert.deepEqual([maxwait, history.requests, history.errors], [0, 2, 0]);
    assert.ok(history.wait_time > 0 && history.query_time > 0);
    assert.deepEqual([totals.pools, totals.size, totals.checked_out], [2, 2, 1]);
    running.release();
    await running.done;
  });
});

describe("POST /pools/pause and /pools/resume", () => {
  it("hold the requests of a database back until it is resumed", async () => {
    await schemasOf(orders);
    const { body } = await command("pause", orders);
    assert.equal(body.complete, true);
    assert.match(body.message, /^Paused the database orders on test-project:europe-west1:pg17: 1 pool$/);
    assert.deepEqual([body.pools[0].state, body.pools[0].size], ["paused", 0]);
    const held = schemasOf(orders);
    held.catch(() => {});
    await until(async () => (await listPools()).pools[0].cl_waiting === 1);
    assert.equal((await schemasOf(billing)).status, 200);
    assert.deepEqual((await listPools()).paused, [orders]);
    const resumed = await command("resume", orders);
    assert.equal(resumed.body.complete, true);
    assert.equal((await held).status, 200);
    assert.deepEqual((await listPools()).paused, []);
  });

  it("answer 503 to a request that was held back for its connection timeout", async () => {
    await stop();
    await start(200);
    await command("pause", instance);
    const response = await schemasOf(orders);
    assertProblem(response, 503, "unavailable");
    assert.equal(response.body.details.reason, "paused");
    assert.ok(Number(response.headers["retry-after"]) > 0);
    await command("resume");
  });

  it("say that something still runs, and when it has ended", async () => {
    const running = await hold("orders");
    const early = await command("pause", { ...orders, wait_seconds: 0 });
    assert.deepEqual([early.body.complete, early.body.pools[0].state], [false, "pausing"]);
    assert.match(early.body.message, /^Pausing /);
    const pausing = command("pause", { ...orders, wait_seconds: 60 });
    running.release();
    const late = await pausing;
    assert.deepEqual([late.body.complete, late.body.pools[0].state], [true, "paused"]);
    await running.done;
  });
});

describe("POST /pools/drain and /pools/reload", () => {
  for (const name of ["drain", "reload"]) {
    it(`replace every connection without an error: ${name}`, async () => {
      await schemasOf(orders);
      await schemasOf(billing);
      const { body } = await command(name);
      assert.equal(body.complete, true);
      assert.deepEqual(
        body.pools.map(({ size }: { size: number }) => size),
        [0, 0],
      );
      assert.equal((await schemasOf(orders)).status, 200);
    });
  }

  it("say what is left to be replaced", async () => {
    const running = await hold("orders");
    const { body } = await command("drain", { ...instance, wait_seconds: 0 });
    assert.deepEqual([body.complete, body.pools[0].state], [false, "draining"]);
    running.release();
    await running.done;
    await until(async () => (await listPools()).pools[0].state === "idle");
  });
});

describe("POST /pools/kill", () => {
  it("ends what runs at once and serves the next request", async () => {
    const running = runLong("orders");
    await until(() => pools.totals().checkedOut === 1);
    const { body } = await command("kill", orders);
    assert.equal(body.complete, true);
    assert.deepEqual([body.pools[0].cl_active, body.pools[0].size], [0, 0]);
    await assert.rejects(running, { kind: "unavailable", details: { reason: "connection_killed" } });
    assert.equal((await schemasOf(orders)).status, 200);
  });

  it("answers 503 to the request whose statement it ended, and says why", async () => {
    const locking = database
      .querySuperuser(
        "orders",
        "BEGIN; LOCK TABLE pg_namespace IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(30)",
      )
      .catch(() => {});
    const lockedBy = async () => {
      const { rows } = await database.querySuperuser<{ pid: number }>(
        "postgres",
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' AND wait_event = 'PgSleep'",
      );
      return rows[0]?.pid;
    };
    const pid = await until(lockedBy);
    const [refused] = await Promise.all([
      schemasOf(orders),
      until(() => pools.totals().checkedOut === 1).then(() => command("kill", instance)),
    ]);
    await database.querySuperuser("postgres", `SELECT pg_terminate_backend(${pid})`);
    await locking;
    assertProblem(refused, 503, "unavailable");
    assert.equal(refused.body.details.reason, "connection_killed");
  });
});

describe("what a command is for", () => {
  it("is a database, an instance or everything, and nothing in between", async () => {
    for (const body of [
      { project_id: "test-project" },
      { project_id: "test-project", region: "europe-west1" },
      { database_name: "orders" },
      { ...orders, region: undefined },
      { ...orders, instance_name: "No Instance" },
      { ...orders, wait_seconds: 61 },
      { ...orders, wait_seconds: -1 },
      { schema_name: "app" },
    ]) {
      const response = await request(service.url).post("/pools/kill").send(body);
      assertProblem(response, 400, "validation_error");
      assert.ok(response.body.errors.length > 0);
    }
  });

  it("is named in the answer and in the log", async () => {
    const { body } = await command("drain", instance);
    assert.deepEqual(
      [body.project_id, body.region, body.instance_name, body.database_name],
      ["test-project", "europe-west1", "pg17", undefined],
    );
    const line = service.lines.find(({ message }) => message === "pools were drained");
    assert.equal(line?.fields.scope, "test-project:europe-west1:pg17");
  });

  it("lies in a region that the service may work in", async () => {
    const response = await request(service.url)
      .post("/pools/pause")
      .send({ ...instance, region: "us-central1" });
    assertProblem(response, 403, "permission_error");
  });

  it("may have no pool yet", async () => {
    for (const name of ["pause", "drain", "reload", "kill", "resume"]) {
      const { body } = await command(name, orders);
      assert.deepEqual([body.complete, body.pools], [true, []]);
    }
  });
});
