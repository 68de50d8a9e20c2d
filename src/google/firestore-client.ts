import type { Firestore, Settings } from "@google-cloud/firestore";
import { ServiceError } from "../errors.ts";
import { stopping, withDeadline } from "./deadline.ts";
import { readGrpcStatus, reconnectOptions } from "./grpc-status.ts";
import { readRegistryError, registrySilent } from "./registry-errors.ts";

export type FirestoreLibrary = Pick<typeof import("@google-cloud/firestore"), "Firestore">;

export interface FirestoreClientOptions {
  /** The project of the database; without it, the one that the service runs in. */
  readonly projectId?: string | undefined;
  /** The database's id; without it, `(default)`. */
  readonly database?: string | undefined;
  /** `host:port` of a local or emulated Firestore, in plain text. */
  readonly emulatorHost?: string | undefined;
  /** For one call of the registry, with all its retries. */
  readonly timeoutMs?: number;
  readonly loadFirestore?: (() => Promise<FirestoreLibrary>) | undefined;
}

export interface FirestoreClient {
  /** A deadline for a call that starts now, on the clock of `performance.now()`. */
  newDeadline(): number;
  /** Lends the client, until the deadline. Rejects with a ServiceError. */
  use<T>(deadline: number, work: (firestore: Firestore) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const defaultTimeoutMs = 8_000;

/** The Firestore client, loaded on first use. */
export function createFirestoreClient(options: FirestoreClientOptions): FirestoreClient {
  const { timeoutMs = defaultTimeoutMs, loadFirestore = () => import("@google-cloud/firestore") } = options;
  const closing = new AbortController();
  let client: Promise<Firestore> | undefined;

  async function createClient(): Promise<Firestore> {
    const { Firestore } = await loadFirestore();
    return new Firestore(clientSettings(options));
  }

  async function terminate(stuck: Promise<Firestore> | undefined): Promise<void> {
    const ending = stuck?.then((firestore) => firestore.terminate()) ?? Promise.resolve();
    await withDeadline(ending, { timeoutMs: 1_000, expired: () => new Error() }).catch(() => {});
  }

  return {
    newDeadline: () => performance.now() + timeoutMs,
    async use(deadline, work) {
      if (closing.signal.aborted) throw stopping();
      client ??= createClient();
      const used = client;
      try {
        return await withDeadline(used.then(work), {
          timeoutMs: deadline - performance.now(),
          expired: () => registrySilent(timeoutMs),
          signal: closing.signal,
        });
      } catch (cause) {
        // Not from a call: a client whose credentials could not be loaded remembers that for good.
        const stuck = !(cause instanceof ServiceError) && readGrpcStatus(cause) === undefined;
        if (stuck && client === used) {
          client = undefined;
          void terminate(used);
        }
        throw readRegistryError(cause);
      }
    },
    async close() {
      closing.abort(stopping());
      const last = client;
      client = undefined;
      await terminate(last);
    },
  };
}

function clientSettings({ projectId, database, emulatorHost }: FirestoreClientOptions): Settings {
  return {
    grpcOptions: reconnectOptions,
    ...(projectId === undefined ? {} : { projectId }),
    ...(database === undefined ? {} : { databaseId: database }),
    ...(emulatorHost === undefined
      ? {}
      : {
          host: emulatorHost,
          ssl: false,
          // Spares the search for credentials, which plain text has no use for.
          clientOptions: { universeDomain: "googleapis.com" },
        }),
  };
}
