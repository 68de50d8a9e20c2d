import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import type { LocalInstance } from "../../src/local-cloud/local-instance.ts";
import { startTestCloud } from "../support/cloud.ts";
import { prepareServiceBundle } from "../support/service-bundle.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

const target = {
  project_id: "demo-project",
  region: "europe-west1",
  instance_name: "orders-db",
  database_name: "orders",
};

async function post(
  port: number,
  path: string,
  fields: object = {},
): Promise<{ status: number; body: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...target, ...fields }),
  });
  return { status: answer.status, body: await answer.text() };
}

describe("the service that is told to stop while it works on a database", () => {
  let cloud: LocalCloud;
  let instance: LocalInstance;
  let settings: Record<string, string>;
  let start: string;

  before(async () => {
    cloud = await startTestCloud();
    start = await prepareServiceBundle();
    const found = cloud.instances.find(({ name }) => name === target.instance_name);
    assert.ok(found);
    instance = found;
    settings = {
      ...cloud.settings,
      AUTH_MODE: "none",
      API_HOST: "127.0.0.1",
      PORT: "0",
      CONNECTION_POOL_SIZE: "1",
      CONNECTION_POOL_MAX_OVERFLOW: "0",
      // Each caller is counted by the pools.
      SHARED_READS: "false",
      SHUTDOWN_TIMEOUT: "60",
    };
  });

  after(() => cloud.stop());

  async function readSessions(): Promise<number> {
    const { rows } = await instance.server.querySuperuser<{ n: number }>(
      "postgres",
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'cloudsql-postgres-manager%'",
    );
    return rows[0]?.n ?? -1;
  }

  /** Callers whose request has arrived. */
  async function countCallers(port: number): Promise<{ active: number; waiting: number }> {
    const response = await fetch(`http://127.0.0.1:${port}/pools`);
    const { pools } = (await response.json()) as { pools: { cl_active: number; cl_waiting: number }[] };
    return {
      active: pools.reduce((sum, { cl_active }) => sum + cl_active, 0),
      waiting: pools.reduce((sum, { cl_waiting }) => sum + cl_waiting, 0),
    };
  }

  /** Holds what every reader of a schema's tables needs, until it is told to let go. */
  async function holdTable(): Promise<{ waiting(): Promise<boolean>; release(): Promise<void> }> {
    const locking = instance.server.querySuperuser(
      "orders",
      "BEGIN; LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)",
    );
    const held = locking.catch(() => {});
    const ask = async (text: string) => (await instance.server.querySuperuser("billing", text)).rows;
    await until(
      async () =>
        (
          await ask(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' AND wait_event = 'PgSleep'",
          )
        ).length === 1,
    );
    return {
      waiting: async () =>
        (await ask("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).length > 0,
      async release() {
        await ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'");
        await held;
      },
    };
  }

  it("answers what runs, refuses what waits at once, and leaves no session behind", async () => {
    await using service = startServiceProcess(settings, { start });
    const port = await service.port();
    assert.equal((await post(port, "/database/schemas")).status, 200);
    assert.equal(await readSessions(), 1);
    const lock = await holdTable();
    const running = post(port, "/database/schemas");
    await until(lock.waiting);
    const waiting = Promise.all([1, 2].map(() => post(port, "/database/schemas")));
    await until(async () => (await countCallers(port)).waiting === 2);
    service.child.kill("SIGTERM");
    for (const { status, body } of await waiting) {
      assert.deepEqual([status, JSON.parse(body).details.reason], [503, "shutting_down"]);
    }
    await lock.release();
    assert.equal((await running).status, 200);
    assert.equal(await service.exited, 0);
    assert.equal(await readSessions(), 0);
  });

  it("cuts off what is stuck before the deadline, answers it, and leaves no session behind", async () => {
    await using service = startServiceProcess({ ...settings, SHUTDOWN_TIMEOUT: "6" }, { start });
    const port = await service.port();
    assert.equal((await post(port, "/database/schemas")).status, 200);
    const lock = await holdTable();
    const answers = Promise.all([1, 2, 3].map(() => post(port, "/database/schemas")));
    await until(lock.waiting);
    await until(async () => {
      const { active, waiting } = await countCallers(port);
      return active + waiting === 3;
    });
    const startedAt = performance.now();
    service.child.kill("SIGTERM");
    for (const { status, body } of await answers) {
      assert.ok(status === 503 || status === 504, `${status} ${body}`);
      assert.equal(JSON.parse(body).success, false);
    }
    assert.equal(await service.exited, 0);
    assert.ok(performance.now() - startedAt < 30_000);
    await lock.release();
    assert.equal(await readSessions(), 0);
  });

  it("finishes a request that still looks up its instance", async () => {
    await using service = startServiceProcess(settings, { start });
    const port = await service.port();
    await cloud.faults.switchOn({ fault: "sql_admin_slow", delay_ms: 500 });
    const answer = post(port, "/database/schemas");
    await until(async () => {
      const health = await fetch(`http://127.0.0.1:${port}/health`);
      return (await health.text()).includes('"pools":1');
    });
    service.child.kill("SIGTERM");
    assert.equal((await answer).status, 200);
    assert.equal(await service.exited, 0);
    await cloud.faults.clear();
  });

  for (const fault of ["secret_manager_slow", "sql_admin_slow"] as const) {
    it(`gives up a connection that waits for an answer of Google's, and ends in time (${fault})`, async () => {
      await using service = startServiceProcess({ ...settings, SHUTDOWN_TIMEOUT: "6" }, { start });
      const port = await service.port();
      await cloud.faults.switchOn({ fault, delay_ms: 25_000 });
      const answer = post(port, "/database/schemas");
      await until(async () => {
        const health = await fetch(`http://127.0.0.1:${port}/health`);
        return (await health.text()).includes('"waiting":1');
      });
      const startedAt = performance.now();
      service.child.kill("SIGTERM");
      const { status, body } = await answer;
      assert.deepEqual([status, JSON.parse(body).details.reason], [503, "shutting_down"]);
      assert.equal(await service.exited, 0);
      assert.ok(performance.now() - startedAt < 20_000);
      await cloud.faults.clear();
    });
  }
});
