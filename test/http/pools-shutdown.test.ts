import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import type { LocalInstance } from "../../src/local-cloud/local-instance.ts";
import { startTestCloud } from "../support/cloud.ts";
import { prepareServiceBundle } from "../support/service-bundle.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

const target = { project_id: "demo-project", region: "europe-west1", instance_name: "orders-db" };

interface Answer {
  readonly status: number;
  readonly body: { readonly success: boolean; readonly details?: { readonly reason?: string } };
}

interface Health {
  readonly pools: { readonly size: number; readonly checked_out: number; readonly waiting: number };
}

/** Undefined when nobody listened any more. Rejects when a connection ends with no answer to what was sent on it. */
function ask(port: number, agent: Agent, path: string, fields: object): Promise<Answer | undefined> {
  const body = JSON.stringify({ ...target, ...fields });
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      response.on("error", reject);
    });
    sent.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNREFUSED" ? resolve(undefined) : reject(error),
    );
    sent.end(body);
  });
}

async function readPools(port: number): Promise<Health["pools"]> {
  return ((await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as Health).pools;
}

/** A hundred clients of two databases, each of whom asks until it is not answered 200 any more. */
function startClients(port: number, agent: Agent) {
  const answers: Answer[] = [];
  const clients = Array.from({ length: 100 }, async (_, i) => {
    const fields = { database_name: i % 3 === 0 ? "billing" : "orders" };
    for (;;) {
      const answer = await ask(port, agent, "/database/schemas", fields);
      if (answer !== undefined) answers.push(answer);
      if (answer?.status !== 200) return;
    }
  });
  const load = Promise.all(clients);
  load.catch(() => {});
  const statuses = (status: number) => answers.filter((answer) => answer.status === status).length;
  return { load, answers, statuses };
}

describe("the service that is told to stop under full load", () => {
  let cloud: LocalCloud;
  let start: string;

  before(async () => {
    cloud = await startTestCloud();
    start = await prepareServiceBundle();
  });

  after(() => cloud.stop());

  function instance(): LocalInstance {
    const found = cloud.instances.find(({ name }) => name === target.instance_name);
    assert.ok(found);
    return found;
  }

  async function countSessions(): Promise<number> {
    const counts = cloud.instances.map(async ({ server }) => {
      const { rows } = await server.querySuperuser<{ n: number }>(
        "postgres",
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'cloudsql-postgres-manager%'",
      );
      return rows[0]?.n ?? 0;
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  /**
   * Lets no reader of schemas go on, until the answer is called. Whoever comes new waits, too, and so does a connection
   * that is being opened: all that a test counts on are to be open before.
   */
  async function holdReaders(databases: readonly string[]): Promise<() => Promise<void>> {
    const { server } = instance();
    const locks = databases.map((database) =>
      server
        .querySuperuser(
          database,
          "BEGIN; LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)",
        )
        .catch(() => {}),
    );
    const holders = "FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%' AND wait_event = 'PgSleep'";
    await until(async () => {
      const { rows } = await server.querySuperuser("postgres", `SELECT 1 ${holders}`);
      return rows.length === databases.length;
    });
    return async () => {
      await server.querySuperuser("postgres", `SELECT pg_terminate_backend(pid) ${holders}`);
      await Promise.all(locks);
    };
  }

  it("ends with 0 within its time, answers everybody it took in, and leaves no session", async () => {
    await using service = startServiceProcess(
      {
        ...cloud.settings,
        AUTH_MODE: "none",
        API_HOST: "127.0.0.1",
        PORT: "0",
        CONNECTION_POOL_SIZE: "5",
        CONNECTION_POOL_MAX_OVERFLOW: "0",
        CONNECTION_MAX_READS: "1",
        SHARED_READS: "false",
        LOG_LEVEL: "INFO",
        SHUTDOWN_TIMEOUT: "30",
      },
      { start },
    );
    const port = await service.port();
    const agent = new Agent({ keepAlive: true });
    const { load, answers, statuses } = startClients(port, agent);
    await until(() => answers.length > 500, { deadlineMs: 60_000 });
    await until(async () => (await readPools(port)).size === 10);
    const release = await holdReaders(["orders", "billing"]);
    await until(async () => {
      const { checked_out, waiting } = await readPools(port);
      return checked_out === 10 && waiting === 90;
    });
    assert.equal(await countSessions(), 10);
    const before = answers.length;
    const startedAt = performance.now();
    service.child.kill("SIGTERM");
    await until(() => statuses(503) === 90, { deadlineMs: 15_000, what: "who waits is refused at once" });
    assert.equal(answers.length, before + 90, "what runs is waited for");
    await release();
    await until(async () => (await countSessions()) === 0);
    assert.equal(await service.exited, 0);
    assert.ok(performance.now() - startedAt < 22_000);
    await load;
    agent.destroy();
    assert.deepEqual([statuses(503), statuses(200)], [90, before + 10]);
    for (const { status, body } of answers)
      if (status === 503) assert.equal(body.details?.reason, "shutting_down");
  });

  it("answers everybody, or refuses them at once, where reads share connections", async () => {
    await using service = startServiceProcess(
      {
        ...cloud.settings,
        AUTH_MODE: "none",
        API_HOST: "127.0.0.1",
        PORT: "0",
        CONNECTION_POOL_SIZE: "2",
        CONNECTION_POOL_MAX_OVERFLOW: "0",
        SHARED_READS: "false",
        LOG_LEVEL: "INFO",
        SHUTDOWN_TIMEOUT: "30",
      },
      { start },
    );
    const port = await service.port();
    const agent = new Agent({ keepAlive: true });
    const { load, answers, statuses } = startClients(port, agent);
    await until(() => answers.length > 500, { deadlineMs: 60_000 });
    await until(async () => (await readPools(port)).size === 4);
    const release = await holdReaders(["orders", "billing"]);
    const clients = async (): Promise<{ active: number; waiting: number }> => {
      const response = await fetch(`http://127.0.0.1:${port}/pools`);
      const { pools } = (await response.json()) as { pools: { cl_active: number; cl_waiting: number }[] };
      return {
        active: pools.reduce((sum, { cl_active }) => sum + cl_active, 0),
        waiting: pools.reduce((sum, { cl_waiting }) => sum + cl_waiting, 0),
      };
    };
    const { active, waiting } = await until(async () => {
      const { active, waiting } = await clients();
      return active + waiting === 100 && waiting > 0 ? { active, waiting } : undefined;
    });
    assert.equal(await countSessions(), 4);
    const before = answers.length;
    service.child.kill("SIGTERM");
    await until(() => statuses(503) === waiting, {
      deadlineMs: 15_000,
      what: "who waits is refused at once",
    });
    assert.equal(answers.length, before + waiting, "what runs is waited for");
    await release();
    assert.equal(await service.exited, 0);
    await load;
    agent.destroy();
    assert.equal(await countSessions(), 0);
    assert.deepEqual([statuses(503), statuses(200)], [waiting, before + active]);
  });

  it("answers 503 to requests of a paused database, and ends in time too", async () => {
    await using service = startServiceProcess(
      {
        ...cloud.settings,
        AUTH_MODE: "none",
        API_HOST: "127.0.0.1",
        PORT: "0",
        SHUTDOWN_TIMEOUT: "30",
      },
      { start },
    );
    const port = await service.port();
    const agent = new Agent({ keepAlive: true });
    const orders = { database_name: "orders" };
    await until(async () => (await ask(port, agent, "/database/schemas", orders))?.status === 200);
    assert.equal((await ask(port, agent, "/pools/pause", orders))?.body.success, true);
    assert.equal(await countSessions(), 0);
    const held = Array.from({ length: 20 }, (_, i) =>
      ask(port, agent, "/database/tables", { ...orders, schema_name: `s${i}` }),
    );
    await until(async () => {
      const response = await fetch(`http://127.0.0.1:${port}/pools`);
      return ((await response.json()) as { totals: { waiting: number } }).totals.waiting === 20;
    });
    const startedAt = performance.now();
    service.child.kill("SIGTERM");
    for (const answer of await Promise.all(held)) {
      assert.deepEqual([answer?.status, answer?.body.details?.reason], [503, "shutting_down"]);
    }
    assert.ok(performance.now() - startedAt < 15_000);
    assert.equal(await service.exited, 0);
    agent.destroy();
  });
});
