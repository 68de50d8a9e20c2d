import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import request from "supertest";
import type { DesiredStateInput } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import { realOperations } from "../../src/http/operations.ts";
import { assertContract } from "../support/contract.ts";
import { startTestServer, type TestServer } from "../support/http.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

type Mode = "additive" | "adopt" | "authoritative";

const principals = [
  { name: "alice@example.com", type: "CLOUD_IAM_USER" },
  { name: "loader@demo-project.iam", type: "CLOUD_IAM_SERVICE_ACCOUNT" },
  { name: "team@example.com", type: "CLOUD_IAM_GROUP" },
] as const;

/** What Cloud SQL made of its principals and its admin: no state may change it. */
const cloudSql = `
  SELECT r.rolname::text AS name, r.rolcanlogin, r.rolinherit, r.rolcreaterole, r.rolvaliduntil, a.rolpassword,
         ARRAY (SELECT concat(g.rolname, m.grantor::regrole, to_jsonb(m) - 'oid') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                 WHERE m.member = r.oid AND g.rolname LIKE 'cloudsql%' ORDER BY 1) AS groups
    FROM pg_roles r JOIN pg_authid a USING (oid) WHERE r.rolname LIKE '%@%' OR r.rolname LIKE 'cloudsql%' OR r.rolname = 'postgres'
   ORDER BY 1`;

const acl = `
  SELECT coalesce(g.rolname, 'public')::text AS grantee, a.privilege_type::text AS privilege, a.is_grantable AS grantable`;
const from = (list: string, table: string) =>
  `FROM ${table}, aclexplode(${list}) a LEFT JOIN pg_roles g ON g.oid = a.grantee`;

/** The modes differ from 16 on. */
const servers = [
  [14, "strict"],
  [16, "permissive"],
  [17, "strict"],
  [18, "permissive"],
] as const;

/** What manifests of roles for PostgreSQL usually leave out: each test is one such limit. */
for (const [major, hostMode] of servers) {
  describe(`how far a state reaches on PostgreSQL ${major}, ${hostMode}`, () => {
    let fleet: RoleFleet;
    let service: TestServer;
    let target: Target;

    const post = async (operation: string, path: string, where: Target, body: object) => {
      const { project, region, instance, database } = where;
      const answer = await request(service.url)
        .post(path)
        .send({
          ...{ project_id: project, region, instance_name: instance, database_name: database },
          ...body,
        });
      assertContract(operation, answer);
      assert.equal(answer.status, 200, answer.text);
      return answer.body;
    };
    const plan = async (where: Target, mode: Mode, state: DesiredStateInput): Promise<string[]> => {
      const { plan: planned } = await post("planRoles", "/roles/plan", where, { mode, state });
      return planned.statements.map((one: { sql: string }) => one.sql);
    };
    /** Applies, and fails unless nothing is left to do; answers the statements and the warnings. */
    const apply = async (where: Target, mode: Mode, state: DesiredStateInput) => {
      const { statements, warnings } = await post("applyRoles", "/roles/apply", where, { mode, state });
      assert.deepEqual(await plan(where, mode, state), []);
      return { sql: statements.map((one: { sql: string }) => one.sql) as string[], warnings };
    };
    const onDatabase = (where: Target) =>
      fleet.sql<{ grantee: string; privilege: string; grantable: boolean }>(
        where,
        `${acl} ${from("d.datacl", "pg_database d")} WHERE d.datname = current_database()
          AND coalesce(g.rolname, 'public') IN ('public', 'reporting') ORDER BY 1, 2`,
      );
    const membershipsOf = (member: string) =>
      fleet.sql(
        target,
        `SELECT m.roleid::regrole::text AS role, to_jsonb(m) -> 'inherit_option' AS inherit,
                to_jsonb(m) -> 'set_option' AS set, m.admin_option AS admin
           FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
          WHERE r.rolname::text = $1::text AND m.roleid::regrole::text NOT LIKE 'cloudsql%' ORDER BY 1`,
        [member],
      );

    before(async () => {
      fleet = await startRoleFleet(hostMode, [major]);
      for (const principal of principals) await fleet.server(major).createUser(principal);
      service = await startTestServer({ context: fleet.context, operations: realOperations });
      target = await fleet.createDatabase(
        major,
        "shop",
        `CREATE SCHEMA app AUTHORIZATION postgres; SET ROLE postgres; CREATE ROLE legacy;
         CREATE TABLE app.people (id int, name text, salary int); CREATE TABLE app.orders (id int)`,
      );
    });
    after(async () => {
      await service.close();
      await fleet.stop();
    });

    const roles = [{ name: "reporting" }];
    const grantOn = (...privileges: string[]) => ({
      grantee: "reporting",
      object_type: "database" as const,
      privileges,
    });

    test("CONNECT, CREATE and TEMPORARY on the database are granted, narrowed and taken, from PUBLIC too", async () => {
      const row = (grantee: string, privilege: string, grantable = false) => ({
        ...{ grantee, privilege, grantable },
      });
      await apply(target, "adopt", {
        roles,
        grants: [grantOn("CREATE", "TEMP"), { ...grantOn("CONNECT"), grantable: true }],
        public_revocations: [{ object_type: "database", privileges: ["CONNECT", "TEMPORARY"] }],
      });
      const all = [
        row("reporting", "CONNECT", true),
        row("reporting", "CREATE"),
        row("reporting", "TEMPORARY"),
      ];
      assert.deepEqual(await onDatabase(target), all);
      const narrow = { roles, grants: [grantOn("CONNECT")] };
      await apply(target, "additive", narrow);
      assert.deepEqual(await onDatabase(target), all);
      const { sql } = await apply(target, "adopt", narrow);
      // As the owner, since others may grant there too.
      assert.ok(
        sql.every((one) => /^(REVOKE|SET ROLE|RESET ROLE)/.test(one)),
        sql.join("\n"),
      );
      assert.deepEqual(await onDatabase(target), [row("reporting", "CONNECT")]);
      await apply(target, "authoritative", { roles });
      assert.deepEqual(await onDatabase(target), []);
      await apply(target, "adopt", {
        grants: [{ grantee: "public", object_type: "database", privileges: ["CONNECT"] }],
      });
      assert.deepEqual(await onDatabase(target), [row("public", "CONNECT")]);
    });

    test("IAM users, service accounts and groups are members like others; what Cloud SQL made of them stays in every mode", async () => {
      const before = await fleet.sql(target, cloudSql);
      const memberships = principals.map(({ name }) => ({ role: "reporting", member: name }));
      const spelled = [
        { role: "reporting", member: "Alice@Example.com" },
        { role: "reporting", member: "loader@demo-project.iam.gserviceaccount.com" },
        { role: "reporting", member: "team@example.com" },
      ];
      for (const mode of ["additive", "adopt", "authoritative"] as const)
        await apply(target, mode, { roles, memberships: spelled });
      for (const { name } of principals) assert.equal((await membershipsOf(name)).length, 1, name);
      assert.deepEqual(await plan(target, "authoritative", { roles, memberships }), []);
      await apply(target, "authoritative", { roles, memberships: memberships.slice(0, 1) });
      assert.deepEqual(
        await Promise.all(principals.map(async ({ name }) => (await membershipsOf(name)).length)),
        [1, 0, 0],
      );
      await apply(target, "authoritative", { roles });
      assert.deepEqual(await fleet.sql(target, cloudSql), before);
      assert.deepEqual(await membershipsOf("alice@example.com"), []);
    });

    test("INHERIT, SET and ADMIN of a membership are what is declared, and one does not change with another", async () => {
      const options = [
        { inherit: true, set: false, admin: false },
        { inherit: false, set: false, admin: true },
        { inherit: true, set: false, admin: true },
        { inherit: false, set: true, admin: false },
        { inherit: true, set: true, admin: false },
      ];
      for (const option of options) {
        const memberships = [{ role: "reporting", member: "alice@example.com", ...option }];
        const { sql, warnings } = await apply(target, "adopt", { roles, memberships });
        const [row] = await membershipsOf("alice@example.com");
        if (major >= 16) {
          assert.deepEqual(row, { role: "reporting", ...option });
          assert.deepEqual(warnings, []);
        } else {
          assert.deepEqual(row, { role: "reporting", inherit: null, set: null, admin: option.admin });
          assert.doesNotMatch(sql.join(), /INHERIT|\bSET\b/);
          assert.equal(warnings.length, option.inherit && option.set ? 0 : 1);
        }
      }
      if (major >= 16) {
        const apart = { role: "reporting", member: "alice@example.com", set: false };
        await apply(target, "authoritative", { roles, memberships: [apart] });
        await assert.rejects(fleet.as(target, "alice@example.com", "SET ROLE reporting"), { code: "42501" });
      }
      await apply(target, "authoritative", { roles });
    });

    test("privileges on columns are given, narrowed and taken, beside those on the table", async () => {
      const onColumns = (columns: string[], privileges: string[], grantable = false) => ({
        ...{ grantee: "reporting", object_type: "table" as const, schema: "app", objects: ["people"] },
        ...{ columns, privileges, grantable },
      });
      const rows = () =>
        fleet.sql(
          target,
          `${acl}, t.attname::text AS column ${from("t.attacl", "pg_attribute t")}
            WHERE t.attrelid = 'app.people'::regclass ORDER BY 4, 2, 1`,
        );
      const row = (column: string, privilege: string, grantable = false) => ({
        ...{ grantee: "reporting", privilege, grantable, column },
      });
      const usage = {
        grantee: "reporting",
        object_type: "schema" as const,
        schema: "app",
        privileges: ["USAGE"],
      };
      const wide = [
        usage,
        onColumns(["id", "name"], ["SELECT", "UPDATE"]),
        onColumns(["salary"], ["SELECT"]),
      ];
      await apply(target, "adopt", { roles, grants: wide });
      await fleet.sql(target, "SET ROLE postgres; GRANT UPDATE (salary) ON app.people TO legacy");
      const narrow = [usage, onColumns(["id"], ["SELECT"], true), onColumns(["name"], ["SELECT"])];
      await apply(target, "adopt", { roles, grants: narrow });
      const kept = { ...row("salary", "UPDATE"), grantee: "legacy" };
      assert.deepEqual(await rows(), [row("id", "SELECT", true), row("name", "SELECT"), kept]);
      const memberships = [{ role: "reporting", member: "alice@example.com" }];
      const state = { schemas: [{ name: "app" }], roles, memberships, grants: narrow };
      await apply(target, "authoritative", state);
      assert.deepEqual(await rows(), [row("id", "SELECT", true), row("name", "SELECT")]);
      await fleet.as(target, "alice@example.com", "SELECT id, name FROM app.people");
      for (const refused of ["SELECT salary FROM app.people", "UPDATE app.people SET name = ''"])
        await assert.rejects(fleet.as(target, "alice@example.com", refused), { code: "42501" });
      const imported = await post("importRoles", "/roles/import", target, {});
      assert.deepEqual(await plan(target, "authoritative", imported.state), []);
      assert.ok(JSON.stringify(imported.state.grants).includes('"columns":["id"]'));
      await apply(target, "authoritative", { schemas: [{ name: "app" }], roles });
      assert.deepEqual(await rows(), []);
    });

    test("who granted does not matter: what a delegate gave on is ended in the delegate's name", async () => {
      await fleet.sql(
        target,
        `SET ROLE postgres; CREATE ROLE delegate; GRANT USAGE ON SCHEMA app TO delegate, legacy;
         GRANT SELECT ON app.orders TO delegate WITH GRANT OPTION; GRANT delegate TO postgres;
         SET ROLE delegate; GRANT SELECT ON app.orders TO legacy, PUBLIC`,
      );
      const state = {
        schemas: [{ name: "app" }],
        grants: [
          { grantee: "delegate", object_type: "schema" as const, schema: "app", privileges: ["USAGE"] },
          {
            ...{ grantee: "delegate", object_type: "table" as const, schema: "app", objects: ["orders"] },
            ...{ privileges: ["SELECT"], grantable: true },
          },
        ],
      };
      await apply(target, "authoritative", state);
      const rows = await fleet.sql(
        target,
        `${acl} ${from("c.relacl", "pg_class c")} WHERE c.oid = 'app.orders'::regclass AND a.grantee <> c.relowner`,
      );
      assert.deepEqual(rows, [{ grantee: "delegate", privilege: "SELECT", grantable: true }]);
    });

    test("several databases of an instance have states of their own that name the same roles, and do not fight", async () => {
      const setup = "CREATE SCHEMA app AUTHORIZATION postgres";
      const second = await fleet.createDatabase(major, "second", setup);
      const third = await fleet.createDatabase(major, "third", setup);
      const members = principals.map(({ name }) => ({ role: "reporting", member: name }));
      const usage = {
        grantee: "reporting",
        object_type: "schema" as const,
        schema: "app",
        privileges: ["USAGE"],
      };
      const states: readonly (readonly [Target, DesiredStateInput])[] = [
        [
          target,
          { schemas: [{ name: "app" }], roles, memberships: members, grants: [grantOn("CONNECT"), usage] },
        ],
        [
          second,
          {
            schemas: [{ name: "app" }],
            templates: [{ name: "standard", schema: "app" }],
            roles,
            memberships: [
              ...members,
              { role: "second_app_reader", member: "reporting" },
              { role: "second_app_writer", member: "alice@example.com" },
            ],
          },
        ],
        [third, { schemas: [{ name: "app" }], grants: [grantOn("TEMP"), usage] }],
      ];
      for (const [where, state] of states) await apply(where, "authoritative", state);
      for (const [where, state] of states) {
        for (const mode of ["additive", "adopt", "authoritative"] as const)
          assert.deepEqual(await plan(where, mode, state), [], `${where.database} ${mode}`);
        const { drift } = await post("readDrift", "/roles/drift", where, {});
        assert.deepEqual(drift, []);
      }
    });
  });
}
