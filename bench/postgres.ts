import { randomBytes } from "node:crypto";
import pg from "pg";
import { type PostgresServer, startPostgresServer } from "../src/local-cloud/postgres-server.ts";

/** How a contestant reaches the server. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly password: string;
}

export const adminUser = "postgres";
export const database = "bench0000";

export interface BenchPostgres extends PostgresAddress {
  readonly server: PostgresServer;
}

/** In strict mode nothing stands between the port and PostgreSQL. */
export async function startBenchPostgres(): Promise<BenchPostgres> {
  const password = randomBytes(12).toString("hex");
  const server = await startPostgresServer({
    major: 17,
    mode: "strict",
    maxConnections: 1300,
    adminPassword: password,
  });
  await server.createDatabase(database);
  const schemas = ["app", "billing", "orders", "reports", "staging"].map((name) => `CREATE SCHEMA ${name}`);
  await server.querySuperuser(database, schemas.join(";"));
  return { host: server.host, port: server.port, password, server };
}

/**
 * Counts the sessions of an application now and then, also those that have done nothing yet and so name no operation;
 * `stop` answers the most that were there at once.
 */
export async function watchSessions(postgres: BenchPostgres, applicationName: string) {
  const client = new pg.Client(postgres.server.superuserUrl("postgres"));
  await client.connect();
  let most = 0;
  const count = async (): Promise<void> => {
    const { rows } = await client.query<{ n: number }>({
      name: "sessions",
      text: "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = $1::text OR starts_with(application_name, $1::text || '/')",
      values: [applicationName],
    });
    most = Math.max(most, rows[0]?.n ?? 0);
  };
  let counting = count();
  const timer = setInterval(() => {
    counting = counting.then(count);
  }, 200);
  return {
    async stop(): Promise<number> {
      clearInterval(timer);
      await counting;
      await count();
      await client.end();
      return most;
    },
  };
}
