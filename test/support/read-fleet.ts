import pg from "pg";
import type { Target } from "../../src/domain/target.ts";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { silentLog } from "../../src/log.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import type { Registry } from "../../src/operations/registry.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { createTestPools, type TestPoolsOptions, testTarget } from "./pools.ts";
import { startServers } from "./postgres.ts";

export const majors = [14, 15, 16, 17, 18] as const satisfies readonly Major[];

/** One server a major, and what an operation needs to read them as the admin. */
export interface ReadFleet {
  readonly pools: ClosablePools;
  readonly context: Context;
  readonly call: Call;
  server(major: Major): PostgresServer;
  target(major: Major, database: string): Target;
  /** Makes a database and runs SQL in it as the superuser. */
  createDatabase(major: Major, database: string, sql?: string): Promise<Target>;
  sql(major: Major, database: string, text: string): Promise<void>;
  /** A superuser's connection; the caller ends it. */
  connect(major: Major, database: string): Promise<pg.Client>;
  stop(): Promise<void>;
}

export async function startReadFleet(
  wanted: readonly Major[] = majors,
  options: TestPoolsOptions & {
    readonly healthCheckTimeoutMs?: number;
    readonly maxConnections?: number;
  } = {},
): Promise<ReadFleet> {
  const { maxConnections } = options;
  const started = await startServers(
    wanted,
    "permissive",
    maxConnections === undefined ? {} : { maxConnections },
  );
  const servers = new Map(started.map((server) => [server.major, server]));
  const pools = createTestPools(
    Object.fromEntries([...servers].map(([major, server]) => [`pg${major}`, server])),
    options,
  );
  const server = (major: Major): PostgresServer => {
    const found = servers.get(major);
    if (found === undefined) throw new Error(`PostgreSQL ${major} was not started`);
    return found;
  };
  const sql = async (major: Major, database: string, text: string): Promise<void> => {
    await server(major).querySuperuser(database, text);
  };
  return {
    pools,
    context: {
      pools,
      registry: noRegistry,
      settings: {
        adminUser: "postgres",
        validateIamUsers: true,
        healthCheckTimeoutMs: options.healthCheckTimeoutMs ?? 20_000,
      },
    },
    call: {
      operation: "test",
      actor: "anonymous",
      requestId: "test",
      log: silentLog,
      signal: new AbortController().signal,
    },
    server,
    target: (major, database) => testTarget(`pg${major}`, database),
    async createDatabase(major, database, text) {
      await server(major).createDatabase(database);
      if (text !== undefined) await sql(major, database, text);
      return testTarget(`pg${major}`, database);
    },
    sql,
    async connect(major, database) {
      const client = new pg.Client({ connectionString: server(major).superuserUrl(database) });
      client.on("error", () => {});
      await client.connect();
      return client;
    },
    async stop() {
      try {
        await pools.close();
      } finally {
        await Promise.all(started.map((one) => one.stop()));
      }
    },
  };
}

const refuse = (): never => {
  throw new Error("a read operation has no business with the registry");
};
const noRegistry: Registry = {
  documentId: refuse,
  read: refuse,
  findRegions: refuse,
  keepText: refuse,
  readText: refuse,
  readHistory: refuse,
  record: refuse,
};
