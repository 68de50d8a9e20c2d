import { instanceKey } from "../domain/target.ts";
import type { ConsoleEntry } from "./console.ts";
import type { PoolSettings } from "./pool-settings.ts";
import type { PoolTotals } from "./session.ts";

export function sumUp(
  entries: Iterable<ConsoleEntry>,
  { size, maxOverflow }: PoolSettings,
  limitOf: (instance: string) => number,
  totalLimit: number,
): PoolTotals {
  const totals = { pools: 0, size: 0, checkedOut: 0, idle: 0, waiting: 0, overflow: 0 };
  const wanted = new Map<string, number>();
  for (const { target, pool } of entries) {
    totals.pools += 1;
    const instance = instanceKey(target);
    wanted.set(instance, (wanted.get(instance) ?? 0) + size + maxOverflow);
    if (pool === undefined) continue;
    const counts = pool.counts();
    totals.size += counts.size;
    totals.checkedOut += counts.lent;
    totals.idle += counts.idle;
    totals.waiting += counts.waiting;
    totals.overflow += Math.max(0, counts.size - size);
  }
  let limit = 0;
  for (const [instance, most] of wanted) limit += Math.min(most, limitOf(instance));
  return { ...totals, limit: Math.min(limit, totalLimit) };
}
