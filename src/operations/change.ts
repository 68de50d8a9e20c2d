import type { StatementPreview } from "../domain/plan.ts";
import { previewStatements } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { isChange } from "./access-standing.ts";
import { applyDecision, type Decide, type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { readBeforeChange, recordChange, recordedOf, recordFailure, type Subject } from "./record.ts";

export interface Change<T> {
  readonly dryRun: boolean;
  readonly subject: Subject;
  readonly decide: Decide<T>;
}

/**
 * The path of a change to one database: plan only, or lock the instance, apply and record. The registry is read before
 * anything is touched: a change that could not be recorded is not begun.
 */
export async function runChange<T>(
  context: Context,
  call: Call,
  target: Target,
  change: Change<T>,
): Promise<Decision<T>> {
  const { dryRun, subject, decide } = change;
  if (dryRun) return planOnly(context, call, target, decide);
  const before = await readBeforeChange(context, target);
  const applied = await recordFailure(context, call, target, subject, () =>
    withInstanceLock(context, call, target, () => applyDecision(context, call, target, decide)),
  );
  if (isChange(applied)) {
    await recordChange(context, call, target, { ...subject, ...recordedOf(applied), before });
  }
  return applied;
}

/** The part of an answer that only a dry run has. */
export function planOf(
  dryRun: boolean | undefined,
  decision: Decision<unknown>,
): { readonly plan?: readonly StatementPreview[] } {
  return dryRun === true ? { plan: previewStatements(decision.statements) } : {};
}
