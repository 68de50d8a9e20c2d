import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type HistoryRecord, verifyHistory } from "../../src/domain/history.ts";
import { createRegistry } from "../../src/google/registry.ts";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { silentLog } from "../../src/log.ts";
import { startTestCloud } from "../support/cloud.ts";
import { type CloudService, type Fields, ordersTarget, startCloudService } from "../support/cloud-service.ts";
import { countStatuses, startLoad } from "../support/load.ts";
import { until } from "../support/until.ts";

const alice = "alice@example.com";
const appOf = { ...ordersTarget, schema_name: "app" };
const salesOf = { ...ordersTarget, schema_name: "sales" };
const billingTarget = { ...ordersTarget, database_name: "billing" };

let cloud: LocalCloud;
let service: CloudService;
const startService = () =>
  startCloudService(cloud, { settings: { LOG_LEVEL: "INFO", FIRESTORE_CACHE_TTL: "0" } });

before(async () => {
  cloud = await startTestCloud();
  service = await startService();
  await service.warmUp();
  await service.succeed("initializeRoles", salesOf);
});
afterEach(() => cloud.faults.clear());
after(async () => {
  await service?.[Symbol.asyncDispose]();
  await cloud?.stop();
});

async function readCatalog<Row extends Record<string, unknown>>(text: string): Promise<Row[]> {
  return (await cloud.instance("orders-db").server.querySuperuser<Row>("orders", text)).rows;
}

async function readMembers(role: string): Promise<string[]> {
  const rows = await readCatalog<{ member: string }>(
    `SELECT DISTINCT m.member::regrole::text AS member FROM pg_auth_members m
      WHERE m.roleid = '${role}'::regrole AND m.member <> 'postgres'::regrole ORDER BY 1`,
  );
  return rows.map(({ member }) => member);
}

/** The whole history of a database as it lies in Firestore, verified. */
async function readVerifiedHistory(target: Fields): Promise<HistoryRecord[]> {
  const registry = createRegistry({
    projectId: cloud.projectId,
    collection: "role_registries",
    cacheTtlMs: 0,
    timeoutMs: 30_000,
    emulatorHost: cloud.firestore.host,
    log: silentLog,
  });
  const of = {
    project: String(target.project_id),
    region: String(target.region),
    instance: String(target.instance_name),
    database: String(target.database_name),
  };
  const records: HistoryRecord[] = [];
  try {
    for (;;) {
      const page = await registry.readHistory(of, { after: records.length, limit: 100 });
      assert.ok(page, "there is no history");
      records.push(...page.records);
      if (page.records.length > 0 && records.length < page.head.totalEntries) continue;
      assert.deepEqual(verifyHistory(records, page.head), { intact: true, entries: records.length });
      return records;
    }
  } finally {
    await registry.close();
  }
}

describe("changes while the registry has a fault", () => {
  for (const fault of ["firestore_unavailable", "firestore_forbidden"]) {
    it(`are refused before the database is touched, and reads go on: ${fault}`, async () => {
      await cloud.faults.switchOn({ fault });
      const calls = [
        service.call("assignRole", { ...salesOf, username: alice, role_name: "reader" }),
        service.call("createSchema", { ...ordersTarget, schema_name: "never_made" }),
        service.call("initializeRoles", appOf),
        service.call("cleanupUser", { ...ordersTarget, username: "legacy_app" }),
        service.call("getRolesStatus", ordersTarget),
      ];
      for (const answer of await Promise.all(calls)) {
        assert.equal(answer.status, 503, answer.text);
        assert.match(String(answer.headers["retry-after"]), /^[1-9]/);
      }
      await service.succeed("listUsers", salesOf);
      assert.deepEqual(await readMembers("orders_sales_reader"), [
        "orders_sales_analyst",
        "orders_sales_writer",
      ]);
      const left = await readCatalog(
        `SELECT nspname FROM pg_namespace WHERE nspname = 'never_made'
         UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE 'orders\\_app\\_%admin'`,
      );
      assert.deepEqual(left, []);
      await cloud.faults.clear();
      assert.equal((await service.succeed("getRolesStatus", ordersTarget)).roles_initialized, true);
    });
  }

  it("succeed when the registry is only contended, or slow", async () => {
    const membership = { ...salesOf, username: alice, role_name: "reader" };
    for (const fault of [
      { fault: "firestore_contended", commits: 4 },
      { fault: "firestore_slow", delay_ms: 150 },
    ]) {
      await cloud.faults.switchOn(fault);
      assert.equal((await service.succeed("assignRole", membership)).changed, true);
      assert.equal((await service.succeed("revokeRole", membership)).changed, true);
      await cloud.faults.clear();
    }
    await readVerifiedHistory(ordersTarget);
  });

  it("are completed by the same call when the registry fails after the database's commit", async () => {
    const roles = { ...billingTarget, schema_name: "app" };
    const membership = { ...salesOf, username: "bob@example.com", role_name: "reader" };
    const entriesOf = async (action: string, target: Fields) =>
      (await readVerifiedHistory(target)).filter((entry) => entry.action === action);
    const assignments = (await entriesOf("assignRole", ordersTarget)).length;
    // The read before the change is answered, the write after it is not.
    await cloud.faults.switchOn({ fault: "firestore_contended", commits: 1_000_000 });
    for (const failed of await Promise.all([
      service.call("initializeRoles", roles),
      service.call("assignRole", membership),
    ])) {
      assert.equal(failed.status, 503, failed.text);
      assert.deepEqual(failed.body.details, { database: "committed", registry: "failed" });
    }
    await cloud.faults.clear();
    const repeated = await service.succeed("initializeRoles", roles);
    assert.deepEqual([repeated.roles_created, repeated.roles_updated], [[], []]);
    assert.equal((await service.succeed("getRolesStatus", billingTarget)).total_roles, 6);
    assert.equal((await entriesOf("initializeRoles", billingTarget)).length, 1);
    assert.equal((await service.succeed("assignRole", membership)).changed, false);
    const recorded = await entriesOf("assignRole", ordersTarget);
    assert.equal(recorded.length, assignments + 1);
    assert.deepEqual([recorded.at(-1)?.outcome, recorded.at(-1)?.username], ["succeeded", "bob@example.com"]);
    assert.ok(recorded.at(-1)?.statements.some(({ sql }) => sql.startsWith("GRANT")));
  });
});

describe("client certificates that live for seconds", () => {
  it("are renewed while the service works, and nobody notices", async () => {
    await cloud.faults.switchOn({ fault: "certificates_short_lived", lifetime_seconds: 2 });
    const service = await startCloudService(cloud, {
      // New connections all the time, each with the certificate of its moment.
      settings: { LOG_LEVEL: "INFO", CONNECTION_MAX_LIFETIME: "1", CONNECTION_IDLE_TIMEOUT: "0.2" },
    });
    await using _ = service;
    const startedAt = performance.now();
    const seen = new Set<string>();
    const load = startLoad({ orders: () => service.call("listSchemas", ordersTarget) }, { pauseMs: 20 });
    await until(async () => {
      const rows = await readCatalog<{ began: string }>(
        "SELECT backend_start::text AS began FROM pg_stat_activity WHERE usename = 'postgres'",
      );
      for (const { began } of rows) seen.add(began);
      // More than there are callers: connections were replaced, longer than a certificate lives.
      return seen.size > 3 && performance.now() - startedAt > 5_000;
    });
    await load.stop();
    assert.deepEqual(Object.keys(countStatuses(load.answers).orders ?? {}), ["200"]);
    await service.end();
  });
});

describe("two processes of the service on one cloud", () => {
  let other: CloudService;
  let services: readonly CloudService[] = [];
  before(async () => {
    other = await startService();
    await other.warmUp();
    services = [service, other];
  });
  after(() => other?.[Symbol.asyncDispose]());
  const everywhere = (operation: string, fields: Fields) =>
    Promise.all(services.map((service) => service.succeed(operation, fields)));

  it("initialize the same schema at the same time, and leave one state", async () => {
    const answers = await everywhere("initializeRoles", { ...ordersTarget, schema_name: "audit" });
    const made = answers.map(({ roles_created }) =>
      Array.isArray(roles_created) ? roles_created.length : -1,
    );
    assert.deepEqual(made.sort(), [0, 4]);
    const again = await everywhere("initializeRoles", {
      ...ordersTarget,
      schema_name: "audit",
      force_update: true,
    });
    for (const { roles_created, roles_updated } of again)
      assert.deepEqual([roles_created, roles_updated], [[], []]);
  });

  it("initialize schemas of different databases of one instance at the same time", async () => {
    const work = [
      services[0]?.succeed("initializeRoles", { ...ordersTarget, schema_name: "legacy" }),
      services[1]?.succeed("initializeRoles", {
        ...ordersTarget,
        database_name: "billing",
        schema_name: "archive",
      }),
      services[0]?.succeed("initializeRoles", {
        ...ordersTarget,
        database_name: "billing",
        schema_name: "public",
      }),
      services[1]?.succeed("initializeRoles", { ...ordersTarget, schema_name: "public" }),
    ];
    for (const answer of await Promise.all(work)) assert.equal(answer?.total_roles, 6);
  });

  it("assign and revoke in a storm, and registry and catalog agree in the end", async () => {
    const before = (await readVerifiedHistory(ordersTarget)).length;
    const users = ["alice@example.com", "bob@example.com", "carol@example.com", "data-team@example.com"];
    let changes = 0;
    const storm = Array.from({ length: 64 }, async (_, n) => {
      const service = services[n % 2];
      const username = users[n % 4];
      const operation = n % 3 === 0 ? "revokeRole" : "assignRole";
      const role_name = n % 5 < 3 ? "writer" : "admin";
      const answer = await service?.succeed(operation, { ...salesOf, username, role_name });
      if (answer?.changed === true) changes += 1;
    });
    await Promise.all(storm);
    const history = await readVerifiedHistory(ordersTarget);
    assert.equal(history.length - before, changes);
    for (const role of ["orders_sales_writer", "orders_sales_admin"]) {
      const held = new Set<string>();
      for (const entry of history.filter((one) => one.role_name === role && one.username !== null)) {
        if (entry.action === "assignRole") held.add(String(entry.username));
        else held.delete(String(entry.username));
      }
      const inCatalog = (await readMembers(role)).map((name) => name.replaceAll('"', ""));
      assert.deepEqual([...held].sort(), inCatalog.filter((name) => name.includes("@")).sort());
    }
    const status = await services[0]?.succeed("getRolesStatus", ordersTarget);
    assert.equal(status?.total_history_entries, history.length);
    const definitions = Object.keys(Object(status?.roles_definitions)).sort();
    const marked = await readCatalog<{ name: string }>(
      `SELECT rolname::text AS name FROM pg_roles
        WHERE shobj_description(oid, 'pg_authid') LIKE 'managed by cloudsql-postgres-manager {"database":"orders"%'
        ORDER BY rolname COLLATE "C"`,
    );
    assert.deepEqual(
      definitions,
      marked.map(({ name }) => name),
    );
  });

  it("are refused or done, never half done, while sessions are ended at random", async () => {
    const refused: number[] = [];
    /** As a client would: again, while the service says that it could not now. */
    const insist = (n: number, operation: string, fields: Fields) =>
      until(async () => {
        const answer = await services[n % 2]?.call(operation, fields);
        if (answer?.status === 200) return true;
        assert.equal(answer?.status, 503, answer?.text);
        refused.push(n);
        return false;
      });
    const work = Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (n) => {
        const schema = { ...billingTarget, schema_name: `storm_${n}` };
        await insist(n, "createSchema", schema);
        await insist(n, "initializeRoles", schema);
        await insist(n + 1, "assignRole", { ...schema, username: alice, role_name: "admin" });
        await insist(n, "revokeRole", { ...schema, username: alice, role_name: "admin" });
      }),
    );
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    const killing = until(
      async () => {
        await readCatalog(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE usename = 'postgres' ORDER BY random() LIMIT 1`,
        );
        return done || refused.length >= 12;
      },
      { everyMs: 60, deadlineMs: 120_000 },
    );
    await Promise.all([ended, killing]);
    assert.ok(refused.length > 0, "no session was ended in the midst of anything");
    for (const n of [0, 1, 2, 3, 4, 5]) {
      const again = { ...billingTarget, schema_name: `storm_${n}`, force_update: true };
      const { roles_created, roles_updated } = (await services[0]?.succeed("initializeRoles", again)) ?? {};
      assert.deepEqual([roles_created, roles_updated], [[], []]);
      assert.deepEqual(await readMembers(`billing_storm_${n}_admin`), []);
    }
    await readVerifiedHistory(billingTarget);
  });

  it("end in order, without having said a secret", async () => {
    for (const service of services) await service.end();
  });
});
