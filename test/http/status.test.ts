import assert from "node:assert/strict";
import { after, before, describe, it, test } from "node:test";
import request from "supertest";
import type { Target } from "../../src/domain/target.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { assertContract, assertProblem } from "../support/contract.ts";
import { demoTarget, startTestServer } from "../support/http.ts";
import { someStatus } from "../support/http-operations.ts";
import { createTestPools, testTarget } from "../support/pools.ts";
import { until } from "../support/until.ts";

const { region: _region, ...withoutRegion } = demoTarget;

/** A registry that holds something for some regions, by when it changed last. */
async function statusService(recorded: Readonly<Record<string, string>>, allowedRegions: readonly string[]) {
  const asked: string[] = [];
  const readRolesStatus = async (_context: unknown, _call: unknown, target: Target) => {
    asked.push(target.region);
    const lastUpdated = recorded[target.region];
    return lastUpdated === undefined ? undefined : someStatus(lastUpdated);
  };
  const findRecordedRegions = async () => Object.keys(recorded);
  const operations = { readRolesStatus, findRecordedRegions };
  const service = await startTestServer({ operations, settings: { allowedRegions } });
  return { ...service, asked };
}

test("an unknown target is no failure", async () => {
  const service = await statusService({}, []);
  const response = await request(service.url).get("/roles/status").query(demoTarget);
  await service.close();
  assertContract("getRolesStatus", response);
  const { execution_time_seconds, message, ...rest } = response.body;
  assert.deepEqual(rest, {
    success: true,
    ...demoTarget,
    roles_initialized: false,
    created_at: null,
    created_by: null,
    last_updated: null,
    total_roles: 0,
    roles_definitions: {},
    total_history_entries: 0,
  });
});

test("roles are told by name with version, status and checksum", async () => {
  const service = await statusService({ "europe-west1": "2026-11-21T09:31:00.000Z" }, []);
  const { body } = await request(service.url).get("/roles/status").query(demoTarget);
  await service.close();
  assert.deepEqual(body.roles_definitions, {
    orders_app_reader: {
      version: "1.0.0",
      status: "active",
      checksum: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
  });
});

test("without a region, the record that changed last counts", async () => {
  const service = await statusService(
    { "us-central1": "2026-11-20T00:00:00.000Z", "europe-west1": "2026-11-21T00:00:00.000Z" },
    [],
  );
  const response = await request(service.url).get("/roles/status").query(withoutRegion);
  await service.close();
  assertContract("getRolesStatus", response);
  assert.equal(response.body.region, "europe-west1");
  assert.deepEqual(service.asked.sort(), ["europe-west1", "us-central1"]);
});

test("without a region and with nothing recorded, no region is made up", async () => {
  const service = await statusService({}, ["asia-east1", "us-central1"]);
  const response = await request(service.url).get("/roles/status").query(withoutRegion);
  await service.close();
  assertContract("getRolesStatus", response);
  assert.equal(response.body.roles_initialized, false);
  assert.ok(!("region" in response.body));
});

test("without a region, records of regions that are not allowed do not count", async () => {
  const recorded = { "us-central1": "2026-11-20T00:00:00.000Z", "europe-west1": "2026-11-21T00:00:00.000Z" };
  const service = await statusService(recorded, ["us-central1"]);
  const response = await request(service.url).get("/roles/status").query(withoutRegion);
  await service.close();
  assertContract("getRolesStatus", response);
  assert.deepEqual([response.body.region, service.asked], ["us-central1", ["us-central1"]]);
});

test("without a region, the database's name is held against the contract all the same", async () => {
  const service = await statusService({}, []);
  const query = { ...withoutRegion, database_name: "d".repeat(64) };
  const response = await request(service.url).get("/roles/status").query(query);
  await service.close();
  assertProblem(response, 400, "validation_error");
});

test("a registry that cannot be read is a failure, never an empty answer", async () => {
  const service = await startTestServer({
    operations: {
      async readRolesStatus() {
        throw new Error("no registry");
      },
    },
    settings: { allowedRegions: [] },
  });
  const response = await request(service.url).get("/roles/status").query(withoutRegion);
  await service.close();
  assertProblem(response, 500, "internal_error");
});

for (const [checkedOut, waiting, status, warnings] of [
  [5, 0, "healthy", []],
  [8, 0, "healthy", []],
  [9, 0, "healthy", ["More than 80 % of the database connections are in use"]],
  [
    9,
    2,
    "degraded",
    ["More than 80 % of the database connections are in use", "2 requests wait for a database connection"],
  ],
  [10, 0, "healthy", ["More than 90 % of the database connections are in use"]],
  [5, 1, "healthy", ["1 request waits for a database connection"]],
] as const) {
  test(`with ${checkedOut} of 10 connections in use and ${waiting} waiting the service is ${status}`, async () => {
    const totals = { pools: 1, size: 10, checkedOut, idle: 10 - checkedOut, waiting, overflow: 0, limit: 10 };
    const service = await startTestServer({ totals: () => totals });
    const response = await request(service.url).get("/health");
    await service.close();
    assertContract("getServiceHealth", response);
    assert.equal(response.body.status, status);
    assert.deepEqual(response.body.warnings, warnings);
    assert.deepEqual(response.body.pools, {
      pools: 1,
      size: 10,
      checked_out: checkedOut,
      checked_in: 10 - checkedOut,
      waiting,
      overflow: 0,
      limit: 10,
      utilization: checkedOut / 10,
    });
  });
}

test("a service without pools is healthy and not divided by zero", async () => {
  const service = await startTestServer();
  const response = await request(service.url).get("/health");
  await service.close();
  assertContract("getServiceHealth", response);
  assert.equal(response.body.pools.utilization, 0);
  assert.equal(response.body.status, "healthy");
});

describe("with real pools, the health of the service", () => {
  let server: PostgresServer;

  before(async () => {
    server = await startPostgresServer({ major: 17, mode: "permissive" });
    for (let i = 0; i < 4; i++) await server.createDatabase(`idle_${i}`);
  });
  after(() => server.stop());

  it("warns of the instance that is used most, whatever else is there", async () => {
    const settings = { size: 10, maxOverflow: 0, instanceLimit: 11, idleTimeoutMs: 20 };
    const pools = createTestPools({ busy: server, calm: server }, { settings });
    const service = await startTestServer({ pools });
    const read = async () => (await request(service.url).get("/health")).body;
    const { promise, resolve } = Promise.withResolvers<void>();
    const lent: Promise<void>[] = [];
    const lend = (target: Target, count: number): Promise<boolean> => {
      const more = Array.from({ length: count }, () =>
        pools.withSession(target, { operation: "test" }, () => promise),
      );
      lent.push(...more);
      return until(() => pools.totals().checkedOut === lent.length);
    };
    for (const name of ["busy", "calm"]) {
      for (let i = 0; i < 4; i++)
        await pools.withSession(testTarget(name, `idle_${i}`), { operation: "test" }, async () => {});
    }
    await until(() => pools.totals().pools === 0);
    await lend(testTarget("calm", "postgres"), 2);
    await lend(testTarget("busy", "postgres"), 8);
    assert.deepEqual((await read()).warnings, []);
    assert.deepEqual((await read()).pools.limit, 20);
    const busy = "the database connections to test-project:europe-west1:busy are in use";
    await lend(testTarget("busy", "postgres"), 1);
    assert.deepEqual((await read()).warnings, [`More than 80 % of ${busy}`]);
    await lend(testTarget("busy", "postgres"), 1);
    const { warnings, status } = await read();
    assert.deepEqual([warnings, status], [[`More than 90 % of ${busy}`], "healthy"]);
    const waiting = pools.withSession(testTarget("busy", "idle_0"), { operation: "test" }, async () => {});
    assert.deepEqual((await read()).status, "degraded");
    resolve();
    await Promise.all([...lent, waiting]);
    await service.close();
    await pools.close();
  });
});
