import type { DocumentData, DocumentReference, DocumentSnapshot, Firestore } from "@google-cloud/firestore";
import { instanceKey } from "../domain/target.ts";
import { dueAt, type StoredAccess } from "../domain/temporary-access.ts";
import type { AccessStore } from "../operations/access-store.ts";
import {
  createFirestoreClient,
  type FirestoreClientOptions,
  type FirestoreWork,
} from "./firestore-client.ts";
import { malformedDocument } from "./registry-errors.ts";

export interface AccessStoreOptions extends FirestoreClientOptions {
  /** The registry's collection; accesses are in one beside it. */
  readonly collection: string;
}

export interface FirestoreAccessStore extends AccessStore {
  close(): Promise<void>;
}

const attempts = 5;
const maxOpen = 2_000;

/**
 * Temporary accesses in Firestore: one document each in `{collection}_accesses`. Every query is by one field, or by
 * equality alone, so that none needs an index of its own; `due_at` is there only while something is to be done.
 */
export function createAccessStore(options: AccessStoreOptions): FirestoreAccessStore {
  const client = createFirestoreClient(options);
  const use = <T>(work: FirestoreWork<T>): Promise<T> =>
    client.use({ deadline: client.newDeadline(), attempts }, work);
  const collectionOf = (firestore: Firestore) => firestore.collection(`${options.collection}_accesses`);
  const documentOf = (firestore: Firestore, id: string): DocumentReference => collectionOf(firestore).doc(id);
  const parseAll = (docs: readonly DocumentSnapshot[]): StoredAccess[] =>
    docs.flatMap((doc) => parseAccess(doc) ?? []);

  return {
    async create(access) {
      await use((firestore) => documentOf(firestore, access.id).set(accessFields(access)));
    },
    read: (id) => use(async (firestore) => parseAccess(await documentOf(firestore, id).get())),
    change: (id, from, fields, onlyIf = () => true) =>
      use((firestore, transact) =>
        transact(async (transaction) => {
          const document = documentOf(firestore, id);
          const access = parseAccess(await transaction.get(document));
          if (access === undefined || !from.includes(access.state) || !onlyIf(access)) return undefined;
          const changed = { ...access, ...fields };
          transaction.set(document, accessFields(changed));
          return changed;
        }),
      ),
    list: (instance, limit) =>
      use(async (firestore) => {
        const query = collectionOf(firestore).where("instance", "==", instanceKey(instance));
        const all = parseAll((await query.get()).docs);
        return all.sort((one, other) => other.createdAt - one.createdAt).slice(0, limit);
      }),
    open: (instance) =>
      use(async (firestore) => {
        const query = collectionOf(firestore)
          .where("instance", "==", instanceKey(instance))
          .where("open", "==", true);
        return parseAll((await query.limit(maxOpen).get()).docs);
      }),
    due: (atMs, limit, after) =>
      use(async (firestore) => {
        const query = collectionOf(firestore)
          .where("due_at", "<=", new Date(atMs))
          .orderBy("due_at")
          .orderBy("__name__")
          .limit(limit);
        const page =
          after === undefined
            ? query
            : query.startAfter(new Date(dueAt(after) ?? 0), documentOf(firestore, after.id));
        return parseAll((await page.get()).docs);
      }),
    close: client.close,
  };
}

function accessFields(access: StoredAccess): DocumentData {
  const due = dueAt(access);
  return {
    instance: instanceKey(access.target),
    state: access.state,
    open: due !== null,
    created_at: new Date(access.createdAt),
    ...(due === null ? {} : { due_at: new Date(due) }),
    // As text: what it holds is never looked for.
    access: JSON.stringify(access),
  };
}

function parseAccess(snapshot: DocumentSnapshot): StoredAccess | undefined {
  if (!snapshot.exists) return undefined;
  const text: unknown = snapshot.get("access");
  const parsed: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
  if (typeof parsed !== "object" || parsed === null || (parsed as StoredAccess).id !== snapshot.id)
    throw malformedDocument(snapshot.ref.path, "access");
  return parsed as StoredAccess;
}
