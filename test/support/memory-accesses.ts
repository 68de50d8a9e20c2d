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
    async change(
      id: string,
      from: readonly string[],
      fields: Partial<StoredAccess>,
      onlyIf: (stored: StoredAccess) => boolean = () => true,
    ) {
      store.calls += 1;
      const found = kept.get(id);
      if (found === undefined || !from.includes(found.state) || !onlyIf(found)) return undefined;
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
      return of(instanceKey(instance)).filter((one) => dueAt(one) !== null);
    },
    async due(atMs: number, limit: number, after?: StoredAccess) {
      store.calls += 1;
      const at = (one: StoredAccess) => dueAt(one) ?? Number.POSITIVE_INFINITY;
      const due = [...kept.values()]
        .filter((one) => at(one) <= atMs)
        .sort((one, other) => at(one) - at(other) || (one.id < other.id ? -1 : 1));
      const from = after === undefined ? 0 : due.findIndex(({ id }) => id === after.id) + 1;
      return due.slice(from, from + limit);
    },
  };
  return store as AccessStore & { calls: number };
}
