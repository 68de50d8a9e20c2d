import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { modelDatabases, runPoolModel } from "../support/pool-model.ts";

let server: PostgresServer;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  for (const name of modelDatabases) await server.createDatabase(name);
});

after(() => server.stop());

describe("pools, whatever happens to them", () => {
  // More seeds, for longer: POOL_MODEL="from to milliseconds".
  const [from = 1, to = 1, forMs = 500] = (process.env.POOL_MODEL ?? "")
    .split(" ")
    .filter(Boolean)
    .map(Number);
  for (let seed = from; seed <= to; seed++) {
    it(`lend clean sessions within the budget, and lose count of nothing: seed ${seed}`, async () => {
      const { outcomes, samples } = await runPoolModel({ server, seed, forMs });
      assert.ok((outcomes.served ?? 0) > 0 && samples > 0, JSON.stringify(outcomes));
    });
  }
});
