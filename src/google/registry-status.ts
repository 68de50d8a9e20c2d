import type { DocumentReference, DocumentSnapshot } from "@google-cloud/firestore";
import type { RegistryStatus, RoleRecord } from "../operations/registry.ts";
import { parseRoleDocument, parseTargetDocument } from "./registry-documents.ts";

interface Copy {
  /** Of the document whose roles these are. Changes with every write, even if the revision were made up anew. */
  readonly version: string;
  readonly roles: readonly RoleRecord[];
  readonly expiresAt: number;
}

/**
 * Reads a target's status. The document itself is read each time, so that a write of another process is always seen;
 * its roles only when it has changed, or when their copy is too old.
 */
export function createStatusReader(options: { readonly cacheTtlMs: number }) {
  const copies = new Map<string, Copy>();

  function keep(key: string, version: string, roles: readonly RoleRecord[]): void {
    const now = performance.now();
    for (const [each, { expiresAt }] of copies) if (expiresAt <= now) copies.delete(each);
    copies.set(key, { version, roles, expiresAt: now + options.cacheTtlMs });
  }

  return async (document: DocumentReference): Promise<RegistryStatus | undefined> => {
    const copy = copies.get(document.path);
    if (copy !== undefined && performance.now() < copy.expiresAt) {
      const snapshot = await document.get();
      if (versionOf(snapshot) === copy.version) return makeStatus(snapshot, copy.roles);
    }
    const { snapshot, roles } = await readTogether(document);
    if (snapshot.exists) keep(document.path, versionOf(snapshot), roles);
    else copies.delete(document.path);
    return makeStatus(snapshot, roles);
  };
}

/** The document and its roles as they were at one moment. */
async function readTogether(
  document: DocumentReference,
): Promise<{ snapshot: DocumentSnapshot; roles: RoleRecord[] }> {
  return document.firestore.runTransaction(
    async (transaction) => {
      const snapshot = await transaction.get(document);
      const { docs } = await transaction.get(document.collection("roles"));
      return { snapshot, roles: docs.map(parseRoleDocument) };
    },
    { readOnly: true },
  );
}

function versionOf(snapshot: DocumentSnapshot): string {
  const { seconds, nanoseconds } = snapshot.updateTime ?? { seconds: 0, nanoseconds: 0 };
  return `${seconds}.${nanoseconds}`;
}

function makeStatus(snapshot: DocumentSnapshot, roles: readonly RoleRecord[]): RegistryStatus | undefined {
  const target = parseTargetDocument(snapshot);
  if (target === undefined) return undefined;
  return {
    documentId: snapshot.id,
    revision: target.revision,
    createdAt: target.createdAt,
    createdBy: target.createdBy,
    lastUpdated: target.updatedAt,
    roles: [...roles].sort((a, b) => (a.name < b.name ? -1 : 1)),
    totalHistoryEntries: target.totalEntries,
  };
}
