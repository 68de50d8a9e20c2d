import type pg from "pg";
import type { Target } from "../../src/domain/target.ts";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { silentLog } from "../../src/log.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { Pools } from "../../src/postgres/session.ts";
import { createMemoryRegistry, type MemoryRegistry } from "./memory-registry.ts";
import { createMemoryTemplates, type MemoryTemplates } from "./memory-templates.ts";
import { createTestPools, testTarget } from "./pools.ts";
import { startServers } from "./postgres.ts";

export const majors = [14, 15, 16, 17, 18] as const satisfies readonly Major[];
export type Mode = "permissive" | "strict";

/** Before 16 the modes do not differ. */
export const majorsAndModes: readonly (readonly [Major, Mode])[] = majors.flatMap((major) =>
  (major < 16 ? (["strict"] as const) : (["permissive", "strict"] as const)).map(
    (mode) => [major, mode] as const,
  ),
);

/** Servers on which operations change roles, one a major, all in one mode. */
export interface RoleFleet {
  readonly context: Context;
  readonly registry: MemoryRegistry;
  readonly templates: MemoryTemplates;
  /** The context of another process on the same servers: pools and queues of its own, the same registry. */
  otherProcess(): Context;
  call(operation?: string): Call;
  server(major: Major): PostgresServer;
  /** Makes a database (as the Admin API does) and runs SQL in it as the superuser. */
  createDatabase(major: Major, database: string, sql?: string): Promise<Target>;
  /** Runs SQL as the superuser. */
  sql<Row extends pg.QueryResultRow>(target: Target, text: string, values?: unknown[]): Promise<Row[]>;
  /** Runs statements as some role would, and rolls back unless told to keep; rejects as the server does. */
  as(target: Target, role: string, text: string, keep?: "keep"): Promise<void>;
  stop(): Promise<void>;
}

export async function startRoleFleet(mode: Mode, wanted: readonly Major[] = majors): Promise<RoleFleet> {
  const started = await startServers(wanted, mode);
  const servers = new Map(started.map((server) => [`pg${server.major}`, server]));
  const allPools: ClosablePools[] = [];
  const registry = createMemoryRegistry();
  const templates = createMemoryTemplates();
  const find = (name: string): PostgresServer => {
    const found = servers.get(name);
    if (found === undefined) throw new Error(`${name} was not started`);
    return found;
  };
  const contextOn = (pools: Pools): Context => ({
    pools,
    registry,
    templates,
    settings: { adminUser: "postgres", validateIamUsers: true, healthCheckTimeoutMs: 5_000 },
  });
  const otherProcess = (): Context => {
    const pools = createTestPools(Object.fromEntries(servers), { settings: { lockTimeoutMs: 500 } });
    allPools.push(pools);
    return contextOn(pools);
  };
  return {
    context: otherProcess(),
    otherProcess,
    registry,
    templates,
    call: (operation = "test") => ({
      operation,
      actor: "tester@example.com",
      requestId: "request-1",
      log: silentLog,
      signal: new AbortController().signal,
    }),
    server: (major) => find(`pg${major}`),
    async createDatabase(major, database, text) {
      await find(`pg${major}`).createDatabase(database);
      const target = testTarget(`pg${major}`, database);
      if (text !== undefined) await find(target.instance).querySuperuser(database, text);
      return target;
    },
    sql: async <Row extends pg.QueryResultRow>(target: Target, text: string, values?: unknown[]) =>
      (await find(target.instance).querySuperuser<Row>(target.database, text, values)).rows,
    as: (target, role, text, keep) =>
      find(target.instance).withSuperuser(target.database, async (client) => {
        await client.query("SELECT set_config('session_authorization', $1, false)", [role]);
        await client.query("BEGIN");
        let end = "ROLLBACK";
        try {
          await client.query(text);
          if (keep !== undefined) end = "COMMIT";
        } finally {
          await client.query(end);
        }
      }),
    async stop() {
      await Promise.all(allPools.map((pools) => pools.close()));
      await Promise.all([...servers.values()].map((server) => server.stop()));
    },
  };
}

/** The server that an instance's name stands for. */
export function roleServer(fleet: RoleFleet, { instance }: { readonly instance: string }): PostgresServer {
  const major = majors.find((each) => `pg${each}` === instance);
  if (major === undefined) throw new Error(`there is no instance ${instance}`);
  return fleet.server(major);
}
