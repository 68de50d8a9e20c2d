import { firstPreviousHash, type HistoryHead, type HistoryRecord } from "../../src/domain/history.ts";
import { type Target, targetKey } from "../../src/domain/target.ts";
import { unitedSchemas } from "../../src/domain/united-schemas.ts";
import { ServiceError } from "../../src/errors.ts";
import { nextHistoryRecord } from "../../src/google/registry-history.ts";
import type { HistoryEntry, InSyncNote, Registry, RoleRecord } from "../../src/operations/registry.ts";

/** A registry for tests of what happens in PostgreSQL; the real one has tests of its own. */
export interface MemoryRegistry extends Registry {
  history(target: Target): readonly HistoryEntry[];
  /** Every call fails until this is called with false. */
  fail(reads: boolean, writes: boolean): void;
}

interface Document {
  readonly roles: Map<string, RoleRecord>;
  readonly history: HistoryEntry[];
  readonly records: HistoryRecord[];
  readonly at: Date;
  inSync?: InSyncNote | undefined;
}

const headOf = (records: readonly HistoryRecord[]): HistoryHead => ({
  totalEntries: records.length,
  lastHash: records.at(-1)?.hash ?? firstPreviousHash,
});

export function createMemoryRegistry(): MemoryRegistry {
  const documents = new Map<string, Document>();
  const texts = new Map<string, string>();
  const textKey = (target: Target, kind: string, id: string): string =>
    JSON.stringify([targetKey(target), kind, id]);
  const failing = { reads: false, writes: false };
  const check = (fails: boolean): void => {
    if (fails) throw new ServiceError("unavailable", "Firestore is down.");
  };
  return {
    documentId: (target) => encodeURIComponent(targetKey(target)),
    async read(target) {
      check(failing.reads);
      const found = documents.get(targetKey(target));
      if (found === undefined) return undefined;
      return {
        documentId: encodeURIComponent(targetKey(target)),
        revision: found.history.length,
        createdAt: found.at,
        createdBy: found.history[0]?.actor ?? "",
        lastUpdated: new Date(),
        roles: [...found.roles.values()],
        totalHistoryEntries: found.history.length,
        ...(found.inSync === undefined ? {} : { inSync: found.inSync }),
      };
    },
    async findRegions() {
      throw new Error("only the real registry looks for regions");
    },
    async readHistory(
      target,
      { after = 0, before = Number.POSITIVE_INFINITY, limit = 100, newestFirst = false } = {},
    ) {
      check(failing.reads);
      const found = documents.get(targetKey(target));
      if (found === undefined) return undefined;
      const wanted = found.records.filter(({ sequence }) => sequence > after && sequence < before);
      const ordered = newestFirst ? wanted.toReversed() : wanted;
      return { records: ordered.slice(0, limit), head: headOf(found.records) };
    },
    async keepText(target, { kind, id, text }) {
      check(failing.writes);
      texts.set(textKey(target, kind, id), text);
    },
    async readText(target, { kind, id }) {
      check(failing.reads);
      return texts.get(textKey(target, kind, id));
    },
    async record(target, entry, change = {}) {
      check(failing.writes);
      const key = targetKey(target);
      const at = new Date();
      const document: Document = documents.get(key) ?? { roles: new Map(), history: [], records: [], at };
      documents.set(key, document);
      document.inSync = undefined;
      document.history.push(entry);
      const head = {
        revision: document.records.length,
        createdAt: at,
        createdBy: "",
        updatedAt: at,
        ...headOf(document.records),
      };
      document.records.push(nextHistoryRecord(encodeURIComponent(key), head, entry, at));
      for (const role of change.upsertRoles ?? [])
        document.roles.set(role.name, unitedSchemas(role, document.roles.get(role.name)));
      for (const name of change.removeRoles ?? []) document.roles.delete(name);
    },
    async noteInSync(target, note) {
      check(failing.writes);
      const document = documents.get(targetKey(target));
      if (document !== undefined && document.history.length === note.revision) document.inSync = note;
    },
    history: (target) => documents.get(targetKey(target))?.history ?? [],
    fail(reads, writes) {
      failing.reads = reads;
      failing.writes = writes;
    },
  };
}
