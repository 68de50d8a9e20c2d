import assert from "node:assert/strict";
import { test } from "node:test";
import { standardTemplate } from "../../src/domain/builtin-templates.ts";
import { expandTemplate, formatRoleMark, parseRoleMark, samePlace } from "../../src/domain/managed-role.ts";
import { definitionChecksum } from "../../src/domain/role-template.ts";
import { ServiceError } from "../../src/errors.ts";

test("the standard template expands to six roles that inherit as documented", () => {
  const roles = expandTemplate(standardTemplate, "orders", "app", 18);
  assert.deepEqual(
    roles.map((role) => [role.name, role.inherits, role.nativeRoles]),
    [
      ["orders_app_reader", [], []],
      ["orders_app_writer", ["orders_app_reader"], []],
      ["orders_app_admin", ["orders_app_writer"], []],
      ["orders_app_analyst", ["orders_app_reader"], ["pg_read_all_stats"]],
      ["orders_monitor", [], ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats"]],
      ["orders_dba_agent", [], ["pg_monitor", "pg_read_all_settings", "pg_read_all_stats"]],
    ],
  );
});

test("no standard role may read password verifiers or write everywhere", () => {
  const native = standardTemplate.roles.flatMap((role) => role.nativeRoles);
  for (const role of ["pg_read_all_data", "pg_write_all_data", "pg_execute_server_program"]) {
    assert.ok(!native.includes(role), role);
  }
});

test("MAINTAIN is granted from 17 on only", () => {
  const maintains = (major: number) =>
    expandTemplate(standardTemplate, "d", "s", major).find((role) => role.kind === "admin")?.privileges.table;
  assert.ok(maintains(17)?.includes("MAINTAIN"));
  assert.ok(!maintains(16)?.includes("MAINTAIN"));
});

test("a schema that leads to a role name over 63 bytes is refused, and the field named", () => {
  assert.throws(
    () => expandTemplate(standardTemplate, "orders", "s".repeat(60), 17),
    (error) => error instanceof ServiceError && error.faults[0]?.pointer === "/schema_name",
  );
});

test("a mark reads back, and other comments are none", () => {
  const [role] = expandTemplate(standardTemplate, 'o"r', "s'x", 17);
  assert.ok(role);
  const mark = parseRoleMark(formatRoleMark(role));
  assert.ok(mark !== undefined && samePlace(mark, role));
  for (const comment of [
    null,
    "",
    "a role",
    "managed by cloudsql-postgres-manager {",
    "managed by cloudsql-postgres-manager [1]",
  ]) {
    assert.equal(parseRoleMark(comment), undefined);
  }
});

test("marks of a_b + c and a + b_c differ although their role names are one", () => {
  const [one] = expandTemplate(standardTemplate, "a_b", "c", 17);
  const [two] = expandTemplate(standardTemplate, "a", "b_c", 17);
  assert.ok(one && two);
  assert.equal(one.name, two.name);
  assert.ok(!samePlace(one, two));
});

test("the checksum changes with the definition and with nothing else", () => {
  const [reader, writer] = standardTemplate.roles;
  assert.ok(reader && writer);
  const sum = definitionChecksum(standardTemplate, reader);
  assert.equal(definitionChecksum(standardTemplate, { ...reader, purpose: "other words" }), sum);
  assert.notEqual(definitionChecksum(standardTemplate, { ...reader, nativeRoles: ["pg_monitor"] }), sum);
  assert.notEqual(definitionChecksum({ ...standardTemplate, version: "1.0.1" }, reader), sum);
  assert.notEqual(definitionChecksum(standardTemplate, writer), sum);
});

test("the standard template's checksums are those that registries hold", () => {
  assert.deepEqual(
    standardTemplate.roles.map((role) => definitionChecksum(standardTemplate, role).slice(0, 16)),
    [
      "9610e31fe5b3cd6a",
      "2896ae34948ac0b5",
      "cb0bdb12705d1b5e",
      "3eac3569b0ad6998",
      "cdd36c74bcec06d7",
      "7d5dc1ba49041fe2",
    ],
  );
});
