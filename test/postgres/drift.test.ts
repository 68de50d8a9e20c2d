import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { readDrift } from "../../src/operations/drift.ts";
import type { DriftItem } from "../../src/operations/drift-items.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const schema = `A "b" 'c`;
const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const roleOf = (kind: string): string => `shop_${schema}_${kind}`;
const reader = q(roleOf("reader"));
const writer = q(roleOf("writer"));

const setup = `
  CREATE SCHEMA ${q(schema)} AUTHORIZATION owner_one;
  SET ROLE owner_one;
  CREATE TABLE ${q(schema)}."T 1" (id serial PRIMARY KEY);
  RESET ROLE;
  CREATE SCHEMA "Oth.er" AUTHORIZATION owner_two;
  SET ROLE owner_two;
  CREATE TABLE "Oth.er"."S 1" (id serial PRIMARY KEY, "c 1" text);
  CREATE FUNCTION "Oth.er".f("A b" int, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
  RESET ROLE`;

for (const major of majors) {
  describe(`drift on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let target: Target;
    const drift = (only?: string) =>
      readDrift(fleet.context, fleet.call(), target, only === undefined ? {} : { schema: only });
    const force = () => initializeRoles(fleet.context, fleet.call(), target, { schema, forceUpdate: true });

    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
      const server = fleet.server(major);
      for (const name of ["owner_one", "owner_two", "stranger"])
        await server.querySuperuser("postgres", `CREATE ROLE ${name}`);
      await server.createUser({ name: "bob@example.com", type: "CLOUD_IAM_USER" });
      target = await fleet.createDatabase(major, "shop", setup);
    });
    after(() => fleet.stop());

    test("a schema that was never initialized lacks everything; an initialized one nothing", async () => {
      assert.deepEqual((await drift()).schemas, []);
      const before = await drift(schema);
      assert.equal(before.drift.filter(({ object }) => object.startsWith("role ")).length, 6);
      assert.ok(before.drift.every(({ kind }) => kind === "missing" || kind === "uncovered_creator"));
      await initializeRoles(fleet.context, fleet.call(), target, { schema });
      assert.deepEqual(await drift(), { schemas: [schema], drift: [], warnings: [], checked: "full" });
    });

    test("an owner's own default privileges are no drift", async () => {
      await fleet.sql(
        target,
        `ALTER DEFAULT PRIVILEGES FOR ROLE owner_one IN SCHEMA ${q(schema)} GRANT ALL ON TABLES TO owner_one`,
      );
      assert.deepEqual((await drift()).drift, []);
    });

    const table = `${q(schema)}."T 1"`;
    const changes: readonly (readonly [string, string, DriftItem["kind"], number?])[] = [
      ["a privilege that is missing", `REVOKE SELECT ON ${table} FROM ${reader}`, "missing"],
      ["a privilege too many", `GRANT DELETE ON ${table} TO ${reader}`, "extra"],
      [
        "the right to grant on",
        `SET ROLE owner_one; GRANT SELECT ON ${table} TO ${reader} WITH GRANT OPTION`,
        "extra",
      ],
      [
        "the right to grant on, which was used",
        `SET ROLE owner_one; GRANT SELECT, DELETE ON ${table} TO ${reader} WITH GRANT OPTION;
         SET ROLE ${reader}; GRANT SELECT ON ${table} TO ${writer} WITH GRANT OPTION; GRANT DELETE ON ${table} TO stranger`,
        "extra",
      ],
      [
        "the right to grant a column on",
        `SET ROLE owner_one; GRANT UPDATE (id) ON ${table} TO ${reader} WITH GRANT OPTION`,
        "extra",
      ],
      [
        "the right to grant on by default",
        `ALTER DEFAULT PRIVILEGES FOR ROLE owner_one IN SCHEMA ${q(schema)} GRANT SELECT ON TABLES TO ${reader} WITH GRANT OPTION`,
        "extra",
      ],
      [
        "a default privilege in every schema",
        `ALTER DEFAULT PRIVILEGES FOR ROLE owner_one GRANT INSERT, DELETE ON TABLES TO ${reader};
         ALTER DEFAULT PRIVILEGES FOR ROLE owner_two GRANT USAGE ON SCHEMAS TO ${reader}`,
        "extra",
      ],
      ["a right on the database", `GRANT CREATE, TEMPORARY ON DATABASE shop TO ${reader}`, "extra"],
      [
        "the right to let into the database",
        `GRANT CONNECT ON DATABASE shop TO ${reader} WITH GRANT OPTION`,
        "extra",
      ],
      [
        "rights in another schema",
        `SET ROLE owner_two; GRANT USAGE ON SCHEMA "Oth.er" TO ${reader};
         GRANT ALL ON "Oth.er"."S 1" TO ${reader} WITH GRANT OPTION; GRANT SELECT ("c 1", id) ON "Oth.er"."S 1" TO ${reader};
         GRANT USAGE ON SEQUENCE "Oth.er"."S 1_id_seq" TO ${reader}; GRANT EXECUTE ON FUNCTION "Oth.er".f TO ${reader};
         ALTER DEFAULT PRIVILEGES IN SCHEMA "Oth.er" GRANT SELECT ON TABLES TO ${reader};
         SET ROLE ${reader}; GRANT SELECT ON "Oth.er"."S 1" TO stranger`,
        "extra",
      ],
      [
        "a right on a large object",
        `SET ROLE owner_one; SELECT lo_create(4711); GRANT UPDATE ON LARGE OBJECT 4711 TO ${reader}`,
        "extra",
      ],
      ["an attribute", `ALTER ROLE ${reader} LOGIN NOINHERIT`, "changed_definition"],
      ["a mark that is gone", `COMMENT ON ROLE ${reader} IS NULL`, "changed_definition"],
      ["a membership that is missing", `REVOKE ${reader} FROM ${writer} GRANTED BY postgres`, "missing"],
      [
        "a membership of the admin's that is too many",
        `SET ROLE postgres; GRANT owner_two TO postgres; GRANT ${writer} TO ${reader.replace("reader", "analyst")}; RESET ROLE`,
        "extra",
        14,
      ],
      [
        "a membership without INHERIT",
        `SET ROLE postgres; GRANT ${reader} TO ${writer} WITH INHERIT FALSE; RESET ROLE`,
        "membership_options",
        16,
      ],
      [
        "a membership with ADMIN OPTION",
        `SET ROLE postgres; GRANT ${reader} TO ${writer} WITH ADMIN OPTION; RESET ROLE`,
        "membership_options",
      ],
      [
        "a user with ADMIN OPTION",
        `SET ROLE postgres; GRANT ${reader} TO stranger WITH ADMIN OPTION`,
        "membership_options",
      ],
      [
        "a user without INHERIT, and who may grant it on",
        `SET ROLE postgres; GRANT ${reader} TO stranger WITH INHERIT FALSE, SET FALSE, ADMIN TRUE;
         SET ROLE stranger; GRANT ${reader} TO "bob@example.com"`,
        "membership_options",
        16,
      ],
      [
        "a user without SET",
        `SET ROLE postgres; GRANT ${reader} TO stranger WITH SET FALSE`,
        "membership_options",
        16,
      ],
      [
        "a user's membership by two grantors",
        `SET ROLE postgres; GRANT ${reader} TO owner_two WITH ADMIN OPTION;
         SET ROLE owner_two; GRANT ${reader} TO stranger, owner_one WITH ADMIN OPTION; RESET ROLE`,
        "foreign_grantor",
        16,
      ],
      ["a role that is renamed", `ALTER ROLE ${writer} RENAME TO "re ""named"`, "role_renamed"],
      ["a role that is gone", `DROP OWNED BY ${writer}; DROP ROLE ${writer}`, "role_dropped"],
      ["a new creator", `GRANT USAGE, CREATE ON SCHEMA ${q(schema)} TO owner_two`, "uncovered_creator"],
      [
        "a privilege that another than the owner granted",
        `GRANT USAGE ON SCHEMA ${q(schema)} TO owner_two; GRANT ALL ON ${table} TO owner_two WITH GRANT OPTION;
         SET ROLE owner_two; GRANT SELECT, DELETE ON ${table} TO ${reader}; RESET ROLE`,
        "foreign_grantor",
      ],
      [
        "what a role owns",
        `SET ROLE owner_one; CREATE TABLE ${q(schema)}.owned (id serial); CREATE FUNCTION ${q(schema)}.g() RETURNS int
           LANGUAGE sql AS 'SELECT 1'; RESET ROLE;
         ALTER TABLE ${q(schema)}.owned OWNER TO ${reader}; ALTER FUNCTION ${q(schema)}.g() OWNER TO ${writer};
         ALTER TABLE "Oth.er"."S 1" OWNER TO ${q(roleOf("admin"))}`,
        "owner_changed",
      ],
      ["another owner", `ALTER SCHEMA ${q(schema)} OWNER TO owner_two`, "owner_changed"],
    ];

    for (const [what, sql, kind, since = 14] of changes) {
      if (major < since || (what.startsWith("a membership of the admin's") && major < 16)) continue;
      test(`${what} is found, repaired by force_update, and gone`, async () => {
        const text =
          major < 16
            ? sql.replace(" GRANTED BY postgres", "")
            : sql.replace("GRANT owner_two TO postgres; ", "");
        await fleet.sql(target, text);
        const found = (await drift()).drift;
        assert.ok(
          found.some((item) => item.kind === kind),
          JSON.stringify(found),
        );
        assert.deepEqual((await drift()).drift, found);
        await force();
        assert.deepEqual((await drift()).drift, []);
      });
    }

    test("what a role owns that is to create in the schema is no drift; a schema elsewhere has an owner of a person's choice", async () => {
      const admin = q(roleOf("admin"));
      await fleet.sql(
        target,
        `CREATE TABLE ${q(schema)}.made (id serial); ALTER TABLE ${q(schema)}.made OWNER TO ${admin}`,
      );
      await force();
      assert.deepEqual((await drift()).drift, []);
      await fleet.sql(target, `CREATE SCHEMA mine AUTHORIZATION ${admin}`);
      assert.deepEqual(
        (await drift()).drift.map(({ kind, object, repair }) => [kind, object, repair]),
        [["owner_changed", "schema mine", []]],
      );
      await fleet.sql(target, `DROP SCHEMA mine; DROP TABLE ${q(schema)}.made`);
      assert.deepEqual((await drift()).drift, []);
    });

    test("whom a managed role let in stays in, by the owner", async () => {
      const held = await fleet.sql<{ grantor: string; privilege: string }>(
        target,
        `SELECT pg_get_userbyid(a.grantor)::text AS grantor, a.privilege_type AS privilege
           FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
          WHERE c.relname IN ('T 1', 'S 1') AND a.grantee = 'stranger'::regrole ORDER BY 1`,
      );
      assert.deepEqual(held, [
        { grantor: "owner_one", privilege: "DELETE" },
        { grantor: "owner_two", privilege: "SELECT" },
      ]);
    });

    test("a member keeps the role, by a grant of the admin's", async () => {
      const { rows } = await fleet.context.pools.withSession(
        target,
        { operation: "test", signal: fleet.call().signal },
        (session) =>
          session.query<{ member: string; uses: boolean; admin: boolean; grantor: string }>(
            `SELECT m.member::regrole::text AS member, pg_has_role(m.member, m.roleid, 'USAGE') AS uses,
                    m.admin_option AS admin, CASE WHEN $2 THEN m.grantor::regrole::text ELSE '' END AS grantor
               FROM pg_auth_members m
              WHERE m.roleid = (SELECT oid FROM pg_roles WHERE rolname = $1)
                AND m.member::regrole::text ~ 'stranger|bob|owner' ORDER BY 1`,
            [roleOf("reader"), major >= 16],
          ),
      );
      const members = major < 16 ? ["stranger"] : ['"bob@example.com"', "owner_one", "owner_two", "stranger"];
      const grantor = major < 16 ? "" : "postgres";
      assert.deepEqual(
        rows,
        members.map((member) => ({ member, uses: true, admin: false, grantor })),
      );
    });

    test("a NOINHERIT user has no use of a role before 16, and is named", async () => {
      await fleet.sql(
        target,
        `CREATE ROLE quiet LOGIN NOINHERIT; SET ROLE postgres; GRANT ${reader} TO quiet`,
      );
      const found = (await drift()).drift;
      const expected = [["membership_options", `membership of quiet in ${roleOf("reader")}`, 0]];
      if (major >= 16) assert.match(`${found[0]?.detail}`, /without INHERIT/);
      assert.deepEqual(
        found.map(({ kind, object, repair }) => [kind, object, major < 16 ? repair.length : 0]),
        expected,
      );
      if (major >= 16) await force();
      else await fleet.sql(target, `REVOKE ${reader} FROM quiet`);
      assert.deepEqual((await drift()).drift, []);
    });

    test("what the admin cannot take back is named, with the reason", async () => {
      await fleet.sql(target, `GRANT USAGE ON LANGUAGE sql TO ${reader}`);
      const found = (await drift()).drift;
      assert.deepEqual(
        found.map(({ kind, role, object, repair }) => [kind, role, object, repair]),
        [["extra", roleOf("reader"), "language sql", []]],
      );
      assert.match(`${found[0]?.detail}`, /may not act for cloudsqladmin/);
      await fleet.sql(target, `REVOKE USAGE ON LANGUAGE sql FROM ${reader}`);
      assert.deepEqual((await drift()).drift, []);
    });

    test("the repairs, run by hand as the admin in their order, end the drift", async () => {
      await fleet.sql(
        target,
        `REVOKE SELECT ON ${table} FROM ${reader}; GRANT DELETE ON ${table} TO ${reader};
         ALTER ROLE ${writer} RENAME TO elsewhere; ALTER ROLE ${reader} LOGIN;
         GRANT CREATE, USAGE ON SCHEMA ${q(schema)} TO stranger`,
      );
      const found = (await drift()).drift;
      assert.deepEqual(
        found.filter(({ repair }) => repair.length === 0),
        [],
      );
      const call = { operation: "test", signal: fleet.call().signal };
      await fleet.context.pools.withSession(target, call, async (session) => {
        for (const sql of found.flatMap(({ repair }) => repair)) await session.query(sql);
      });
      assert.deepEqual((await drift()).drift, []);
    });

    test("a renamed role is not replaced unless its name is to be given back", async () => {
      await fleet.sql(target, `ALTER ROLE ${writer} RENAME TO elsewhere`);
      const call = initializeRoles(fleet.context, fleet.call(), target, { schema });
      assert.equal((await serviceErrorOf(call)).kind, "conflict");
      const repaired = await force();
      assert.deepEqual(repaired.updated, [roleOf("writer")]);
      assert.deepEqual((await drift()).drift, []);
    });

    test("what another grantor gave is named, with the SQL where the admin may run it", async () => {
      if (major < 16) return;
      await fleet.sql(target, `GRANT ${reader} TO ${writer}`);
      const [item, ...more] = (await drift()).drift;
      assert.deepEqual([item?.kind, item?.repair, more], ["foreign_grantor", [], []]);
      await fleet.sql(target, `REVOKE ${reader} FROM ${writer} GRANTED BY cloudsqladmin`);
      await fleet.sql(
        target,
        `SET ROLE postgres; GRANT ${reader} TO owner_two WITH ADMIN OPTION;
         SET ROLE owner_two; GRANT ${reader} TO ${writer}; RESET ROLE`,
      );
      const found = (await drift()).drift.filter(({ kind }) => kind === "foreign_grantor");
      assert.equal(found.length, 1);
      assert.notDeepEqual(found[0]?.repair, []);
      await force();
      assert.deepEqual((await drift()).drift, []);
      await fleet.sql(target, `REVOKE ${reader} FROM owner_two GRANTED BY postgres`);
    });

    test("a registry that lacks a role is mended by force_update; a schema that is gone is named", async () => {
      const entry = {
        actor: "a",
        requestId: "r",
        action: "t",
        outcome: "succeeded",
        statements: [],
        summary: "",
      } as const;
      await fleet.registry.record(target, entry, { removeRoles: [roleOf("reader")] });
      assert.deepEqual(
        (await drift()).drift.map(({ kind, role, repair }) => [kind, role, repair]),
        [["missing", roleOf("reader"), []]],
      );
      await force();
      assert.deepEqual((await drift()).drift, []);
      await fleet.sql(target, `DROP SCHEMA ${q(schema)} CASCADE`);
      assert.deepEqual(
        (await drift()).drift.map(({ kind, object }) => [kind, object]),
        [["missing", `schema ${schema}`]],
      );
      assert.equal((await serviceErrorOf(drift("nowhere"))).kind, "not_found");
    });
  });
}

test("what a strict instance does not allow is no drift once it is recorded; a creator out of reach is", async () => {
  const fleet = await startRoleFleet("strict", [14, 17]);
  try {
    for (const major of [14, 17] as const) {
      const server = fleet.server(major);
      await server.createUser({ name: "eve@example.com", type: "CLOUD_IAM_USER" });
      const target = await fleet.createDatabase(
        major,
        "shop",
        "CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser",
      );
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      const clean = await readDrift(fleet.context, fleet.call(), target, {});
      assert.deepEqual(clean.drift, []);
      assert.equal(clean.warnings.length > 0, major === 17);
      await fleet.sql(target, 'GRANT CREATE, USAGE ON SCHEMA app TO "eve@example.com"');
      const { drift } = await readDrift(fleet.context, fleet.call(), target, { schema: "app" });
      assert.ok(drift.length > 0 && drift.every(({ kind }) => kind === "uncovered_creator"));
      assert.equal(drift[0]?.repair.length === 0, major === 17);
      assert.match(`${drift[0]?.object}`, /eve@example\.com/);
    }
  } finally {
    await fleet.stop();
  }
});
