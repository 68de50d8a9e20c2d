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
  /**
   * Lends a connection that nobody else has. What is left open, set or made for the session is gone after. Not
   * for statements with a name: the client would think them prepared still.
   */
  lend<Result>(database: string, work: (client: Client) => Promise<Result>): Promise<Result>;
  /** Ends the connection to this database that is kept, or all. */
  release(database?: string): Promise<void>;
}

/** PostgreSQL waits five seconds for the sessions of a database that is dropped or copied: they must be gone before. */
const idleMs = 2_000;

/** What waits for the sessions of databases that it names; of one that comes through here they are ended before. */
const waits = /\b(create|alter|drop)\s+database\b/i;

/** So that an instance with few connections has some left. */
const mostKept = 4;

interface Kept {
  readonly client: Client;
  readonly timer: NodeJS.Timeout;
}

/**
 * To connect takes more of the processor than twenty statements do, and tests ask again and again: a connection is
 * cleaned after use and kept for a moment, at most one for each database.
 */
export function createSuperuserSessions(address: Omit<SocketAddress, "database">): SuperuserSessions {
  const kept = new Map<string, Kept>();

  function take(database: string): Client | undefined {
    const found = kept.get(database);
    kept.delete(database);
    clearTimeout(found?.timer);
    return found?.client;
  }

  async function open(database: string): Promise<Client> {
    const client = await openSocket({ ...address, database });
    client.on("end", () => {
      if (kept.get(database)?.client === client) take(database);
    });
    return client;
  }

  async function giveBack(database: string, client: Client): Promise<void> {
    // Fails in a transaction that was left open, and where the session has ended.
    const clean = await client.query("DISCARD ALL").then(
      () => true,
      () => false,
    );
    if (!clean || kept.has(database)) return client.end();
    const timer = setTimeout(() => void take(database)?.end(), idleMs);
    timer.unref();
    kept.set(database, { client, timer });
    const [oldest = database] = kept.keys();
    if (kept.size > mostKept) await take(oldest)?.end();
  }

  async function release(databases: Iterable<string>): Promise<void> {
    await Promise.all([...databases].map((name) => take(name)?.end()));
  }

  async function lend<Result>(database: string, work: (client: Client) => Promise<Result>): Promise<Result> {
    const client = take(database) ?? (await open(database));
    try {
      return await work(client);
    } finally {
      await giveBack(database, client);
    }
  }

  return {
    lend,
    async query<Row extends QueryResultRow>(database: string, text: string, values?: readonly unknown[]) {
      if (waits.test(text)) await release([...kept.keys()].filter((name) => text.includes(name)));
      return lend(database, (client) =>
        values ? client.query<Row>(text, [...values]) : client.query<Row>(text),
      );
    },
    release: (database) => release(database === undefined ? kept.keys() : [database]),
  };
}
