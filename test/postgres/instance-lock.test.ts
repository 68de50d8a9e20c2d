import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { silentLog } from "../../src/log.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import { withInstanceLock } from "../../src/operations/instance-lock.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { createMemoryRegistry } from "../support/memory-registry.ts";
import { createTestPools, testTarget } from "../support/pools.ts";
import { until } from "../support/until.ts";

const operation = "test";
const target = testTarget("pg17", "postgres");

let server: PostgresServer;
let pools: ClosablePools;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  await server.createDatabase("orders");
});

after(() => server.stop());

afterEach(() => pools.close());

function open(settings: Partial<PoolSettings>): Context {
  pools = createTestPools({ pg17: server }, { settings });
  return {
    pools,
    registry: createMemoryRegistry(),
    settings: { adminUser: "postgres", validateIamUsers: true, healthCheckTimeoutMs: 5_000 },
  };
}

const call: Call = {
  operation,
  actor: "tester@example.com",
  requestId: "request-1",
  log: silentLog,
  signal: new AbortController().signal,
};

const work = (database: string) =>
  pools.withSession(testTarget("pg17", database), { operation }, async ({ user }) => user);

describe("the lock of an instance", () => {
  it("leaves a change the connection that it works on, of the least limit there is", async () => {
    const context = open({ instanceLimit: 2, totalLimit: 2 });
    for (const database of ["orders", "postgres"])
      assert.equal(await withInstanceLock(context, call, target, () => work(database)), "postgres");
  });

  it("takes no place in the pool of its database, even when that is of one connection", async () => {
    const context = open({ size: 1, maxOverflow: 0 });
    assert.equal(await withInstanceLock(context, call, target, () => work("postgres")), "postgres");
    await pools.withSession(target, { operation }, async () => {
      assert.equal(await withInstanceLock(context, call, target, () => work("orders")), "postgres");
      await until(() => pools.totals().overflow === 0);
    });
  });

  it("is waited for as long as it may, however short other statements are to be", async () => {
    const context = open({ statementTimeoutMs: 700, unansweredGraceMs: 700, idleTimeoutMs: 50 });
    const other = createTestPools({ pg17: server });
    const lent = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const holding = withInstanceLock({ ...context, pools: other }, call, target, () => {
      lent.resolve();
      return held.promise;
    });
    await lent.promise;
    const isBlocked = async () =>
      (
        await server.querySuperuser(
          "postgres",
          "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND waitstart < now() - interval '2 s'",
        )
      ).rows.length === 1;
    const waiting = withInstanceLock(context, call, target, () => work("orders"));
    await Promise.race([waiting, until(isBlocked)]);
    held.resolve();
    await holding;
    assert.equal(await waiting, "postgres");
    await other.close();
  });
});
