import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import {
  analyticsTarget,
  type CloudService,
  type Fields,
  ordersTarget,
  startCloudService,
} from "../support/cloud-service.ts";

const alice = "alice@example.com";
const reporter = "reporter@demo-project.iam.gserviceaccount.com";
const users = [
  { name: alice, type: "CLOUD_IAM_USER" },
  { name: "bob@example.com", type: "CLOUD_IAM_USER" },
  { name: reporter, type: "CLOUD_IAM_SERVICE_ACCOUNT" },
  { name: "data-team@example.com", type: "CLOUD_IAM_GROUP" },
  { name: "legacy_app", type: "BUILT_IN" },
];
const demo = "../../src/local-cloud/demo";

/** Two instances of each mode; from 16 on the modes differ in what the admin may do to roles that it did not make. */
const fleet = {
  project_id: "demo-project",
  instances: [
    {
      ...{ instance_name: "orders-db", region: "europe-west1", version: 17, mode: "permissive", users },
      databases: ["orders", "billing"],
      sql: { orders: `${demo}/orders.sql`, billing: `${demo}/billing.sql` },
    },
    {
      ...{ instance_name: "analytics-db", region: "us-central1", version: 15, mode: "permissive", users },
      databases: ["analytics"],
      sql: { analytics: `${demo}/analytics.sql` },
    },
    {
      ...{ instance_name: "strict-db", region: "europe-west4", version: 18, mode: "strict", users },
      databases: ["shop"],
    },
    {
      ...{ instance_name: "old-strict-db", region: "europe-west4", version: 14, mode: "strict", users },
      databases: ["shop"],
    },
  ],
};

const strictTarget = {
  project_id: "demo-project",
  region: "europe-west4",
  instance_name: "strict-db",
  database_name: "shop",
};

const places: Readonly<Record<string, Fields>> = {
  "a permissive instance": ordersTarget,
  "a permissive instance of an old major": analyticsTarget,
  "a strict instance": strictTarget,
  "a strict instance of an old major": { ...strictTarget, instance_name: "old-strict-db" },
};

/** What goes with a call, besides the caller's own token. */
const ways: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  directly: {},
  // It has checked its own token, and leaves the caller's alone.
  "through Cloud Run's front end": {
    Host: "cloudsql-postgres-manager-abc123-ew.a.run.app",
    "X-Serverless-Authorization":
      "Bearer eyJhbGciOiJSUzI1NiJ9.eyJlbWFpbCI6ImNpQGV4YW1wbGUuY29tIn0.SIGNATURE_REMOVED_BY_GOOGLE",
    Forwarded: 'for="203.0.113.9";proto=https',
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1",
  },
};

function listOf(answer: Fields, field: string): Fields[] {
  const list = answer[field];
  assert.ok(Array.isArray(list), `${field} is no list`);
  return list;
}

describe("the service on the local cloud", () => {
  let cloud: LocalCloud;
  let service: CloudService;

  before(async () => {
    cloud = await startTestCloud(fleet);
    service = await startCloudService(cloud, {
      connections: 10,
      caller: alice,
      settings: { LOG_LEVEL: "INFO" },
    });
    await service.warmUp();
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await cloud?.stop();
  });

  async function rolesOf(target: Fields, schema: string, username: string): Promise<unknown> {
    const answer = await service.succeed("listUsers", { ...target, schema_name: schema });
    return listOf(answer, "users").find((user) => user.username === username)?.roles;
  }

  for (const [way, headers] of Object.entries(ways)) {
    for (const [place, target] of Object.entries(places)) {
      const schema = way === "directly" ? "first" : "second";
      const shop = { ...target, schema_name: schema };
      const full = (kind: string) => `${target.database_name}_${schema}_${kind}`;

      it(`answers the admin client's sequence on ${place}, called ${way}`, async () => {
        const created = await service.succeed("createSchema", shop, headers);
        assert.deepEqual([created.created, created.owner], [true, "postgres"]);
        const roles = await service.succeed("initializeRoles", shop, headers);
        // The database-wide roles are there from the first schema on.
        assert.equal(listOf(roles, "roles_created").length, way === "directly" ? 6 : 4);
        assert.equal(roles.total_roles, 6);
        const membership = { ...shop, username: alice, role_name: "writer" };
        const assigned = await service.succeed("assignRole", membership, headers);
        assert.deepEqual([assigned.changed, assigned.role_name], [true, full("writer")]);
        const list = await service.succeed("listUsers", shop, headers);
        const found = listOf(list, "users").find(({ username }) => username === alice);
        assert.deepEqual(found?.roles, expectedRoles(way, target, ["reader", "writer"]));
        assert.equal(found?.is_iam_user, true);
        const names = (await service.succeed("listRoles", shop, headers)).roles;
        for (const kind of ["reader", "writer", "admin"])
          assert.ok(Array.isArray(names) && names.includes(full(kind)), `${names}`);
        const status = await service.succeed("getRolesStatus", target, headers);
        assert.equal(status.roles_initialized, true);
        assert.equal(status.firebase_document_id, roles.firebase_document_id);
        assert.equal(status.total_roles, way === "directly" ? 6 : 10);
        const health = await service.succeed("checkDatabaseHealth", target, headers);
        assert.equal(health.status, "healthy");
        assert.equal((await service.succeed("getServiceHealth", {}, headers)).status, "healthy");
        for (const [operation, fields] of [
          ["createSchema", shop],
          ["initializeRoles", shop],
          ["assignRole", membership],
        ] as const) {
          const again = await service.succeed(operation, fields, headers);
          assert.ok(again.created === false || again.changed === false || again.total_roles === 6);
          assert.deepEqual([again.roles_created ?? [], again.roles_updated ?? []], [[], []]);
        }
      });

      it(`answers the inheritance sequence on ${place}, called ${way}`, async () => {
        const user = { ...target, username: reporter };
        const granted = await service.call("grantPostgresInheritance", user, headers);
        if (target.instance_name === "strict-db") {
          assert.equal(granted.status, 409, granted.text);
        } else {
          assert.equal(granted.status, 200, granted.text);
          assert.equal(granted.body.mode, "on_demand");
        }
        const roles = await service.succeed("initializeRoles", shop, headers);
        assert.equal(listOf(roles, "roles_skipped").length, 6);
        const membership = { ...shop, username: reporter, role_name: full("reader") };
        const assigned = await service.succeed("assignRole", membership, headers);
        assert.equal(assigned.normalized_username, "reporter@demo-project.iam");
        assert.equal(assigned.changed, true);
        assert.deepEqual(
          await rolesOf(target, schema, "reporter@demo-project.iam"),
          expectedRoles("directly", target, ["reader"], schema),
        );
        assert.equal((await service.succeed("revokeRole", membership, headers)).changed, true);
        assert.equal((await service.succeed("revokeRole", membership, headers)).changed, false);
        const ended = await service.succeed("revokePostgresInheritance", user, headers);
        assert.equal(ended.already_revoked, true);
        assert.deepEqual(await rolesOf(target, schema, "reporter@demo-project.iam"), []);
      });
    }
  }

  /** Alice keeps what she got in the first round. */
  function expectedRoles(way: string, target: Fields, kinds: readonly string[], schema = "first"): string[] {
    const schemas = way === "directly" ? [schema] : ["first", "second"];
    return schemas.flatMap((name) => kinds.map((kind) => `${target.database_name}_${name}_${kind}`));
  }

  it("never answers for one database with what is in another, however calls interleave", async () => {
    const billingTarget = { ...ordersTarget, database_name: "billing" };
    await service.succeed("createSchema", { ...ordersTarget, schema_name: "only_here" });
    const ask = async (round: number): Promise<void> => {
      const inOrders = round % 2 === 0;
      const target = inOrders ? ordersTarget : billingTarget;
      const kind = Math.floor(round / 2) % 3;
      if (kind === 0) {
        const { schemas, database_name } = await service.succeed("listSchemas", target);
        assert.equal(database_name, target.database_name);
        const expected = inOrders
          ? ["app", "audit", "first", "legacy", "only_here", "public", "sales", "second"]
          : ["app", "archive", "public"];
        assert.deepEqual(schemas, expected);
      } else if (kind === 1) {
        const answer = await service.succeed("listTables", { ...target, schema_name: "app" });
        const tables = listOf(answer, "tables").map(({ table_name }) => table_name);
        assert.equal(tables.includes("invoices"), !inOrders);
        assert.equal(tables.includes("products"), inOrders);
      } else {
        const answer = await service.call("listTables", { ...target, schema_name: "only_here" });
        assert.equal(answer.status, inOrders ? 200 : 404, answer.text);
      }
    };
    await Promise.all(Array.from({ length: 240 }, (_, round) => ask(round)));
  });

  it("answers a thousand calls over ten connections without an error", async () => {
    const calls = Array.from({ length: 1000 }, () => service.call("listSchemas", ordersTarget));
    const statuses = new Map<number, number>();
    for (const { status } of await Promise.all(calls)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    assert.deepEqual([...statuses], [[200, 1000]]);
  });

  it("has held to its pools, and ends in order without having said a secret", async () => {
    const health = await service.succeed("getServiceHealth");
    assert.deepEqual(health.warnings, []);
    await service.end();
    for (const { server } of cloud.instances) {
      const { rows } = await server.querySuperuser(
        "postgres",
        "SELECT application_name FROM pg_stat_activity WHERE usename = 'postgres'",
      );
      assert.deepEqual(rows, []);
    }
  });
});
