import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { identifierFault, parseTarget, type TargetFields } from "../../src/domain/names.ts";
import { readDocument } from "../../src/http/document.ts";

test("the document that is served is the one that was written", () => {
  const written = parse(readFileSync(new URL("../../openapi/openapi.yaml", import.meta.url), "utf8"));
  assert.deepEqual(readDocument(), written);
});

test("the contract's patterns refuse nothing that the code takes, and take nothing that cannot be a target", () => {
  const document = readDocument();
  const patternOf = (name: string): RegExp => {
    const schema = document.components?.schemas?.[name];
    assert.ok(schema !== undefined && "pattern" in schema && typeof schema.pattern === "string");
    return new RegExp(schema.pattern, "u");
  };
  const fields: [keyof TargetFields, string, string[]][] = [
    [
      "project_id",
      "ProjectId",
      ["demo-project", "example.com:demo-project", "Demo", "a", "a/b-project", "demo-project-"],
    ],
    ["region", "Region", ["europe-west1", "us-east12", "europe", "europe-west", "../x-y1", "europe-west123"]],
    [
      "instance_name",
      "InstanceName",
      ["a", "orders-db", "orders-", "-orders", "a".repeat(98), "a".repeat(99), "A"],
    ],
  ];
  const demo = {
    project_id: "demo-project",
    region: "europe-west1",
    instance_name: "orders-db",
    database_name: "orders",
  };
  for (const [field, schema, values] of fields) {
    for (const value of values) {
      const fits = patternOf(schema).test(value);
      if (fits) assert.equal(parseTarget({ ...demo, [field]: value }).database, "orders", value);
      else assert.throws(() => parseTarget({ ...demo, [field]: value }), value);
    }
  }
  for (const value of ["orders", "a b", "\u200b", "a\u0000", "\u202e", "\ud800", "\u2028", "\u65e5\u672c"]) {
    assert.equal(
      patternOf("DatabaseName").test(value),
      identifierFault(value) === undefined,
      JSON.stringify(value),
    );
  }
});
