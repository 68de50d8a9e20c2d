import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type DesiredStateInput, parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import type { StatementPreview } from "../../src/domain/plan.ts";
import { inDatabase, type Target } from "../../src/domain/target.ts";
import { cleanupUser } from "../../src/operations/cleanup.ts";
import type { Context } from "../../src/operations/context.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { rollbackState } from "../../src/operations/rollback.ts";
import type { StateMode } from "../../src/operations/state-scope.ts";
import { offboardUser } from "../../src/operations/user-remove.ts";
import { hasPsql, throughClient, throughPsql } from "../support/by-hand.ts";
import { createFakeCloud } from "../support/fake-cloud.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";
import { readWholeCatalog } from "../support/whole-catalog.ts";

const schema = `A "b" 'c\\ :d`;
const q = (name: string): string => `"${name.replaceAll('"', '""')}"`;
const s = q(schema);
const eve = "eve@example.com";
const bob = "bob@example.com";
const odd = `o:dd '\\ "role"`;
const robot = "robot :r2 'd2'";

const setup = `
  CREATE SCHEMA ${s} AUTHORIZATION owner_one; GRANT USAGE, CREATE ON SCHEMA ${s} TO owner_two; SET ROLE owner_one;
  CREATE TABLE ${s}."T 1" (id serial PRIMARY KEY, note text, secret text); CREATE VIEW ${s}.v AS SELECT 1 AS x;
  CREATE FUNCTION ${s}.f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE ${s}.p() LANGUAGE sql AS 'SELECT 1';
  CREATE TYPE ${s}.mood AS ENUM ('ok'); SET ROLE owner_two; CREATE TABLE ${s}.two (id int); RESET ROLE`;

const on = (grantee: string, objects: string[], privileges: string[]) => ({
  ...{ grantee, object_type: "table" as const, schema, objects, privileges },
});
const wish: DesiredStateInput = {
  schemas: [
    { name: schema, owner: "owner_one" },
    { name: "New :schema", owner: "reporting" },
  ],
  templates: [{ name: "standard", schema }],
  roles: [{ name: "reporting" }, { name: odd }],
  memberships: [
    { role: `shop_${schema}_reader`, member: eve },
    { role: "reporting", member: robot },
    { role: odd, member: bob, set: false },
    { role: "reporting", member: odd, admin: true },
  ],
  grants: [
    { grantee: "reporting", object_type: "database", privileges: ["CONNECT", "TEMP"] },
    { grantee: "reporting", object_type: "schema", schema, privileges: ["USAGE"] },
    { grantee: "owner_two", object_type: "schema", schema, privileges: ["USAGE", "CREATE"] },
    { ...on("reporting", ["T 1"], ["SELECT", "UPDATE"]), columns: ["id", "note"] },
    {
      ...on(odd, [], ["SELECT"]),
      ...{ objects: "all", grantable: true, future_owners: ["owner_one", "owner_two"] },
    },
    {
      ...{ grantee: "reporting", object_type: "routine", schema, privileges: ["EXECUTE"] },
      objects: [{ name: "f", arguments: "a integer, b text" }],
    },
    { ...{ grantee: odd, object_type: "type", schema, objects: ["mood"], privileges: ["USAGE"] } },
  ],
  public_revocations: [
    { object_type: "routine", schema, objects: "all", privileges: ["EXECUTE"] },
    { object_type: "routine", privileges: ["EXECUTE"], future_owners: ["owner_one"] },
    { object_type: "database", privileges: ["TEMPORARY"] },
  ],
};

/** What people do by hand between two plans: beyond what is declared, by others, and on columns. */
const meddling = `
  SET ROLE owner_one; GRANT DELETE ON ${s}."T 1" TO reporting; GRANT SELECT (secret) ON ${s}."T 1" TO reporting;
  GRANT UPDATE ON ${s}."T 1" TO legacy WITH GRANT OPTION; GRANT USAGE ON SCHEMA ${s} TO reporting, legacy WITH GRANT OPTION;
  GRANT ALL ON ${s}."T 1", ${s}.v TO PUBLIC; GRANT TRUNCATE ON ${s}."T 1" TO ${q(`shop_${schema}_reader`)};
  ALTER DEFAULT PRIVILEGES IN SCHEMA ${s} GRANT INSERT ON TABLES TO reporting, legacy; RESET ROLE;
  SET SESSION AUTHORIZATION legacy; GRANT UPDATE ON ${s}."T 1" TO reporting, ${q(odd)}; GRANT USAGE ON SCHEMA ${s} TO PUBLIC;
  RESET SESSION AUTHORIZATION; SET SESSION AUTHORIZATION postgres; GRANT reporting TO ${q(bob)}; GRANT ${q(odd)} TO ${q(bob)} WITH ADMIN OPTION;
  GRANT legacy TO postgres; RESET SESSION AUTHORIZATION; ALTER SCHEMA ${s} OWNER TO owner_two; GRANT CREATE ON SCHEMA ${s} TO owner_one`;

const drifting = `
  REVOKE SELECT ON ${s}."T 1" FROM ${q(`shop_${schema}_reader`)}; GRANT DELETE ON ${s}."T 1" TO ${q(`shop_${schema}_reader`)};
  ALTER ROLE ${q(`shop_${schema}_analyst`)} LOGIN; ALTER ROLE ${q(`shop_${schema}_writer`)} RENAME TO elsewhere;
  COMMENT ON ROLE ${q(`shop_${schema}_admin`)} IS NULL; GRANT CREATE, USAGE ON SCHEMA ${s} TO newcomer`;

interface Twin {
  readonly fleet: RoleFleet;
  readonly context: Context;
  readonly target: Target;
}

type Plan = readonly Pick<StatementPreview, "sql" | "database" | "optional">[];

/** One change: as a dry run, which answers its plan, or for good. */
type Change = (twin: Twin, dryRun: boolean) => Promise<{ readonly plan?: Plan | undefined }>;

const call = ({ fleet }: Twin) => fleet.call();
const membership = { schema, username: eve, role: "admin" };
const initialize: Change = ({ context, fleet, target }, dryRun) =>
  initializeRoles(context, fleet.call(), target, { schema, dryRun });
const assign: Change = ({ context, fleet, target }, dryRun) =>
  assignRole(context, fleet.call(), target, { ...membership, dryRun });
const revoke: Change = ({ context, fleet, target }, dryRun) =>
  revokeRole(context, fleet.call(), target, { ...membership, dryRun });
const cleanup: Change = ({ context, fleet, target }, dryRun) =>
  cleanupUser(context, fleet.call(), target, { username: eve, dryRun });

const reach =
  (mode: StateMode, input: DesiredStateInput): Change =>
  async (twin, dryRun) => {
    const state = parseDesiredState(input);
    const { context, target } = twin;
    if (!dryRun) return { plan: (await applyState(context, call(twin), target, { mode, state })).statements };
    return { plan: (await planState(context, call(twin), target, { mode, state })).statements };
  };

const narrow: DesiredStateInput = { ...wish, memberships: [], grants: wish.grants?.slice(0, 4) ?? [] };

const rollback: Change = async (twin, dryRun) => {
  const { records = [] } = (await twin.context.registry.readHistory(twin.target)) ?? {};
  const sequence = records.find((one) => one.summary.includes("additive"))?.sequence ?? 0;
  return {
    plan: (await rollbackState(twin.context, call(twin), twin.target, { sequence, dryRun })).statements,
  };
};

/** The repairs that drift names, against what force_update does. */
const mend: Change = async (twin, dryRun) => {
  const { context, target } = twin;
  if (!dryRun) return initializeRoles(context, call(twin), target, { schema, forceUpdate: true });
  const { drift } = await readDrift(context, call(twin), target, { schema });
  const { database } = target;
  return { plan: drift.flatMap(({ repair }) => repair.map((sql) => ({ sql, database, optional: false }))) };
};

const offboard: Change = async (twin, dryRun) => {
  const { plan } = await offboardUser(twin.context, call(twin), twin.target, { username: robot, dryRun });
  return { plan: plan?.statements };
};

interface Step {
  readonly name: string;
  readonly change: Change;
  /** By a superuser, before the plan is made. */
  readonly before?: string;
  /** Its plan needs the registry that the service alone has. */
  readonly recorded?: boolean;
}

const steps: readonly Step[] = [
  { name: "initialize", change: initialize },
  { name: "assign", change: assign },
  { name: "revoke", change: revoke },
  { name: "assign again", change: assign },
  { name: "a state in mode additive", change: reach("additive", wish) },
  { name: "the same in mode adopt", change: reach("adopt", wish), before: meddling },
  { name: "the same in mode authoritative", change: reach("authoritative", wish), before: meddling },
  { name: "less in mode authoritative", change: reach("authoritative", narrow) },
  { name: "the way back", change: rollback, recorded: true },
  { name: "the repairs of drift", change: mend, before: drifting, recorded: true },
  { name: "cleanup", change: cleanup },
  {
    name: "offboard",
    change: offboard,
    before: `SET ROLE ${q(robot)}; CREATE TABLE "New :schema".made (id serial); GRANT SELECT ON "New :schema".made TO legacy;
      ALTER DEFAULT PRIVILEGES IN SCHEMA "New :schema" GRANT SELECT ON TABLES TO legacy`,
  },
];

const psql = (await hasPsql()) ? throughPsql : throughClient;

/** Where there is no psql, one plain connection does it everywhere. */
const servers = [
  [14, "strict", psql],
  [16, "permissive", throughClient],
  [16, "strict", psql],
  [18, "permissive", psql],
  [18, "strict", throughClient],
] as const;

for (const [major, mode, hand] of servers) {
  describe(`plans that are run by hand on PostgreSQL ${major}, ${mode}`, () => {
    let service: Twin;
    let byHand: Twin;

    async function startTwin(): Promise<Twin> {
      const fleet = await startRoleFleet(mode, [major]);
      const server = fleet.server(major);
      for (const name of [eve, bob]) await server.createUser({ name, type: "CLOUD_IAM_USER" });
      for (const name of ["owner_one", "owner_two", "newcomer", "legacy", `${q(robot)} LOGIN`])
        await server.querySuperuser("postgres", `SET ROLE postgres; CREATE ROLE ${name}`);
      const target = await fleet.createDatabase(major, "shop", setup);
      await server.querySuperuser("postgres", "GRANT CREATE ON DATABASE shop TO owner_one");
      const context = { ...fleet.context, cloud: createFakeCloud(fleet).services };
      return { fleet, context, target };
    }
    before(async () => {
      [service, byHand] = await Promise.all([startTwin(), startTwin()]);
    });
    after(async () => {
      await Promise.all([service, byHand].map(({ fleet }) => fleet.stop()));
    });

    for (const { name, change, before: sql, recorded } of steps) {
      test(`${name}, run by hand, leads to the same catalog as the service`, async () => {
        const catalogOf = ({ fleet, target }: Twin) =>
          readWholeCatalog(fleet, [target, inDatabase(target, "postgres")]);
        if (sql !== undefined)
          for (const { fleet, target } of [service, byHand]) await fleet.sql(target, sql);
        const { plan = [] } = await change(service, true);
        assert.ok(plan.length > 0);
        await change(service, false);
        await hand(byHand.fleet.server(major), plan);
        assert.deepEqual(await catalogOf(byHand), await catalogOf(service));
        if (recorded !== true) assert.deepEqual((await change(byHand, true)).plan, []);
      });
    }
  });
}
