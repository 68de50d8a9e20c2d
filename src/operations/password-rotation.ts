import { iamKind, parseUsername } from "../domain/iam-user.ts";
import { parseRoleMark } from "../domain/managed-role.ts";
import type { Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { readIsIamMember } from "../postgres/authority.ts";
import { readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { setPassword } from "../postgres/statements/logins.ts";
import { cloudServices } from "./cloud-services.ts";
import type { Call, Context } from "./context.ts";
import { undertake } from "./long-operation.ts";
import { rotationWork } from "./password-rotation-work.ts";
import type { StoredSecret, StoredVersion } from "./password-versions.ts";
import type { UserChangeResult } from "./user-create.ts";
import { userPlan } from "./user-plan.ts";

export interface RotatePasswordInput {
  /** The admin when missing. */
  readonly username?: string;
  /** Nothing is done while the present password is younger, in milliseconds. */
  readonly ifOlderThanMs?: number;
  readonly dryRun?: boolean;
}

export interface RotatePasswordResult extends UserChangeResult {
  readonly isAdmin: boolean;
  readonly secretId: string;
  /** Since when the password that is in use now is stored; null when no secret had one. */
  readonly passwordSince: Date | null;
}

/**
 * Gives the admin, or a built-in user, a new password that nobody hears: a new version of its secret, a verifier in
 * PostgreSQL, a login that proves it, and the old version disabled. At every moment one of the enabled versions is the
 * password that PostgreSQL takes. See docs/decisions on the order.
 */
export async function rotatePassword(
  context: Context,
  call: Call,
  target: Target,
  input: RotatePasswordInput,
): Promise<RotatePasswordResult> {
  const user = parseOwner(context, input.username);
  const isAdmin = user === context.settings.adminUser;
  await assertMayRotate(context, call, target, user);
  const { versions, passwords } = cloudServices(context);
  const found = await versions.find(target, isAdmin ? undefined : user, { signal: call.signal });
  if (found === undefined && isAdmin) {
    throw notFound("secret", "The secret with the admin's password is not to be found.");
  }
  const since = await readSince(context, call, target, found);
  const secretId = found === undefined ? passwords.secretId(target, user) : lastPart(found.secret);
  const shared = isAdmin ? sharedSecretWarnings(target, found?.secret ?? "") : [];
  const about = { normalizedUsername: user, isAdmin, secretId, warnings: shared };
  const none = { operationId: null, steps: [], state: "succeeded" as const, passwordSince: since };
  if (await isYoung(context, call, target, { user, since, found, ifOlderThanMs: input.ifOlderThanMs })) {
    const plan = input.dryRun === true ? { plan: userPlan([]) } : {};
    return { ...about, ...none, changed: false, ...plan };
  }
  if (input.dryRun === true) {
    return { ...about, ...none, changed: true, plan: previewRotation(target, user, found) };
  }
  const base = found?.versions[0]?.version ?? null;
  const undertaking = { target, username: user, input: { username: user, base } };
  const done = await undertake(context, call, undertaking, rotationWork(context, target, { user, base }));
  return {
    ...about,
    changed: done.state === "running" || done.changed,
    state: done.state === "running" ? "running" : "succeeded",
    operationId: done.id,
    steps: done.steps,
    passwordSince: done.state === "running" ? since : done.updatedAt,
    warnings: [...shared, ...done.warnings],
  };
}

/**
 * The admin's secret is named after the instance alone. In another project than the instance's (SECRET_PROJECT_ID) it
 * may serve instances of that name in several projects, and a rotation locks the service out of all but one.
 */
export function sharedSecretWarnings({ project, instance }: Target, secret: string): string[] {
  const owner = /^projects\/([^/]+)\//.exec(secret)?.[1];
  if (owner === undefined || owner === project) return [];
  return [
    `The secret is one of project ${owner}: an instance named ${instance} in another project than ${project} that uses it too does not know the new password.`,
  ];
}

function parseOwner(context: Context, username: string | undefined): string {
  if (username === undefined) return context.settings.adminUser;
  if (username === context.settings.adminUser) return username;
  const { normalized, kind } = parseUsername("username", username);
  if (kind === "role") return normalized;
  throw refusal(normalized, "is an IAM principal: it logs in by tokens of IAM and has no password");
}

async function assertMayRotate(context: Context, call: Call, target: Target, user: string): Promise<void> {
  await context.pools.withSession(
    target,
    { operation: call.operation, signal: call.signal },
    async (session) => {
      const row = (await readRoles(session, [user])).get(user);
      if (row === undefined) {
        throw notFound("user", `There is no user ${JSON.stringify(user)} on this instance.`, {
          username: user,
        });
      }
      if (row.isSuperuser) throw refusal(user, "is a superuser, which this service does not manage");
      if (parseRoleMark(row.comment) !== undefined)
        throw refusal(user, "is a role that this service manages, not a user");
      if (!row.canLogin) throw refusal(user, "is a role that cannot log in");
      const kind = iamKind(row.memberOf);
      if (kind !== undefined) throw refusal(user, `is an IAM principal (${kind}) and has no password`);
      if (user !== context.settings.adminUser && !(await readMayAlter(session, user))) {
        throw new ServiceError(
          "conflict",
          `PostgreSQL does not let the admin set the password of ${JSON.stringify(user)}: since version 16 it needs the ` +
            "ADMIN OPTION on a user that it did not create.",
          { details: { username: user, reason: "needs_admin_option" } },
        );
      }
      if (user === context.settings.adminUser && (await readIsIamMember(session))) {
        throw refusal(
          user,
          "is a member of an IAM role, which turns its password login away: end that membership first",
        );
      }
    },
  );
}

/** Before 16, CREATEROLE is enough for whoever is no superuser. */
async function readMayAlter(session: Session, user: string): Promise<boolean> {
  if (session.versionNum < 160_000) return true;
  const { rows } = await session.query<{ may: boolean }>(
    "SELECT pg_has_role($1::name, 'MEMBER WITH ADMIN OPTION') AS may",
    [user],
  );
  return rows[0]?.may === true;
}

function refusal(user: string, because: string): ServiceError {
  return new ServiceError("conflict", `${JSON.stringify(user)} ${because}.`, {
    details: { username: user, because },
  });
}

/** Since when the password of the newest version is there: a rotation that went back stored it anew. */
async function readSince(
  context: Context,
  call: Call,
  target: Target,
  found: StoredSecret | undefined,
): Promise<Date | null> {
  const [newest, before] = found?.versions ?? [];
  if (newest === undefined || before === undefined) return newest?.createdAt ?? null;
  const { versions } = cloudServices(context);
  const read = ({ version }: StoredVersion) => versions.read(target, version, { signal: call.signal });
  // One that is disabled by now was replaced by another rotation.
  const same = await Promise.all([read(newest), read(before)]).then(
    ([one, other]) => one === other,
    () => false,
  );
  return same ? before.createdAt : newest.createdAt;
}

interface Age {
  readonly user: string;
  readonly since: Date | null;
  readonly found: StoredSecret | undefined;
  readonly ifOlderThanMs: number | undefined;
}

/** Young enough, and the one that PostgreSQL takes. */
async function isYoung(
  context: Context,
  call: Call,
  target: Target,
  { user, since, found, ifOlderThanMs }: Age,
): Promise<boolean> {
  const newest = found?.versions[0];
  if (ifOlderThanMs === undefined || since === null || newest === undefined) return false;
  if (Date.now() - since.getTime() >= ifOlderThanMs) return false;
  const password = await cloudServices(context).versions.read(target, newest.version, call);
  return context.pools.tryLogin(target, { user, password, signal: call.signal });
}

function previewRotation(target: Target, user: string, found: StoredSecret | undefined) {
  const step = { kind: "secret" as const, destructive: false };
  const old = (found?.versions ?? []).map(({ version }) => `version ${lastPart(version)}`);
  return userPlan([
    { ...step, description: `Store a generated password of ${user}` },
    [setPassword(target.database, user, "")],
    { kind: "login", description: `Log in as ${user} with the new password`, destructive: false },
    ...(old.length === 0
      ? []
      : [{ ...step, description: `Disable ${old.join(", ")} of the secret`, destructive: true }]),
  ]);
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
