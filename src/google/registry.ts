import type { DocumentReference, Firestore } from "@google-cloud/firestore";
import { targetDocumentId } from "../domain/document-id.ts";
import type { Target } from "../domain/target.ts";
import type { HistoryPage, HistoryRange, Registry } from "../operations/registry.ts";
import { createFirestoreClient, type FirestoreClientOptions } from "./firestore-client.ts";
import { parseHistoryDocument, parseRegion, parseTargetDocument } from "./registry-documents.ts";
import { createStatusReader } from "./registry-status.ts";
import { keepText, readText } from "./registry-texts.ts";
import { createEntryWriter, writeInSync } from "./registry-write.ts";

export interface RegistryOptions extends FirestoreClientOptions {
  readonly collection: string;
  /** How long a copy of a target's roles is kept. It is used only while the target's revision is the same. */
  readonly cacheTtlMs: number;
}

export interface FirestoreRegistry extends Registry {
  close(): Promise<void>;
}

/**
 * The role registry in Firestore: one document per target with its counters, and below it `roles/{role}` and
 * `history/{sequence}`.
 */
export function createRegistry(options: RegistryOptions): FirestoreRegistry {
  const { collection, cacheTtlMs } = options;
  const client = createFirestoreClient(options);
  const readStatus = createStatusReader({ cacheTtlMs });
  const readUse = () => ({ deadline: client.newDeadline(), attempts: 3 });
  const turns = new Map<string, Promise<void>>();

  const documentOf = (firestore: Firestore, target: Target): DocumentReference =>
    firestore.collection(collection).doc(targetDocumentId(target));

  /** One after the other within this process: all writes of a target are to the same document. */
  function inTurn(id: string, work: () => Promise<void>): Promise<void> {
    const turn = (turns.get(id) ?? Promise.resolve()).then(work, work);
    turns.set(id, turn);
    const leave = () => {
      if (turns.get(id) === turn) turns.delete(id);
    };
    turn.then(leave, leave);
    return turn;
  }

  return {
    documentId: targetDocumentId,
    read(target) {
      return client.use(readUse(), (firestore) => readStatus(documentOf(firestore, target)));
    },
    findRegions({ project, instance, database }) {
      return client.use(readUse(), async (firestore) => {
        const { docs } = await firestore
          .collection(collection)
          .where("project_id", "==", project)
          .where("instance_name", "==", instance)
          .where("database_name", "==", database)
          .select("region")
          .get();
        return docs.map((document) => parseRegion(document)).sort();
      });
    },
    async record(target, entry, change = {}) {
      const deadline = client.newDeadline();
      const write = createEntryWriter({ target, entry, change });
      // As long as there is time: what was done to the database should not go unrecorded.
      const use = { deadline, attempts: Number.POSITIVE_INFINITY };
      await inTurn(targetDocumentId(target), () =>
        client.use(use, (firestore, transact) => write(documentOf(firestore, target), transact)),
      );
    },
    keepText(target, text) {
      return client.use(readUse(), (firestore) => keepText(documentOf(firestore, target), text));
    },
    readText(target, key) {
      return client.use(readUse(), (firestore) => readText(documentOf(firestore, target), key));
    },
    async noteInSync(target, note) {
      await inTurn(targetDocumentId(target), () =>
        client.use(readUse(), (firestore, transact) =>
          writeInSync(documentOf(firestore, target), transact, note),
        ),
      );
    },
    readHistory(target, range = {}) {
      return client.use(readUse(), (firestore) => readHistory(documentOf(firestore, target), range));
    },
    close: client.close,
  };
}

async function readHistory(
  document: DocumentReference,
  { after = 0, before = Number.MAX_SAFE_INTEGER, limit = 100, newestFirst = false }: HistoryRange,
): Promise<HistoryPage | undefined> {
  const head = parseTargetDocument(await document.get());
  if (head === undefined) return undefined;
  // Entries that came in between are left for the next page: the head does not know of them.
  const { docs } = await document
    .collection("history")
    .where("sequence", ">", after)
    .where("sequence", "<=", Math.min(head.totalEntries, before - 1))
    .orderBy("sequence", newestFirst ? "desc" : "asc")
    .limit(limit)
    .get();
  return { head, records: docs.map(parseHistoryDocument) };
}
