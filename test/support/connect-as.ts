import { type AuthTypes, Connector, type IpAddressTypes } from "@google-cloud/cloud-sql-connector";
import { Client } from "pg";
import { tokenClient } from "./token-client.ts";

export interface ConnectOptions {
  readonly endpoint: string;
  /** An access token of whoever asks for the certificate. */
  readonly token: string;
  readonly connectionName: string;
  readonly user: string;
  readonly database?: string;
  /** Without a password, the login is the IAM login of the token's principal. */
  readonly password?: string | undefined;
}

/** Connects a real pg client through Google's real connector. */
export async function connectAs(options: ConnectOptions): Promise<{ client: Client; end(): Promise<void> }> {
  const connector = new Connector({
    sqlAdminAPIEndpoint: options.endpoint,
    auth: tokenClient(options.token),
  });
  const { user, password, database = "postgres" } = options;
  try {
    const stream = await connector.getOptions({
      instanceConnectionName: options.connectionName,
      ipType: "PRIVATE" as IpAddressTypes,
      authType: (password === undefined ? "IAM" : "PASSWORD") as AuthTypes,
    });
    const client = new Client({ ...stream, user, password, database, connectionTimeoutMillis: 10_000 });
    client.on("error", () => {});
    await client.connect();
    const end = async () => {
      await client.end();
      connector.close();
    };
    return { client, end };
  } catch (error) {
    await closeFailed(connector, options.connectionName);
    throw error;
  }
}

/** A connector whose look-up failed rejects into nowhere when it is closed, unless it is asked once more. */
async function closeFailed(connector: Connector, instanceConnectionName: string): Promise<void> {
  await connector.getOptions({ instanceConnectionName }).catch(() => {});
  connector.close();
}
