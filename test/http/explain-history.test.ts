import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import request from "supertest";
import type { ExplainInput } from "../../src/operations/explain.ts";
import type { HistoryInput } from "../../src/operations/history.ts";
import { assertContract, assertProblem } from "../support/contract.ts";
import { demoTarget, startTestServer, type TestServer } from "../support/http.ts";
import { pretendedOperations } from "../support/http-operations.ts";

let service: TestServer;
const asked: (ExplainInput | HistoryInput)[] = [];
before(async () => {
  service = await startTestServer({
    operations: {
      explainPrivilege(context, call, target, input) {
        asked.push(input);
        return pretendedOperations.explainPrivilege(context, call, target, input);
      },
      listHistory(context, call, target, input) {
        asked.push(input);
        return pretendedOperations.listHistory(context, call, target, input);
      },
      checkHistory: async () => ({ intact: false, sequence: 2, problem: "it does not follow", entries: 1 }),
    },
  });
});
after(() => service.close());

const explain = { ...demoTarget, privilege: "SELECT", object_type: "table", object: "app.orders" };

test("without a principal, everybody is answered", async () => {
  const response = await request(service.url).post("/roles/explain").send(explain);
  assertContract("explainPrivilege", response);
  assert.equal(response.body.principal, null);
  assert.deepEqual(response.body.paths, []);
  assert.equal(response.body.principals[0].path.via[0].role, "orders_app_reader");
  assert.deepEqual(asked.pop(), {
    privilege: "SELECT",
    objectType: "table",
    object: "app.orders",
    grantOption: false,
  });
});

test("what is no object type or privilege is refused by name", async () => {
  const wrong = { ...explain, object_type: "index", privilege: "READ", with_grant_option: "yes" };
  const response = await request(service.url).post("/roles/explain").send(wrong);
  assertProblem(response, 400, "validation_error");
  const pointers = response.body.errors.map(({ pointer }: { pointer: string }) => pointer).sort();
  assert.deepEqual(pointers, ["/object_type", "/privilege", "/with_grant_option"]);
});

test("filters of the history are parsed: addresses in lower case, times with their zone", async () => {
  const filter = { username: "Alice@Example.com", since: "2026-11-21T10:30:00+01:00", before: 7, limit: 3 };
  const response = await request(service.url)
    .post("/roles/history")
    .send({ ...demoTarget, ...filter });
  assertContract("listHistory", response);
  assert.deepEqual(asked.pop(), {
    username: "alice@example.com",
    since: new Date("2026-11-21T09:30:00Z"),
    before: 7,
    limit: 3,
  });
});

test("filters that cannot be are refused", async () => {
  const wrong = [
    { since: "yesterday" },
    { until: "2026-13-01T00:00:00Z" },
    { limit: 0 },
    { limit: 201 },
    { before: 0 },
    { before: 1.5 },
    { role_name: "" },
  ];
  for (const filter of wrong) {
    const response = await request(service.url)
      .post("/roles/history")
      .send({ ...demoTarget, ...filter });
    assertProblem(response, 400, "validation_error");
    assert.equal(response.body.errors[0].pointer, `/${Object.keys(filter)[0]}`);
  }
});

test("a broken history is a finding and no failure", async () => {
  const response = await request(service.url).post("/roles/history/verify").send(demoTarget);
  assertContract("verifyHistory", response);
  const { intact, entries_verified, broken_at, problem } = response.body;
  assert.deepEqual([intact, entries_verified, broken_at, problem], [false, 1, 2, "it does not follow"]);
});
