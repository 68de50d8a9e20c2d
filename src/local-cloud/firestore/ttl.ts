import type { Database } from "./database.ts";
import { type FieldPath, parseFieldPath, readField } from "./field-paths.ts";
import { collectionOf } from "./names.ts";
import { microsOf, wireTime } from "./wire.ts";

/** Documents of a collection group are deleted some time after the time in `field`. */
export interface TtlPolicy {
  readonly database: string;
  readonly collectionGroup: string;
  readonly field: string;
}

export interface TimeToLive {
  /** A second policy for the same collection group takes the place of the first. */
  set(policy: TtlPolicy): void;
  policies(): TtlPolicy[];
  /** Deletes what has expired; gives how many. A document that is changed or locked meanwhile stays for the next time. */
  sweep(): Promise<number>;
}

/** `nowMs` gives epoch milliseconds. */
export function createTimeToLive(find: (name: string) => Database, nowMs: () => number): TimeToLive {
  const policies = new Map<string, TtlPolicy & { path: FieldPath }>();

  async function sweepOne({
    database: name,
    collectionGroup,
    path,
  }: TtlPolicy & { path: FieldPath }): Promise<number> {
    const database = find(name);
    const expired = [...database.storage.below(`${name}/documents`)].filter((document) => {
      if (!collectionOf(document.name).endsWith(`/${collectionGroup}`)) return false;
      const time = readField(document.fields, path)?.timestampValue;
      return time !== undefined && Number(microsOf(time)) <= nowMs() * 1000;
    });
    const deleted = await Promise.allSettled(
      expired.map((document) => {
        const currentDocument = { updateTime: wireTime(document.updateTime) };
        const write = { delete: document.name, updateMask: null, updateTransforms: [], currentDocument };
        return database.commit([write], undefined, new AbortController().signal);
      }),
    );
    return deleted.filter((each) => each.status === "fulfilled").length;
  }

  return {
    set(policy) {
      const path = parseFieldPath(policy.field);
      policies.set(`${policy.database} ${policy.collectionGroup}`, { ...policy, path });
    },
    policies: () =>
      [...policies.values()].map(({ database, collectionGroup, field }) => ({
        database,
        collectionGroup,
        field,
      })),
    async sweep() {
      const counts = await Promise.all([...policies.values()].map(sweepOne));
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}
