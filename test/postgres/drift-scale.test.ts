import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { readCreators } from "../../src/postgres/creators.ts";
import { countQueries } from "../support/count-queries.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

for (const major of majors) {
  // 360 roles, where it is not the same as on the major before.
  const count = major === 14 || major === 18 ? 60 : 15;
  const schemas = Array.from({ length: count }, (_, at) => `s ${String(at).padStart(2, "0")}`);
  const mode = major % 2 === 0 ? "strict" : "permissive";
  describe(`drift of many schemas on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    let target: Target;

    before(async () => {
      fleet = await startRoleFleet(mode, [major]);
      await fleet.server(major).querySuperuser("postgres", "CREATE ROLE stranger; CREATE ROLE other");
      const setup = schemas.map(
        (name) => `CREATE SCHEMA "${name}" AUTHORIZATION postgres; CREATE TABLE "${name}".t (id serial);
                     ALTER TABLE "${name}".t OWNER TO postgres;`,
      );
      target = await fleet.createDatabase(major, "shop", setup.join("\n"));
    });
    after(() => fleet.stop());

    test(`the number of queries is the same for five schemas and for ${count}, in sync or not`, async () => {
      const { context, take } = countQueries(fleet.context);
      const queries = async (drifted: number): Promise<number> => {
        take();
        const { drift } = await readDrift(context, fleet.call(), target, {});
        assert.equal(new Set(drift.map(({ object }) => object.match(/s \d\d/)?.[0])).size, drifted);
        return take().length;
      };
      const initialize = async (names: readonly string[]): Promise<void> => {
        for (const schema of names) await initializeRoles(fleet.context, fleet.call(), target, { schema });
      };
      const drop = async (names: readonly string[]): Promise<void> => {
        const revokes = names.map((name) => `REVOKE SELECT ON "${name}".t FROM "shop_${name}_reader"`);
        await fleet.sql(target, revokes.join(";"));
      };
      await initialize(schemas.slice(0, 5));
      const fiveInSync = await queries(0);
      await drop(schemas.slice(0, 5));
      const fiveDrifted = await queries(5);
      await initialize(schemas.slice(5));
      await drop(schemas);
      const allDrifted = await queries(count);
      const grants = schemas.map((name) => `GRANT SELECT ON "${name}".t TO "shop_${name}_reader"`);
      await fleet.sql(target, `SET ROLE postgres; ${grants.join(";")}`);
      const inSync = await queries(0);
      assert.deepEqual([inSync, allDrifted], [fiveInSync, fiveDrifted]);
      assert.ok(allDrifted <= 36, `${allDrifted} queries`);
    });

    test("the creators are those that has_schema_privilege names", async () => {
      await fleet.sql(
        target,
        `CREATE SCHEMA mine AUTHORIZATION pg_database_owner; CREATE SCHEMA open; GRANT CREATE ON SCHEMA open TO PUBLIC;
           CREATE ROLE r1; CREATE ROLE r2 NOINHERIT LOGIN; CREATE ROLE r3 LOGIN; CREATE ROLE r4;
           GRANT r1 TO r2; GRANT r1 TO r3; GRANT r3 TO r4; GRANT r2 TO r4; CREATE SCHEMA of_r1 AUTHORIZATION r1;
           ${major >= 16 ? "GRANT r1 TO r4 WITH INHERIT FALSE; GRANT r2 TO stranger WITH INHERIT FALSE;" : ""}
           GRANT CREATE ON SCHEMA of_r1 TO r2 WITH GRANT OPTION; ALTER DATABASE shop OWNER TO r2`,
      );
      const all = ["mine", "open", "of_r1", ...schemas.slice(0, 3)];
      const owners = ["r2", "r3", "cloudsqlsuperuser"];
      for (const owner of owners) {
        await fleet.sql(target, `ALTER DATABASE shop OWNER TO ${owner}`);
        const expected = await fleet.sql<{ schema: string; names: string[] }>(
          target,
          `SELECT n.nspname::text AS schema, array_agg(r.rolname::text ORDER BY r.rolname::text) AS names
               FROM pg_namespace n, pg_roles r
              WHERE n.nspname::text = ANY ($1) AND NOT r.rolsuper AND has_schema_privilege(r.oid, n.oid, 'CREATE')
                AND NOT starts_with(r.rolname::text, 'pg_')
                AND (NOT starts_with(r.rolname::text, 'cloudsql') OR r.rolname = 'cloudsqlsuperuser')
              GROUP BY 1 ORDER BY 1`,
          [all],
        );
        const found = await fleet.context.pools.withSession(target, { operation: "test" }, (session) =>
          readCreators(
            session,
            all.map((schema) => ({ schema, roles: [] })),
          ),
        );
        assert.deepEqual(
          [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([schema, names]) => ({ schema, names })),
          expected.map(({ schema, names }) => ({ schema, names })),
        );
      }
    });
  });
}
