import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { explainPrincipal, findHoldings, listAllowed } from "../../src/domain/explain.ts";
import type { RoleGraph } from "../../src/domain/explain-graph.ts";
import { type ExplainableType, explainablePrivileges } from "../../src/domain/explain-object.ts";
import { ServiceError } from "../../src/errors.ts";
import { readDemoFleet } from "../../src/local-cloud/demo-fleet.ts";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import { type ExplainInput, type ExplainResult, explainPrivilege } from "../../src/operations/explain.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { readGrantedObjects, readRoleGraph } from "../../src/postgres/reads/explain.ts";
import type { Pools, Session } from "../../src/postgres/session.ts";
import { readTruth, type TrueObject } from "../support/explain-truth.ts";
import { createMemoryRegistry } from "../support/memory-registry.ts";
import { majors, type ReadFleet, startReadFleet } from "../support/read-fleet.ts";

/** Memberships of every sort, and grants that are easily judged wrong. */
const crossed = (major: Major): string => `
  CREATE ROLE "Readers, ""all"""; CREATE ROLE middle; CREATE ROLE top_group; CREATE ROLE side; CREATE ROLE granter;
  CREATE ROLE quiet LOGIN NOINHERIT; CREATE ROLE quiet_group NOINHERIT; CREATE ROLE below_quiet LOGIN;
  CREATE ROLE owner_member LOGIN; CREATE ROLE other_super LOGIN SUPERUSER; CREATE ROLE super_member LOGIN;
  CREATE ROLE reads_all LOGIN; CREATE ROLE writes_all LOGIN; CREATE ROLE maintains LOGIN; CREATE ROLE nobody LOGIN;
  CREATE ROLE owns_database; CREATE ROLE uses_owner LOGIN; CREATE ROLE quiet_owner NOINHERIT;
  GRANT "Readers, ""all""" TO middle; GRANT middle TO top_group, side; GRANT top_group TO "alice@example.com";
  GRANT side TO "alice@example.com"; GRANT middle TO quiet, quiet_group; GRANT quiet_group TO below_quiet;
  GRANT app_owner TO owner_member; GRANT other_super TO super_member; GRANT pg_read_all_data TO reads_all;
  GRANT pg_write_all_data TO writes_all; GRANT "data-team@example.com" TO "bob@example.com";
  ${major >= 17 ? "GRANT pg_maintain TO maintains;" : ""}
  GRANT owns_database TO uses_owner; GRANT middle TO granter WITH ADMIN OPTION;
  ${major >= 16 ? options : ""}
  ALTER DATABASE orders OWNER TO owns_database; ALTER DATABASE billing OWNER TO quiet_owner;
  REVOKE CONNECT, TEMPORARY ON DATABASE billing FROM PUBLIC; GRANT CONNECT ON DATABASE billing TO middle, postgres;
  CREATE SCHEMA kept AUTHORIZATION pg_database_owner; CREATE TABLE kept.notes (id int, body text);
  ALTER TABLE kept.notes OWNER TO pg_database_owner;
  GRANT USAGE ON SCHEMA app TO "Readers, ""all"""; GRANT SELECT ON app.customers TO "Readers, ""all""";
  GRANT INSERT ON app.customers TO middle WITH GRANT OPTION; GRANT SELECT (id, name), UPDATE (id) ON legacy.customers TO middle;
  GRANT SELECT ON app.products TO PUBLIC; GRANT SELECT (title) ON app.products TO side WITH GRANT OPTION;
  REVOKE ALL ON app.carts FROM app_owner; REVOKE SELECT ON app.order_items FROM app_owner;
  GRANT SELECT, UPDATE ON app.invoice_number TO top_group; REVOKE ALL ON FUNCTION app.order_total(bigint) FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION app.order_total(bigint) TO side; REVOKE ALL ON TYPE app.order_status FROM PUBLIC;
  GRANT USAGE ON TYPE app.order_status TO middle; REVOKE ALL ON TYPE app.postal_address FROM PUBLIC, app_owner;
  CREATE FUNCTION app.order_total(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE TYPE app.spell AS RANGE (subtype = int4); REVOKE ALL ON TYPE app.spell FROM PUBLIC; GRANT USAGE ON TYPE app.spell TO middle;
  CREATE TABLE app."Odd.""Name" ("a.b" int); GRANT SELECT ("a.b") ON app."Odd.""Name" TO granter;
  GRANT SELECT ON pg_catalog.pg_authid TO middle; GRANT UPDATE ON pg_catalog.pg_class TO middle;
  GRANT DELETE ON information_schema.sql_features TO middle;
  GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_reset() TO middle;`;

const options = `
  CREATE ROLE not_inheriting LOGIN; CREATE ROLE only_admin LOGIN; CREATE ROLE not_setting LOGIN; CREATE ROLE twice LOGIN;
  GRANT middle TO not_inheriting WITH INHERIT FALSE; GRANT middle TO quiet_group WITH INHERIT TRUE;
  GRANT middle TO only_admin WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
  GRANT middle TO not_setting WITH INHERIT FALSE, SET FALSE; GRANT side TO not_setting WITH INHERIT TRUE, SET FALSE;
  GRANT middle TO twice WITH INHERIT FALSE, SET FALSE;
  GRANT middle TO twice WITH INHERIT TRUE, SET FALSE GRANTED BY granter;`;

/** Large objects belong to the database. */
const largeObjects = `
  SELECT lo_create(1001), lo_create(1002), lo_create(4294967295); ALTER LARGE OBJECT 1002 OWNER TO top_group;
  GRANT SELECT ON LARGE OBJECT 1001 TO "Readers, ""all""" WITH GRANT OPTION; GRANT UPDATE ON LARGE OBJECT 1001 TO PUBLIC;
  GRANT SELECT ON LARGE OBJECT 1002 TO side, reads_all; REVOKE UPDATE ON LARGE OBJECT 1002 FROM top_group`;

const databases = ["orders", "billing", "analytics", "events"];

let fleet: ReadFleet;
before(async () => {
  fleet = await startReadFleet();
  const demo = await readDemoFleet();
  await Promise.all(
    majors.map(async (major) => {
      for (const user of demo.instances[0]?.users ?? [])
        await fleet.server(major).createUser({
          name: user.role,
          type: user.type,
          ...(user.type === "BUILT_IN" ? { password: "secret" } : {}),
        });
      for (const { database, text } of demo.scripts) await fleet.createDatabase(major, database, text);
      await fleet.sql(major, "orders", crossed(major));
      for (const database of databases) await fleet.sql(major, database, largeObjects);
      // One of them is managed, with members.
      const context = { ...fleet.context, registry: createMemoryRegistry() };
      const target = fleet.target(major, "events");
      await initializeRoles(context, fleet.call, target, { schema: "stream" });
      for (const [username, role] of [
        ["quiet", "admin"],
        ["alice@example.com", "analyst"],
      ] as const)
        await assignRole(context, fleet.call, target, { schema: "stream", username, role });
    }),
  );
});
after(() => fleet.stop());

function explain(major: Major, input: ExplainInput): Promise<ExplainResult> {
  return explainPrivilege(fleet.context, fleet.call, fleet.target(major, "orders"), input);
}

/** What both directions answer for an object and a privilege; each must be what PostgreSQL says. */
async function compare(
  session: Session,
  graph: RoleGraph,
  { name, text, allowed }: TrueObject,
): Promise<number> {
  const found = (await readGrantedObjects(session, name)).filter(
    ({ signature }) => name.type !== "function" || signature === name.arguments,
  );
  const [{ object } = assert.fail(`${text} was not found`)] = found;
  assert.equal(found.length, 1, text);
  for (const [asked, holders] of allowed) {
    const wanted = {
      privilege: asked.replace(" WITH GRANT OPTION", ""),
      grantOption: asked.includes(" WITH "),
    };
    const holdings = findHoldings(graph, object, wanted);
    const listed = listAllowed(graph, holdings).map(
      ({ principal }) => graph.role(principal)?.name ?? "public",
    );
    assert.deepEqual(listed.toSorted(), [...holders].sort(), `everybody with ${asked} on ${text}`);
    for (const { oid, name: role } of [...graph.roles, { oid: 0, name: "public" }]) {
      const explained = explainPrincipal(graph, holdings, oid);
      assert.equal(explained.allowed, holders.has(role), `${role}: ${asked} on ${text}`);
    }
  }
  return allowed.size * (graph.roles.length + 1);
}

for (const major of majors) {
  for (const database of databases) {
    test(`PostgreSQL ${major}, ${database}: both directions agree with has_*_privilege everywhere`, async () => {
      const client = await fleet.connect(major, database);
      const counts = new Map<string, number>();
      try {
        await fleet.pools.withSession(fleet.target(major, database), fleet.call, async (session) => {
          const graph = await readRoleGraph(session);
          for (const type of Object.keys(explainablePrivileges) as ExplainableType[]) {
            let compared = 0;
            for (const object of await readTruth(client, type, major))
              compared += await compare(session, graph, object);
            counts.set(type, compared);
          }
        });
      } finally {
        await client.end();
      }
      for (const [type, compared] of counts) assert.ok(compared > 50, `${type}: only ${compared} compared`);
    });
  }

  test(`PostgreSQL ${major}: SET ROLE is offered just where PostgreSQL allows it and it helps`, async () => {
    const client = await fleet.connect(major, "orders");
    try {
      const { rows } = await client.query<{ principal: string; roles: string[] }>(
        `SELECT p.rolname AS principal, ARRAY(
           SELECT r.rolname::text FROM pg_roles r
           WHERE r.oid <> p.oid AND pg_has_role(p.oid, r.oid, $1) AND has_table_privilege(r.oid, 'app.customers', 'INSERT')
           ORDER BY r.rolname COLLATE "C") AS roles
         FROM pg_roles p WHERE NOT has_table_privilege(p.oid, 'app.customers', 'INSERT')`,
        [major >= 16 ? "SET" : "MEMBER"],
      );
      assert.ok(rows.some(({ roles }) => roles.length > 0));
      for (const { principal, roles } of rows) {
        const input = {
          principal,
          privilege: "INSERT",
          objectType: "table",
          object: "app.customers",
        } as const;
        assert.deepEqual((await explain(major, input)).setRoles, roles, principal);
      }
    } finally {
      await client.end();
    }
  });

  test(`PostgreSQL ${major}: a large object is named by its oid`, async () => {
    const input = { objectType: "large_object", object: "1001", privilege: "SELECT" } as const;
    const found = await explain(major, { ...input, principal: "alice@example.com", grantOption: true });
    assert.deepEqual([found.allowed, found.schemaUsage], [true, null]);
    const missing = explain(major, { ...input, object: "4711" });
    await assert.rejects(missing, { kind: "not_found" });
  });

  test(`PostgreSQL ${major}: every way is told, with its memberships`, async () => {
    const readers = 'Readers, "all"';
    const found = await explain(major, {
      principal: "Alice@Example.com",
      privilege: "select",
      objectType: "table",
      object: "app.customers",
    });
    assert.deepEqual(
      [found.principal, found.privilege, found.allowed],
      ["alice@example.com", "SELECT", true],
    );
    assert.deepEqual(
      found.paths.map(({ kind, holder, via }) => [kind, holder, via.map(({ role }) => role)]),
      ["side", "top_group"].map((way) => ["acl", readers, [way, "middle", readers]]),
    );
    assert.deepEqual(found.paths[0]?.grantors, ["app_owner"]);
    assert.deepEqual(found.paths[0]?.via[0], {
      role: "side",
      member: "alice@example.com",
      inherit: true,
      set: true,
      admin: false,
      grantors: ["cloudsqladmin"],
      implied: false,
    });
  });

  test(`PostgreSQL ${major}: each kind of path is told`, async () => {
    const kinds = async (input: ExplainInput) =>
      (await explain(major, input)).paths.map(({ kind, holder, grantedOn }) => [kind, holder, grantedOn]);
    const onTable = { privilege: "SELECT", objectType: "table", object: "app.products" } as const;
    assert.deepEqual(await kinds({ ...onTable, principal: "nobody" }), [["public", "public", "table"]]);
    assert.deepEqual(await kinds({ ...onTable, principal: "public" }), [["public", "public", "table"]]);
    assert.deepEqual(await kinds({ ...onTable, principal: "other_super" }), [
      ["superuser", "other_super", "table"],
      ["public", "public", "table"],
    ]);
    assert.deepEqual(await kinds({ ...onTable, object: "sales.customers", principal: "reads_all" }), [
      ["predefined_role", "pg_read_all_data", "table"],
    ]);
    assert.deepEqual(await kinds({ ...onTable, object: "app.orders", principal: "owner_member" }), [
      ["ownership", "app_owner", "table"],
    ]);
    const onColumn = { privilege: "SELECT", objectType: "column", object: "legacy.customers.name" } as const;
    assert.deepEqual(await kinds({ ...onColumn, principal: "granter" }), [["acl", "middle", "column"]]);
    assert.deepEqual(await kinds({ ...onColumn, principal: "legacy_app" }), [
      ["ownership", "legacy_app", "table"],
    ]);
    const owners = await explain(major, {
      principal: "uses_owner",
      privilege: "CREATE",
      objectType: "schema",
      object: "kept",
    });
    assert.deepEqual(
      owners.paths[0]?.via.map(({ role, implied }) => [role, implied]),
      [
        ["owns_database", false],
        ["pg_database_owner", true],
      ],
    );
  });

  test(`PostgreSQL ${major}: what is of no use without the schema is told so`, async () => {
    const input = { privilege: "SELECT", objectType: "column", object: "legacy.customers.id" } as const;
    assert.equal((await explain(major, { ...input, principal: "middle" })).schemaUsage, false);
    assert.equal((await explain(major, { ...input, principal: "legacy_app" })).schemaUsage, true);
    const { principals = [] } = await explain(major, input);
    const byName = new Map(principals.map(({ principal, schemaUsage }) => [principal, schemaUsage]));
    assert.equal(byName.get("middle"), false);
    assert.equal(byName.get("legacy_app"), true);
    assert.equal(byName.get("cloudsqladmin"), true);
    assert.equal(byName.has("nobody"), false);
    const database = { privilege: "CONNECT", objectType: "database", object: "orders" } as const;
    assert.equal((await explain(major, { ...database, principal: "nobody" })).schemaUsage, null);
  });

  test(`PostgreSQL ${major}: odd names and shared names find their object`, async () => {
    const odd = { principal: "granter", privilege: "SELECT", objectType: "column" } as const;
    assert.equal((await explain(major, { ...odd, object: 'app."Odd.""Name"."a.b"' })).allowed, true);
    const call = { principal: "side", privilege: "EXECUTE", objectType: "function" } as const;
    assert.equal((await explain(major, { ...call, object: "app.order_total( bigint )" })).allowed, true);
    assert.equal((await explain(major, { ...call, object: "app.order_total(wanted bigint)" })).allowed, true);
    assert.equal((await explain(major, { ...call, object: "app.cancel_order" })).allowed, true);
    await assert.rejects(explain(major, { ...call, object: "app.order_total" }), (error) => {
      assert.ok(error instanceof ServiceError);
      assert.equal(error.kind, "validation_error");
      assert.match(error.message, /\(bigint\), \(text\)/);
      return true;
    });
  });

  test(`PostgreSQL ${major}: what does not exist is not found`, async () => {
    const base = {
      principal: "middle",
      privilege: "SELECT",
      objectType: "table",
      object: "app.customers",
    } as const;
    const missing: [Partial<ExplainInput>, string][] = [
      [{ object: "app.missing" }, "object"],
      [{ object: "missing.customers" }, "object"],
      [{ object: "app.CUSTOMERS" }, "object"],
      [{ object: "app.invoice_number" }, "object"],
      [{ objectType: "schema", object: "missing", privilege: "USAGE" }, "schema"],
      [{ objectType: "database", object: "missing", privilege: "CONNECT" }, "database"],
      [{ objectType: "function", object: "app.order_total(int)", privilege: "EXECUTE" }, "object"],
      [{ principal: "missing" }, "role"],
      [{ principal: "current_user" }, "role"],
    ];
    for (const [input, resource] of missing) {
      await assert.rejects(explain(major, { ...base, ...input }), (error) => {
        assert.ok(error instanceof ServiceError);
        assert.deepEqual([error.kind, error.details.resource], ["not_found", resource]);
        return true;
      });
    }
    const maintain = explain(major, { ...base, privilege: "MAINTAIN" });
    if (major >= 17) assert.equal((await maintain).allowed, false);
    else await assert.rejects(maintain, { kind: "validation_error" });
  });
}

test("the number of queries does not depend on the number of roles and objects", async () => {
  const queries: string[] = [];
  const counting: Pools = {
    ...fleet.pools,
    withSession: (target, options, fn) =>
      fleet.pools.withSession(target, options, (session) =>
        fn({
          ...session,
          versionNum: session.versionNum,
          query(text, values, more) {
            queries.push(text);
            return session.query(text, values, more);
          },
        }),
      ),
  };
  const context = { ...fleet.context, pools: counting };
  await fleet.sql(
    17,
    "events",
    "DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE format('CREATE ROLE many_%s', n); EXECUTE format('GRANT SELECT ON stream.events TO many_%s', n); END LOOP; END $$",
  );
  for (const principal of [{}, { principal: "many_7" }]) {
    queries.length = 0;
    const found = await explainPrivilege(context, fleet.call, fleet.target(17, "events"), {
      ...principal,
      privilege: "SELECT",
      objectType: "table",
      object: "stream.events",
    });
    assert.equal(found.allowed, true);
    assert.equal(queries.length, 3);
  }
});
