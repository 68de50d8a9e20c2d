import type { CollectionReference, DocumentReference, Transaction } from "@google-cloud/firestore";
import { historyDocumentId, roleDocumentId } from "../domain/document-id.ts";
import type { HistoryRecord } from "../domain/history.ts";
import type { Target } from "../domain/target.ts";
import { unitedSchemas } from "../domain/united-schemas.ts";
import type { HistoryEntry, InSyncNote, RegistryChange, RoleRecord } from "../operations/registry.ts";
import type { Transact } from "./firestore-client.ts";
import { historyFields, parseRoleDocument, parseTargetDocument, roleFields } from "./registry-documents.ts";
import { nextHistoryRecord } from "./registry-history.ts";

export interface EntryWrite {
  readonly target: Target;
  readonly entry: HistoryEntry;
  readonly change: RegistryChange;
}

/**
 * Appends to the history and changes the roles, in one transaction. What it returns is one attempt, and may be called
 * until one succeeds: the entry is written once, also when an attempt was committed and its answer lost.
 */
export function createEntryWriter(
  write: EntryWrite,
): (document: DocumentReference, transact: Transact) => Promise<void> {
  let attempted: HistoryRecord | undefined;
  return (document, transact) =>
    transact(async (transaction) => {
      if (attempted !== undefined && (await wasCommitted(transaction, document, attempted))) return;
      attempted = await writeNext(transaction, document, write);
    });
}

async function wasCommitted(
  transaction: Transaction,
  document: DocumentReference,
  attempted: HistoryRecord,
): Promise<boolean> {
  const id = historyDocumentId(attempted.sequence);
  const snapshot = await transaction.get(document.collection("history").doc(id));
  return snapshot.get("hash") === attempted.hash;
}

async function writeNext(
  transaction: Transaction,
  document: DocumentReference,
  { target, entry, change }: EntryWrite,
): Promise<HistoryRecord> {
  const before = parseTargetDocument(await transaction.get(document));
  const now = new Date();
  const record = nextHistoryRecord(document.id, before, entry, now);
  const history = document.collection("history");
  const roles = document.collection("roles");
  const upserts = await withEarlierSchemas(transaction, roles, change.upsertRoles ?? []);
  transaction.create(history.doc(historyDocumentId(record.sequence)), historyFields(record));
  for (const name of change.removeRoles ?? []) transaction.delete(roles.doc(roleDocumentId(name)));
  for (const role of upserts) {
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

/** Two calls for two schemas may be recorded at the same time: neither is to forget the other's. */
async function withEarlierSchemas(
  transaction: Transaction,
  roles: CollectionReference,
  records: readonly RoleRecord[],
): Promise<RoleRecord[]> {
  return Promise.all(
    records.map(async (record) => {
      if (record.schemas === undefined) return record;
      const snapshot = await transaction.get(roles.doc(roleDocumentId(record.name)));
      return snapshot.exists ? unitedSchemas(record, parseRoleDocument(snapshot)) : record;
    }),
  );
}

/** The next entry writes the document anew, without the note. */
export async function writeInSync(
  document: DocumentReference,
  transact: Transact,
  note: InSyncNote,
): Promise<void> {
  await transact(async (transaction) => {
    const before = parseTargetDocument(await transaction.get(document));
    if (before?.revision !== note.revision) return;
    const { schemas, warnings, ...rest } = note;
    transaction.update(document, { in_sync: { ...rest, schemas: [...schemas], warnings: [...warnings] } });
  });
}
