import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import request, { type Response } from "supertest";
import { assertContract, assertMatches, contractOperation, contractOperations } from "../support/contract.ts";
import { startTestServer, type TestServer } from "../support/http.ts";

let service: TestServer;
before(async () => {
  service = await startTestServer();
});
after(() => service.close());

/** Sends what the contract gives as the operation's example. */
async function sendExample(operationId: string, extra: object = {}): Promise<Response> {
  const { method, path, requestBody, parameters = [] } = contractOperation(operationId);
  if (method === "post") {
    const example = requestBody?.content["application/json"]?.example as object;
    return request(service.url)
      .post(path)
      .send({ ...example, ...extra });
  }
  const inPath = parameters.filter((parameter) => parameter.in === "path");
  const inQuery = parameters.filter((parameter) => parameter.in !== "path");
  return request(service.url)
    .get(inPath.reduce((url, { name, example }) => url.replace(`{${name}}`, String(example)), path))
    .query(Object.fromEntries(inQuery.map(({ name, example }) => [name, String(example)])));
}

const target = {
  project_id: "demo-project",
  region: "europe-west1",
  instance_name: "orders-db",
  database_name: "orders",
};

/** What each operation answers to its example, beside the envelope. */
const answers: Readonly<Record<string, object>> = {
  listPools: { message: "Found 1 pool", paused: [{}] },
  pausePools: { ...target, complete: true },
  resumePools: { ...target, complete: true },
  drainPools: { ...target, complete: true },
  reloadPools: { ...target, complete: true },
  killPools: { ...target, complete: true },
  getServiceHealth: { status: "healthy", service: "Cloud SQL PostgreSQL Manager", version: "1.0.0" },
  getOpenapi: { openapi: "3.1.0" },
  getDocs: {},
  listSchemas: { ...target, schemas: ["app", "public"] },
  listTables: { ...target, schema_name: "app" },
  checkDatabaseHealth: { ...target, status: "healthy", connection_time_ms: 3.2 },
  createSchema: { ...target, schema_name: "app", owner: "postgres", created: true, warnings: [] },
  initializeRoles: {
    ...target,
    schema_name: "app",
    roles_created: ["orders_app_reader"],
    roles_updated: [],
    roles_skipped: ["orders_monitor"],
    total_roles: 6,
    firebase_document_id: "demo-project~europe-west1~orders-db~orders",
    template: "standard",
    template_version: "1.0.0",
  },
  listRoleTemplates: { message: "Found 1 template" },
  readRoleTemplate: { message: "Version 1.0.0 of template standard", version: "1.0.0", warnings: [] },
  createRoleTemplate: { name: "support", version: "1.0.0", created: true, warnings: [] },
  addRoleTemplateVersion: { name: "support", version: "1.0.0", created: true, retired: false },
  retireRoleTemplate: { name: "support", version: "1.0.0", changed: true, latest: null },
  getRolesStatus: {
    ...target,
    roles_initialized: true,
    created_at: "2026-11-21T09:30:00.000Z",
    created_by: "anonymous",
    last_updated: "2026-11-21T09:31:00.000Z",
    total_roles: 1,
    total_history_entries: 2,
  },
  assignRole: {
    ...target,
    username: "alice@example.com",
    normalized_username: "alice@example.com",
    role_name: "orders_app_reader",
    changed: true,
  },
  requestAccess: { changed: true, already_member: false },
  approveAccess: { changed: true, already_member: false },
  denyAccess: { changed: true, already_member: false },
  revokeAccess: { changed: true, already_member: false },
  listAccess: { message: "Found 1 temporary access" },
  expireAccess: { message: "Looked after 1 due entry, 0 failed" },
  revokeRole: { ...target, role_name: "orders_app_reader", changed: false },
  listUsers: { ...target, schema_name: "app", system_users_excluded: ["cloudsqladmin", "postgres"] },
  assignRoles: { ...target, changed: 1, unchanged: 0, failed: 1 },
  revokeRoles: { ...target, changed: 1, unchanged: 0, failed: 1 },
  reconcileUsers: { ...target, message: "Found 0 faults among 1 user" },
  createUser: { ...target, normalized_username: "carol@example.com", created: true, state: "succeeded" },
  deleteUser: { ...target, existed: true, changed: true },
  offboardUser: { ...target, existed: true, state: "running" },
  rotatePassword: { ...target, is_admin: true, changed: true, state: "succeeded" },
  readOperation: { ...target, action: "createUser", state: "failed" },
  listAccounts: { ...target, message: "Found 1 user" },
  listRoles: { ...target, schema_name: null, roles: ["orders_app_reader", "orders_app_writer"] },
  planRoles: { ...target, mode: "adopt", warnings: [] },
  importRoles: { ...target, warnings: [] },
  rollbackRoles: { ...target, sequence: 1, changed: true, warnings: [] },
  applyRoles: { ...target, mode: "adopt", changed: true, warnings: [] },
  readDrift: {
    ...target,
    schema_name: "app",
    schemas: ["app"],
    in_sync: false,
    checked: "full",
    warnings: [],
  },
  explainPrivilege: {
    ...target,
    privilege: "SELECT",
    with_grant_option: false,
    object_type: "table",
    object: "app.orders",
    principal: "alice@example.com",
    allowed: true,
    paths_truncated: false,
    set_roles: [],
    schema_usage: true,
  },
  listHistory: { ...target, total_entries: 2, next_before: 2 },
  verifyHistory: { ...target, intact: true, entries_verified: 2, broken_at: null, problem: null },
  grantPostgresInheritance: { ...target, already_granted: false, mode: "on_demand" },
  revokePostgresInheritance: { ...target, already_revoked: true },
  cleanupUser: { ...target, username: "legacy_app", schema_name: null, ownership_transferred: true },
};

test("every operation of the contract is tested here", () => {
  const known = contractOperations.map(({ operationId }) => operationId).sort();
  assert.deepEqual(Object.keys(answers).sort(), known);
});

for (const [operationId, expected] of Object.entries(answers)) {
  test(`${operationId} answers its example as the contract says`, async () => {
    const response = await sendExample(operationId);
    assert.equal(
      response.status,
      "state" in expected && expected.state === "running" ? 202 : 200,
      response.text,
    );
    assertContract(operationId, response);
    for (const [field, value] of Object.entries(expected))
      assert.deepEqual(response.body[field], value, field);
  });
}

test("an operation that changes something answers a dry run with its plan", async () => {
  const changing = contractOperations.filter(({ requestBody }) =>
    JSON.stringify(requestBody ?? "").includes("dry_run"),
  );
  assert.ok(changing.length >= 17);
  for (const { operationId } of changing) {
    const response = await sendExample(operationId, { dry_run: true });
    assertContract(operationId, response);
    assert.match(response.body.plan.plan_id, /^[0-9a-f]{64}$/);
    const [first] = response.body.plan.statements;
    // A template is no database's.
    const isTemplate = /RoleTemplate/.test(operationId);
    assert.equal(first?.sql, isTemplate ? undefined : "CREATE ROLE orders_app_reader NOLOGIN", operationId);
    const real = await sendExample(operationId, { dry_run: false });
    assert.equal(real.body.plan, undefined, operationId);
  }
});

test("an operation that goes on is answered 202, with its place", async () => {
  const response = await sendExample("offboardUser", { dry_run: false });
  assert.equal(response.status, 202);
  assert.equal(response.headers.location, `/operations/${response.body.operation_id}`);
  assert.equal(response.headers["retry-after"], "2");
  const planned = await sendExample("offboardUser", { dry_run: true });
  assert.deepEqual([planned.status, planned.headers.location], [200, undefined]);
});

test("success has its envelope and its time", async () => {
  const { body } = await sendExample("listSchemas");
  assert.equal(body.success, true);
  assert.equal(body.message, "Found 2 schemas");
  assert.ok(body.execution_time_seconds > 0 && body.execution_time_seconds < 5);
});

test("tables have the fields that existing clients read", async () => {
  const { body } = await sendExample("listTables");
  assert.deepEqual(body.tables[0], {
    table_name: "customers",
    table_type: "BASE TABLE",
    row_count: 500,
    size_bytes: 98_304,
    partitioned: false,
    partition_count: 0,
  });
});

test("users have the fields that existing clients read", async () => {
  const { body } = await sendExample("listUsers");
  assert.deepEqual(body.users[0], {
    username: "alice@example.com",
    roles: ["orders_app_reader"],
    is_iam_user: true,
    user_type: "iam_user",
    permissions: ["USAGE"],
    privileges: { can_login: true, is_superuser: false, can_create_db: false, can_create_role: false },
  });
});

test("/openapi.json is the contract itself, with its references", async () => {
  const { body } = await sendExample("getOpenapi");
  assert.deepEqual(body.paths["/database/schemas"].post.requestBody.content["application/json"].schema, {
    $ref: "#/components/schemas/TargetRequest",
  });
});

test("the examples of the contract are what the contract says", () => {
  for (const { operationId, requestBody, responses, parameters = [] } of contractOperations) {
    const contents = [requestBody, ...Object.values(responses)].flatMap((part) =>
      Object.values(part?.content ?? {}),
    );
    for (const { schema, example, examples } of contents) {
      const values = [example, ...Object.values(examples ?? {}).map(({ value }) => value)];
      assert.ok(values.some(Boolean), `${operationId} lacks an example`);
      for (const value of values.filter(Boolean))
        assertMatches(schema, value, `an example of ${operationId}`);
    }
    for (const { name, schema, example } of parameters)
      assertMatches(schema, example, `the example of ${name}`);
  }
});

test("every operation says what it does, and shows a request, an answer and its failures", () => {
  for (const operation of contractOperations) {
    const { operationId, summary, description, tags, responses, requestBody, method } = operation;
    assert.ok(summary && description && tags?.length === 1, operationId);
    const statuses = Object.keys(responses).filter((status) => status !== "202");
    assert.deepEqual(statuses.sort(), ["200", "default"], operationId);
    assert.ok(responses.default?.content?.["application/problem+json"], operationId);
    assert.equal(requestBody !== undefined, method === "post", operationId);
  }
});
