import { setTimeout as pause } from "node:timers/promises";
import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { withClient } from "./postgres.ts";
import { until } from "./until.ts";

/** Counts the admin's sessions again and again, as the server shows them. */
export interface SessionWatch {
  readonly most: number;
  readonly samples: number;
  /** Resolves with the most that was seen. */
  stop(): Promise<number>;
}

const text = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'postgres'";

export async function countSessions(server: PostgresServer): Promise<number> {
  const { rows } = await server.querySuperuser<{ n: number }>("postgres", text);
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
  const watching = withClient(server.superuserUrl(), async (client) => {
    while (running) {
      const { rows } = await client.query<{ n: number }>({ name: "sessions", text });
      most = Math.max(most, rows[0]?.n ?? -1);
      samples += 1;
      // Without a pause the watch would take as much of the processors as what it watches.
      await pause(2);
    }
  });
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
