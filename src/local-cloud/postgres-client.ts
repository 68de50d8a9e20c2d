import { Client, type QueryResult, type QueryResultRow } from "pg";
import { SUPERUSER } from "./postgres-bootstrap.ts";

export interface SocketAddress {
  readonly socketDirectory: string;
  readonly port: number;
  readonly database: string;
  /** Of the superuser. */
  readonly password: string;
}

/** Connects as the superuser. A failing statement is not logged, since it could hold a password. */
export async function openSocket(address: SocketAddress): Promise<Client> {
  const client = new Client({
    host: address.socketDirectory,
    port: address.port,
    database: address.database,
    user: SUPERUSER,
    password: address.password,
    options: "-c log_min_error_statement=panic",
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/**
 * Runs one statement as the superuser, on a connection of its own. Without `values` the text may hold several
 * statements. Rejects with pg's DatabaseError.
 */
export async function querySocket<Row extends QueryResultRow = Record<string, unknown>>(
  address: SocketAddress,
  text: string,
  values?: readonly unknown[],
): Promise<QueryResult<Row>> {
  const client = await openSocket(address);
  try {
    return values ? await client.query<Row>(text, [...values]) : await client.query<Row>(text);
  } finally {
    await client.end();
  }
}
