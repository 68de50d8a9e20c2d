import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

const target = { project_id: "demo-project", region: "europe-west1", instance_name: "orders-db" };

interface Answer {
  readonly status: number;
  readonly body: { readonly success: boolean; readonly details?: { readonly reason?: string } };
}

/** Undefined when the connection was refused or closed before anything was answered. */
function ask(port: number, agent: Agent, path: string, fields: object): Promise<Answer | undefined> {
  const body = JSON.stringify({ ...target, ...fields });
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  return new Promise((resolve) => {
    const sent = request({ host: "127.0.0.1", port, path, method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    sent.on("error", () => resolve(undefined));
    sent.end(body);
  });
}

describe("the service that is told to stop under full load", { timeout: 60_000 }, () => {
  let cloud: LocalCloud;

  before(async () => {
    cloud = await startTestCloud();
  });

  after(() => cloud.stop());

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

  it("ends with 0 within its time, answers everybody it took in, and leaves no session", async () => {
    const settings = {
      AUTH_MODE: "none",
      API_HOST: "127.0.0.1",
      PORT: "0",
      CONNECTION_POOL_SIZE: "3",
      LOG_LEVEL: "INFO",
    };
    await using service = startServiceProcess({
      ...cloud.settings,
      ...settings,
      CONNECTION_POOL_MAX_OVERFLOW: "2",
    });
    const port = await service.port();
    const agent = new Agent({ keepAlive: true });
    const answers = new Map<number, number>();
    const wrong: Answer[] = [];
    let stopped = false;
    const clients = Array.from({ length: 100 }, async (_, i) => {
      const fields = { database_name: i % 3 === 0 ? "billing" : "orders" };
      while (!stopped) {
        const answer = await ask(port, agent, "/database/schemas", fields);
        if (answer === undefined) return;
        answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1);
        if (answer.status !== 200 && answer.status !== 503) wrong.push(answer);
        if (answer.status === 503) return;
      }
    });
    await until(() => (answers.get(200) ?? 0) > 500, { deadlineMs: 20_000 });
    assert.ok((await countSessions()) > 0);
    const startedAt = performance.now();
    service.child.kill("SIGTERM");
    assert.equal(await service.exited, 0);
    assert.ok(performance.now() - startedAt < 8_000);
    stopped = true;
    await Promise.all(clients);
    agent.destroy();
    assert.deepEqual(wrong, []);
    assert.equal(await countSessions(), 0);
  });

  it("answers 503 to requests of a paused database, and ends in time too", async () => {
    await using service = startServiceProcess({
      ...cloud.settings,
      AUTH_MODE: "none",
      API_HOST: "127.0.0.1",
      PORT: "0",
    });
    const port = await service.port();
    const agent = new Agent({ keepAlive: true });
    const orders = { database_name: "orders" };
    assert.equal((await ask(port, agent, "/database/schemas", orders))?.status, 200);
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
    assert.ok(performance.now() - startedAt < 5_000);
    assert.equal(await service.exited, 0);
    agent.destroy();
  });
});
