import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const tables = [
  "plain",
  "columns",
  "wide",
  "both",
  "foreign_one",
  "two_ways",
  "chain",
  "through",
  "everybody",
];

/** What managed roles passed on, each way on a table of its own; `r` and `w` are the reader and the writer. */
const passed = (r: string, w: string): string => `
  SET ROLE owner_one;
  GRANT DELETE ON app.plain, app.chain, app.through, app.two_ways TO ${r} WITH GRANT OPTION;
  GRANT DELETE ON app.foreign_one, app.two_ways TO delegate WITH GRANT OPTION;
  GRANT UPDATE (id) ON app.columns, app.both TO ${r} WITH GRANT OPTION; GRANT UPDATE ON app.wide, app.both TO ${r} WITH GRANT OPTION;
  GRANT TRUNCATE ON app.everybody TO ${r} WITH GRANT OPTION; GRANT CREATE ON SCHEMA app TO ${r} WITH GRANT OPTION;
  SET ROLE delegate; GRANT DELETE ON app.foreign_one, app.two_ways TO ${r} WITH GRANT OPTION;
  SET ROLE ${r};
  GRANT DELETE ON app.plain, app.foreign_one, app.two_ways TO stranger; GRANT UPDATE (id) ON app.columns, app.wide, app.both TO stranger;
  GRANT UPDATE ON app.both TO stranger; GRANT DELETE ON app.chain TO ${w} WITH GRANT OPTION;
  GRANT DELETE ON app.through TO stranger WITH GRANT OPTION; GRANT TRUNCATE ON app.everybody TO PUBLIC; GRANT CREATE ON SCHEMA app TO stranger;
  SET ROLE ${w}; GRANT DELETE ON app.chain TO stranger WITH GRANT OPTION;
  SET ROLE stranger; GRANT DELETE ON app.chain TO third; GRANT DELETE ON app.through TO ${w} WITH GRANT OPTION;
  SET ROLE ${w}; GRANT DELETE ON app.through TO third; RESET ROLE`;

for (const [major, mode] of [
  [14, "permissive"],
  [18, "strict"],
] as const) {
  describe(`what managed roles passed on to others on PostgreSQL ${major}, ${mode}`, () => {
    let fleet: RoleFleet;
    before(async () => {
      fleet = await startRoleFleet(mode, [major]);
      await fleet
        .server(major)
        .querySuperuser(
          "postgres",
          `CREATE ROLE sealed; SET ROLE postgres; CREATE ROLE owner_one; CREATE ROLE delegate; CREATE ROLE stranger; CREATE ROLE third`,
        );
    });
    after(() => fleet.stop());

    async function create(
      database: string,
      sql: (reader: string, writer: string) => string,
    ): Promise<Target> {
      const target = await fleet.createDatabase(
        major,
        database,
        `CREATE SCHEMA app AUTHORIZATION owner_one; SET ROLE owner_one; GRANT USAGE ON SCHEMA app TO stranger, third, delegate, sealed;
         ${tables.map((name) => `CREATE TABLE app.${name} (id int)`).join(";")}`,
      );
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
      await fleet.sql(target, sql(`${database}_app_reader`, `${database}_app_writer`));
      return target;
    }
    const state = parseDesiredState({ templates: [{ name: "standard", schema: "app" }] });
    const apply = (target: Target, how: "adopt" | "authoritative") =>
      applyState(fleet.context, fleet.call(), target, { mode: how, state });
    const left = async (target: Target, how: "adopt" | "authoritative") =>
      (await planState(fleet.context, fleet.call(), target, { mode: how, state })).statements;
    const drift = async (target: Target) =>
      (await readDrift(fleet.context, fleet.call(), target, { forceFull: true })).drift;
    /** Who holds what on the tables beside managed roles, and by whom. */
    const held = (target: Target) =>
      fleet.sql<{ what: string; grantor: string }>(
        target,
        `SELECT concat_ws(' ', c.relname, a.privilege_type, CASE a.grantee WHEN 0 THEN 'public' ELSE a.grantee::regrole::text END) AS what,
                a.grantor::regrole::text AS grantor
           FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
          WHERE c.relnamespace = 'app'::regnamespace AND a.grantee::regrole::text !~ '_app_|owner_one|delegate|^\\d+_' ORDER BY 1`,
      );

    test("force_update and mode adopt end it for the roles, and others hold theirs from whoever may give it", async () => {
      const forced = await create("forced", passed);
      await initializeRoles(fleet.context, fleet.call(), forced, { schema: "app", forceUpdate: true });
      const adopted = await create("adopted", passed);
      await apply(adopted, "adopt");
      for (const target of [forced, adopted]) {
        assert.deepEqual(await drift(target), []);
        const theirs = await held(target);
        assert.ok(theirs.every(({ grantor }) => !grantor.includes("_app_")));
        assert.deepEqual(
          [...new Set(theirs.map(({ what }) => what))],
          [
            ...["both UPDATE stranger", "chain DELETE stranger", "chain DELETE third"],
            ...["everybody TRUNCATE public", "foreign_one DELETE stranger", "plain DELETE stranger"],
            ...["through DELETE stranger", "through DELETE third", "two_ways DELETE stranger"],
          ],
        );
      }
      assert.deepEqual(await left(adopted, "adopt"), []);
    });

    test("mode authoritative ends it for everybody", async () => {
      const target = await create("authoritative", passed);
      await apply(target, "authoritative");
      assert.deepEqual([await drift(target), await held(target)], [[], []]);
      assert.deepEqual(await left(target, "authoritative"), []);
    });

    const sealed = (r: string): string => `
      SET ROLE owner_one; GRANT DELETE, UPDATE (id) ON app.plain TO ${r} WITH GRANT OPTION;
      SET ROLE ${r}; GRANT DELETE, UPDATE (id) ON app.plain TO sealed WITH GRANT OPTION;
      SET ROLE sealed; GRANT DELETE, UPDATE (id) ON app.plain TO third`;

    test("what somebody passed on for whom the admin may not act stays where all of it would have to go, and is named", async () => {
      const target = await create("sealed_all", sealed);
      const { warnings } = await apply(target, "authoritative");
      const reader =
        "sealed_all_app_reader keeps the right to grant DELETE on table app.plain: it granted it on to sealed, who keeps it.";
      assert.equal(warnings.includes(reader), mode === "strict", warnings.join("\n"));
      assert.equal((await drift(target)).length > 0, mode === "strict");
      assert.deepEqual(await left(target, "authoritative"), []);
      const kept = await create("sealed_kept", sealed);
      await apply(kept, "adopt");
      assert.deepEqual([await drift(kept), await left(kept, "adopt")], [[], []]);
    });
  });
}
