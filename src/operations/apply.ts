import { setTimeout as sleep } from "node:timers/promises";
import { type Plan, previewStatements, type Statement, type StatementOutcome } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { readIsIamMember } from "../postgres/authority.ts";
import type { Notice, Session } from "../postgres/session.ts";
import { sqlstate, sqlstateOf } from "../postgres/sqlstate.ts";
import { type Keeping, keepStanding } from "./access-standing.ts";
import type { Call, Context } from "./context.ts";
import { databaseError } from "./database-errors.ts";
import { type ManagedState, readManagedState } from "./managed-state.ts";

/** What an operation wants done, decided from what is. `result` may hold what the answer needs besides the plan. */
export interface Decision<T> extends Plan, Keeping {
  readonly result: T;
  /** The caller asked for a standing membership in an IAM role, and acknowledged what that does. */
  readonly mayLockOutAdmin?: boolean;
}

/** Reads what is and decides what to do. Runs inside the transaction; it must change nothing itself. */
export type Decide<T> = (session: Session) => Promise<Decision<T>>;

export interface Applied<T> extends Decision<T> {
  /** Optional statements that failed, with their SQLSTATE. */
  readonly failedOptional: readonly { readonly statement: Statement; readonly sqlstate: string }[];
  /** What became of each statement, in their order. */
  readonly outcomes: readonly StatementOutcome[];
  /** What the service answers for after the change; absent when nothing was changed. */
  readonly managed?: ManagedState;
}

/** Statements that were run, or were to be, and what became of each. */
export interface Attempt {
  readonly statements: readonly Statement[];
  readonly outcomes: readonly StatementOutcome[];
}

const attemptsOf = new WeakMap<object, Attempt>();

/** What a change that failed had done: for its record. Undefined when it failed before the first statement. */
export function findAttempt(error: unknown): Attempt | undefined {
  return typeof error === "object" && error !== null ? attemptsOf.get(error) : undefined;
}

/** Remembers it of an error that takes another's place. */
export function keepAttempt<E>(error: E, attempt: Attempt): E {
  if (typeof error === "object" && error !== null && attempt.statements.length > 0)
    attemptsOf.set(error, attempt);
  return error;
}

const attempts = 5;
const firstPauseMs = 50;

/** A lock that was not to be had for long is not waited for again and again. */
const retryForMs = 10_000;

/** 40001, 40P01 and 55P03: another transaction was in the way. */
const retryable: ReadonlySet<string> = new Set([
  sqlstate.serializationFailure,
  sqlstate.deadlockDetected,
  sqlstate.lockNotAvailable,
]);

/** Where "tuple concurrently updated" (XX000) comes from: two sessions changed the same catalog row. */
const concurrentUpdate: ReadonlySet<string> = new Set(["simple_heap_update", "simple_heap_delete"]);

/** Decides without changing anything: what a dry run answers. */
export async function planOnly<T>(
  context: Context,
  call: Call,
  target: Target,
  decide: Decide<T>,
): Promise<Decision<T>> {
  return context.pools.withSession(
    target,
    { operation: call.operation, signal: call.signal },
    async (session) => {
      await session.query("BEGIN", [], { plain: true });
      try {
        return await decide(session);
      } catch (error) {
        throw databaseError(error, "reading the present state");
      } finally {
        await session.query("ROLLBACK", [], { plain: true }).catch(() => undefined);
      }
    },
  );
}

/**
 * The only code that changes a database. Decides, runs the plan and decides again, all in one transaction: what it
 * commits is a state in which nothing is left to do. Whatever another transaction got in the way of is rolled back and
 * done anew from the reading on. The caller holds the instance's lock.
 */
export async function applyDecision<T>(
  context: Context,
  call: Call,
  target: Target,
  decide: Decide<T>,
): Promise<Applied<T>> {
  const giveUpAt = performance.now() + retryForMs;
  for (let attempt = 1; ; attempt += 1) {
    context.sharedReads?.seal(target);
    const run: Run = { statements: [], outcomes: [] };
    let applied: Applied<T> | undefined;
    try {
      applied = await context.pools.withSession(
        target,
        { operation: call.operation, signal: call.signal },
        (session) => applyOnce(session, decide, run),
      );
    } catch (error) {
      if (attempt === attempts || performance.now() > giveUpAt || !mayRetry(error))
        throw keepAttempt(databaseError(error, "the change"), undone(run, error));
      call.log.info("another transaction was in the way; the change starts anew", { attempt, error });
      await sleep(firstPauseMs * 2 ** attempt * Math.random(), undefined, { signal: call.signal });
    } finally {
      context.sharedReads?.seal(target);
    }
    if (applied === undefined) continue;
    await keepStanding(context, applied);
    return applied;
  }
}

/** What runs now. `outcomes` grows with each statement that has ended. */
interface Run {
  statements: readonly Statement[];
  outcomes: StatementOutcome[];
}

async function applyOnce<T>(session: Session, decide: Decide<T>, run: Run): Promise<Applied<T>> {
  await session.query("BEGIN", [], { plain: true });
  try {
    const decision = await decide(session);
    run.statements = decision.statements;
    const lockedOutBefore = decision.statements.length > 0 && (await readIsIamMember(session));
    for (const statement of decision.statements) run.outcomes.push(await runStatement(session, statement));
    const failedOptional = decision.statements.flatMap((statement, at) => {
      const outcome = run.outcomes[at];
      return outcome?.outcome === "failed" ? [{ statement, sqlstate: outcome.sqlstate ?? "" }] : [];
    });
    if (decision.statements.length > 0) {
      await assertNothingLeft(session, decide, failedOptional);
      if (!lockedOutBefore && decision.mayLockOutAdmin !== true) await assertNotLockedOut(session);
    }
    const managed = decision.statements.length > 0 ? { managed: await readManagedState(session) } : {};
    await commit(session);
    return { ...decision, ...managed, failedOptional, outcomes: run.outcomes };
  } catch (error) {
    await session.query("ROLLBACK", [], { plain: true }).catch(() => undefined);
    throw error;
  }
}

/** A run that failed: what had succeeded was rolled back. */
function undone({ statements, outcomes }: Run, error: unknown): Attempt {
  const details = error instanceof ServiceError ? error.details : {};
  const state = sqlstateOf(error) ?? details.sqlstate;
  const sqlstate = typeof state === "string" ? { sqlstate: state } : {};
  const unknown = details.outcome === "unknown";
  return {
    statements,
    outcomes: statements.map((_, at): StatementOutcome => {
      const ended = outcomes[at];
      if (ended?.outcome === "succeeded") return { ...ended, outcome: unknown ? "unknown" : "rolled_back" };
      if (ended !== undefined) return ended;
      return at === outcomes.length ? { outcome: "failed", ...sqlstate } : { outcome: "not_run" };
    }),
  };
}

/** Rights that were taken must have been given back: never commit what would turn the admin's next login away. */
async function assertNotLockedOut(session: Session): Promise<void> {
  if (!(await readIsIamMember(session))) return;
  throw new ServiceError(
    "conflict",
    "The change was undone: it would have left the admin a member of an IAM role, and locked it out.",
    { details: { rolled_back: true } },
  );
}

async function commit(session: Session): Promise<void> {
  try {
    await session.query("COMMIT", [], { plain: true });
  } catch (error) {
    if (sqlstateOf(error) !== undefined) throw error;
    throw new ServiceError(
      "unavailable",
      "The connection was lost during COMMIT: the change may or may not have been made. Repeat the call to find out; it does nothing twice.",
      { cause: error, retryAfterS: 1, details: { outcome: "unknown" } },
    );
  }
}

async function runStatement(session: Session, statement: Statement): Promise<StatementOutcome> {
  return statement.optional ? runOptional(session, statement) : runRequired(session, statement);
}

async function runRequired(session: Session, statement: Statement): Promise<StatementOutcome> {
  try {
    const { notices, rowCount } = await session.query(statement.text);
    assertEffect(statement, notices);
    return {
      outcome: "succeeded",
      ...(rowCount > 0 ? { rows: rowCount } : {}),
      ...(notices.length > 0 ? { notices: notices.map(({ code }) => code) } : {}),
    };
  } catch (error) {
    if (mayRetry(error)) throw error;
    throw databaseError(error, statement.description, { statement: statement.preview, rolled_back: true });
  }
}

async function runOptional(session: Session, statement: Statement): Promise<StatementOutcome> {
  await session.query("SAVEPOINT optional_step");
  try {
    const outcome = await runRequired(session, statement);
    await session.query("RELEASE SAVEPOINT optional_step");
    return outcome;
  } catch (error) {
    if (mayRetry(error) || !(error instanceof ServiceError)) throw error;
    await session.query("ROLLBACK TO SAVEPOINT optional_step");
    const state = error.details.sqlstate;
    return { outcome: "failed", ...(typeof state === "string" ? { sqlstate: state } : {}) };
  }
}

/**
 * GRANT and REVOKE can succeed doing nothing and only warn: 01007 and 01006 when the grantor has no right to the
 * privilege, 01000 when another grantor's membership was to be revoked.
 */
function assertEffect(statement: Statement, notices: readonly Notice[]): void {
  const empty = notices.find(
    ({ code }) =>
      code === sqlstate.privilegeNotGranted ||
      code === sqlstate.privilegeNotRevoked ||
      code === sqlstate.warning,
  );
  if (empty === undefined) return;
  throw new ServiceError("conflict", `PostgreSQL accepted, and did nothing: ${statement.description}.`, {
    cause: new Error(`${empty.code}: ${empty.message}`),
    details: { sqlstate: empty.code, statement: statement.preview, rolled_back: true },
  });
}

async function assertNothingLeft<T>(
  session: Session,
  decide: Decide<T>,
  failedOptional: readonly { readonly statement: Statement }[],
): Promise<void> {
  const expected = new Set(failedOptional.map(({ statement }) => statement.text));
  const left = (await decide(session)).statements.filter((statement) => !expected.has(statement.text));
  if (left.length === 0) return;
  throw new ServiceError(
    "conflict",
    "The change was undone: after it, the database was not as it should be.",
    {
      details: { rolled_back: true, still_to_do: previewStatements(left).slice(0, 20) },
    },
  );
}

/** Whether another transaction was in the way, so that the same may succeed now. */
export function mayRetry(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state === undefined) return false;
  if (retryable.has(state)) return true;
  const { routine, schema } = error as { routine?: string; schema?: string };
  if (state === sqlstate.internalError) return concurrentUpdate.has(routine ?? "");
  return state === sqlstate.uniqueViolation && schema === "pg_catalog";
}
