import { status } from "@grpc/grpc-js";
import { createDatabase, type Database } from "./firestore/database.ts";
import { firestoreHandlers } from "./firestore/handlers.ts";
import { listen } from "./firestore/listen.ts";
import { createClock } from "./firestore/storage.ts";
import { aborted } from "./firestore/transactions.ts";
import { createTimeToLive, type TtlPolicy } from "./firestore/ttl.ts";
import { storedDocument, wireDocument } from "./firestore/wire-document.ts";
import {
  type BidiStream,
  type CommonFaults,
  loadService,
  passCommonFaults,
  RpcError,
  serveGrpc,
} from "./grpc-server.ts";
import { createStateFile } from "./state-file.ts";

const LOCK_WAIT_MS = 10_000;
const SWEEP_EVERY_MS = 5_000;

export interface FirestoreFaults extends CommonFaults {
  /** Every call answers PERMISSION_DENIED. */
  permissionDenied: boolean;
  /** So many of the next commits answer ABORTED, as when others want the same documents. */
  contendedCommits: number;
}

export interface FirestoreOptions {
  /** 0, the default, picks a free one. */
  readonly port?: number;
  /** Where the documents are kept between runs; nowhere when undefined. */
  readonly stateFile?: string | undefined;
  /** Epoch milliseconds, with a fraction if there is one. */
  readonly now?: () => number;
  /** How long an idle transaction may keep others waiting before it is aborted. */
  readonly lockWaitMs?: number;
}

export interface FirestoreServer {
  /** What FIRESTORE_EMULATOR_HOST takes. */
  readonly host: string;
  readonly port: number;
  readonly faults: {
    /** `unavailable` ends open listeners too. */
    set(faults: Partial<FirestoreFaults>): void;
    get(): Readonly<FirestoreFaults>;
    clear(): void;
  };
  /** Expired documents go within seconds, or at once with `sweepExpired`. */
  setTtlPolicy(policy: TtlPolicy): void;
  /** Gives how many documents were deleted. */
  sweepExpired(): Promise<number>;
  /** Full names of all documents of a database (`projects/P/databases/D`), sorted. */
  documentNames(database: string): string[];
  snapshot(): unknown;
  /** Replaces everything; clients see it as one change. */
  restore(snapshot: unknown): void;
  stop(): void;
}

interface State {
  readonly documents: readonly { readonly name: string; readonly base64: string }[];
  readonly ttlPolicies: readonly TtlPolicy[];
}

const noFaults = (): FirestoreFaults => ({
  unavailable: false,
  slowMs: 0,
  permissionDenied: false,
  contendedCommits: 0,
});

/** Firestore's gRPC API v1 on loopback, for the real server client. Any project and database exists from its first use. */
export async function startFirestore(options: FirestoreOptions = {}): Promise<FirestoreServer> {
  const nowMs = options.now ?? (() => performance.timeOrigin + performance.now());
  const clock = createClock(nowMs);
  const databases = new Map<string, Database>();
  const listeners = new Set<BidiStream>();
  const service = loadService("@google-cloud/firestore", "v1.json", "google.firestore.v1.Firestore");
  const file = createStateFile(options.stateFile, takeState);
  const ttl = createTimeToLive(find, nowMs);
  let faults = noFaults();

  function find(name: string): Database {
    const known = databases.get(name);
    if (known !== undefined) return known;
    const lockWaitMs = options.lockWaitMs ?? LOCK_WAIT_MS;
    const database = createDatabase(name, { clock, nowMs: () => performance.now(), lockWaitMs });
    database.storage.onCommit(() => file.changed());
    databases.set(name, database);
    return database;
  }

  function takeState(): State {
    const documents = [...databases.values()].flatMap((database) =>
      [...database.storage.below(`${database.name}/documents`)].map((document) => ({
        name: document.name,
        base64: service.GetDocument?.responseSerialize(wireDocument(document)).toString("base64") ?? "",
      })),
    );
    return { documents, ttlPolicies: ttl.policies() };
  }

  function restoreState(state: State): void {
    const restored = state.documents.map(({ base64 }) =>
      storedDocument(service.GetDocument?.responseDeserialize(Buffer.from(base64, "base64"))),
    );
    for (const document of restored) {
      clock.pass(document.updateTime);
      find(document.name.split("/").slice(0, 4).join("/"));
    }
    const time = clock.forCommit();
    for (const database of databases.values()) {
      const root = `${database.name}/documents`;
      const gone = [...database.storage.below(root)].map(({ name }) => [name, undefined] as const);
      const back = restored
        .filter(({ name }) => name.startsWith(`${root}/`))
        .map((document) => [document.name, document] as const);
      database.storage.put(time, [...new Map([...gone, ...back])]);
    }
    for (const policy of state.ttlPolicies) ttl.set(policy);
  }

  const kept = file.load();
  if (kept !== undefined) restoreState(kept as State);

  const server = await serveGrpc({
    service,
    handlers: {
      ...firestoreHandlers(find, () => {
        if (faults.contendedCommits === 0) return;
        faults = { ...faults, contendedCommits: faults.contendedCommits - 1 };
        throw aborted();
      }),
      bidi: {
        Listen(stream) {
          listeners.add(stream);
          stream.onClose(() => listeners.delete(stream));
          listen(stream, find, clock);
        },
      },
    },
    gate: async () => {
      await passCommonFaults(faults);
      if (faults.permissionDenied) {
        throw new RpcError(status.PERMISSION_DENIED, "Missing or insufficient permissions.");
      }
    },
    port: options.port ?? 0,
  });
  const sweeper = setInterval(() => {
    void ttl.sweep();
    for (const { storage } of databases.values()) storage.forgetDeleted(clock.forRead());
  }, SWEEP_EVERY_MS).unref();

  return {
    host: `127.0.0.1:${server.port}`,
    port: server.port,
    faults: {
      set(wanted) {
        faults = { ...faults, ...wanted };
        if (!faults.unavailable) return;
        for (const stream of listeners)
          stream.fail(new RpcError(status.UNAVAILABLE, "The service is unavailable."));
      },
      get: () => faults,
      clear: () => {
        faults = noFaults();
      },
    },
    setTtlPolicy(policy) {
      ttl.set(policy);
      file.changed();
    },
    sweepExpired: ttl.sweep,
    documentNames: (name) =>
      [...find(name).storage.below(`${name}/documents`)].map((document) => document.name).sort(),
    snapshot: takeState,
    restore: (snapshot) => restoreState(snapshot as State),
    stop() {
      clearInterval(sweeper);
      for (const database of databases.values()) database.stop();
      server.stop();
      file.close();
    },
  };
}
