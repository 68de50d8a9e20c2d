import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import pg from "pg";
import type { Session } from "../../src/postgres/session.ts";
import { adminUser, database, type PostgresAddress } from "../postgres.ts";

/** What a contestant's process is told first. */
export interface ContestantSettings {
  readonly postgres: PostgresAddress;
  readonly poolSize: number;
  /** Of its sessions; also tells them apart on the server. */
  readonly applicationName: string;
  /** For the service: SHARED_READS. */
  readonly sharedReads?: boolean;
  /** For those that log their requests: whether they do; true when absent. */
  readonly logging?: boolean;
  /** For the service: callers are asked who they are, and the policy what they may do; else nobody is. */
  readonly callers?: {
    readonly jwksUrl: string;
    readonly audience: string;
    readonly policyFile: string;
  };
  /** What each request carries in `Authorization`, whether anybody looks at it or not. */
  readonly token?: string;
  /** How many operations the contract has; as it is when absent. */
  readonly operations?: number;
}

/** Where the rivals' own target stands, as a caller names it. */
export const targetFields = {
  project_id: "bench-project",
  region: "europe-west1",
  instance_name: "bench-db",
  database_name: database,
};

export function createRawPool({ postgres, poolSize, applicationName }: ContestantSettings): pg.Pool {
  return new pg.Pool({
    ...{ host: postgres.host, port: postgres.port, password: postgres.password },
    ...{ user: adminUser, database, max: poolSize, application_name: applicationName },
    // As the service's sessions have it.
    options: "-c search_path=pg_catalog",
  });
}

/** A raw pool or client in the shape of a session, so that all contestants run the service's own statements. */
export function asSession(client: pg.Pool | pg.ClientBase, as: "named" | "text" = "named"): Session {
  return {
    versionNum: 170_000,
    user: adminUser,
    target: { project: "", region: "", instance: "", database },
    async query<Row extends object>(
      text: string,
      values?: readonly unknown[],
      options?: { readonly name?: string },
    ) {
      const name = as === "named" ? options?.name : undefined;
      const { rows, rowCount } = await client.query<Row & pg.QueryResultRow>({
        text,
        ...(values === undefined ? {} : { values: [...values] }),
        ...(name === undefined ? {} : { name }),
      });
      return { rows, rowCount: rowCount ?? 0, notices: [] };
    },
  };
}

/** Listens on a free port of the loopback and answers it. */
export function listen(server: Server): Promise<number> {
  // The service's own. By Node's default of five seconds, clients of slow contestants are cut off while they wait for the
  // last of a thousand to get in.
  server.keepAliveTimeout = 620_000;
  return new Promise((resolve) => {
    server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
      resolve((server.address() as AddressInfo).port),
    );
  });
}
