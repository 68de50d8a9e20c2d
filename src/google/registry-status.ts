import type { DocumentReference, DocumentSnapshot } from "@google-cloud/firestore";
import type { RegistryStatus, RoleRecord } from "../operations/registry.ts";
import { parseRoleDocument, parseTargetDocument } from "./registry-documents.ts";
import { registryContended } from "./registry-errors.ts";

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
    const fresh = copy !== undefined && performance.now() < copy.expiresAt ? copy : undefined;
    const { snapshot, roles } = await readTogether(document, fresh);
    if (!snapshot.exists) copies.delete(document.path);
    else if (roles !== fresh?.roles) keep(document.path, versionOf(snapshot), roles);
    return makeStatus(snapshot, roles);
  };
}

interface Together {
  readonly snapshot: DocumentSnapshot;
  readonly roles: readonly RoleRecord[];
}

const mostReadings = 5;

/**
 * The document and its roles as they were at one moment: the document is the same before and after. Not by a read-only
 * transaction: when its first read fails, the client leaves an unhandled rejection.
 */
async function readTogether(document: DocumentReference, copy: Copy | undefined): Promise<Together> {
  let snapshot = await document.get();
  if (versionOf(snapshot) === copy?.version) return { snapshot, roles: copy.roles };
  for (let reading = 1; snapshot.exists; reading += 1) {
    const { docs } = await document.collection("roles").get();
    const after = await document.get();
    if (versionOf(after) === versionOf(snapshot)) return { snapshot, roles: docs.map(parseRoleDocument) };
    if (reading === mostReadings) throw registryContended();
    snapshot = after;
  }
  return { snapshot, roles: [] };
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
    ...(target.inSync === undefined ? {} : { inSync: target.inSync }),
  };
}
