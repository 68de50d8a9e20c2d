import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client } from "pg";
import type { StatementPreview } from "../../src/domain/plan.ts";
import type { Target } from "../../src/domain/target.ts";
import { cleanupUser } from "../../src/operations/cleanup.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { majors, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const schema = `A "b" 'c`;
const eve = "eve@example.com";
const setup = (strict: boolean): string => {
  const owner = strict ? "postgres" : "owner_one";
  return `CREATE SCHEMA "A ""b"" 'c" AUTHORIZATION ${owner}; SET ROLE ${owner};
    CREATE TABLE "A ""b"" 'c"."T 1" (id serial); CREATE FUNCTION "A ""b"" 'c".f(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE TYPE "A ""b"" 'c".mood AS ENUM ('ok'); RESET ROLE`;
};

/** All that grants, owns or creates, by names, without what two databases cannot share. */
const catalog = (database: string): string => `
  SELECT line FROM (
    SELECT concat('member ', m.roleid::regrole, ' ', m.member::regrole, ' ', m.grantor::regrole, ' ', to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor') AS line FROM pg_auth_members m
    UNION ALL SELECT concat('role ', to_jsonb(r) - 'oid', shobj_description(r.oid, 'pg_authid')) FROM pg_roles r
    UNION ALL SELECT concat('database ', d.datdba::regrole, ' ', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(d.datacl) a)) FROM pg_database d WHERE d.datname = '${database}'
    UNION ALL SELECT concat('schema ', n.nspname, ' ', n.nspowner::regrole, ' ', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(n.nspacl) a)) FROM pg_namespace n
    UNION ALL SELECT concat('relation ', c.relname, ' ', c.relowner::regrole, ' ', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(c.relacl) a)) FROM pg_class c WHERE c.relnamespace::regnamespace::text ~ '^("|public)'
    UNION ALL SELECT concat('routine ', p.proname, ' ', p.proowner::regrole, ' ', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(p.proacl) a)) FROM pg_proc p WHERE p.pronamespace::regnamespace::text ~ '^("|public)'
    UNION ALL SELECT concat('type ', t.typname, ' ', t.typowner::regrole, ' ', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(t.typacl) a)) FROM pg_type t WHERE t.typnamespace::regnamespace::text ~ '^("|public)'
    UNION ALL SELECT concat('default ', d.defaclrole::regrole, ' ', d.defaclobjtype, ' ', (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(d.defaclacl) a)) FROM pg_default_acl d) l ORDER BY 1`;

for (const major of majors) {
  for (const mode of ["permissive", "strict"] as const) {
    describe(`plans that are run by hand on PostgreSQL ${major}, ${mode}`, () => {
      const fleets: RoleFleet[] = [];
      const targets: Target[] = [];

      before(async () => {
        for (const fleet of await Promise.all([
          startRoleFleet(mode, [major]),
          startRoleFleet(mode, [major]),
        ])) {
          fleets.push(fleet);
          await fleet.server(major).createUser({ name: eve, type: "CLOUD_IAM_USER" });
          await fleet.server(major).querySuperuser("postgres", "CREATE ROLE owner_one");
          targets.push(await fleet.createDatabase(major, "shop", setup(mode === "strict")));
        }
      });
      after(async () => {
        for (const fleet of fleets) await fleet.stop();
      });

      type Change = (
        fleet: RoleFleet,
        target: Target,
        dryRun: boolean,
      ) => Promise<{ plan?: readonly StatementPreview[] }>;
      const membership = { schema, username: eve, role: "admin" };
      const changes: readonly (readonly [string, Change])[] = [
        [
          "initialize",
          (f, target, dryRun) => initializeRoles(f.context, f.call(), target, { schema, dryRun }),
        ],
        ["assign", (f, target, dryRun) => assignRole(f.context, f.call(), target, { ...membership, dryRun })],
        ["revoke", (f, target, dryRun) => revokeRole(f.context, f.call(), target, { ...membership, dryRun })],
        [
          "assign again",
          (f, target, dryRun) => assignRole(f.context, f.call(), target, { ...membership, dryRun }),
        ],
        [
          "cleanup",
          (f, target, dryRun) => cleanupUser(f.context, f.call(), target, { username: eve, dryRun }),
        ],
      ];

      test("they lead to the same catalog as the service", async () => {
        const [byHand, byService] = fleets;
        const [hand, service] = targets;
        assert.ok(byHand && byService && hand && service);
        for (const [name, change] of changes) {
          const { plan = [] } = await change(byHand, hand, true);
          assert.ok(plan.length > 0, name);
          await runAsAdmin(byHand, major, plan);
          await change(byService, service, false);
          const one: { line: string }[] = await byHand.sql(hand, catalog("shop"));
          const other: { line: string }[] = await byService.sql(service, catalog("shop"));
          assert.deepEqual(one, other, name);
          assert.deepEqual((await change(byHand, hand, true)).plan, [], name);
        }
      });
    });
  }
}

/** As psql would: one plain connection for each database, statement by statement, an optional one may fail. */
async function runAsAdmin(
  fleet: RoleFleet,
  major: (typeof majors)[number],
  plan: readonly StatementPreview[],
): Promise<void> {
  const { host, port, adminPassword: password } = fleet.server(major);
  for (const database of new Set(plan.map((one) => one.database))) {
    const client = new Client({ host, port, user: "postgres", password, database });
    client.on("error", () => undefined);
    await client.connect();
    try {
      for (const { sql, optional } of plan.filter((one) => one.database === database)) {
        await client.query(sql).catch((error: unknown) => {
          if (!optional) throw error;
        });
      }
    } finally {
      await client.end();
    }
  }
}
