import { previewStatements, type StatementPreview } from "../domain/plan.ts";
import { comparePlans, planIdOf } from "../domain/plan-id.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Session } from "../postgres/session.ts";
import type { Decide } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import type { PlannedState } from "./state-plan.ts";
import type { StateMode } from "./state-scope.ts";

/** The first decision in a transaction is held against the plan that was asked for; the check after it is not. */
export function withPlanId(
  context: Context,
  call: Call,
  target: Target,
  { planId, mode }: { readonly planId?: string; readonly mode: StateMode },
  decide: Decide<PlannedState>,
): Decide<PlannedState> {
  if (planId === undefined) return decide;
  const seen = new WeakSet<Session>();
  return async (session) => {
    const decision = await decide(session);
    if (seen.has(session)) return decision;
    seen.add(session);
    const statements = previewStatements(decision.statements);
    const present = planIdOf(target, mode, statements);
    if (present !== planId) throw await otherPlan(context, call, target, planId, { present, statements });
    return decision;
  };
}

interface OtherPlan {
  readonly present: string;
  readonly statements: readonly StatementPreview[];
}

async function otherPlan(
  context: Context,
  call: Call,
  target: Target,
  planId: string,
  { present, statements }: OtherPlan,
): Promise<ServiceError> {
  const kept = await readKeptPlan(context, call, target, planId);
  const now = statements.map((one) => one.sql);
  const difference = kept === undefined ? undefined : comparePlans(kept, now);
  const because =
    kept === undefined
      ? "the plan of that id is not known (any more); what would run now is in details.statements"
      : "the database, or the state that was sent, is not what it was when the plan was made";
  return new ServiceError("conflict", `The plan is another one now: ${because}. Nothing was touched.`, {
    details: {
      because,
      plan_id: planId,
      present_plan_id: present,
      ...(difference ?? { statements: now.slice(0, 500) }),
    },
  });
}

interface Plan {
  readonly planId: string;
  readonly statements: readonly StatementPreview[];
}

/** Plans are kept so that a later apply can say what differs. A plan that could not be kept is a good plan all the same. */
export async function keepPlan(context: Context, call: Call, target: Target, plan: Plan): Promise<void> {
  const text = JSON.stringify(plan.statements.map((one) => one.sql));
  try {
    await context.registry.keepText(target, { kind: "plans", id: plan.planId, text });
  } catch (error) {
    call.log.warning("a plan could not be kept", { error });
  }
}

async function readKeptPlan(
  context: Context,
  call: Call,
  target: Target,
  planId: string,
): Promise<readonly string[] | undefined> {
  try {
    const text = await context.registry.readText(target, { kind: "plans", id: planId });
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    call.log.warning("an earlier plan could not be read", { error });
    return undefined;
  }
}
