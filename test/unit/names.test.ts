import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  identifierFault,
  isSystemRole,
  isSystemSchema,
  parseSchemaName,
  parseTarget,
} from "../../src/domain/names.ts";
import { ServiceError } from "../../src/errors.ts";
import { ident, literal, qualified } from "../../src/postgres/sql.ts";

const target = {
  project_id: "demo-project",
  region: "europe-west1",
  instance_name: "orders-db",
  database_name: "orders",
};

function faultsOf(fn: () => unknown): readonly { pointer: string }[] {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.kind, "validation_error");
    return error.faults;
  }
  return [];
}

test("identifiers are measured in bytes, not characters", () => {
  assert.equal(identifierFault("a".repeat(63)), undefined);
  assert.match(identifierFault("a".repeat(64)) ?? "", /64 bytes/);
  assert.equal(identifierFault(`${"é".repeat(31)}a`), undefined);
  assert.match(identifierFault("é".repeat(32)) ?? "", /64 bytes/);
  assert.match(identifierFault("😀".repeat(16)) ?? "", /64 bytes/);
});

test("names that people can't read are refused", () => {
  for (const name of ["", "  ", "a\0b", "a\nb", "a\u200bb", "\u202etxt", "\ud800", "a\u2028b"]) {
    assert.notEqual(identifierFault(name), undefined, JSON.stringify(name));
  }
  for (const name of ["a b", 'a"b', "a.b", "日本語", "SELECT", "o'brien", " lead"]) {
    assert.equal(identifierFault(name), undefined, name);
  }
});

test("system schemas can't be changed, and names that only look like them can", () => {
  assert.equal(faultsOf(() => parseSchemaName("schema_name", "pg_x"))[0]?.pointer, "/schema_name");
  assert.ok(isSystemSchema("information_schema"));
  for (const name of ["pgx", "PG_x", "public", "my_pg_x"])
    assert.equal(parseSchemaName("schema_name", name), name);
});

test("reserved role names are known", () => {
  for (const name of ["public", "none", "pg_monitor", "cloudsqladmin", "current_user"])
    assert.ok(isSystemRole(name), name);
  for (const name of ["postgres", "Public", "app", "my_cloudsql"]) assert.ok(!isSystemRole(name), name);
});

test("all faults of a target are reported at once, each at its field", () => {
  assert.deepEqual(parseTarget(target), {
    project: "demo-project",
    region: "europe-west1",
    instance: "orders-db",
    database: "orders",
  });
  const bad = { project_id: "Demo", region: "../x", instance_name: "a b", database_name: "" };
  assert.deepEqual(
    faultsOf(() => parseTarget(bad)).map((fault) => fault.pointer),
    ["/project_id", "/region", "/instance_name", "/database_name"],
  );
});

test("no target field can lead a request elsewhere", () => {
  const hostile = ["a/../b", "a:b", "a?b", "a#b", "a%2fb", "a@b", "a b", "-a", "a-", "169.254.169.254"];
  for (const value of hostile) {
    for (const field of ["project_id", "region", "instance_name"] as const) {
      assert.equal(faultsOf(() => parseTarget({ ...target, [field]: value })).length, 1, `${field} ${value}`);
    }
  }
});

test("a quoted identifier or literal reads back as what it was", () => {
  const text = fc.string({ unit: "grapheme" }).filter((value) => !value.includes("\0"));
  fc.assert(
    fc.property(text, (value) => {
      const quoted = ident(value);
      assert.equal(quoted.slice(1, -1).replaceAll('""', '"'), value);
      assert.doesNotMatch(quoted.slice(1, -1).replaceAll('""', ""), /"/);
      const inner = literal(value).replace(/^E?'/, "").slice(0, -1);
      const unescaped = literal(value).startsWith("E") ? inner.replaceAll("\\\\", "\\") : inner;
      assert.equal(unescaped.replaceAll("''", "'"), value);
    }),
  );
  assert.equal(qualified('a"b', "c.d"), '"a""b"."c.d"');
  assert.throws(() => ident("a\0b"), TypeError);
  assert.throws(() => literal("a\0b"), TypeError);
});
