import { parseIdentifier } from "../domain/names.ts";
import {
  previewStatements,
  type Statement,
  type StatementOutcome,
  type StatementPreview,
} from "../domain/plan.ts";
import { inDatabase, type Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { readDatabaseNames } from "../postgres/holdings.ts";
import {
  type Attempt,
  applyDecision,
  type Decide,
  type Decision,
  findAttempt,
  keepAttempt,
  planOnly,
} from "./apply.ts";
import { type CleanupCounts, decideCleanup } from "./cleanup-plan.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { findPrincipal, parsePrincipalName } from "./principals.ts";
import { readBeforeChange, recordChange, recordFailure } from "./record.ts";
import { findSchema } from "./schema-lookup.ts";

export interface CleanupInput {
  readonly username: string;
  /** Only what lies in this schema of the target's database; everything, in every database, when missing. */
  readonly schema?: string;
  readonly dryRun?: boolean;
}

export interface DatabaseCleanup extends CleanupCounts {
  readonly database: string;
  readonly outcome: "done" | "nothing_to_do" | "failed" | "not_attempted" | "planned";
  readonly sqlstate?: string;
  readonly detail?: string;
}

export interface CleanupResult {
  readonly normalizedUsername: string;
  readonly ownershipTransferred: boolean;
  readonly permissionsRevoked: boolean;
  readonly objectsDropped: boolean;
  readonly databases: readonly DatabaseCleanup[];
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/** What was run so far, in all databases. */
interface Ran {
  readonly statements: Statement[];
  readonly outcomes: StatementOutcome[];
}

type Cleanup = { readonly target: Target; readonly decide: Decide<CleanupCounts> };

/**
 * Frees a user of everything it owns (it goes to the admin) and holds, in every database of the instance, one
 * transaction each; the memberships end with the target's database, which comes first. All databases are planned
 * before the first is touched: what can be known to fail is a `conflict` that leaves everything as it was. When one
 * fails all the same, the error's `details.databases` says of each what was done.
 */
export async function cleanupUser(
  context: Context,
  call: Call,
  target: Target,
  input: CleanupInput,
): Promise<CleanupResult> {
  const username = parsePrincipalName(context, input.username);
  const schema = input.schema === undefined ? undefined : parseIdentifier("schema_name", input.schema);
  const user = username.normalized;
  const names = await planOnly(context, call, target, async (session) => {
    await findPrincipal(session, context, username);
    if (schema !== undefined) await findSchema(session, schema);
    const result = schema === undefined ? await readDatabaseNames(session) : [target.database];
    return { statements: [], warnings: [], result };
  });
  const databases = [target.database, ...names.result.filter((name) => name !== target.database)];
  const cleanups = databases.map((database, at): Cleanup => {
    const scope = { user, instanceToo: at === 0, ...(schema === undefined ? {} : { schema }) };
    return { target: inDatabase(target, database), decide: (session) => decideCleanup(session, scope) };
  });
  const planned: Decision<CleanupCounts>[] = [];
  for (const cleanup of cleanups) planned.push(await planOnly(context, call, cleanup.target, cleanup.decide));
  if (input.dryRun) return { ...summarize(user, cleanups, planned, "planned"), plan: previewAll(planned) };
  const subject = {
    summary: `clean up ${user}`,
    username: user,
    ...(schema === undefined ? {} : { schema }),
  };
  const before = await readBeforeChange(context, target);
  const run: Ran = { statements: [], outcomes: [] };
  const done = await recordFailure(context, call, target, subject, () =>
    withInstanceLock(context, call, target, () => applyAll(context, call, cleanups, run)),
  );
  if (run.statements.length > 0) await recordChange(context, call, target, { ...subject, ...run, before });
  return summarize(user, cleanups, done, "done");
}

/** One transaction per database, in order; stops at the first failure and says what became of each. */
async function applyAll(
  context: Context,
  call: Call,
  cleanups: readonly Cleanup[],
  run: Ran,
): Promise<Decision<CleanupCounts>[]> {
  const done: Decision<CleanupCounts>[] = [];
  for (const { target, decide } of cleanups) {
    try {
      const applied = await applyDecision(context, call, target, decide);
      run.statements.push(...applied.statements);
      run.outcomes.push(...applied.outcomes);
      done.push(applied);
    } catch (error) {
      throw keepAttempt(partlyDone(error, cleanups, done), together(run, findAttempt(error)));
    }
  }
  return done;
}

/** What was committed in the databases before, and what was tried in the one that failed. */
function together(run: Ran, last: Attempt = { statements: [], outcomes: [] }): Attempt {
  return {
    statements: [...run.statements, ...last.statements],
    outcomes: [...run.outcomes, ...last.outcomes],
  };
}

function partlyDone(
  error: unknown,
  cleanups: readonly Cleanup[],
  done: readonly Decision<CleanupCounts>[],
): unknown {
  if (!(error instanceof ServiceError)) return error;
  const failed = cleanups[done.length]?.target.database;
  const databases = cleanups.map(({ target }, at) => {
    const database_name = target.database;
    const decision = done[at];
    if (decision !== undefined) return { database_name, outcome: outcomeOf(decision, "done") };
    return { database_name, outcome: database_name === failed ? "failed" : "not_attempted" };
  });
  return new ServiceError(
    error.kind,
    `Cleaning up database ${JSON.stringify(failed)} failed: ${error.message}`,
    {
      cause: error,
      details: { ...error.details, databases },
      ...(error.retryAfterS === undefined ? {} : { retryAfterS: error.retryAfterS }),
    },
  );
}

function outcomeOf(
  decision: Decision<CleanupCounts>,
  outcome: "done" | "planned",
): DatabaseCleanup["outcome"] {
  return decision.statements.length === 0 ? "nothing_to_do" : outcome;
}

function summarize(
  user: string,
  cleanups: readonly Cleanup[],
  decisions: readonly Decision<CleanupCounts>[],
  outcome: "done" | "planned",
): CleanupResult {
  const some = (count: keyof CleanupCounts): boolean => decisions.some(({ result }) => result[count] > 0);
  return {
    normalizedUsername: user,
    ownershipTransferred: some("ownershipTransferred"),
    permissionsRevoked: some("permissionsRevoked"),
    objectsDropped: some("objectsDropped"),
    databases: decisions.map((decision, at) => ({
      database: cleanups[at]?.target.database ?? "",
      outcome: outcomeOf(decision, outcome),
      ...decision.result,
    })),
    warnings: [...new Set(decisions.flatMap(({ warnings }) => warnings))],
  };
}

function previewAll(decisions: readonly Decision<CleanupCounts>[]): StatementPreview[] {
  return decisions.flatMap(({ statements }) => previewStatements(statements));
}
