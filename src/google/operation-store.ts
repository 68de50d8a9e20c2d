import type { DocumentData, DocumentReference, DocumentSnapshot, Firestore } from "@google-cloud/firestore";
import type { ErrorKind } from "../errors.ts";
import type {
  Lease,
  OperationProgress,
  OperationStore,
  StepReport,
  StoredOperation,
} from "../operations/operation-store.ts";
import {
  createFirestoreClient,
  type FirestoreClientOptions,
  type FirestoreWork,
} from "./firestore-client.ts";
import { malformedDocument } from "./registry-errors.ts";

export interface OperationStoreOptions extends FirestoreClientOptions {
  /** The registry's collection; operations are in one beside it. */
  readonly collection: string;
  /** Epoch milliseconds. Leases are compared by it, so clocks of processes should not differ by more than seconds. */
  readonly now?: () => number;
}

export interface FirestoreOperationStore extends OperationStore {
  close(): Promise<void>;
}

/** A TTL policy on `expires_at` may remove them then. */
const keptMs = 30 * 86_400_000;
const attempts = 5;
/** How many running operations are looked at for those that nobody works on. */
const runningAtMost = 200;

/** Operations in Firestore: one document each in `{collection}_operations`. */
export function createOperationStore(options: OperationStoreOptions): FirestoreOperationStore {
  const { now = Date.now } = options;
  const client = createFirestoreClient(options);
  const use = <T>(work: FirestoreWork<T>): Promise<T> =>
    client.use({ deadline: client.newDeadline(), attempts }, work);
  const documentOf = (firestore: Firestore, id: string): DocumentReference =>
    firestore.collection(`${options.collection}_operations`).doc(id);
  const leaseFields = ({ owner, forMs }: Lease): DocumentData => ({
    lease_owner: owner,
    lease_until: new Date(now() + forMs),
  });

  return {
    async create(operation, lease) {
      const fields = { ...operationFields(operation), ...leaseFields(lease) };
      // An attempt whose answer was lost may have been written: the id is new, so it is the same document.
      await use((firestore) => documentOf(firestore, operation.id).set(fields));
    },
    read: (id) => use(async (firestore) => parseOperation(await documentOf(firestore, id).get())),
    listAbandoned: (limit) =>
      use(async (firestore) => {
        // One field alone: a second one would take an index of its own.
        const running = firestore
          .collection(`${options.collection}_operations`)
          .where("state", "==", "running")
          .limit(runningAtMost);
        const { docs } = await running.get();
        return docs
          .filter((snapshot) => leaseUntil(snapshot) <= now())
          .slice(0, limit)
          .flatMap((snapshot) => parseOperation(snapshot) ?? []);
      }),
    findLater: ({ target, username, createdAt }) =>
      use(async (firestore) => {
        // Equalities alone need no index of their own: https://cloud.google.com/firestore/docs/query-data/index-overview
        const { docs } = await firestore
          .collection(`${options.collection}_operations`)
          .where("username", "==", username)
          .where("instance_name", "==", target.instance)
          .where("region", "==", target.region)
          .where("project_id", "==", target.project)
          .get();
        return docs
          .flatMap((snapshot) => parseOperation(snapshot) ?? [])
          .find((other) => other.createdAt > createdAt);
      }),
    takeOver: (id, lease) =>
      use((firestore, transact) =>
        transact(async (transaction) => {
          const document = documentOf(firestore, id);
          const snapshot = await transaction.get(document);
          const operation = parseOperation(snapshot);
          if (operation?.state !== "running") return undefined;
          const owner: unknown = snapshot.get("lease_owner");
          if (owner !== lease.owner && leaseUntil(snapshot) > now()) return undefined;
          transaction.update(document, leaseFields(lease));
          return operation;
        }),
      ),
    save: (id, lease, progress) =>
      use((firestore, transact) =>
        transact(async (transaction) => {
          const document = documentOf(firestore, id);
          const snapshot = await transaction.get(document);
          if (snapshot.get("lease_owner") !== lease.owner) return false;
          transaction.update(document, {
            ...progressFields(progress),
            ...leaseFields(lease),
            updated_at: new Date(now()),
          });
          return true;
        }),
      ),
    close: client.close,
  };
}

function leaseUntil(snapshot: DocumentSnapshot): number {
  const until: unknown = snapshot.get("lease_until");
  return isTime(until) ? until.toDate().getTime() : 0;
}

function operationFields(operation: StoredOperation): DocumentData {
  const { target } = operation;
  return {
    action: operation.action,
    project_id: target.project,
    region: target.region,
    instance_name: target.instance,
    database_name: target.database,
    username: operation.username,
    // As text: Firestore has no place for every name that a field of it might have.
    input: JSON.stringify(operation.input),
    actor: operation.actor,
    request_id: operation.requestId,
    created_at: operation.createdAt,
    updated_at: operation.updatedAt,
    expires_at: new Date(operation.createdAt.getTime() + keptMs),
    ...progressFields(operation),
  };
}

function progressFields({ state, steps, changed, warnings, failure }: OperationProgress): DocumentData {
  return {
    ...(state === undefined ? {} : { state }),
    ...(steps === undefined ? {} : { steps: steps.map((step) => ({ ...step })) }),
    ...(changed === undefined ? {} : { changed }),
    ...(warnings === undefined ? {} : { warnings: [...warnings] }),
    ...(failure === undefined ? {} : { failure: failure === null ? null : { ...failure } }),
  };
}

function isTime(value: unknown): value is { toDate(): Date } {
  return (
    typeof value === "object" && value !== null && "toDate" in value && typeof value.toDate === "function"
  );
}

const isText = (value: unknown): value is string => typeof value === "string";
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parseOperation(snapshot: DocumentSnapshot): StoredOperation | undefined {
  if (!snapshot.exists) return undefined;
  const read = <T>(field: string, fits: (value: unknown) => value is T): T => {
    const value: unknown = snapshot.get(field);
    if (!fits(value)) throw malformedDocument(snapshot.ref.path, field);
    return value;
  };
  const text = (field: string): string => read(field, isText);
  const time = (field: string): Date => read(field, isTime).toDate();
  const list = <T>(field: string): readonly T[] => read(field, (value): value is T[] => Array.isArray(value));
  const isState = (value: unknown): value is StoredOperation["state"] =>
    value === "running" || value === "succeeded" || value === "failed";
  const failure = read("failure", (value): value is { kind: ErrorKind; message: string } | null =>
    value === null ? true : isRecord(value) && isText(value.kind) && isText(value.message),
  );
  const input: unknown = JSON.parse(text("input"));
  if (!isRecord(input)) throw malformedDocument(snapshot.ref.path, "input");
  return {
    id: snapshot.id,
    action: text("action"),
    target: {
      project: text("project_id"),
      region: text("region"),
      instance: text("instance_name"),
      database: text("database_name"),
    },
    username: text("username"),
    input,
    actor: text("actor"),
    requestId: text("request_id"),
    state: read("state", isState),
    createdAt: time("created_at"),
    updatedAt: time("updated_at"),
    steps: list<StepReport>("steps"),
    changed: read("changed", (value): value is boolean => typeof value === "boolean"),
    warnings: list<string>("warnings"),
    failure,
  };
}
