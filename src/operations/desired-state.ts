import type { DesiredState } from "../domain/desired-state.ts";
import type { RecordedStatement } from "../domain/history.ts";
import { holdsInSchemas, type ManagedRole } from "../domain/managed-role.ts";
import { previewStatements, type StatementPreview } from "../domain/plan.ts";
import { comparePlans, planIdOf } from "../domain/plan-id.ts";
import type { Template } from "../domain/role-template.ts";
import type { Target } from "../domain/target.ts";
import { unitedSchemas } from "../domain/united-schemas.ts";
import { ServiceError } from "../errors.ts";
import type { Session } from "../postgres/session.ts";
import { readTemporaryMemberships } from "./access.ts";
import { isChange, withStanding } from "./access-standing.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import {
  type Applied,
  type Attempt,
  applyDecision,
  type Decide,
  type Decision,
  findAttempt,
  planOnly,
} from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import type { Declared } from "./kept-state.ts";
import { readBeforeChange, recordChange, recordedOf, recordFailure, type Subject } from "./record.ts";
import type { RegistryStatus, RoleRecord } from "./registry.ts";
import { assertMayUseTemplate } from "./role-permission.ts";
import { recordOf } from "./role-records.ts";
import { withMore } from "./state-additions.ts";
import { type Rights, watchRights } from "./state-changes.ts";
import { decideState, type PlannedState, type PlanSummary, type StateWish } from "./state-plan.ts";
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

/** The first decision in a transaction is held against the plan that was asked for; the check after it is not. */
function withPlanId(
  context: Context,
  call: Call,
  target: Target,
  { planId, mode }: ApplyStateInput,
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

/** Plans are kept so that a later apply can say what differs. A plan that could not be kept is a good plan all the same. */
async function keepPlan(context: Context, call: Call, target: Target, plan: StatePlanResult): Promise<void> {
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

interface StateChange {
  readonly before: RegistryStatus | undefined;
  readonly applied: Applied<PlannedState>;
  readonly subject: Subject;
  readonly planId: string;
  readonly declared: Declared;
}

async function recordState(
  context: Context,
  call: Call,
  target: Target,
  { before, applied, subject, planId, declared }: StateChange,
): Promise<void> {
  const known = new Map(before?.roles.map((role) => [role.name, role]));
  const roles = templateRecords(applied).map((role) => unitedSchemas(role, known.get(role.name)));
  const isKnown = (role: RoleRecord): boolean => {
    const record = known.get(role.name);
    return (
      record?.checksum === role.checksum && record.version === role.version && record.status === role.status
    );
  };
  if (!isChange(applied) && roles.every(isKnown)) return;
  const change = { ...subject, ...recordedOf(applied), before, planId, declared };
  await recordChange(context, call, target, change, { upsertRoles: roles });
}

function templateRecords({ result, failedOptional }: Applied<PlannedState>): RoleRecord[] {
  const { templates, degraded, schemaOwners } = result;
  const schemasOf = (role: ManagedRole): string[] =>
    templates.filter((one) => one.roles.some(({ name }) => name === role.name)).map((one) => one.schema);
  const failed = new Set(failedOptional.map(({ statement }) => statement.role));
  const records = templates.flatMap(({ roles, schema }) =>
    roles.map((role): RoleRecord => {
      const owner = role.scope === "schema" ? schemaOwners.get(schema) : undefined;
      return {
        ...recordOf(role, degraded.has(role.name) || failed.has(role.name)),
        ...(owner === undefined ? {} : { schemaOwner: owner }),
        ...(role.scope === "database" && holdsInSchemas(role) ? { schemas: schemasOf(role) } : {}),
      };
    }),
  );
  return [...new Map(records.map((role) => [role.name, role])).values()];
}
