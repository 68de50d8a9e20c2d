import assert from "node:assert/strict";
import { test } from "node:test";
import { standardTemplate } from "../../src/domain/builtin-templates.ts";
import { expandTemplate, formatRoleMark, type ManagedRole } from "../../src/domain/managed-role.ts";
import { planRoles, type RolePlan } from "../../src/operations/role-plan.ts";
import type { RoleState } from "../../src/operations/role-state.ts";
import type { ForeignGrant } from "../../src/postgres/foreign-grants.ts";
import { sharedObjects } from "../../src/postgres/grant-options.ts";
import type { RoleRow } from "../../src/postgres/role-catalog.ts";
import type { PrivilegeGap } from "../../src/postgres/schema-catalog.ts";

const roles = expandTemplate(standardTemplate, "orders", "app", 17);
const reader = roles.find((role) => role.kind === "reader") as ManagedRole;

const row = (role: ManagedRole, more: Partial<RoleRow> = {}): RoleRow => ({
  name: role.name,
  canLogin: false,
  isSuperuser: false,
  canCreateRole: false,
  canCreateDb: false,
  canReplicate: false,
  bypassesRls: false,
  inherits: true,
  comment: formatRoleMark(role),
  memberOf: [],
  ...more,
});

const empty: RoleState = {
  database: "orders",
  schema: "app",
  versionNum: 170010,
  admin: "postgres",
  schemaOwner: "owner",
  registered: new Set(),
  roles: new Map([[reader.name, row(reader)]]),
  memberships: [],
  gaps: [],
  absentColumns: [],
  foreignGrants: [],
  shared: sharedObjects([]),
  settable: new Set(),
  outsiders: new Set(),
  objectOwners: new Map(),
  creators: [],
  defaults: [],
  extensionRelations: [],
  authority: new Map(),
  grantable: new Set(),
};

const always = (): boolean => true;
const sql = (plan: RolePlan): string[] =>
  [...plan.preparation, ...plan.statements].map((statement) => statement.text);
const gap = (more: Partial<PrivilegeGap>): PrivilegeGap => ({
  schema: "app",
  action: "grant",
  role: reader.name,
  objectType: "table",
  privileges: ["SELECT"],
  owner: "owner",
  publicHolds: false,
  objects: [{ name: "t", arguments: null }],
  ...more,
});
const many = Array.from({ length: 30 }, (_, at) => ({ name: `t${at}`, arguments: null }));

test("a state that is as wanted leads to an empty plan; a role needs no default privileges on its own objects", () => {
  assert.deepEqual(sql(planRoles({ ...empty, creators: [reader.name] }, [reader], always)), []);
});

test("few objects are named, many of owners within reach take one statement for all", () => {
  const owners = new Map([["table" as const, ["owner"]]]);
  const few = planRoles({ ...empty, gaps: [gap({})], objectOwners: owners }, [reader], always);
  assert.deepEqual(sql(few), ['GRANT SELECT ON TABLE "app"."t" TO "orders_app_reader"']);
  const all = planRoles({ ...empty, gaps: [gap({ objects: many })], objectOwners: owners }, [reader], always);
  assert.deepEqual(sql(all), ['GRANT SELECT ON ALL TABLES IN SCHEMA "app" TO "orders_app_reader"']);
  assert.deepEqual([few.actsFor, all.actsFor], [["owner"], ["owner"]]);
});

test("with an owner out of reach in the schema, the others' objects are named and its own reported", () => {
  const state = {
    ...empty,
    gaps: [
      gap({ objects: many }),
      gap({ owner: "stranger", objects: [{ name: "theirs", arguments: null }] }),
    ],
    objectOwners: new Map([["table" as const, ["owner", "stranger"]]]),
    authority: new Map([["stranger", "refused" as const]]),
  };
  const plan = planRoles(state, [reader], always);
  assert.equal(sql(plan).length, 1);
  assert.match(sql(plan)[0] ?? "", /^GRANT SELECT ON TABLE "app"\."t0", /);
  assert.match(plan.warnings.join(), /theirs of stranger/);
  assert.deepEqual([...plan.degraded], [reader.name]);
});

test("what PUBLIC holds anyway is not missed on objects out of reach", () => {
  const state = {
    ...empty,
    gaps: [gap({ objectType: "type", privileges: ["USAGE"], owner: "stranger", publicHolds: true })],
    authority: new Map([["stranger", "refused" as const]]),
  };
  const plan = planRoles(state, [reader], always);
  assert.deepEqual([sql(plan), plan.warnings], [[], []]);
});

test("what owners grant comes first, then what others granted ends, then what that rested on, and the schema last", () => {
  const gaps = [
    gap({
      action: "revoke",
      objectType: "schema",
      privileges: ["CREATE"],
      objects: [{ name: "app", arguments: null }],
    }),
    gap({ action: "revoke", privileges: ["DELETE"] }),
    gap({}),
  ];
  const foreign: ForeignGrant = {
    schema: "app",
    role: reader.name,
    objectType: "table",
    objectKind: "table",
    owner: "owner",
    object: { name: "t", arguments: null },
    grantor: "delegate",
    privileges: ["UPDATE"],
  };
  const state = { ...empty, gaps, foreignGrants: [foreign], settable: new Set(["delegate"]) };
  const inside = planRoles(state, [reader], always);
  const words = (plan: RolePlan) => sql(plan).map((text) => text.split(" ").slice(0, 2).join(" "));
  const ends = ["REVOKE DELETE", "REVOKE CREATE"];
  const act = ["SET ROLE", "REVOKE UPDATE", "RESET ROLE"];
  assert.deepEqual(words(inside), ["GRANT SELECT", ...act, ...ends]);
  assert.deepEqual(
    inside.closing.map((one) => one.text.slice(0, 13)),
    ["REVOKE CREATE"],
  );
  const outside = planRoles({ ...state, outsiders: new Set(['["app","delegate"]']) }, [reader], always);
  assert.deepEqual(words(outside), ["GRANT SELECT", "GRANT USAGE", ...act, "REVOKE USAGE", ...ends]);
  const authority = new Map([["owner", "refused" as const]]);
  const stuck = planRoles(
    { ...state, gaps: [], authority, outsiders: new Set(['["app","delegate"]']) },
    [reader],
    always,
  );
  assert.deepEqual([words(stuck), stuck.warnings.length], [[], 1]);
});

test("creators that lack the same default privileges share a statement, and those out of reach are named", () => {
  const state = {
    ...empty,
    creators: ["one", "two", "stranger"],
    authority: new Map([["stranger", "refused" as const]]),
  };
  const plan = planRoles(state, [reader], always);
  assert.equal(
    sql(plan)[0],
    'ALTER DEFAULT PRIVILEGES FOR ROLE "one", "two" IN SCHEMA "app" GRANT SELECT ON TABLES TO "orders_app_reader"',
  );
  assert.equal(plan.statements.length, 3);
  assert.equal(plan.warnings.length, 1);
});

test("roles that may not be touched are left alone, whatever they lack", () => {
  const state = { ...empty, gaps: [gap({})], creators: ["one"] };
  const plan = planRoles(state, [reader], () => false);
  assert.deepEqual(sql(plan), []);
});

test("a predefined role that the admin may not grant degrades the role instead of failing it", () => {
  const monitor = roles.find((role) => role.kind === "monitor") as ManagedRole;
  const plan = planRoles({ ...empty, grantable: new Set(["pg_monitor"]) }, [monitor], always);
  assert.ok(sql(plan).includes('GRANT "pg_monitor" TO "orders_monitor" WITH INHERIT TRUE, SET TRUE'));
  assert.equal(plan.warnings.length, 2);
  assert.deepEqual([...plan.degraded], ["orders_monitor"]);
});

test("attributes, the mark and memberships that don't belong to a role are put right", () => {
  const membership = {
    role: "pg_read_all_data",
    member: reader.name,
    admin: false,
    inherit: true,
    set: true,
  };
  const state = {
    ...empty,
    roles: new Map([[reader.name, row(reader, { canLogin: true, comment: null })]]),
    memberships: [
      { ...membership, grantor: "postgres" },
      { ...membership, role: "elsewhere", grantor: "cloudsqladmin" },
    ],
  };
  const plan = planRoles(state, [reader], always);
  assert.deepEqual(sql(plan), [
    'ALTER ROLE "orders_app_reader" NOLOGIN NOCREATEDB NOCREATEROLE INHERIT',
    `COMMENT ON ROLE "orders_app_reader" IS '${formatRoleMark(reader)}'`,
    'REVOKE "pg_read_all_data" FROM "orders_app_reader" GRANTED BY "postgres"',
  ]);
  assert.match(plan.warnings.join(), /elsewhere/);
});
