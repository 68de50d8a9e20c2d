import type { DesiredState } from "../domain/desired-state.ts";
import type { RecordedStatement } from "../domain/history.ts";
import { previewStatements, type StatementPreview } from "../domain/plan.ts";
import { planIdOf } from "../domain/plan-id.ts";
import type { Template } from "../domain/role-template.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { readTemporaryMemberships } from "./access.ts";
import { isChange, withStanding } from "./access-standing.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { type Attempt, applyDecision, type Decide, type Decision, findAttempt, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { keepPlan, withPlanId } from "./kept-plan.ts";
import { readBeforeChange, recordFailure, type Subject } from "./record.ts";
import type { RegistryStatus } from "./registry.ts";
import { assertMayUseTemplate } from "./role-permission.ts";
import { withMore } from "./state-additions.ts";
import { type Rights, watchRights } from "./state-changes.ts";
import { decideState, type PlannedState, type PlanSummary, type StateWish } from "./state-plan.ts";
import { recordState } from "./state-record.ts";
import type { StateMode } from "./state-scope.ts";
import { findTemplate, resolveTemplate } from "./template-lookup.ts";

export interface StateInput {
  readonly mode: StateMode;
  /** Parsed, in canonical order. */
  readonly state: DesiredState;
}

export interface StatePlanResult {
  readonly planId: string;
  readonly statements: readonly StatementPreview[];
  readonly summary: PlanSummary;
  readonly warnings: readonly string[];
}

export interface ApplyStateInput extends StateInput {
  /** The plan that was looked at: when the present one is another, nothing is done. */
  readonly planId?: string;
  readonly dryRun?: boolean;
  /** The way back: what was declared last, of which all goes that `state` does not declare. */
  readonly from?: DesiredState;
  /** Beside, what is given in any case; what cannot be given is a warning. Nobody declares it by that. */
  readonly again?: Rights;
}

export interface ApplyStateResult extends StatePlanResult {
  readonly changed: boolean;
  /** What became of each statement; absent in a dry run. */
  readonly outcomes?: readonly RecordedStatement[];
}

/**
 * Plans are made one at a time on an instance: planning tries roles and memberships out, and rolls them back. What the
 * caller may give is not asked: nothing is given, and somebody else may apply it.
 */
export async function planState(
  context: Context,
  call: Call,
  target: Target,
  input: StateInput,
): Promise<StatePlanResult> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  const before = await context.registry.read(target);
  const decide = decideWish(context, target, await wishOf(context, input, before));
  const decision = await withInstanceLock(context, call, target, () =>
    planOnly(context, call, target, decide),
  );
  const result = planResult(target, input.mode, decision);
  await keepPlan(context, call, target, result);
  return result;
}

/**
 * Brings a database to a desired state, in one transaction. With `planId` exactly that plan is run: `conflict` with the
 * difference when the present one is another. `conflict` also for what the admin may not do, `permission_error` for what the caller may
 * not give or take; nothing is touched then.
 */
export async function applyState(
  context: Context,
  call: Call,
  target: Target,
  input: ApplyStateInput,
  subject: Subject = { summary: `apply a desired state in mode ${input.mode}` },
): Promise<ApplyStateResult> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  const before = await (input.dryRun ? context.registry.read(target) : readBeforeChange(context, target));
  const wish = {
    ...(await wishOf(context, input, before)),
    giver: call,
    ...(input.from === undefined ? {} : { from: input.from }),
  };
  for (const template of wish.templates) assertMayUseTemplate(call, template);
  const bring = (state: DesiredState) => decideWish(context, target, { ...wish, state });
  const { registered } = wish;
  const give = (state: DesiredState) =>
    decideWish(context, target, { mode: "additive", state, templates: [], registered, giver: call });
  const both = withMore({ bring, give }, input.state, input.again);
  const decide = withPlanId(context, call, target, input, both);
  if (input.dryRun) {
    const decision = await withInstanceLock(context, call, target, () =>
      planOnly(context, call, target, decide),
    );
    const result = planResult(target, input.mode, decision);
    await keepPlan(context, call, target, result);
    return { ...result, changed: isChange(decision) };
  }
  const watched = watchRights(decide);
  const applied = await recordFailure(context, call, target, subject, () =>
    withInstanceLock(context, call, target, () => applyDecision(context, call, target, watched.decide)),
  ).catch((error: unknown) => {
    throw withOutcomes(error);
  });
  const result = planResult(target, input.mode, applied);
  const { mode, from, state } = input;
  const how =
    from !== undefined || mode === "authoritative" ? "whole" : mode === "adopt" ? "replaces" : "adds";
  await recordState(context, call, target, {
    before,
    applied,
    subject,
    planId: result.planId,
    declared: { state, how, change: watched.change() },
  });
  return {
    ...result,
    changed: isChange(applied),
    outcomes: recorded(applied),
  };
}

/** Temporary access is read within the lock: what was granted while this waited for it is left, and not revoked. */
function decideWish(context: Context, target: Target, wish: StateWish): Decide<PlannedState> {
  return async (session) => {
    const temporary = await readTemporaryMemberships(context, target);
    const decision = await decideState(session, { ...wish, temporary });
    return withStanding(context, target, decision, wish.state.memberships);
  };
}

function recorded({ statements, outcomes }: Attempt): RecordedStatement[] {
  return previewStatements(statements).map((one, at) => ({ ...one, ...outcomes[at] }));
}

/** Most statements of a failure that its answer tells of. */
const toldStatements = 500;

/** A failure says what became of each statement. */
function withOutcomes(error: unknown): unknown {
  const attempt = findAttempt(error);
  if (!(error instanceof ServiceError) || attempt === undefined) return error;
  return new ServiceError(error.kind, error.message, {
    cause: error.cause,
    details: { ...error.details, statements: recorded(attempt).slice(0, toldStatements) },
    faults: error.faults,
    ...(error.retryAfterS === undefined ? {} : { retryAfterS: error.retryAfterS }),
  });
}

async function wishOf(
  context: Context,
  { mode, state, from }: Pick<ApplyStateInput, "mode" | "state" | "from">,
  before: RegistryStatus | undefined,
): Promise<StateWish> {
  // A version that was retired since is good enough to go back to.
  const isBack = from !== undefined;
  const templates: Template[] = [];
  for (const { name, version } of state.templates) {
    const find = isBack ? findTemplate : resolveTemplate;
    const found = await find(context, name, version ?? undefined);
    templates.push("template" in found ? found.template : found);
  }
  const registered = new Set(before?.roles.map((role) => role.name));
  return { mode, state, templates, registered };
}

function planResult(target: Target, mode: StateMode, decision: Decision<PlannedState>): StatePlanResult {
  const statements = previewStatements(decision.statements);
  return {
    planId: planIdOf(target, mode, statements),
    statements,
    summary: decision.result.summary,
    warnings: decision.warnings,
  };
}
