import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { readCode } from "./deadline.ts";
import { grpcStatus, readGrpcStatus, reconnectOptions, splitEndpoint } from "./grpc-status.ts";

export interface SecretVersionsOptions {
  /** `host:port` of a local or emulated Secret Manager, in plain text; without it, Google's. */
  readonly endpoint?: string | undefined;
  /** Whether a host has an address; DNS unless told. */
  readonly hostExists?: ((host: string) => Promise<boolean>) | undefined;
}

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

/** The versions of secrets, through one client for each regional endpoint and one for the global one. */
export function createSecretVersions(options: SecretVersionsOptions): SecretVersions {
  const { endpoint, hostExists = existsInDns } = options;
  const clients = new Map<string, Promise<SecretManagerServiceClient>>();
  const regionalHost = (region: string) => `secretmanager.${region}.rep.googleapis.com`;

  /** An emulator serves all regions; Google has one endpoint for each. */
  function clientFor(region: string | undefined): Promise<SecretManagerServiceClient> {
    const key = endpoint ?? (region === undefined ? "global" : regionalHost(region));
    const present = clients.get(key);
    if (present !== undefined) return present;
    const made = createClient(endpoint, region === undefined ? undefined : regionalHost(region));
    clients.set(key, made);
    made.catch(() => clients.delete(key));
    return made;
  }

  /** A client whose credentials could not be loaded remembers that for good. */
  function dropIfStuck(client: Promise<SecretManagerServiceClient>, error: unknown): void {
    if (readGrpcStatus(error) !== undefined) return;
    for (const [key, present] of clients) if (present === client) clients.delete(key);
  }

  return {
    async isRegional(region) {
      return endpoint !== undefined || (await hostExists(regionalHost(region)));
    },
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
    async close() {
      const all = [...clients.values()];
      clients.clear();
      await Promise.allSettled(all.map(async (client) => (await client).close()));
    },
  };
}

async function createClient(
  endpoint: string | undefined,
  regionalHost: string | undefined,
): Promise<SecretManagerServiceClient> {
  const { SecretManagerServiceClient } = await import("@google-cloud/secret-manager");
  if (endpoint === undefined) {
    return new SecretManagerServiceClient({
      ...reconnectOptions,
      ...(regionalHost === undefined ? {} : { apiEndpoint: regionalHost }),
    });
  }
  const { grpc } = await import("google-gax");
  const { host, port } = splitEndpoint(endpoint);
  return new SecretManagerServiceClient({
    ...reconnectOptions,
    apiEndpoint: host,
    port,
    sslCreds: grpc.credentials.createInsecure(),
    // Spares the search for credentials, which plain text has no use for.
    clientOptions: { universeDomain: "googleapis.com" },
  });
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

async function existsInDns(host: string): Promise<boolean> {
  try {
    await lookup(host);
    return true;
  } catch (error) {
    if (readCode(error) === "ENOTFOUND") return false;
    throw error;
  }
}
