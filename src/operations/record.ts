import type { RecordedStatement } from "../domain/history.ts";
import { planId, previewStatements } from "../domain/plan.ts";
import { type Target, targetKey } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { type Applied, type Attempt, findAttempt } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { type Declared, keepManagedState } from "./kept-state.ts";
import type { ManagedState } from "./managed-state.ts";
import type { HistoryEntry, RegistryChange, RegistryStatus } from "./registry.ts";

/** What a change was about. */
export interface Subject {
  /** For people, as an infinitive: "assign reader to alice@example.com". */
  readonly summary: string;
  readonly schema?: string;
  readonly username?: string;
  readonly roleName?: string;
}

/** What the registry could not take, with the change that belongs to it. */
type Unrecorded = readonly [HistoryEntry, RegistryChange | undefined];

/** By target, oldest first. A repeated call changes nothing, so it could not tell any more what was changed. */
const unrecorded = new WeakMap<Context, Map<string, Unrecorded[]>>();

/**
 * Reads a target's record before a change: one that could not be recorded is not begun. What this process could not
 * record earlier is recorded first.
 */
export async function readBeforeChange(
  context: Context,
  target: Target,
): Promise<RegistryStatus | undefined> {
  const before = await context.registry.read(target);
  const kept = unrecorded.get(context)?.get(targetKey(target)) ?? [];
  if (kept.length === 0) return before;
  for (let next = kept.shift(); next !== undefined; next = kept.shift()) {
    try {
      if (!(await isRecorded(context, target, next[0]))) await context.registry.record(target, ...next);
    } catch (error) {
      kept.unshift(next);
      throw error;
    }
  }
  return context.registry.read(target);
}

/** A write whose answer was lost may have been done all the same. */
async function isRecorded(context: Context, target: Target, entry: HistoryEntry): Promise<boolean> {
  const page = await context.registry.readHistory(target, { newestFirst: true, limit: 100 });
  return (page?.records ?? []).some(
    ({ request_id, action, outcome, summary }) =>
      request_id === entry.requestId &&
      action === entry.action &&
      outcome === entry.outcome &&
      summary === entry.summary,
  );
}

function keepUnrecorded(context: Context, target: Target, entry: Unrecorded): void {
  const byTarget = unrecorded.get(context) ?? new Map<string, Unrecorded[]>();
  unrecorded.set(context, byTarget);
  const kept = byTarget.get(targetKey(target)) ?? [];
  byTarget.set(targetKey(target), kept);
  kept.push(entry);
}

/** A change that was made. */
export interface Recorded extends Subject, Pick<Attempt, "statements"> {
  /** What became of each statement; that all succeeded when missing. */
  readonly outcomes?: Attempt["outcomes"];
  /** What the registry said before, where it was read. */
  readonly before?: RegistryStatus | undefined;
  /** What the service answers for after the change, where that was read. */
  readonly managed?: ManagedState;
  /** What a desired state declared, where one was applied. */
  readonly declared?: Declared;
  /** The id that the plan was answered under, where that is not the one of its statements alone. */
  readonly planId?: string;
}

/** What a record needs of a change that was applied. */
export function recordedOf({
  statements,
  outcomes,
  managed,
}: Applied<unknown>): Pick<Recorded, "statements" | "outcomes" | "managed"> {
  return { statements, outcomes, ...(managed === undefined ? {} : { managed }) };
}

function runOf({
  statements,
  outcomes,
  planId: answered,
}: Pick<Recorded, "statements" | "outcomes" | "planId">): Pick<HistoryEntry, "statements" | "planId"> {
  const previews = previewStatements(statements);
  return {
    planId: answered ?? planId(previews),
    statements: previews.map((one, at): RecordedStatement => {
      return { ...one, ...(outcomes === undefined ? { outcome: "succeeded" } : outcomes[at]) };
    }),
  };
}

function templatesOf(before: RegistryStatus | undefined, change: RegistryChange = {}) {
  const roles = new Map(before?.roles.map((role) => [role.name, role]));
  const list = (): string[] =>
    [...new Set([...roles.values()].map(({ template, version }) => `${template} ${version}`))].sort();
  const templatesBefore = list();
  for (const name of change.removeRoles ?? []) roles.delete(name);
  for (const role of change.upsertRoles ?? []) roles.set(role.name, role);
  return { templatesBefore, templatesAfter: list() };
}

/**
 * Records a change that the database has committed. When the registry fails now, the caller is told exactly that: the
 * database is changed, the registry does not say so yet, and repeating the call mends it.
 */
export async function recordChange(
  context: Context,
  call: Call,
  target: Target,
  subject: Recorded,
  change?: RegistryChange,
): Promise<void> {
  const { statements: _, outcomes: __, before, managed, declared, ...about } = subject;
  const stateAfter =
    managed === undefined ? undefined : await keepManagedState(context, call, target, managed, declared);
  const { actor, requestId, operation: action } = call;
  const entry: HistoryEntry = {
    ...{ actor, requestId, action, outcome: "succeeded", ...about },
    ...runOf(subject),
    ...templatesOf(before, change),
    ...(stateAfter === undefined ? {} : { stateAfter }),
  };
  notePlan(call, entry);
  try {
    await context.registry.record(target, entry, change);
  } catch (error) {
    keepUnrecorded(context, target, [entry, change]);
    throw new ServiceError(
      "unavailable",
      "The database was changed, but the registry could not record it. Repeat the call: it changes nothing twice and completes the registry.",
      { cause: error, retryAfterS: 5, details: { database: "committed", registry: "failed" } },
    );
  }
}

/** The audit record names what was done, also when the registry could not take it. */
function notePlan({ noted }: Call, { planId: id, statements }: HistoryEntry): void {
  if (noted === undefined || id === undefined || statements.length === 0) return;
  noted.planIds = [...(noted.planIds ?? []), id];
}

/** Runs a change; when it fails, leaves a record of the attempt as well as it can, and rethrows. */
export async function recordFailure<T>(
  context: Context,
  call: Call,
  target: Target,
  subject: Subject,
  change: () => Promise<T>,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    const details = error instanceof ServiceError ? error.details : {};
    if (error instanceof ServiceError && (error.kind === "not_found" || error.kind === "validation_error"))
      throw error;
    const { actor, requestId, operation: action } = call;
    const sqlstate = typeof details.sqlstate === "string" ? { sqlstate: details.sqlstate } : {};
    const summary = `${subject.summary}: ${error instanceof ServiceError ? error.message : "internal error"}`;
    const attempt = findAttempt(error);
    const entry: HistoryEntry = {
      ...{ actor, requestId, action, outcome: "failed", ...subject, ...sqlstate },
      ...(attempt === undefined ? { statements: [] } : runOf(attempt)),
      summary,
    };
    await context.registry.record(target, entry).catch((cause: unknown) => {
      call.log.warning("a failed change could not be recorded", { error: cause });
    });
    throw error;
  }
}
