import { Client, type QueryResult, type QueryResultRow } from "pg";
import { SUPERUSER } from "./postgres-bootstrap.ts";

export interface SocketAddress {
  readonly socketDirectory: string;
  readonly port: number;
  readonly database: string;
  /** Of the superuser. */
  readonly password: string;
}

/**
 * Runs one statement as the superuser, on a connection of its own. Without `values` the text may hold several
 * statements. A failing statement is not logged, since it could hold a password. Rejects with pg's DatabaseError.
 */
export async function querySocket<Row extends QueryResultRow = Record<string, unknown>>(
  address: SocketAddress,
  text: string,
  values?: readonly unknown[],
): Promise<QueryResult<Row>> {
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
  try {
    return values ? await client.query<Row>(text, [...values]) : await client.query<Row>(text);
  } finally {
    await client.end();
  }
}
