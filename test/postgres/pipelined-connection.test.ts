import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import pg from "pg";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { wrapClient } from "../../src/postgres/pipelined-connection.ts";
import { testTarget } from "../support/pools.ts";
import { until } from "../support/until.ts";

let server: PostgresServer;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "strict" });
});

after(() => server.stop());

/** A connection whose server has refused a statement, and never says that it is ready for the next. */
async function connectUnready() {
  const client = new pg.Client({ connectionString: server.adminUrl(), pipeline: true });
  await client.connect();
  const connection = wrapClient({
    client,
    target: testTarget("pg17", "postgres"),
    versionNum: 170000,
    user: "postgres",
    backendKey: { processId: 0, secretKey: 0 },
    applicationName: "test",
    statementTimeoutMs: 1_000,
    now: () => performance.now(),
    begunAt: 0,
    openedAt: 0,
    expiresAt: Number.POSITIVE_INFINITY,
  });
  client.connection.once("errorMessage", () => client.connection.removeAllListeners("readyForQuery"));
  await assert.rejects(connection.query("SELECT 1/0"), { code: "22012" });
  assert.deepEqual([connection.pending(), connection.busy()], [0, true]);
  return connection;
}

describe("a connection that is given up between an error and the server's next word", () => {
  for (const how of ["destroy", "end"] as const) {
    it(`tells those who wait until it has settled (${how})`, async () => {
      const connection = await connectUnready();
      let told = 0;
      for (const wait of [connection.answered(), connection.settled()]) wait.then(() => told++);
      connection[how]();
      await until(() => told === 2, { deadlineMs: 5_000 });
      assert.deepEqual([connection.busy(), connection.broken()], [false, true]);
      await connection.closed;
    });
  }
});
