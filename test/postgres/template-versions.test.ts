import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import {
  addRoleTemplate,
  listRoleTemplates,
  readRoleTemplate,
  retireRoleTemplate,
} from "../../src/operations/role-templates.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const major = 17;
let fleet: RoleFleet;
before(async () => {
  fleet = await startRoleFleet("permissive", [major]);
  await fleet.server(major).querySuperuser("postgres", "CREATE ROLE owner_one");
  await fleet.server(major).createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
});
after(() => fleet.stop());

const relations = ["table", "view", "materialized_view"];
const template = (name: string, version: string, privileges: readonly string[], more: object[] = []) => ({
  name,
  version,
  roles: [
    {
      kind: "agent",
      scope: "schema",
      name_pattern: "{database}_{schema}_{template}_{kind}",
      grants: [
        { on: ["database"], privileges: ["CONNECT"] },
        { on: ["schema"], privileges: ["USAGE", "CREATE"] },
        { on: relations, privileges },
      ],
    },
    ...more,
  ],
});
const clerk = { kind: "clerk", scope: "schema", grants: [{ on: ["schema"], privileges: ["USAGE"] }] };

const add = (form: object, as: "new" | "next" = "new") =>
  addRoleTemplate(fleet.context, fleet.call(), form, as);
const apply = (target: Target, more: object = {}) =>
  initializeRoles(fleet.context, fleet.call(), target, { schema: "app", ...more });
const drift = async (target: Target, schema?: string) =>
  (await readDrift(fleet.context, fleet.call(), target, schema === undefined ? {} : { schema })).drift;
const createDatabase = (name: string) =>
  fleet.createDatabase(
    major,
    name,
    `GRANT CREATE ON DATABASE ${name} TO owner_one; SET ROLE owner_one;
     CREATE SCHEMA app; CREATE TABLE app.t (id int); CREATE SCHEMA other; CREATE TABLE other.t (id int); RESET ROLE`,
  );

test("roles of several templates live in a schema side by side, and drift is asked of each", async () => {
  const target = await createDatabase("side");
  await add(template("desk", "1.0.0", ["SELECT"]));
  await apply(target);
  for (const name of ["desk", "data_scientist", "audit", "backup", "analytics_readonly"]) {
    const first = await apply(target, { template: name });
    assert.deepEqual([first.template, first.updated, first.skipped, first.warnings], [name, [], [], []]);
    assert.deepEqual((await apply(target, { template: name, forceUpdate: true })).updated, []);
  }
  assert.deepEqual(await drift(target), []);
  await fleet.as(
    target,
    "owner_one",
    "REVOKE SELECT ON app.t FROM side_backup; REVOKE SELECT ON app.t FROM side_app_desk_agent",
    "keep",
  );
  assert.deepEqual((await drift(target)).map((one) => [one.kind, one.role]).sort(), [
    ["missing", "side_app_desk_agent"],
    ["missing", "side_backup"],
  ]);
});

test("a database-wide role holds its privileges in each schema to which its template was applied, and in no other", async () => {
  const target = await createDatabase("wide");
  await apply(target, { template: "backup" });
  const may = async () =>
    (
      await fleet.sql<{ app: boolean; other: boolean }>(
        target,
        "SELECT has_table_privilege('wide_backup', 'app.t', 'SELECT') AS app, has_table_privilege('wide_backup', 'other.t', 'SELECT') AS other",
      )
    )[0];
  assert.deepEqual(await may(), { app: true, other: false });
  await initializeRoles(fleet.context, fleet.call(), target, { schema: "other", template: "backup" });
  const needs = await initializeRoles(fleet.context, fleet.call(), target, {
    schema: "other",
    template: "backup",
    forceUpdate: true,
  });
  assert.deepEqual(needs.created, []);
  assert.deepEqual(await may(), { app: true, other: true });
  assert.deepEqual(
    (await fleet.registry.read(target))?.roles.map((role) => role.schemas),
    [["app", "other"]],
  );
  assert.deepEqual(await drift(target), []);
});

test("a newer version is drift whose SQL, or force_update, applies it; then there is none", async () => {
  const target = await createDatabase("newer");
  await add(template("clerks", "1.0.0", ["SELECT", "INSERT"], [clerk]));
  await apply(target, { template: "clerks" });
  assert.deepEqual(await drift(target), []);
  await add(template("clerks", "1.1.0", ["SELECT", "DELETE"]), "next");
  const [found, ...others] = await drift(target);
  assert.deepEqual([found?.kind, found?.role, others.length], ["changed_definition", null, 0]);
  assert.match(found?.repair.join("\n") ?? "", /REVOKE INSERT.*GRANT DELETE/s);
  const untouched = await apply(target, { template: "clerks" });
  assert.match(untouched.warnings.join(), /force_update/);
  assert.deepEqual(
    (await fleet.registry.read(target))?.roles.map((role) => role.version),
    ["1.0.0", "1.0.0"],
  );
  const updated = await apply(target, { template: "clerks", forceUpdate: true });
  assert.deepEqual(updated.updated, ["newer_app_clerks_agent"]);
  assert.deepEqual(
    (await drift(target)).map((one) => [one.kind, one.role]),
    [["extra", "newer_app_clerk"]],
  );
  await fleet.sql(target, "DROP OWNED BY newer_app_clerk; DROP ROLE newer_app_clerk");
  assert.deepEqual(await drift(target), []);
  await apply(target, { template: "clerks", forceUpdate: true });
  assert.deepEqual(
    (await fleet.registry.read(target))?.roles.map((role) => role.name),
    ["newer_app_clerks_agent"],
  );
});

test("a retired version is not used for anything new, and what it made is compared and repaired", async () => {
  const target = await createDatabase("retired");
  await add(template("old", "1.0.0", ["SELECT"]));
  await apply(target, { template: "old" });
  await retireRoleTemplate(fleet.context, fleet.call(), { name: "old" });
  const fresh = { schema: "other", template: "old" };
  const refused = await serviceErrorOf(initializeRoles(fleet.context, fleet.call(), target, fresh));
  assert.equal(refused.kind, "conflict");
  assert.deepEqual(await drift(target), []);
  await fleet.as(target, "owner_one", "REVOKE SELECT ON app.t FROM retired_app_old_agent", "keep");
  assert.equal((await drift(target)).length, 1);
  await apply(target, { template: "old", forceUpdate: true });
  assert.deepEqual(await drift(target), []);
  assert.equal((await readRoleTemplate(fleet.context, fleet.call(), { name: "old" })).retired, true);
  const names = async (includeRetired: boolean) =>
    (await listRoleTemplates(fleet.context, fleet.call(), { includeRetired })).map((one) => one.name);
  assert.deepEqual(
    [(await names(true)).includes("old"), (await names(false)).includes("old")],
    [true, false],
  );
});

test("built-in templates cannot be overwritten or retired; names of another template are refused", async () => {
  const target = await createDatabase("builtin");
  for (const as of ["new", "next"] as const)
    assert.equal((await serviceErrorOf(add(template("backup", "9.0.0", ["SELECT"]), as))).kind, "conflict");
  const retire = retireRoleTemplate(fleet.context, fleet.call(), { name: "standard" });
  assert.equal((await serviceErrorOf(retire)).kind, "conflict");
  for (const missing of [{ template: "nothing" }, { template: "standard", templateVersion: "9.0.0" }])
    assert.deepEqual((await serviceErrorOf(apply(target, missing))).details.resource, "template");
  await apply(target);
  const form = template("copy", "1.0.0", ["SELECT"], [{ kind: "reader", scope: "schema" }]);
  const added = await add(form);
  assert.match(added.warnings.join(), /name is that of reader/);
  const refused = await serviceErrorOf(apply(target, { template: "copy", forceUpdate: true }));
  assert.deepEqual([refused.kind, refused.details.role], ["conflict", "builtin_app_reader"]);
});

test("what a member of a custom admin role creates is covered for the roles of all templates", async () => {
  const target = await createDatabase("cover");
  await add(template("makers", "1.0.0", ["SELECT"]));
  await apply(target);
  await apply(target, { template: "makers" });
  const assigned = await assignRole(fleet.context, fleet.call(), target, {
    schema: "app",
    username: "alice@example.com",
    role: "cover_app_makers_agent",
  });
  assert.deepEqual([assigned.changed, assigned.warnings], [true, []]);
  await fleet.as(target, "alice@example.com", "CREATE TABLE app.made (id int)", "keep");
  const [row] = await fleet.sql(
    target,
    "SELECT has_table_privilege('cover_app_makers_agent', 'app.made', 'SELECT') AS own, has_table_privilege('cover_app_reader', 'app.made', 'SELECT') AS reader",
  );
  assert.deepEqual(row, { own: true, reader: true });
  assert.deepEqual(await drift(target), []);
});

test("with the store of templates away nothing is touched, and the built-in ones work", async () => {
  const target = await createDatabase("away");
  await add(template("gone", "1.0.0", ["SELECT"]));
  fleet.templates.fail(true);
  try {
    assert.equal((await serviceErrorOf(apply(target, { template: "gone" }))).kind, "unavailable");
    assert.equal((await apply(target)).created.length, 6);
  } finally {
    fleet.templates.fail(false);
  }
});
