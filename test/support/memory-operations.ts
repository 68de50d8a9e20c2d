import { instanceKey } from "../../src/domain/target.ts";
import type { OperationStore, StoredOperation } from "../../src/operations/operation-store.ts";

interface Kept {
  operation: StoredOperation;
  owner: string;
  until: number;
}

export interface MemoryOperations extends OperationStore {
  all(): readonly StoredOperation[];
  /** As after the end of the process that worked on it. */
  loseLeases(): void;
}

/** Operations for tests of what happens in PostgreSQL; the real store has tests of its own. */
export function createMemoryOperations(): MemoryOperations {
  const kept = new Map<string, Kept>();
  return {
    async create(operation, { owner, forMs }) {
      kept.set(operation.id, { operation, owner, until: Date.now() + forMs });
    },
    read: async (id) => kept.get(id)?.operation,
    listAbandoned: async (limit) =>
      [...kept.values()]
        .filter(({ operation, until }) => operation.state === "running" && until <= Date.now())
        .map(({ operation }) => operation)
        .slice(0, limit),
    findLater: async ({ target, username, createdAt }) =>
      [...kept.values()]
        .map(({ operation }) => operation)
        .find(
          (other) =>
            other.username === username &&
            instanceKey(other.target) === instanceKey(target) &&
            other.createdAt > createdAt,
        ),
    async takeOver(id, { owner, forMs }) {
      const found = kept.get(id);
      if (found?.operation.state !== "running") return undefined;
      if (found.owner !== owner && found.until > Date.now()) return undefined;
      Object.assign(found, { owner, until: Date.now() + forMs });
      return found.operation;
    },
    async save(id, { owner, forMs }, progress) {
      const found = kept.get(id);
      if (found === undefined || found.owner !== owner) return false;
      found.operation = { ...found.operation, ...progress, updatedAt: new Date() };
      found.until = Date.now() + forMs;
      return true;
    },
    all: () => [...kept.values()].map(({ operation }) => operation),
    loseLeases() {
      for (const each of kept.values()) each.until = 0;
    },
  };
}
