import type { Target } from "../../src/domain/target.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { countQueries } from "../../test/support/count-queries.ts";
import { type RoleFleet, startRoleFleet } from "../../test/support/role-fleet.ts";
import { type Ratios, say, sayTable } from "../report.ts";
import type { Bench } from "./section.ts";

const major = 17;
const owners = ["owner_1", "owner_2", "owner_3", "owner_4", "owner_5"];

/** How the cost of roles/initialize grows with tables, and that of roles/drift with schemas and roles. */
export async function measureRoles({ options }: Bench): Promise<Ratios> {
  const fleet = await startRoleFleet("permissive", [major]);
  try {
    for (const owner of owners) await fleet.server(major).querySuperuser("postgres", `CREATE ROLE ${owner}`);
    const initialized = await measureInitialize(fleet, options.quick ? [100, 1_000] : [100, 1_000, 10_000]);
    const drifted = await measureDrift(fleet, options.quick ? [10, 50] : [10, 100, 500]);
    return { ...initialized, ...drifted };
  } finally {
    await fleet.stop();
  }
}

interface Measured {
  readonly queries: number;
  readonly ms: number;
}

async function measure<T>(
  fleet: RoleFleet,
  work: (context: RoleFleet["context"]) => Promise<T>,
): Promise<Measured & { result: T }> {
  const { context, take } = countQueries(fleet.context);
  const startedAt = performance.now();
  const result = await work(context);
  return { result, ms: performance.now() - startedAt, queries: take().length };
}

const shown = ({ queries, ms }: Measured): string[] => [String(queries), (ms / 1000).toFixed(2)];

async function measureInitialize(fleet: RoleFleet, sizes: readonly number[]): Promise<Ratios> {
  say("\nroles/initialize on a schema whose tables have five owners");
  const rows: string[][] = [];
  const seconds: number[] = [];
  for (const tables of sizes) {
    const target = await fleet.createDatabase(
      major,
      `tables_${tables}`,
      "CREATE SCHEMA app AUTHORIZATION owner_1",
    );
    await makeTables(fleet, target, tables);
    const first = await measure(fleet, (context) =>
      initializeRoles(context, fleet.call(), target, { schema: "app" }),
    );
    const again = await measure(fleet, (context) =>
      initializeRoles(context, fleet.call(), target, { schema: "app", forceUpdate: true }),
    );
    const { statements = [] } = fleet.registry.history(target)[0] ?? {};
    rows.push([String(tables), String(statements.length), ...shown(first), ...shown(again)]);
    seconds.push(first.ms / 1000);
  }
  sayTable([["tables", "statements", "queries", "s", "again: queries", "s"], ...rows]);
  return { "roles.initialize.growth": (seconds.at(-1) ?? 0) / (seconds.at(-2) ?? 1) };
}

const perBatch = 500;

async function makeTables(fleet: RoleFleet, target: Target, count: number): Promise<void> {
  for (let at = 0; at < count; at += perBatch) {
    const tables = Array.from({ length: Math.min(perBatch, count - at) }, (_, more) => {
      const owner = owners[(at + more) % owners.length];
      return `CREATE TABLE app.t${at + more} (id bigint, v text); ALTER TABLE app.t${at + more} OWNER TO ${owner};`;
    });
    await fleet.sql(target, tables.join("\n"));
  }
}

/** Four roles a schema and two of the database, and three tables in each. */
async function measureDrift(fleet: RoleFleet, sizes: readonly number[]): Promise<Ratios> {
  say("\nroles/drift of a whole database");
  const target = await fleet.createDatabase(major, "many", "CREATE SCHEMA idle");
  const rows: string[][] = [];
  const seconds: number[] = [];
  let made = 0;
  for (const schemas of sizes) {
    for (; made < schemas; made += 1) {
      const owner = owners[made % owners.length];
      const tables = [1, 2, 3].map(
        (n) => `CREATE TABLE s${made}.t${n} (id bigint); ALTER TABLE s${made}.t${n} OWNER TO ${owner};`,
      );
      await fleet.sql(target, `CREATE SCHEMA s${made} AUTHORIZATION ${owner}; ${tables.join(" ")}`);
      await initializeRoles(fleet.context, fleet.call(), target, { schema: `s${made}` });
    }
    await fillRoles(fleet, target, schemas * 6);
    const drift = (forceFull: boolean) =>
      measure(fleet, (context) => readDrift(context, fleet.call(), target, { forceFull }));
    const full = await drift(true);
    const known = await drift(false);
    await fleet.sql(target, revokes(schemas));
    const drifted = await drift(false);
    await fleet.sql(target, revokes(schemas).replaceAll("REVOKE", "GRANT").replaceAll(" FROM ", " TO "));
    const state = full.result.drift.length === 0 ? "in sync" : `${full.result.drift.length} differences`;
    rows.push([
      ...[String(schemas), String(schemas * 6), state, ...shown(full)],
      ...[String(drifted.result.drift.length), ...shown(drifted), known.result.checked, ...shown(known)],
    ]);
    seconds.push(full.ms / 1000);
  }
  const head = [
    "schemas",
    "roles",
    "full",
    "queries",
    "s",
    "differences",
    "queries",
    "s",
    "unchanged",
    "queries",
    "s",
  ];
  sayTable([head, ...rows]);
  return { "roles.drift.growth": (seconds.at(-1) ?? 0) / (seconds.at(-2) ?? 1) };
}

/** Other roles of the instance, up to a number. */
async function fillRoles(fleet: RoleFleet, target: Target, roles: number): Promise<void> {
  await fleet.sql(
    target,
    `DO $$ BEGIN FOR n IN (SELECT count(*) + 1 FROM pg_roles)..${roles} LOOP EXECUTE 'CREATE ROLE filler_' || n; END LOOP; END $$`,
  );
}

function revokes(schemas: number): string {
  const one = (n: number): string => `REVOKE SELECT ON s${n}.t1 FROM many_s${n}_reader`;
  return `SET ROLE owner_1; ${[0, 5]
    .filter((n) => n < schemas)
    .map(one)
    .join("; ")}`;
}
