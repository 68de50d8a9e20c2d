import type { DocumentReference, Transaction } from "@google-cloud/firestore";
import { historyDocumentId, roleDocumentId } from "../domain/document-id.ts";
import type { HistoryRecord } from "../domain/history.ts";
import type { Target } from "../domain/target.ts";
import type { Log } from "../log.ts";
import type { HistoryEntry, RegistryChange } from "../operations/registry.ts";
import { historyFields, parseTargetDocument, roleFields } from "./registry-documents.ts";
import { registrySilent } from "./registry-errors.ts";
import { nextHistoryRecord } from "./registry-history.ts";

export interface EntryWrite {
  readonly document: DocumentReference;
  readonly target: Target;
  readonly entry: HistoryEntry;
  readonly change: RegistryChange;
  /** No attempt is started after it. */
  readonly deadline: number;
  readonly log: Log;
}

/** Contention ends sooner, at the deadline, in nearly all cases. */
const maxAttempts = 25;

/** Appends to the history and changes the roles, in one transaction; exactly once, whatever the client retries. */
export async function writeEntry(write: EntryWrite): Promise<void> {
  let attempted: HistoryRecord | undefined;
  let attempts = 0;
  await write.document.firestore.runTransaction(
    async (transaction) => {
      attempts += 1;
      if (performance.now() > write.deadline) throw registrySilent(0);
      if (attempted !== undefined && (await wasCommitted(transaction, write.document, attempted))) return;
      attempted = await writeNext(transaction, write);
    },
    { maxAttempts },
  );
  if (attempts > 1) write.log.debug("the registry was written after retries", { attempts });
}

/** An attempt whose answer was lost may have been committed nevertheless. */
async function wasCommitted(
  transaction: Transaction,
  document: DocumentReference,
  attempted: HistoryRecord,
): Promise<boolean> {
  const id = historyDocumentId(attempted.sequence);
  const snapshot = await transaction.get(document.collection("history").doc(id));
  return snapshot.get("hash") === attempted.hash;
}

async function writeNext(transaction: Transaction, write: EntryWrite): Promise<HistoryRecord> {
  const { document, target, entry, change } = write;
  const before = parseTargetDocument(await transaction.get(document));
  const now = new Date();
  const record = nextHistoryRecord(document.id, before, entry, now);
  transaction.create(
    document.collection("history").doc(historyDocumentId(record.sequence)),
    historyFields(record),
  );
  const roles = document.collection("roles");
  for (const name of change.removeRoles ?? []) transaction.delete(roles.doc(roleDocumentId(name)));
  for (const role of change.upsertRoles ?? []) {
    transaction.set(roles.doc(roleDocumentId(role.name)), roleFields(role, now));
  }
  transaction.set(document, {
    project_id: target.project,
    region: target.region,
    instance_name: target.instance,
    database_name: target.database,
    revision: (before?.revision ?? 0) + 1,
    created_at: before?.createdAt ?? now,
    created_by: before?.createdBy ?? record.actor,
    updated_at: now,
    updated_by: record.actor,
    total_history_entries: record.sequence,
    last_history_hash: record.hash,
  });
  return record;
}
