import type { PoolTotals } from "../postgres/session.ts";

/** How much of what the pools may hold is in use, from 0 to 1. */
export function utilizationOf(use: Pick<PoolTotals, "limit" | "checkedOut"> | undefined): number {
  return use === undefined || use.limit === 0 ? 0 : use.checkedOut / use.limit;
}

export function poolFields(totals: PoolTotals) {
  return {
    pools: totals.pools,
    size: totals.size,
    checked_out: totals.checkedOut,
    checked_in: totals.idle,
    waiting: totals.waiting,
    overflow: totals.overflow,
    limit: totals.limit,
    utilization: Math.round(utilizationOf(totals) * 10_000) / 10_000,
  };
}
