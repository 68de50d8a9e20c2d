import { Client } from "pg";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import type { Mode } from "../../src/local-cloud/postgres-bootstrap.ts";
import { cleanLeftovers } from "../../src/local-cloud/postgres-leftovers.ts";
import {
  type PostgresServer,
  type PostgresServerOptions,
  startPostgresServer,
} from "../../src/local-cloud/postgres-server.ts";

/** Starts one server per major, in that order, after cleaning what killed test runs left; when one fails, the others are stopped. Stop each in `after`. */
export async function startServers(
  majors: readonly Major[],
  mode: Mode,
  options: Omit<PostgresServerOptions, "major" | "mode"> = {},
): Promise<PostgresServer[]> {
  await cleanLeftovers();
  const started = await Promise.allSettled(
    majors.map((major) => startPostgresServer({ ...options, major, mode })),
  );
  const servers = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = started.find((result) => result.status === "rejected");
  if (!failed) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw failed.reason;
}

/** Lends a connected client and ends it. */
export async function withClient<T>(url: string, fn: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}
