import assert from "node:assert/strict";
import { test } from "node:test";
import type { StatementPreview } from "../../src/domain/plan.ts";
import { counted, planFields } from "../../src/http/plan-answer.ts";

const statement: StatementPreview = {
  description: "Create a role",
  sql: "CREATE ROLE a",
  database: "orders",
  optional: false,
  destructive: false,
};

test("equal plans have equal ids, and other plans have others", () => {
  const id = (...statements: StatementPreview[]): string | undefined => planFields(statements).plan?.plan_id;
  assert.equal(id(statement), id({ ...statement, description: "In other words" }));
  assert.notEqual(id(statement), id({ ...statement, sql: "CREATE ROLE b" }));
  assert.notEqual(id(statement), id({ ...statement, database: "billing" }));
  assert.notEqual(id(statement), id(statement, statement));
  assert.match(id() ?? "", /^[0-9a-f]{64}$/);
});

test("what was no dry run has no plan", () => {
  assert.deepEqual(planFields(undefined), {});
});

test("numbers are counted as people count them", () => {
  assert.deepEqual(
    [counted(0, "role"), counted(1, "role"), counted(2, "role")],
    ["0 roles", "1 role", "2 roles"],
  );
});
