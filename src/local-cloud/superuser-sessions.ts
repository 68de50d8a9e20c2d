import type { Client, QueryResult, QueryResultRow } from "pg";
import { openSocket, type SocketAddress } from "./postgres-client.ts";

/** Statements of the superuser, each as if on a connection of its own. */
export interface SuperuserSessions {
  /** Like `querySocket`. */
  query<Row extends QueryResultRow>(
    database: string,
    text: string,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
  /** Ends the connection to this database that is kept, or all. */
  release(database?: string): Promise<void>;
}

/** PostgreSQL waits five seconds for the sessions of a database that is dropped or copied: they must be gone before. */
const idleMs = 200;

interface Kept {
  readonly client: Client;
  readonly timer: NodeJS.Timeout;
}

/**
 * To connect takes more of the processor than twenty statements do, and tests ask again and again: what has answered is
 * cleaned and kept for a moment, at most one connection for each database. One whose statement failed is not kept.
 */
export function createSuperuserSessions(address: Omit<SocketAddress, "database">): SuperuserSessions {
  const kept = new Map<string, Kept>();

  function take(database: string): Client | undefined {
    const found = kept.get(database);
    kept.delete(database);
    clearTimeout(found?.timer);
    return found?.client;
  }

  function keep(database: string, client: Client): void {
    const timer = setTimeout(() => void take(database)?.end(), idleMs);
    timer.unref();
    kept.set(database, { client, timer });
  }

  async function open(database: string): Promise<Client> {
    const client = await openSocket({ ...address, database });
    client.on("end", () => {
      if (kept.get(database)?.client === client) take(database);
    });
    return client;
  }

  return {
    async query<Row extends QueryResultRow>(database: string, text: string, values?: readonly unknown[]) {
      const client = take(database) ?? (await open(database));
      try {
        const result = values ? await client.query<Row>(text, [...values]) : await client.query<Row>(text);
        // Fails in a transaction that was left open.
        const clean = await client.query("DISCARD ALL").then(
          () => true,
          () => false,
        );
        if (clean && !kept.has(database)) keep(database, client);
        else await client.end();
        return result;
      } catch (error) {
        await client.end();
        throw error;
      }
    },
    async release(database) {
      const databases = database === undefined ? [...kept.keys()] : [database];
      await Promise.all(databases.map((name) => take(name)?.end()));
    },
  };
}
