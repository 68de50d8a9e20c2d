import { type AccountType, parseAccountName } from "../domain/account.ts";
import { iamKind } from "../domain/iam-user.ts";
import { parseRoleMark } from "../domain/managed-role.ts";
import { parseIdentifier } from "../domain/names.ts";
import { generatePassword, scramVerifier } from "../domain/password.ts";
import type { Statement } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { invalidField, ServiceError } from "../errors.ts";
import { type RoleRow, readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { createLogin } from "../postgres/statements/logins.ts";
import { isChange, withStanding } from "./access-standing.ts";
import { applyDecision, type Decision, planOnly } from "./apply.ts";
import { cloudServices } from "./cloud-services.ts";
import { createCloudUser, findCloudUser } from "./cloud-user-steps.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { type Step, undertake, type Work } from "./long-operation.ts";
import { findGroupRole, planAssignment } from "./memberships.ts";
import type { StepReport } from "./operation-store.ts";
import { parsePrincipalName } from "./principals.ts";
import { readBeforeChange, recordChange, recordFailure } from "./record.ts";
import { fullRoleName } from "./role-names.ts";
import { assertAllowedKind, assertMayGive } from "./role-permission.ts";
import { findSchema } from "./schema-lookup.ts";
import { createTemplateBook } from "./template-lookup.ts";
import { type PlannedStep, type UserPlan, userPlan } from "./user-plan.ts";

export interface InitialRole {
  readonly schema: string;
  /** The full name or a kind such as `reader`. */
  readonly role: string;
}

export interface CreateUserInput {
  readonly username: string;
  readonly type: AccountType;
  readonly initialRoles: readonly InitialRole[];
  readonly dryRun?: boolean;
}

export interface UserChangeResult {
  readonly normalizedUsername: string;
  /** Whether there was, or would be, anything to do. */
  readonly changed: boolean;
  /** `running`: it goes on, and `operationId` tells how. */
  readonly state: "succeeded" | "running";
  readonly operationId: string | null;
  readonly steps: readonly StepReport[];
  readonly plan?: UserPlan;
  readonly warnings: readonly string[];
}

export interface CreateUserResult extends UserChangeResult {
  /** Whether there was no such user before. */
  readonly created: boolean;
  /** The id of the secret that holds a built-in user's password. */
  readonly secretId: string | null;
}

/** What is to be done, from what is there. */
interface Creation {
  readonly user: string;
  /** It is no role of PostgreSQL yet. */
  readonly missing: boolean;
  readonly decision: Decision<undefined>;
}

/**
 * Makes a user and gives it its first roles: an IAM principal through the Cloud SQL Admin API, a built-in user by SQL,
 * since the API would make it a member of cloudsqlsuperuser. Its password is generated, stored as a new version of a
 * secret, and told to PostgreSQL as a verifier; nobody else hears it. `conflict` when the name is somebody else's.
 */
export async function createUser(
  context: Context,
  call: Call,
  target: Target,
  input: CreateUserInput,
): Promise<CreateUserResult> {
  const user = parseNewUser(context, input);
  const planned = await planCreation(context, call, target, input);
  const secretId = input.type === "built_in" ? cloudServices(context).passwords.secretId(target, user) : null;
  const about = { normalizedUsername: user, created: planned.missing, secretId };
  const { warnings } = planned.decision;
  const changed = planned.missing || isChange(planned.decision);
  const none = { operationId: null, steps: [], state: "succeeded" as const };
  if (input.dryRun === true) {
    return { ...about, ...none, changed, warnings, plan: previewCreation(input.type, planned) };
  }
  if (!changed) return { ...about, ...none, changed, warnings };
  const { type, initialRoles } = input;
  const undertaking = { target, username: user, input: { username: input.username, type, initialRoles } };
  const done = await undertake(context, call, undertaking, createUserWork(context, target, input));
  return {
    ...about,
    changed: true,
    state: done.state === "running" ? "running" : "succeeded",
    operationId: done.id,
    steps: done.steps,
    warnings: done.state === "running" ? warnings : done.warnings,
  };
}

function parseNewUser(context: Context, { username, type }: CreateUserInput): string {
  parsePrincipalName(context, username);
  const name = parseAccountName("username", username, type);
  if (type === "built_in" && name.startsWith("cloudsql")) {
    throw invalidField("username", "starts with cloudsql, which Cloud SQL keeps for itself");
  }
  return name;
}

/** What createUser does after its plan, and what goes on with it in another process. */
export function createUserWork(context: Context, target: Target, input: CreateUserInput): Work {
  const user = parseNewUser(context, input);
  const roles = input.initialRoles.map(({ schema, role }) => `${role} of ${schema}`);
  const given = roles.length === 0 ? "" : ` with ${roles.join(", ")}`;
  const subject = { summary: `create ${input.type} ${user}${given}`, username: user };
  return async (call, progress) => {
    await readBeforeChange(context, target);
    const statements: Statement[] = [];
    const done = await recordFailure(context, call, target, subject, async () => {
      const kept: { warnings: readonly string[]; verifier?: string } = { warnings: [] };
      const sql = sqlStep(context, call, target, input, kept, statements);
      if (input.type === "built_in") {
        const secret = secretStep(context, call, target, user, kept);
        const changed = await withInstanceLock(context, call, target, () => progress.run([secret, sql]));
        return { changed, warnings: kept.warnings };
      }
      const { type } = input;
      const locked: Step = {
        ...sql,
        run: () => withInstanceLock(context, call, target, sql.run),
      };
      const changed = await progress.run([
        createCloudUser(context, call, target, { name: user, type }),
        locked,
      ]);
      return { changed, warnings: kept.warnings };
    });
    if (done.changed) await recordChange(context, call, target, { ...subject, statements });
    return done;
  };
}

interface Kept {
  warnings: readonly string[];
  verifier?: string;
}

/** The password is stored before the role exists: a role never has a password that nobody knows. */
function secretStep(context: Context, call: Call, target: Target, user: string, kept: Kept): Step {
  return {
    about: { kind: "secret", description: `Store a generated password of ${user}` },
    async run() {
      if ((await readRole(context, call, target, user)) !== undefined) return { changed: false };
      const password = generatePassword();
      kept.verifier = await scramVerifier(password);
      const { passwords } = cloudServices(context);
      const { version } = await passwords.add(target, user, password, { signal: call.signal });
      return { changed: true, description: `Store a generated password of ${user} as ${version}` };
    },
  };
}

function readRole(context: Context, call: Call, target: Target, user: string): Promise<RoleRow | undefined> {
  return context.pools.withSession(
    target,
    { operation: call.operation, signal: call.signal },
    async (session) => (await readRoles(session, [user])).get(user),
  );
}

function sqlStep(
  context: Context,
  call: Call,
  target: Target,
  input: CreateUserInput,
  kept: Kept,
  statements: Statement[],
): Step {
  const what = input.type === "built_in" ? "Create the login and grant" : "Grant";
  return {
    about: { kind: "sql", description: `${what} its first roles`, database: target.database },
    async run() {
      const applied = await applyDecision(context, call, target, (session) =>
        decideCreation(session, context, call, input, kept.verifier),
      );
      kept.warnings = applied.warnings;
      statements.push(...applied.statements);
      return { changed: isChange(applied) };
    },
  };
}

async function planCreation(
  context: Context,
  call: Call,
  target: Target,
  input: CreateUserInput,
): Promise<Creation> {
  const user = parseNewUser(context, input);
  const { decision, missing } = await planOnly(context, call, target, async (session) => {
    const missing = !(await readRoles(session, [user])).has(user);
    const decision = await decideCreation(session, context, call, input, "", "planned");
    return { statements: [], warnings: [], result: { decision, missing } };
  }).then(({ result }) => result);
  if (input.type !== "built_in") {
    const listed = await findCloudUser(context, call, target, user);
    const clash =
      listed !== undefined && listed.type !== input.type
        ? `Cloud SQL has a user of that name and another type, ${listed.type ?? "unknown"}`
        : listed !== undefined && missing
          ? "Cloud SQL lists it, but PostgreSQL has no such role: delete the user, and create it again"
          : listed === undefined && !missing
            ? "PostgreSQL has a role of that name that Cloud SQL does not know"
            : undefined;
    if (clash !== undefined) throw nameClash(user, clash);
  }
  return { user, missing, decision };
}

function nameClash(user: string, because: string): ServiceError {
  return new ServiceError("conflict", `${JSON.stringify(user)} cannot be created: ${because}.`, {
    details: { username: user, because },
  });
}

/**
 * The login, and its first memberships. `planned`: an IAM principal that is not there yet will be, once Cloud SQL has
 * made it.
 */
async function decideCreation(
  session: Session,
  context: Context,
  call: Call,
  input: CreateUserInput,
  verifier: string | undefined,
  planned?: "planned",
): Promise<Decision<undefined>> {
  const user = parseNewUser(context, input);
  const { database } = session.target;
  const row = (await readRoles(session, [user])).get(user);
  if (row !== undefined) assertSameUser(row, input.type);
  const statements: Statement[] = [];
  const warnings: string[] = [];
  if (row === undefined && input.type === "built_in") {
    if (verifier === undefined) throw nameClash(user, "somebody dropped it meanwhile; repeat the call");
    statements.push(createLogin(database, user, verifier));
  }
  if (row === undefined && input.type !== "built_in" && planned === undefined) {
    throw nameClash(user, "Cloud SQL lists it, but PostgreSQL has no such role");
  }
  const book = createTemplateBook(context);
  const standing: { role: string; member: string }[] = [];
  for (const { schema, role } of uniqueRoles(input.initialRoles)) {
    const name = parseIdentifier("schema_name", schema);
    await findSchema(session, name);
    const roleName = fullRoleName(session.target, name, role);
    assertAllowedKind(call, session.target, name, roleName);
    const group = await findGroupRole(session, name, roleName, call);
    await assertMayGive(call, session.target, group);
    const member = { name: user, inherits: row?.inherits ?? true };
    const assignment = await planAssignment(session, group, member, book);
    warnings.push(...assignment.warnings);
    standing.push({ role: roleName, member: user });
    if (row !== undefined || input.type === "built_in") {
      statements.push(...assignment.statements);
      continue;
    }
    // Whether the admin may act for a role that Cloud SQL makes is known when it is there.
    statements.push(...assignment.statements.slice(0, 1));
    if (assignment.statements.length > 1) {
      warnings.push(
        `What ${user} creates in ${name} gets default privileges, if the admin may act for ${user}.`,
      );
    }
  }
  const decision: Decision<undefined> = { statements, warnings: [...new Set(warnings)], result: undefined };
  return withStanding(context, session.target, decision, standing);
}

function uniqueRoles(roles: readonly InitialRole[]): InitialRole[] {
  const byKey = new Map(roles.map((one) => [JSON.stringify([one.schema, one.role]), one]));
  return [...byKey.values()];
}

function assertSameUser(row: RoleRow, type: AccountType): void {
  const kind = iamKind(row.memberOf) ?? "built_in";
  if (kind !== type) throw nameClash(row.name, `there is a user of that name and another type, ${kind}`);
  if (row.isSuperuser) throw nameClash(row.name, "it is a superuser, which this service does not manage");
  if (parseRoleMark(row.comment) !== undefined) {
    throw nameClash(row.name, "it is a role that this service manages, not a user");
  }
  if (type === "built_in" && !row.canLogin) throw nameClash(row.name, "it is a role that cannot log in");
}

function previewCreation(type: AccountType, { user, missing, decision }: Creation): UserPlan {
  const first: PlannedStep[] = [];
  if (missing && type === "built_in") {
    first.push({ kind: "secret", description: `Store a generated password of ${user}`, destructive: false });
  } else if (missing) {
    first.push({
      kind: "cloud_sql_api",
      description: `Create the user ${user} in Cloud SQL`,
      destructive: false,
    });
  }
  return userPlan([...first, decision.statements]);
}
