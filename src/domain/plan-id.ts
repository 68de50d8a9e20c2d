import { createHash } from "node:crypto";
import type { StatementPreview } from "./plan.ts";
import { type Target, targetKey } from "./target.ts";

/** SHA-256 (hex) over the exact statements, the database and what they are for: the same plan has the same id. */
export function planIdOf(
  target: Target,
  purpose: string,
  statements: readonly Pick<StatementPreview, "database" | "sql" | "optional">[],
): string {
  const identity = statements.map(({ database, sql, optional }) => [database, sql, optional]);
  return createHash("sha256")
    .update(JSON.stringify([targetKey(target), purpose, identity]))
    .digest("hex");
}

export interface PlanDifference {
  /** Statements of the present plan that the earlier one did not have. */
  readonly added: readonly string[];
  /** Statements of the earlier plan that there are no longer. */
  readonly removed: readonly string[];
}

/** How a plan differs from an earlier one, statement by statement; the order alone is no difference. */
export function comparePlans(before: readonly string[], now: readonly string[]): PlanDifference {
  return { added: without(now, before), removed: without(before, now) };
}

function without(list: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of other) left.set(one, (left.get(one) ?? 0) + 1);
  return list.filter((one) => {
    const count = left.get(one) ?? 0;
    if (count > 0) left.set(one, count - 1);
    return count === 0;
  });
}
