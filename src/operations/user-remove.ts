import { iamKind } from "../domain/iam-user.ts";
import type { Statement } from "../domain/plan.ts";
import { inDatabase, type Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { readDatabaseNames } from "../postgres/holdings.ts";
import { type RoleRow, readRoles } from "../postgres/role-catalog.ts";
import { sqlstate } from "../postgres/sqlstate.ts";
import { dropLogin } from "../postgres/statements/logins.ts";
import { endAccessesOf } from "./access.ts";
import { applyDecision, type Decide, type Decision, planOnly } from "./apply.ts";
import { type CleanupCounts, decideCleanup, type Heir } from "./cleanup-plan.ts";
import { deleteCloudUser, findCloudUser } from "./cloud-user-steps.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { type Step, undertake, type Work } from "./long-operation.ts";
import { findPrincipal, parsePrincipalName } from "./principals.ts";
import { readBeforeChange, recordChange, recordFailure } from "./record.ts";
import type { UserChangeResult } from "./user-create.ts";
import { decideDrop, decideSessions, decideStopLogin, readSessions } from "./user-departure.ts";
import { type PlannedStep, userPlan } from "./user-plan.ts";

export interface RemoveUserInput {
  readonly username: string;
  /** Ends its sessions and hands over what it owns; without it, either is a `conflict`. */
  readonly force: boolean;
  /** Who gets what it owns; the owner of the schema that it lies in when missing. */
  readonly newOwner?: string;
  readonly dryRun?: boolean;
}

export interface RemoveUserResult extends UserChangeResult {
  /** Whether there was such a user. */
  readonly existed: boolean;
}

/** One part of a removal that is one transaction in one database. */
interface SqlPart {
  readonly description: string;
  readonly target: Target;
  readonly decide: Decide<unknown>;
}

interface Removal {
  readonly user: string;
  /** It is a role of PostgreSQL. */
  readonly present: boolean;
  /** Cloud SQL deletes it: PostgreSQL's DROP ROLE is not for IAM principals. */
  readonly byCloud: boolean;
  readonly parts: readonly SqlPart[];
  /** Before the last part, which drops the role, or before Cloud SQL does. */
  readonly planned: readonly Decision<unknown>[];
  readonly warnings: readonly string[];
}

/**
 * Deletes a user, after freeing it of everything in every database of the instance: one transaction each, from what is
 * there, so that repeating goes on where something failed. Without `force`, a user who owns something or has sessions
 * is a `conflict`.
 */
export async function deleteUser(
  context: Context,
  call: Call,
  target: Target,
  input: RemoveUserInput,
): Promise<RemoveUserResult> {
  const removal = await planRemoval(context, call, target, input);
  if (!input.force) await assertIdle(context, call, target, removal);
  const { user, present, byCloud, warnings } = removal;
  const existed = present || byCloud;
  const none = {
    normalizedUsername: user,
    existed,
    operationId: null,
    steps: [],
    state: "succeeded" as const,
  };
  if (input.dryRun === true) return { ...none, changed: existed, warnings, plan: previewRemoval(removal) };
  if (!existed) return { ...none, changed: false, warnings };
  const { username, force, newOwner } = input;
  const asked = { username, force, ...(newOwner === undefined ? {} : { newOwner }) };
  const undertaking = { target, username: user, input: asked };
  const done = await undertake(context, call, undertaking, removeUserWork(context, target, input));
  return {
    ...none,
    changed: true,
    state: done.state === "running" ? "running" : "succeeded",
    operationId: done.id,
    steps: done.steps,
    warnings: done.state === "running" ? warnings : done.warnings,
  };
}

/** The same, whatever it owns and whoever it is connected as: nothing of it is left. */
export function offboardUser(
  context: Context,
  call: Call,
  target: Target,
  input: Omit<RemoveUserInput, "force">,
): Promise<RemoveUserResult> {
  return deleteUser(context, call, target, { ...input, force: true });
}

/** What deleteUser and offboardUser do after their plan, and what goes on with it in another process. */
export function removeUserWork(context: Context, target: Target, input: RemoveUserInput): Work {
  return async (call, progress) => {
    const removal = await planRemoval(context, call, target, input);
    if (!input.force) await assertIdle(context, call, target, removal);
    const { user } = removal;
    const subject = { summary: `${input.force ? "offboard" : "delete"} ${user}`, username: user };
    await readBeforeChange(context, target);
    const statements: Statement[] = [];
    const warnings = new Set(removal.warnings);
    const steps = removal.parts.map((part): Step => sqlStep(context, call, part, statements, warnings));
    if (removal.byCloud) steps.push(deleteCloudUser(context, call, target, user));
    const changed = await recordFailure(context, call, target, subject, () =>
      progress.run(steps).catch((error: unknown) => {
        throw explainKept(error, user, [...warnings]);
      }),
    );
    if (changed) await recordChange(context, call, target, { ...subject, statements });
    await endAccessesOf(context, call, target, user);
    return { changed, warnings: [...warnings] };
  };
}

/** DROP ROLE names the objects of one database alone; what the steps before it could not take is known. */
function explainKept(error: unknown, user: string, kept: readonly string[]): unknown {
  const isKept = error instanceof ServiceError && error.details.sqlstate === sqlstate.dependentObjects;
  if (!isKept || kept.length === 0) return error;
  const because = kept.join(" ");
  return new ServiceError("conflict", `${JSON.stringify(user)} cannot be deleted yet: ${because}`, {
    cause: error,
    details: { ...error.details, username: user, because, kept: [...kept] },
  });
}

function sqlStep(
  context: Context,
  call: Call,
  { description, target, decide }: SqlPart,
  statements: Statement[],
  warnings: Set<string>,
): Step {
  return {
    about: { kind: "sql", description, database: target.database },
    async run() {
      const applied = await withInstanceLock(context, call, target, () =>
        applyDecision(context, call, target, decide),
      );
      statements.push(...applied.statements);
      for (const warning of applied.warnings) warnings.add(warning);
      return { changed: applied.statements.length > 0 };
    },
  };
}

async function planRemoval(
  context: Context,
  call: Call,
  target: Target,
  input: RemoveUserInput,
): Promise<Removal> {
  const username = parsePrincipalName(context, input.username);
  const user = username.normalized;
  const found = await planOnly(context, call, target, async (session) => {
    const row = (await readRoles(session, [user])).get(user);
    if (row !== undefined) await findPrincipal(session, context, username);
    if (row !== undefined && input.newOwner !== undefined) {
      const owners = await readRoles(session, [input.newOwner]);
      assertNewOwner(user, input.newOwner, owners.get(input.newOwner));
    }
    const drop = row === undefined ? undefined : await decideDrop(session, user, "planned");
    const result = { row, databases: await readDatabaseNames(session), droppable: drop?.result === true };
    return { statements: [], warnings: [], result };
  }).then(({ result }) => result);
  const isIam = found.row !== undefined && iamKind(found.row.memberOf) !== undefined;
  const asksCloud = found.row === undefined || isIam || !found.droppable;
  const listed = asksCloud && (await findCloudUser(context, call, target, user)) !== undefined;
  if (found.row === undefined) {
    return { user, present: false, byCloud: listed, parts: [], planned: [], warnings: [] };
  }
  if (isIam && !listed) throw notInCloud(user);
  const heir: Heir = input.newOwner === undefined ? "schema_owner" : { role: input.newOwner };
  const parts = removalParts(target, user, { heir, databases: found.databases, isIam, dropped: !listed });
  const planned: Decision<unknown>[] = [];
  for (const part of parts) {
    if (part.description.startsWith(dropping)) continue;
    planned.push(await planOnly(context, call, part.target, part.decide));
  }
  const warnings = [...new Set(planned.flatMap((decision) => decision.warnings))];
  return { user, present: true, byCloud: listed, parts, planned, warnings };
}

const dropping = "Drop";

interface PartsOf {
  readonly heir: Heir;
  readonly databases: readonly string[];
  readonly isIam: boolean;
  /** By SQL. */
  readonly dropped: boolean;
}

function removalParts(target: Target, user: string, { heir, databases, isIam, dropped }: PartsOf): SqlPart[] {
  const sessions: SqlPart = {
    description: `End the sessions of ${user}`,
    target,
    decide: (session) => decideSessions(session, user),
  };
  const login: SqlPart = {
    description: `Let ${user} log in no more`,
    target,
    decide: (session) => decideStopLogin(session, user),
  };
  const all = [target.database, ...databases.filter((name) => name !== target.database)];
  const cleanups = all.map((database, at): SqlPart => {
    const scope = { user, heir, instanceToo: at === 0 };
    return {
      description: `Free ${user} of what it owns and holds in ${database}`,
      target: inDatabase(target, database),
      decide: (session) => decideCleanup(session, scope),
    };
  });
  const drop: SqlPart = {
    description: `${dropping} the role ${user}`,
    target,
    decide: (session) => decideDrop(session, user),
  };
  // An IAM principal's login is not ours to alter, so it may come back until it is deleted.
  return [
    ...(isIam ? [] : [login]),
    sessions,
    ...cleanups,
    ...(isIam ? [sessions] : []),
    ...(dropped ? [drop] : []),
  ];
}

function assertNewOwner(user: string, newOwner: string, row: RoleRow | undefined): void {
  if (row === undefined) {
    throw notFound("role", `There is no role ${JSON.stringify(newOwner)} to hand over to.`, {
      role_name: newOwner,
    });
  }
  if (newOwner !== user && !row.isSuperuser) return;
  const because = newOwner === user ? "it is the user itself" : "it is a superuser";
  throw new ServiceError("conflict", `${JSON.stringify(newOwner)} cannot be the new owner: ${because}.`, {
    details: { new_owner: newOwner, because },
  });
}

function notInCloud(user: string): ServiceError {
  const because =
    "it is an IAM principal in PostgreSQL that Cloud SQL does not list, so Cloud SQL cannot delete it";
  return new ServiceError("conflict", `${JSON.stringify(user)} cannot be deleted: ${because}.`, {
    details: { username: user, because },
  });
}

async function assertIdle(context: Context, call: Call, target: Target, removal: Removal): Promise<void> {
  if (!removal.present) return;
  const sessions = await planOnly(context, call, target, async (session) => ({
    statements: [],
    warnings: [],
    result: await readSessions(session, removal.user),
  }));
  const owning = removal.planned.flatMap(({ result, statements }) =>
    isCounts(result) && result.ownershipTransferred > 0
      ? [{ database_name: statements[0]?.database ?? "", owned: result.ownershipTransferred }]
      : [],
  );
  if (sessions.result === 0 && owning.length === 0) return;
  const reasons = [
    ...(owning.length > 0 ? [`owns things in ${owning.map((each) => each.database_name).join(", ")}`] : []),
    ...(sessions.result > 0 ? [`has ${sessions.result} open sessions`] : []),
  ];
  const because = `it ${reasons.join(" and ")}`;
  const message = `${JSON.stringify(removal.user)} is not deleted: ${because}. With force, or by /users/offboard, what it owns is handed over and its sessions are ended.`;
  throw new ServiceError("conflict", message, {
    details: { username: removal.user, because, owns: owning, sessions: sessions.result },
  });
}

function isCounts(value: unknown): value is CleanupCounts {
  return typeof value === "object" && value !== null && "ownershipTransferred" in value;
}

function previewRemoval({ user, present, byCloud, planned, parts }: Removal) {
  const last: (PlannedStep | readonly Statement[])[] = [];
  const drop = parts.find(({ description }) => description.startsWith(dropping));
  if (byCloud) {
    const description = `Delete the user ${user} in Cloud SQL`;
    last.push({ kind: "cloud_sql_api", description, destructive: true });
  } else if (present && drop !== undefined) {
    last.push([dropLogin(drop.target.database, user)]);
  }
  return userPlan([...planned.map(({ statements }) => statements), ...last]);
}
