import { setTimeout as sleep } from "node:timers/promises";
import type { Firestore, Settings, Transaction } from "@google-cloud/firestore";
import { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import { stopping, withDeadline } from "./deadline.ts";
import { grpcStatus, readGrpcStatus, reconnectOptions } from "./grpc-status.ts";
import { readRegistryError, registryLate } from "./registry-errors.ts";

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
  readonly log: Log;
  readonly loadFirestore?: (() => Promise<FirestoreLibrary>) | undefined;
}

export interface FirestoreUse {
  /** On the clock of `performance.now()`; see `newDeadline`. */
  readonly deadline: number;
  /** How often work is tried that fails in passing. Contention is retried until the deadline, whatever this says. */
  readonly attempts: number;
}

/** Reads and writes in one transaction, tried once. It is not committed when its caller has been told of a failure. */
export type Transact = <T>(change: (transaction: Transaction) => Promise<T>) => Promise<T>;

export type FirestoreWork<T> = (firestore: Firestore, transact: Transact) => Promise<T>;

export interface FirestoreClient {
  newDeadline(): number;
  /** Lends the client to `work`, once for each attempt. Rejects with a ServiceError. */
  use<T>(use: FirestoreUse, work: FirestoreWork<T>): Promise<T>;
  close(): Promise<void>;
}

const defaultTimeoutMs = 8_000;
const longestPauseMs = 1_000;

/** What another attempt may mend (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
const passing: ReadonlySet<number | undefined> = new Set([
  grpcStatus.aborted,
  grpcStatus.cancelled,
  grpcStatus.unknown,
  grpcStatus.resourceExhausted,
  grpcStatus.internal,
  grpcStatus.unavailable,
  // The access token could not be fetched.
  grpcStatus.unauthenticated,
]);

/** The Firestore client, loaded on first use, with retries that end. */
export function createFirestoreClient(options: FirestoreClientOptions): FirestoreClient {
  const { timeoutMs = defaultTimeoutMs, log } = options;
  const { loadFirestore = () => import("@google-cloud/firestore") } = options;
  const closing = new AbortController();
  let client: Lent | undefined;

  async function createClient(): Promise<Firestore> {
    const { Firestore } = await loadFirestore();
    return withoutHiddenRetries(new Firestore(clientSettings(options)), timeoutMs);
  }

  /** One attempt. A client whose credentials could not be loaded remembers that for good, and is replaced. */
  async function attempt<T>(work: FirestoreWork<T>, deadline: number): Promise<T> {
    client ??= { firestore: createClient(), running: new Set() };
    const used = client;
    const running = used.firestore.then((firestore) => work(firestore, transactBefore(deadline, firestore)));
    used.running.add(running);
    try {
      return await running;
    } catch (error) {
      const fromCall = error instanceof ServiceError || readGrpcStatus(error) !== undefined;
      if (!fromCall && client === used) {
        client = undefined;
        void terminate(used);
      }
      throw error;
    } finally {
      used.running.delete(running);
    }
  }

  return {
    newDeadline: () => performance.now() + timeoutMs,
    async use({ deadline, attempts }, work) {
      if (closing.signal.aborted) throw stopping();
      let failure: unknown;
      const attemptAll = async () => {
        for (let made = 1; ; made += 1) {
          let pauseMs: number;
          try {
            return await attempt(work, deadline);
          } catch (error) {
            failure = error;
            const status = readGrpcStatus(error);
            const mayRetry = passing.has(status) && (made < attempts || status === grpcStatus.aborted);
            // No attempt begins when nobody waits for it any more: it could succeed after its caller was told otherwise.
            pauseMs = Math.random() * Math.min(longestPauseMs, 50 * 2 ** made);
            if (!mayRetry || performance.now() + pauseMs > deadline) throw error;
          }
          log.debug("a call of the registry is tried again", {
            attempt: made,
            code: readGrpcStatus(failure),
          });
          await sleep(pauseMs, undefined, { signal: closing.signal });
        }
      };
      try {
        return await withDeadline(attemptAll(), {
          timeoutMs: deadline - performance.now(),
          expired: () => (failure === undefined ? registryLate() : readRegistryError(failure)),
          signal: closing.signal,
        });
      } catch (cause) {
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

function transactBefore(deadline: number, firestore: Firestore): Transact {
  return (change) =>
    firestore.runTransaction(
      async (transaction) => {
        const result = await change(transaction);
        if (performance.now() > deadline) throw registryLate();
        return result;
      },
      { maxAttempts: 1 },
    );
}

/** A client and the work that it was lent to. */
interface Lent {
  readonly firestore: Promise<Firestore>;
  readonly running: Set<Promise<unknown>>;
}

/**
 * Ends the client, once its work has settled: a call on one that has ended is an unhandled rejection. Waits no longer
 * than a second; what still runs then is ended by its own time limit.
 */
async function terminate(client: Lent | undefined): Promise<void> {
  if (client === undefined) return;
  const ending = Promise.allSettled(client.running).then(async () => (await client.firestore).terminate());
  await withDeadline(ending, { timeoutMs: 1_000, expired: () => new Error() }).catch(() => {});
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

interface CallHooks {
  createCallOptions(method: string): object;
  _retry<T>(method: string, tag: string, call: () => Promise<T>): Promise<T>;
}

/**
 * The client retries a Firestore that is down for 45 seconds when reading and 10 minutes when writing, long after the
 * caller was told of a failure, and has no setting for it. These are its two hooks
 * (https://github.com/googleapis/google-cloud-node/blob/main/handwritten/firestore/dev/src/index.ts).
 */
function withoutHiddenRetries(firestore: Firestore, timeoutMs: number): Firestore {
  const hooks = firestore as Firestore & CallHooks;
  const createCallOptions = hooks.createCallOptions.bind(hooks);
  hooks.createCallOptions = (method) => ({
    ...createCallOptions(method),
    timeout: timeoutMs,
    retry: null,
    retryRequestOptions: { retries: 0, noResponseRetries: 0 },
  });
  hooks._retry = (_method, _tag, call) => call();
  return firestore;
}
