import { connectionName, instanceKey } from "../domain/target.ts";
import type { Budget } from "./budget.ts";
import type { ConsoleEntry } from "./console.ts";
import type { PoolSettings } from "./pool-settings.ts";
import type { InstanceUse, PoolTotals } from "./session.ts";

/** What the pools hold together. A database whose pool was closed, since nobody needed it, counts for nothing. */
export function sumUp(
  entries: Iterable<ConsoleEntry>,
  { size, maxOverflow }: PoolSettings,
  budget: Pick<Budget, "limit" | "room">,
  totalLimit: number,
): PoolTotals {
  const totals = { pools: 0, size: 0, checkedOut: 0, idle: 0, waiting: 0, overflow: 0 };
  const uses = new Map<string, { name: string; checkedOut: number; wanted: number }>();
  for (const { target, pool, joined } of entries) {
    if (pool === undefined) continue;
    const counts = pool.counts();
    totals.pools += 1;
    totals.size += counts.size;
    totals.checkedOut += counts.lent;
    totals.idle += counts.idle;
    totals.waiting += counts.waiting + joined.waiting;
    totals.overflow += Math.max(0, counts.size - size);
    const key = instanceKey(target);
    const use = uses.get(key) ?? { name: connectionName(target), checkedOut: 0, wanted: 0 };
    use.checkedOut += counts.lent;
    use.wanted += size + maxOverflow;
    uses.set(key, use);
  }
  let limit = 0;
  let mostUsed: InstanceUse | undefined;
  for (const [key, { name, checkedOut, wanted }] of uses) {
    limit += Math.min(wanted, budget.limit(key));
    const use = { name, checkedOut, limit: Math.min(wanted, budget.room(key)) };
    if (mostUsed === undefined || checkedOut / use.limit > mostUsed.checkedOut / mostUsed.limit)
      mostUsed = use;
  }
  return { ...totals, limit: Math.min(limit, totalLimit), ...(mostUsed === undefined ? {} : { mostUsed }) };
}
