import { setTimeout as sleep } from "node:timers/promises";
import type { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { grpcStatus, readGrpcStatus } from "./grpc-status.ts";
import { createSecretClients, type SecretVersionsOptions } from "./secret-clients.ts";

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

const attempts = 3;
const passing: ReadonlySet<number | undefined> = new Set([
  grpcStatus.unavailable,
  grpcStatus.resourceExhausted,
  // The access token could not be fetched.
  grpcStatus.unauthenticated,
]);

/** The versions of secrets, to be read. */
export function createSecretVersions(options: SecretVersionsOptions): SecretVersions {
  const { isRegional, clientFor, dropIfStuck, close } = createSecretClients(options);
  return {
    isRegional,
    async access(name, { region, deadline }) {
      for (let attempt = 1; ; attempt += 1) {
        const client = clientFor(region);
        try {
          return await accessOnce(await client, name, deadline - performance.now());
        } catch (error) {
          dropIfStuck(client, error);
          const delayMs = 100 * 2 ** attempt * Math.random();
          const enoughTime = performance.now() + delayMs < deadline;
          if (attempt === attempts || !enoughTime || !passing.has(readGrpcStatus(error))) throw error;
          await sleep(delayMs);
        }
      }
    },
    close,
  };
}

async function accessOnce(
  client: SecretManagerServiceClient,
  name: string,
  timeoutMs: number,
): Promise<SecretVersion> {
  // The client's own retries would run into the deadline and hide what went wrong.
  const callOptions = { timeout: Math.max(1, timeoutMs), retry: null };
  const [{ payload }] = await client.accessSecretVersion({ name }, callOptions);
  const data = payload?.data ?? new Uint8Array();
  return {
    bytes: typeof data === "string" ? Buffer.from(data, "base64") : data,
    crc32c: payload?.dataCrc32c?.toString(),
  };
}
