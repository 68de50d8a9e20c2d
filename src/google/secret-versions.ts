import { createSecretClients, type SecretVersionsOptions, withSecretClient } from "./secret-clients.ts";

export interface SecretVersion {
  readonly bytes: Uint8Array;
  /** As Secret Manager sent it. */
  readonly crc32c: string | undefined;
}

export interface SecretVersions {
  /** False where Secret Manager has no regional endpoint. */
  isRegional(region: string): Promise<boolean>;
  /** Reads the version of that name, in a region or globally. Rejects with the client's error. */
  access(
    name: string,
    where: { readonly region?: string; readonly deadline: number },
  ): Promise<SecretVersion>;
  close(): Promise<void>;
}

/** The versions of secrets, to be read. */
export function createSecretVersions(options: SecretVersionsOptions): SecretVersions {
  const clients = createSecretClients(options);
  return {
    isRegional: clients.isRegional,
    access: (name, where) =>
      withSecretClient(clients, where, async (client, callOptions) => {
        const [{ payload }] = await client.accessSecretVersion({ name }, callOptions);
        const data = payload?.data ?? new Uint8Array();
        return {
          bytes: typeof data === "string" ? Buffer.from(data, "base64") : data,
          crc32c: payload?.dataCrc32c?.toString(),
        };
      }),
    close: clients.close,
  };
}
