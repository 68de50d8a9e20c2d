import { instanceKey } from "../../src/domain/target.ts";
import { dueAt, type StoredAccess } from "../../src/domain/temporary-access.ts";
import type { AccessStore } from "../../src/operations/access-store.ts";

/** Accesses for tests of what happens in PostgreSQL. `calls` counts every use. */
export function createMemoryAccesses(): AccessStore & { calls: number } {
  const kept = new Map<string, StoredAccess>();
  const of = (key: string) => [...kept.values()].filter((one) => instanceKey(one.target) === key);
  const store = {
    calls: 0,
    async create(access: StoredAccess) {
      store.calls += 1;
      kept.set(access.id, access);
    },
    async read(id: string) {
      store.calls += 1;
      return kept.get(id);
    },
    async change(id: string, from: readonly string[], fields: Partial<StoredAccess>) {
      store.calls += 1;
      const found = kept.get(id);
      if (found === undefined || !from.includes(found.state)) return undefined;
      const changed = { ...found, ...fields };
      kept.set(id, changed);
      return changed;
    },
    async list(instance: StoredAccess["target"], limit: number) {
      store.calls += 1;
      return of(instanceKey(instance)).reverse().slice(0, limit);
    },
    async open(instance: StoredAccess["target"]) {
      store.calls += 1;
      return of(instanceKey(instance)).filter((one) => one.state === "requested" || dueAt(one) !== null);
    },
    async due(atMs: number, limit: number) {
      store.calls += 1;
      const due = [...kept.values()].filter((one) => (dueAt(one) ?? Number.POSITIVE_INFINITY) <= atMs);
      return due.slice(0, limit);
    },
  };
  return store as AccessStore & { calls: number };
}
