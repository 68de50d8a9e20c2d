import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, before, test } from "node:test";
import type pg from "pg";
import { ServiceError } from "../../src/errors.ts";
import { checkDatabaseHealth } from "../../src/operations/health.ts";
import { readDatabaseHealth } from "../../src/postgres/reads/health.ts";
import { createTestPools } from "../support/pools.ts";
import { majors, type ReadFleet, startReadFleet } from "../support/read-fleet.ts";
import { until } from "../support/until.ts";

let fleet: ReadFleet;
before(async () => {
  fleet = await startReadFleet(majors, { maxConnections: 30, settings: { retryAttempts: 1 } });
  await Promise.all(majors.map((major) => fleet.createDatabase(major, "shop")));
});
after(() => fleet.stop());

type TestMajor = (typeof majors)[number];

const check = (major: TestMajor, options: { database?: string; limitMs?: number } = {}) =>
  checkDatabaseHealth(
    {
      ...fleet.context,
      settings: { ...fleet.context.settings, healthCheckTimeoutMs: options.limitMs ?? 20_000 },
    },
    fleet.call,
    fleet.target(major, options.database ?? "shop"),
  );

async function read(major: TestMajor, seconds: number) {
  const thresholds = {
    longTransactionSeconds: seconds,
    idleInTransactionSeconds: seconds,
    blockedSeconds: seconds,
  };
  return fleet.pools.withSession(fleet.target(major, "shop"), fleet.call, (session) =>
    readDatabaseHealth(session, thresholds),
  );
}

function isError(kind: string, resource?: string) {
  return (error: unknown): true => {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.kind, kind);
    assert.equal(error.details.resource, resource);
    return true;
  };
}

for (const major of majors) {
  test(`PostgreSQL ${major}: a database at rest is healthy and says how it is`, async () => {
    const health = await check(major);
    assert.equal(health.status, "healthy");
    assert.deepEqual(health.warnings, []);
    assert.match(health.info.version, new RegExp(`^${major}\\.\\d+$`));
    assert.equal(Math.floor(health.info.versionNum / 10_000), major);
    assert.ok(health.connectionTimeMs > 0 && health.connectionTimeMs < 5_000);
    assert.ok((health.info.uptimeSeconds ?? -1) >= 0);
    assert.match(health.info.uptime ?? "", /second|minute/);
    assert.ok((health.info.activeConnections ?? 0) >= 1);
    assert.ok((health.info.totalConnections ?? 0) >= (health.info.activeConnections ?? 0));
    assert.equal(health.info.maxConnections, 30);
    assert.ok((health.info.databaseSizeBytes ?? 0) > 1_000_000);
    assert.equal(health.info.inRecovery, false);
  });

  test(`PostgreSQL ${major}: a database whose instance runs out of connections is degraded`, async () => {
    const clients: pg.Client[] = [];
    try {
      for (let count = 0; count < 24; count += 1) clients.push(await fleet.connect(major, "postgres"));
      const health = await check(major);
      assert.equal(health.status, "degraded");
      assert.match(health.warnings.join(), /of 30 connections are in use/);
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
  });

  test(`PostgreSQL ${major}: long, idle and blocked sessions are counted past their limits only`, async () => {
    const [holder, waiter] = [await fleet.connect(major, "shop"), await fleet.connect(major, "postgres")];
    const other = await fleet.connect(major, "postgres");
    try {
      await holder.query("BEGIN; SELECT pg_advisory_xact_lock(1)");
      await other.query("BEGIN; SELECT pg_advisory_xact_lock(2)");
      const blocked = waiter.query("BEGIN; SELECT pg_advisory_xact_lock(2)");
      const reading = await until(async () => {
        const now = await read(major, 0);
        return now.blockedSessions > 0 && now.idleInTransactions > 1 ? now : undefined;
      });
      assert.equal(reading.blockedSessions, 1);
      assert.equal(reading.idleInTransactions, 2);
      assert.ok(reading.longTransactions >= 3);
      assert.ok(reading.longestTransactionSeconds > 0);
      assert.equal(reading.hiddenSessions, 0);
      const patient = await read(major, 3_600);
      assert.deepEqual(
        [patient.blockedSessions, patient.idleInTransactions, patient.longTransactions],
        [0, 0, 0],
      );
      await other.query("ROLLBACK");
      await blocked;
    } finally {
      await Promise.all([holder.end(), waiter.end(), other.end()]);
    }
  });

  test(`PostgreSQL ${major}: an admin who may not see others' sessions still counts them, and says so`, async () => {
    const stranger = await fleet.connect(major, "postgres");
    await fleet.sql(major, "postgres", "REVOKE pg_monitor, pg_read_all_stats FROM cloudsqlsuperuser");
    try {
      const health = await check(major);
      assert.equal(health.status, "degraded");
      assert.match(health.warnings.join(), /hidden from the admin/);
      assert.ok((health.info.totalConnections ?? 0) >= 2);
    } finally {
      await fleet.sql(major, "postgres", "GRANT pg_monitor, pg_read_all_stats TO cloudsqlsuperuser");
      await stranger.end();
    }
  });

  test(`PostgreSQL ${major}: a database that takes no writes by default is degraded`, async () => {
    await fleet.createDatabase(
      major,
      "frozen",
      "ALTER DATABASE frozen SET default_transaction_read_only = on",
    );
    const health = await check(major, { database: "frozen" });
    assert.equal(health.status, "degraded");
    assert.match(health.warnings.join(), /read-only/);
  });

  test(`PostgreSQL ${major}: checks that do not finish in time make it unhealthy and free the connection`, async () => {
    await check(major); // leaves an idle connection: a new one could not even log in now
    const locker = await fleet.connect(major, "postgres");
    try {
      await locker.query("BEGIN; LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE");
      const startedAt = performance.now();
      const health = await check(major, { limitMs: 300 });
      assert.ok(performance.now() - startedAt < 8_000);
      assert.equal(health.status, "unhealthy");
      assert.match(health.warnings.join(), /did not finish within 0.3 seconds/);
      assert.equal(health.info.totalConnections, null);
      assert.equal(Math.floor(health.info.versionNum / 10_000), major);
      assert.equal(health.info.version.split(".")[0], String(major));
      // statement_timeout ends it on the server too; without it, this would last as long as the lock.
      await until(() => fleet.pools.totals().checkedOut === 0, { deadlineMs: 8_000 });
      await locker.query("ROLLBACK");
    } finally {
      await locker.end();
    }
    assert.equal((await check(major)).status, "healthy");
  });

  test(`PostgreSQL ${major}: a connection lost during the checks makes it unhealthy`, async () => {
    await check(major);
    const locker = await fleet.connect(major, "postgres");
    try {
      await locker.query("BEGIN; LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE");
      const health = check(major, { limitMs: 20_000 });
      await until(async () => {
        const { rows } = await locker.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE usename = 'postgres' AND wait_event_type = 'Lock'`,
        );
        return rows.length > 0;
      });
      assert.equal((await health).status, "unhealthy");
      assert.match((await health).warnings.join(), /connection was lost/);
    } finally {
      await locker.end();
    }
  });

  test(`PostgreSQL ${major}: an unknown database is not found`, async () => {
    await assert.rejects(check(major, { database: "missing" }), isError("not_found", "database"));
  });
}

test("an instance that accepts and answers nothing is a timeout, within the limit", async () => {
  const silent = createServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const pools = createTestPools({ pg17: { host: "127.0.0.1", port, adminPassword: "unused" } });
  const settings = { ...fleet.context.settings, healthCheckTimeoutMs: 200 };
  const startedAt = performance.now();
  await assert.rejects(
    checkDatabaseHealth({ ...fleet.context, pools, settings }, fleet.call, fleet.target(17, "shop")),
    isError("timeout"),
  );
  assert.ok(performance.now() - startedAt < 10_000);
  await pools.close({ deadlineMs: 100 });
  silent.close();
});

test("an instance that is down is unavailable", async () => {
  const server = fleet.server(14);
  await server.shutDown();
  await assert.rejects(check(14), isError("unavailable"));
  await server.startAgain();
});
