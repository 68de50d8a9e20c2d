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

export interface SecretClients {
  /** False where Secret Manager has no regional endpoint. */
  isRegional(region: string): Promise<boolean>;
  /** The client for a region's secrets, or for the global ones. */
  clientFor(region: string | undefined): Promise<SecretManagerServiceClient>;
  /** Forgets a client whose credentials could not be loaded: it remembers that for good. */
  dropIfStuck(client: Promise<SecretManagerServiceClient>, error: unknown): void;
  close(): Promise<void>;
}

/** The client's own retries would run into the deadline and hide what went wrong. */
export interface SecretCallOptions {
  readonly timeout: number;
  readonly retry: null;
}

type Work<T> = (client: SecretManagerServiceClient, callOptions: SecretCallOptions) => Promise<T>;

const attempts = 3;
const passing: ReadonlySet<number | undefined> = new Set([
  grpcStatus.unavailable,
  grpcStatus.resourceExhausted,
  // The access token could not be fetched.
  grpcStatus.unauthenticated,
]);

/** Tries work again that fails in passing, as long as the deadline allows. Rejects with the client's error. */
export async function withSecretClient<T>(
  clients: Pick<SecretClients, "clientFor" | "dropIfStuck">,
  { region, deadline }: { readonly region?: string | undefined; readonly deadline: number },
  work: Work<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const client = clients.clientFor(region);
    try {
      return await work(await client, { timeout: Math.max(1, deadline - performance.now()), retry: null });
    } catch (error) {
      clients.dropIfStuck(client, error);
      const pauseMs = 100 * 2 ** attempt * Math.random();
      const inTime = performance.now() + pauseMs < deadline;
      if (attempt === attempts || !inTime || !passing.has(readGrpcStatus(error))) throw error;
      await sleep(pauseMs);
    }
  }
}

/** Clients of Secret Manager, one for each regional endpoint and one for the global one, made when first used. */
export function createSecretClients(options: SecretVersionsOptions): SecretClients {
  const { endpoint, hostExists = existsInDns } = options;
  const clients = new Map<string, Promise<SecretManagerServiceClient>>();
  const regionalHost = (region: string) => `secretmanager.${region}.rep.googleapis.com`;

  return {
    async isRegional(region) {
      return endpoint !== undefined || (await hostExists(regionalHost(region)));
    },
    /** An emulator serves all regions; Google has one endpoint for each. */
    clientFor(region) {
      const key = endpoint ?? (region === undefined ? "global" : regionalHost(region));
      const present = clients.get(key);
      if (present !== undefined) return present;
      const made = createClient(endpoint, region === undefined ? undefined : regionalHost(region));
      clients.set(key, made);
      made.catch(() => clients.delete(key));
      return made;
    },
    dropIfStuck(client, error) {
      if (readGrpcStatus(error) !== undefined) return;
      for (const [key, present] of clients) if (present === client) clients.delete(key);
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

async function existsInDns(host: string): Promise<boolean> {
  try {
    await lookup(host);
    return true;
  } catch (error) {
    if (readCode(error) === "ENOTFOUND") return false;
    throw error;
  }
}
