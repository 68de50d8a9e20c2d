import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DesiredStateInput, parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import type { ErrorKind, ServiceError } from "../../src/errors.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { rollbackState } from "../../src/operations/rollback.ts";
import type { StateMode } from "../../src/operations/state-scope.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { withClient } from "../support/postgres.ts";
import { majorsAndModes, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const objects = `
  CREATE SCHEMA app AUTHORIZATION owner_one;
  GRANT USAGE, CREATE ON SCHEMA app TO owner_two;
  SET ROLE owner_one;
  CREATE TABLE app.one (id serial PRIMARY KEY, note text, secret text);
  CREATE VIEW app.one_view AS SELECT * FROM app.one;
  CREATE TYPE app.mood AS ENUM ('fine');
  CREATE FUNCTION app.f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION app.f(a text) RETURNS int LANGUAGE sql AS 'SELECT 1';
  SET ROLE owner_two;
  CREATE TABLE app."Two ""quoted""" (id int);
  RESET ROLE`;

const wish: DesiredStateInput = {
  schemas: [
    { name: "app", owner: "owner_one" },
    { name: "New Schema", owner: "reporting" },
  ],
  templates: [{ name: "standard", schema: "app" }],
  roles: [{ name: "reporting" }, { name: 'Weird "role"' }],
  memberships: [
    { role: "shop_app_reader", member: "Alice@Example.com" },
    { role: "shop_app_admin", member: "bob@example.com" },
    { role: "reporting", member: "legacy_app", inherit: true },
    { role: 'Weird "role"', member: "bob@example.com" },
  ],
  grants: [
    { grantee: "reporting", object_type: "database", privileges: ["CONNECT", "TEMP"] },
    { grantee: "reporting", object_type: "schema", schema: "app", privileges: ["usage"] },
    {
      grantee: "reporting",
      object_type: "table",
      schema: "app",
      objects: ["one"],
      columns: ["id", "note"],
      privileges: ["SELECT"],
    },
    {
      grantee: 'Weird "role"',
      object_type: "table",
      schema: "app",
      objects: "all",
      privileges: ["SELECT"],
      grantable: true,
      future_owners: ["owner_one", "owner_two"],
    },
    { grantee: "owner_two", object_type: "schema", schema: "app", privileges: ["USAGE", "CREATE"] },
    {
      grantee: "reporting",
      object_type: "routine",
      schema: "app",
      objects: [{ name: "f", arguments: "a text" }],
      privileges: ["EXECUTE"],
    },
    {
      grantee: "shop_app_reader",
      object_type: "table",
      schema: "app",
      objects: ["one"],
      privileges: ["UPDATE"],
    },
  ],
  public_revocations: [{ object_type: "routine", schema: "app", objects: ["f"], privileges: ["EXECUTE"] }],
};

/** Every privilege, default privilege, owner and membership, whoever granted it. */
const aclSql = `
  SELECT 'class ' || c.oid::regclass::text AS what, a.grantee, a.grantor, a.privilege_type, a.is_grantable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a WHERE n.nspname !~ '^pg_|^information'
  UNION ALL SELECT 'column ' || t.attrelid::regclass::text || t.attname::text, a.grantee, a.grantor, a.privilege_type, a.is_grantable
    FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(t.attacl) a
   WHERE n.nspname !~ '^pg_|^information'
  UNION ALL SELECT 'schema ' || n.nspname, a.grantee, a.grantor, a.privilege_type, a.is_grantable FROM pg_namespace n, aclexplode(n.nspacl) a
   WHERE n.nspname !~ '^pg_|^information'
  UNION ALL SELECT 'proc ' || p.oid::regprocedure::text, a.grantee, a.grantor, a.privilege_type, a.is_grantable
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) a WHERE n.nspname = 'app'
  UNION ALL SELECT 'database', a.grantee, a.grantor, a.privilege_type, a.is_grantable FROM pg_database d, aclexplode(d.datacl) a
   WHERE d.datname = current_database()
  UNION ALL SELECT 'default ' || d.defaclobjtype::text || d.defaclrole::text || d.defaclnamespace::text, a.grantee, a.grantor, a.privilege_type, a.is_grantable
    FROM pg_default_acl d, aclexplode(d.defaclacl) a
  UNION ALL SELECT 'member ' || m.roleid, m.member, m.grantor, '', m.admin_option FROM pg_auth_members m
  ORDER BY 1, 2, 3, 4, 5`;

async function failureOf(work: Promise<unknown>, kind: ErrorKind): Promise<ServiceError> {
  const error = await serviceErrorOf(work);
  assert.equal(error.kind, kind, error.message);
  return error;
}

for (const [major, mode] of majorsAndModes) {
  describe(`a desired state on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    const state = parseDesiredState(wish);
    const plan = (how: StateMode, what = state) =>
      planState(fleet.context, fleet.call("planRoles"), target, { mode: how, state: what });
    const apply = (how: StateMode, what = state, extra: object = {}) =>
      applyState(fleet.context, fleet.call("applyRoles"), target, { mode: how, state: what, ...extra });

    const sqlOf = async (how: StateMode) => (await plan(how)).statements.map((one) => one.sql);
    const aclOf = () => fleet.sql(target, aclSql);

    before(async () => {
      fleet = await startRoleFleet(mode, [major]);
      const server = fleet.server(major);
      for (const name of ["owner_one", "owner_two"])
        await server.querySuperuser("postgres", `SET ROLE postgres; CREATE ROLE ${name}`);
      for (const name of ["alice@example.com", "bob@example.com"])
        await server.createUser({ name, type: "CLOUD_IAM_USER" });
      await server.createUser({
        name: "legacy_app",
        type: "BUILT_IN",
        password: "secret",
        databaseRoles: [],
      });
      target = await fleet.createDatabase(
        major,
        "shop",
        `GRANT CREATE ON DATABASE shop TO owner_one; ${objects}`,
      );
    });
    after(() => fleet.stop());

    test("mode additive takes nothing away, and a second time there is nothing to do", async () => {
      await fleet.sql(target, "SET ROLE owner_one; GRANT DELETE ON app.one TO legacy_app");
      const planned = await plan("additive");
      assert.ok(planned.statements.length > 20);
      assert.equal(planned.statements.filter((one) => one.destructive).length, planned.summary.destructive);
      const revokes = planned.statements.filter((one) => one.destructive);
      assert.deepEqual(
        revokes.map((one) => one.sql),
        [],
      );
      const applied = await apply("additive", state, { planId: planned.planId });
      assert.deepEqual(
        applied.outcomes?.filter((one) => one.outcome !== "succeeded"),
        [],
      );
      assert.deepEqual(await sqlOf("additive"), []);
      const history = fleet.registry.history(target).length;
      assert.equal((await apply("additive")).changed, false);
      assert.equal(fleet.registry.history(target).length, history);
    });

    test("what it declares holds, for those concerned", async () => {
      const may = async (who: string, what: string) => fleet.as(target, who, what);
      await may("alice@example.com", "SELECT * FROM app.one, app.one_view");
      await may("legacy_app", "SELECT id, note FROM app.one; SELECT app.f('x'::text)");
      await assert.rejects(may("legacy_app", "SELECT secret FROM app.one"), { code: "42501" });
      await may("bob@example.com", "CREATE TABLE app.by_bob (id int)");
      await may("owner_two", "CREATE TABLE app.later (id int); SET LOCAL ROLE NONE");
      const [row] = await fleet.sql<{ ok: boolean }>(
        target,
        `SELECT has_table_privilege('Weird "role"', 'app.one', 'SELECT WITH GRANT OPTION') AS ok`,
      );
      assert.equal(row?.ok, true);
    });

    test("mode adopt brings what is declared to its declaration, and leaves the rest", async () => {
      await fleet.sql(
        target,
        `SET ROLE owner_one; GRANT DELETE ON app.one TO reporting; GRANT SELECT ON app.one_view TO legacy_app;
           GRANT SELECT (secret) ON app.one TO reporting; GRANT USAGE ON SCHEMA app TO reporting WITH GRANT OPTION;
           GRANT TRUNCATE ON app.one TO shop_app_reader; RESET ROLE;
           GRANT reporting TO "bob@example.com"; GRANT shop_app_reader TO "alice@example.com" WITH ADMIN OPTION`,
      );
      const applied = await apply("adopt");
      const done = applied.statements.map((one) => one.sql).join("\n");
      for (const wanted of [
        /REVOKE DELETE ON TABLE "app"."one" FROM "reporting"/,
        /SELECT \("secret"\)/,
        /GRANT OPTION FOR USAGE/,
        /TRUNCATE/,
        /FROM PUBLIC/,
      ])
        assert.match(done, wanted);
      assert.doesNotMatch(done, /legacy_app/);
      assert.deepEqual(await sqlOf("adopt"), []);
      await assert.rejects(fleet.as(target, "legacy_app", "SELECT secret FROM app.one"), { code: "42501" });
      await fleet.as(target, "legacy_app", "DELETE FROM app.one; SELECT FROM app.one_view");
    });

    test("mode authoritative takes what is not declared, and touches no login, admin, owner or Cloud SQL role", async () => {
      const logins = `SELECT r.rolname::text, r.rolcanlogin, a.rolpassword, ARRAY (SELECT g.rolname::text FROM pg_auth_members m
            JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid AND g.rolname LIKE 'cloudsql%' ORDER BY 1) AS cloud
          FROM pg_roles r JOIN pg_authid a ON a.oid = r.oid WHERE r.rolcanlogin OR r.rolname LIKE 'cloudsql%' ORDER BY 1`;
      const before = await fleet.sql(target, logins);
      const applied = await apply("authoritative");
      assert.match(
        applied.statements.map((one) => one.sql).join("\n"),
        /DELETE ON TABLE "app"."one" FROM "legacy_app"/,
      );
      assert.deepEqual(await fleet.sql(target, logins), before);
      assert.deepEqual(await sqlOf("authoritative"), []);
      for (const how of ["additive", "adopt"] as const) assert.deepEqual(await sqlOf(how), [], how);
      await assert.rejects(fleet.as(target, "legacy_app", "DELETE FROM app.one"), { code: "42501" });
      await fleet.as(target, "owner_one", "DELETE FROM app.one");
    });

    test("a grant that others rest on is ended after them, and what is declared is granted anew", async () => {
      await fleet.sql(
        target,
        `SET ROLE owner_one; GRANT UPDATE ON app.one TO legacy_app WITH GRANT OPTION; RESET ROLE;
           SET SESSION AUTHORIZATION legacy_app; GRANT UPDATE ON app.one TO reporting; RESET SESSION AUTHORIZATION;
           SET ROLE owner_two; GRANT SELECT ON app."Two ""quoted""" TO "bob@example.com"`,
      );
      const failure = fleet.server(major).major >= 16 && mode === "strict";
      const wider = parseDesiredState({
        ...wish,
        grants: [
          ...(wish.grants ?? []),
          {
            grantee: "reporting",
            object_type: "table",
            schema: "app",
            objects: ["one"],
            privileges: ["UPDATE"],
          },
        ],
      });
      const applied = await apply("authoritative", wider);
      if (failure) {
        assert.ok(applied.warnings.length > 0);
      } else {
        assert.deepEqual((await plan("authoritative", wider)).statements, []);
        const rows = await fleet.sql<{ grantor: string }>(
          target,
          `SELECT a.grantor::regrole::text AS grantor FROM pg_class c, aclexplode(c.relacl) a
              WHERE c.oid = 'app.one'::regclass AND a.privilege_type = 'UPDATE' AND a.grantee = 'reporting'::regrole`,
        );
        assert.deepEqual(rows, [{ grantor: "owner_one" }]);
      }
      await fleet.sql(target, `REVOKE UPDATE ON app.one FROM legacy_app CASCADE`);
    });

    test("a plan's id runs that plan or nothing, and the difference is said", async () => {
      const more = parseDesiredState({
        ...wish,
        grants: [
          ...(wish.grants ?? []),
          {
            grantee: "reporting",
            object_type: "sequence",
            schema: "app",
            objects: ["one_id_seq"],
            privileges: ["SELECT"],
          },
        ],
      });
      const planned = await plan("adopt", more);
      await fleet.sql(
        target,
        "SET ROLE owner_one; GRANT SELECT ON app.one_id_seq TO reporting; GRANT DELETE ON app.one TO reporting",
      );
      const before = await aclOf();
      const error = await failureOf(apply("adopt", more, { planId: planned.planId }), "conflict");
      const { added, removed } = error.details as { added: string[]; removed: string[] };
      assert.ok(
        added.some((sql) => sql.includes("REVOKE DELETE")),
        JSON.stringify(added),
      );
      assert.ok(
        removed.some((sql) => sql.includes("one_id_seq")),
        JSON.stringify(removed),
      );
      assert.deepEqual(await aclOf(), before);
      const now = await plan("adopt", more);
      assert.equal((await apply("adopt", more, { planId: now.planId })).planId, now.planId);
      const gone = await failureOf(apply("adopt", more, { planId: "0".repeat(64) }), "conflict");
      assert.match(gone.message, /not known/);
    });

    test("a failure in the middle rolls everything back, and says what became of each statement", async () => {
      await fleet.sql(
        target,
        `CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
             $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'fresh') AND TG_TAG = 'GRANT' AND current_setting('application_name') LIKE '%/failing'
                THEN RAISE EXCEPTION 'no' USING ERRCODE = 'P0001'; END IF; END $$;
           CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('GRANT') EXECUTE FUNCTION public.refuse()`,
      );
      const fresh = parseDesiredState({
        roles: [{ name: "fresh" }],
        grants: [
          {
            grantee: "fresh",
            object_type: "table",
            schema: "app",
            objects: ["one", "one_view"],
            privileges: ["SELECT"],
          },
        ],
      });
      const before = await aclOf();
      const error = await failureOf(
        applyState(fleet.context, fleet.call("failing"), target, { mode: "adopt", state: fresh }),
        "database_error",
      );
      const outcomes = (error.details.statements as { outcome: string; sqlstate?: string }[]).map(
        (one) => one.outcome,
      );
      assert.equal(outcomes[0], "rolled_back");
      assert.equal(outcomes.filter((one) => one === "failed").length, 1);
      assert.equal(error.details.sqlstate, "P0001");
      await fleet.sql(target, "DROP EVENT TRIGGER refuse");
      assert.deepEqual(await aclOf(), before);
      assert.deepEqual(await fleet.sql(target, "SELECT 1 FROM pg_roles WHERE rolname = 'fresh'"), []);
      assert.equal(fleet.registry.history(target).at(-1)?.outcome, "failed");
    });

    test("what is not there, and what the admin may not do, is said before anything is touched", async () => {
      const missing = parseDesiredState({
        grants: [
          {
            grantee: "nobody",
            object_type: "table",
            schema: "app",
            objects: ["gone"],
            privileges: ["SELECT"],
          },
          {
            grantee: "reporting",
            object_type: "table",
            schema: "app",
            objects: ["one"],
            columns: ["nope"],
            privileges: ["SELECT"],
          },
        ],
      });
      const error = await failureOf(plan("additive", missing), "not_found");
      assert.deepEqual(error.details.missing, ["column app.one.nope", "role nobody", "table app.gone"]);
      await fleet.sql(target, "CREATE TABLE app.of_superuser (id int)");
      const refused = parseDesiredState({
        grants: [
          {
            grantee: "reporting",
            object_type: "table",
            schema: "app",
            objects: ["of_superuser"],
            privileges: ["SELECT"],
          },
        ],
      });
      const conflict = await failureOf(apply("additive", refused), "conflict");
      assert.deepEqual(conflict.details.administrator_sql, [
        'GRANT SELECT ON TABLE "app"."of_superuser" TO "reporting"',
      ]);
      await fleet.sql(target, "DROP TABLE app.of_superuser");
      const login = parseDesiredState({
        memberships: [{ role: "alice@example.com", member: "bob@example.com" }],
      });
      await failureOf(apply("additive", login), "conflict");
      const taken = parseDesiredState({ roles: [{ name: "legacy_app" }] });
      await failureOf(apply("additive", taken), "conflict");
    });

    test("a plan's statements run by hand lead to the same catalog as apply", async () => {
      const twin = await fleet.createDatabase(
        major,
        `twin${mode}`,
        `GRANT CREATE ON DATABASE twin${mode} TO owner_one; ${objects}`,
      );
      const twinWish = parseDesiredState({
        ...wish,
        templates: [],
        schemas: [{ name: "app" }],
        memberships: [],
        grants: wish.grants?.filter((one) => !one.grantee.startsWith("shop_")),
      });
      const { statements } = await planState(fleet.context, fleet.call(), twin, {
        mode: "authoritative",
        state: twinWish,
      });
      assert.ok(statements.length > 5);
      const snapshot = () => fleet.sql(twin, aclSql);
      const start = await snapshot();
      const url = new URL(fleet.server(major).superuserUrl(twin.database));
      const run = async (end: string): Promise<unknown[]> =>
        withClient(url.href, async (client) => {
          await client.query("SET SESSION AUTHORIZATION postgres");
          await client.query("BEGIN");
          for (const { sql } of statements) await client.query(sql);
          const rows = (await client.query(aclSql)).rows;
          await client.query(end);
          return rows;
        });
      const byHand = await run("ROLLBACK");
      assert.deepEqual(await snapshot(), start);
      await applyState(fleet.context, fleet.call(), twin, { mode: "authoritative", state: twinWish });
      assert.deepEqual(await snapshot(), byHand);
    });

    test("two databases' states do not fight over privileges", async () => {
      const second = await fleet.createDatabase(
        major,
        `second${mode}`,
        "CREATE SCHEMA s; ALTER SCHEMA s OWNER TO postgres",
      );
      const other = parseDesiredState({
        schemas: [{ name: "s" }],
        grants: [{ grantee: "reporting", object_type: "schema", schema: "s", privileges: ["USAGE"] }],
      });
      await applyState(fleet.context, fleet.call(), second, { mode: "authoritative", state: other });
      await apply("authoritative");
      assert.deepEqual(
        (await planState(fleet.context, fleet.call(), second, { mode: "authoritative", state: other }))
          .statements,
        [],
      );
      assert.deepEqual(await sqlOf("authoritative"), []);
    });

    if (major >= 16) {
      test("INHERIT, SET and ADMIN of a membership are what is declared, and rows of two grantors count together", async () => {
        const options = (inherit: boolean, set: boolean, admin: boolean) =>
          parseDesiredState({
            ...wish,
            memberships: [
              ...(wish.memberships ?? []),
              { role: "reporting", member: "alice@example.com", inherit, set, admin },
            ],
          });
        for (const [inherit, set, admin] of [
          [true, false, false],
          [false, true, false],
          [true, true, true],
          [false, false, true],
        ] as const) {
          await apply("adopt", options(inherit, set, admin));
          const rows = await fleet.sql(
            target,
            `SELECT inherit_option AS inherit, set_option AS set, admin_option AS admin FROM pg_auth_members
                WHERE roleid = 'reporting'::regrole AND member = '"alice@example.com"'::regrole`,
          );
          assert.deepEqual(rows, [{ inherit, set, admin }]);
          assert.deepEqual((await plan("authoritative", options(inherit, set, admin))).statements, []);
        }
        await apply("authoritative");
      });
    }

    test("the way back to an earlier entry takes what was given since, gives back what was taken, and leaves others' grants", async () => {
      await apply("adopt");
      const { records = [] } = (await fleet.registry.readHistory(target, { newestFirst: true })) ?? {};
      const entry = records.find((one) => one.state_after !== undefined);
      assert.ok(entry);
      const before = await aclOf();
      await fleet.sql(target, "SET ROLE owner_one; GRANT SELECT ON app.one_view TO legacy_app");
      const changed = parseDesiredState({
        ...wish,
        memberships: [{ role: "shop_app_writer", member: "alice@example.com" }],
        grants: [
          {
            grantee: "legacy_app",
            object_type: "table",
            schema: "app",
            objects: ["one"],
            privileges: ["DELETE"],
          },
        ],
      });
      await apply("adopt", changed);
      await assignRole(fleet.context, fleet.call("assignRole"), target, {
        schema: "app",
        username: "legacy_app",
        role: "reader",
      });
      const back = (extra: object) =>
        rollbackState(fleet.context, fleet.call("rollbackRoles"), target, {
          sequence: entry.sequence,
          dryRun: true,
          ...extra,
        });
      const planned = await back({});
      assert.ok(
        planned.statements.some((one) =>
          one.sql.includes('REVOKE DELETE ON TABLE "app"."one" FROM "legacy_app"'),
        ),
      );
      assert.ok(planned.statements.some((one) => one.sql.includes('REVOKE "shop_app_writer"')));
      await back({ dryRun: false, planId: planned.planId });
      assert.deepEqual((await back({})).statements, []);
      await fleet.sql(target, "SET ROLE owner_one; REVOKE SELECT ON app.one_view FROM legacy_app");
      assert.deepEqual(await aclOf(), before);
      assert.match(fleet.registry.history(target).at(-1)?.summary ?? "", /roll back to entry/);
      await failureOf(
        rollbackState(fleet.context, fleet.call(), target, { sequence: 999, dryRun: true }),
        "not_found",
      );
    });
  });
}
