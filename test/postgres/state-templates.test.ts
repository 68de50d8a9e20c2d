import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DesiredStateInput, parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { addRoleTemplate } from "../../src/operations/role-templates.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import type { StateMode } from "../../src/operations/state-scope.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const standard = { name: "standard", schema: "app" };

for (const major of [14, 18] as const) {
  describe(`templates and grants in one state on PostgreSQL ${major}`, () => {
    let fleet: RoleFleet;
    let databases = 0;
    before(async () => {
      fleet = await startRoleFleet("permissive", [major]);
      const server = fleet.server(major);
      await server.querySuperuser("postgres", "SET ROLE postgres; CREATE ROLE owner_one; CREATE ROLE maker");
      await server.querySuperuser("postgres", "CREATE ROLE alice LOGIN; CREATE ROLE makers_member LOGIN");
      await server.querySuperuser("postgres", "SET ROLE postgres; GRANT maker TO makers_member");
      await server.createUser({ name: "bob@example.com", type: "CLOUD_IAM_USER" });
    });
    after(() => fleet.stop());

    const createTarget = (): Promise<Target> => {
      databases += 1;
      return fleet.createDatabase(
        major,
        `d${databases}`,
        `CREATE SCHEMA app AUTHORIZATION owner_one; SET ROLE owner_one; CREATE TABLE app.one (id int, note text)`,
      );
    };
    const apply = (target: Target, state: DesiredStateInput, mode: StateMode) =>
      applyState(fleet.context, fleet.call(), target, { mode, state: parseDesiredState(state) });
    const left = async (target: Target, state: DesiredStateInput, mode: StateMode) =>
      (
        await planState(fleet.context, fleet.call(), target, { mode, state: parseDesiredState(state) })
      ).statements.map((one) => one.sql);
    const create = (grantee: string) => ({
      ...{ grantee, object_type: "schema" as const, schema: "app" },
      privileges: ["USAGE", "CREATE"],
    });
    /** Who of the roles would read what a creator makes. */
    const reads = async (target: Target, creator: string, role: string): Promise<boolean> => {
      const [row] = await fleet.sql<{ found: boolean }>(
        target,
        `SELECT EXISTS (SELECT FROM pg_default_acl d, aclexplode(d.defaclacl) a
                         WHERE d.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = $1) AND d.defaclobjtype = 'r'
                           AND a.grantee = (SELECT oid FROM pg_roles WHERE rolname = $2)
                           AND a.privilege_type = 'SELECT') AS found`,
        [creator, role],
      );
      return row?.found === true;
    };

    const reporting = {
      roles: [{ name: "reporting" }],
      memberships: [{ role: "reporting", member: "alice" }],
      grants: [create("reporting")],
    };
    const cases: readonly {
      readonly what: string;
      readonly mode: StateMode;
      readonly state: (database: string) => DesiredStateInput;
      readonly reader: string;
      readonly creators: readonly string[];
    }[] = [
      {
        what: "a template that reads, before the one that creates",
        mode: "adopt",
        state: (database) => ({
          templates: [{ name: "audit", schema: "app" }, standard],
          memberships: [{ role: `${database}_app_admin`, member: "bob@example.com" }],
        }),
        reader: "auditor",
        creators: ["$_app_admin", "bob@example.com"],
      },
      {
        what: "a template that reads, after the one that creates",
        mode: "authoritative",
        state: () => ({ templates: [standard, { name: "analytics_readonly", schema: "app" }] }),
        reader: "app_analytics_readonly",
        creators: ["$_app_admin"],
      },
      {
        what: "a new role that may create, with a member",
        mode: "adopt",
        state: () => ({ templates: [standard], ...reporting }),
        reader: "app_reader",
        creators: ["reporting", "alice"],
      },
      {
        what: "a role that was there and has a member, in mode additive",
        mode: "additive",
        state: () => ({ templates: [standard], grants: [create("maker")] }),
        reader: "app_reader",
        creators: ["maker", "makers_member"],
      },
      {
        what: "everybody",
        mode: "additive",
        state: () => ({ templates: [standard], grants: [create("public")] }),
        reader: "app_reader",
        creators: ["maker", "alice"],
      },
    ];
    for (const { what, mode, state: stateOf, reader, creators } of cases) {
      test(`${what}: everybody who can create is covered by one apply`, async () => {
        const target = await createTarget();
        const state = stateOf(target.database);
        await apply(target, state, mode);
        for (const creator of creators.map((one) => one.replace("$", target.database)))
          assert.ok(await reads(target, creator, `${target.database}_${reader}`), creator);
        assert.deepEqual(await left(target, state, mode), []);
        const { drift } = await readDrift(fleet.context, fleet.call(), target, {});
        assert.deepEqual(drift, []);
      });
    }

    test("mode additive leaves a privilege on a table that a template's columns have too, and is done", async () => {
      const target = await createTarget();
      const columns = {
        name: "cols",
        version: "1.0.0",
        roles: [
          {
            ...{ kind: "c", scope: "schema", grants: [{ on: ["schema"], privileges: ["USAGE"] }] },
            column_grants: [{ table: "one", columns: ["id"], privileges: ["SELECT"] }],
          },
        ],
      };
      await addRoleTemplate(fleet.context, fleet.call(), columns, "new");
      await initializeRoles(fleet.context, fleet.call(), target, { schema: "app", template: "cols" });
      const role = `${target.database}_app_c`;
      await fleet.sql(target, `SET ROLE owner_one; GRANT SELECT ON app.one TO ${role}`);
      const state = { templates: [{ name: "cols", schema: "app" }] };
      assert.equal((await apply(target, state, "additive")).changed, false);
      await apply(target, state, "adopt");
      const [row] = await fleet.sql(
        target,
        `SELECT has_table_privilege($1, 'app.one', 'SELECT') AS whole, has_column_privilege($1, 'app.one', 'id', 'SELECT') AS id`,
        [role],
      );
      assert.deepEqual(row, { whole: false, id: true });
    });
  });
}
