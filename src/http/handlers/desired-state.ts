import { type DesiredStateInput, parseDesiredState } from "../../domain/desired-state.ts";
import type { StatePlanResult } from "../../operations/desired-state.ts";
import { counted } from "../plan-answer.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type StateHandlers = Pick<Handlers, "planRoles" | "applyRoles">;

export function desiredStateHandlers({ context, operations }: HandlerContext): StateHandlers {
  return {
    async planRoles(input, call) {
      const { mode } = input;
      const state = parseDesiredState(input.state as DesiredStateInput);
      const result = await operations.planState(context, call, call.target, { mode, state });
      return { message: describePlan(result), mode, plan: planOf(result), ...shared(result) };
    },

    async applyRoles(input, call) {
      const { mode, plan_id } = input;
      const state = parseDesiredState(input.state as DesiredStateInput);
      const result = await operations.applyState(context, call, call.target, {
        mode,
        state,
        dryRun: input.dry_run ?? false,
        ...(plan_id === undefined ? {} : { planId: plan_id }),
      });
      const { outcomes, changed, planId } = result;
      const done = outcomes === undefined ? { plan: planOf(result) } : { statements: outcomes };
      const message =
        outcomes === undefined
          ? describePlan(result)
          : `${counted(result.statements.length, "statement")} run`;
      return { message, mode, changed, plan_id: planId, ...done, ...shared(result) };
    },
  };
}

function planOf({ planId, statements }: StatePlanResult) {
  return { plan_id: planId, statements };
}

function shared({ summary, warnings }: StatePlanResult) {
  return { summary, warnings };
}

function describePlan({ summary }: StatePlanResult): string {
  return `${counted(summary.total, "statement")}, ${summary.destructive} of them destructive`;
}
