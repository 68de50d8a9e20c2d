import type { DesiredState } from "../../domain/desired-state.ts";
import { type DesiredStateInput, parseDesiredState } from "../../domain/desired-state-parser.ts";
import type { StatePlanResult } from "../../operations/desired-state.ts";
import { counted } from "../plan-answer.ts";
import type { Answer, Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type StateHandlers = Pick<Handlers, "planRoles" | "applyRoles" | "importRoles" | "rollbackRoles">;

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

    async importRoles(_input, call) {
      const { state, warnings } = await operations.importState(context, call, call.target);
      const { schemas, roles, memberships, grants } = state;
      const message = [
        counted(schemas.length, "schema"),
        counted(roles.length, "role"),
        counted(memberships.length, "membership"),
        counted(grants.length, "grant"),
      ].join(", ");
      return { message, state: stateOf(state), warnings };
    },

    async rollbackRoles({ sequence, plan_id, dry_run }, call) {
      const result = await operations.rollbackState(context, call, call.target, {
        sequence,
        dryRun: dry_run ?? true,
        ...(plan_id === undefined ? {} : { planId: plan_id }),
      });
      const { outcomes, changed, planId, state } = result;
      const done = outcomes === undefined ? { plan: planOf(result) } : { statements: outcomes };
      const message =
        outcomes === undefined
          ? describePlan(result)
          : `${counted(result.statements.length, "statement")} run`;
      return {
        message,
        sequence,
        changed,
        plan_id: planId,
        ...done,
        state: stateOf(state),
        ...shared(result),
      };
    },
  };
}

function stateOf(state: DesiredState): Answer<"importRoles">["state"] {
  return structuredClone(state) as Answer<"importRoles">["state"];
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
