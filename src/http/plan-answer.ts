import { planId, type StatementPreview } from "../domain/plan.ts";
import type { components } from "./contract.d.ts";

type PlanAnswer = components["schemas"]["Plan"];

/** A dry run's plan as the contract has it; nothing when it was no dry run. */
export function planFields(plan: readonly StatementPreview[] | undefined): { plan?: PlanAnswer } {
  if (plan === undefined) return {};
  return { plan: { plan_id: planId(plan), statements: plan } };
}

/** `1 role`, `2 roles`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
