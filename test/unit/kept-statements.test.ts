import assert from "node:assert/strict";
import { test } from "node:test";
import { keptName } from "../../src/postgres/kept-statements.ts";

test("a text has one name, and no two have the same", () => {
  const text = (): string => ["SELECT", "1"].join(" ");
  assert.equal(keptName(text()), keptName(text(), []));
  assert.notEqual(keptName(text()), keptName("SELECT 2"));
});

test("what is to be planned for long arrays has none", () => {
  const names = (length: number): string[] => Array(length).fill("a");
  const text = "SELECT $1::text[], $2::text, $3::text[]";
  assert.notEqual(keptName(text, [names(100), "a".repeat(1_000), null]), undefined);
  assert.equal(keptName(text, [names(1), "a", names(101)]), undefined);
});

test("when texts turn out not to be few, those that come later have none", () => {
  const first = keptName("SELECT 'first'");
  const given = Array.from({ length: 1_000 }, (_, at) => keptName(`SELECT ${at}, 'many'`));
  const names = new Set(given.filter((name) => name !== undefined));
  assert.ok(names.size > 100 && names.size < 250, `${names.size} names`);
  assert.equal(given.at(-1), undefined);
  assert.equal(keptName("SELECT 'first'"), first);
});
