import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { until } from "./until.ts";

/** Counts the admin's sessions again and again, as the server shows them. */
export interface SessionWatch {
  readonly most: number;
  readonly samples: number;
  /** Resolves with the most that was seen. */
  stop(): Promise<number>;
}

export async function countSessions(server: PostgresServer): Promise<number> {
  const { rows } = await server.querySuperuser<{ n: number }>(
    "postgres",
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'postgres'",
  );
  return rows[0]?.n ?? -1;
}

/**
 * For after a connection was cut: the server ends its session when it notices, and no stream tells when that is done. Of
 * connections that were closed there is none at once.
 */
export const untilNoSessions = (server: PostgresServer): Promise<boolean> =>
  until(async () => (await countSessions(server)) === 0, { deadlineMs: 5_000, what: "no session is left" });

export function watchSessions(server: PostgresServer): SessionWatch {
  let running = true;
  let most = 0;
  let samples = 0;
  const watching = (async () => {
    while (running) {
      most = Math.max(most, await countSessions(server));
      samples += 1;
    }
  })();
  return {
    get most() {
      return most;
    },
    get samples() {
      return samples;
    },
    async stop() {
      running = false;
      await watching;
      return most;
    },
  };
}
