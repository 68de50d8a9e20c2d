import { randomUUID } from "node:crypto";
import { standardTemplate } from "../domain/builtin-templates.ts";
import { parseUsername } from "../domain/iam-user.ts";
import { managedRoleName, parseRoleMark } from "../domain/managed-role.ts";
import { parseIdentifier } from "../domain/names.ts";
import { type Target, targetKey } from "../domain/target.ts";
import type { AccessState, StoredAccess } from "../domain/temporary-access.ts";
import { notFound, ServiceError } from "../errors.ts";
import { accessesOf, endAccess, grantAccess, readStanding } from "./access-grant.ts";
import { forgetAccesses, type Swept, sweepAccesses } from "./access-sweep.ts";
import { planOnly } from "./apply.ts";
import type { AccessPolicy, AccessRule, Call, Context } from "./context.ts";
import { findGroupRole } from "./memberships.ts";
import { findPrincipal, parsePrincipalName } from "./principals.ts";
import { readBeforeChange } from "./record.ts";
import { fullRoleName } from "./role-names.ts";
import { findSchema } from "./schema-lookup.ts";

export interface AccessRequest {
  readonly schema: string;
  /** The full name or a kind such as `reader`. */
  readonly role: string;
  /** The caller's own user when missing. */
  readonly username?: string;
  readonly durationMs: number;
  readonly reason: string;
}

export interface AccessResult {
  readonly access: StoredAccess;
  readonly changed: boolean;
  /** Of a request: the user holds the role already, and keeps it. */
  readonly alreadyMember: boolean;
}

/**
 * Asks for a role for some time. `permission_error` when no rule of the policy allows the caller to; `conflict` for a
 * role that this service does not manage; the same request again is the one that waits.
 */
export async function requestAccess(
  context: Context,
  call: Call,
  target: Target,
  input: AccessRequest,
): Promise<AccessResult> {
  const { store, now } = accessesOf(context);
  const policy = policyOf(call);
  const schema = parseIdentifier("schema_name", input.schema);
  const roleName = fullRoleName(target, schema, input.role);
  const name = parsePrincipalName(context, input.username ?? policy.caller.name);
  const isOwn = name.normalized === ownUser(policy.caller.name);
  if (!isOwn && !(await policy.isOperator(target)))
    throw refused(
      call,
      "may ask for itself only: asking for another takes the role operator",
      "not_for_others",
    );
  const id = randomUUID();
  const about = { id, target, schema, roleName, roleKind: kindOf(target, schema, roleName) };
  const who = { username: name.normalized, requester: policy.caller };
  const access: StoredAccess = {
    ...{ ...about, ...who, reason: input.reason, durationMs: input.durationMs, state: "requested" },
    ...{ createdAt: now(), decidedBy: null, startsAt: null, expiresAt: null, grants: false },
    ...{ endedBy: null, endedAt: null, warnings: [] },
  };
  assertCovered(call, access, await policy.rulesFor(policy.caller, target));
  const alreadyMember = await planOnly(context, call, target, async (session) => {
    await findSchema(session, schema);
    const role = await findGroupRole(session, schema, roleName);
    if (parseRoleMark(role.comment) === undefined) {
      const because = "this service did not make it, so it cannot say what it gives";
      throw new ServiceError("conflict", `${roleName} is not given for some time: ${because}.`, {
        details: { role_name: roleName, because },
      });
    }
    await findPrincipal(session, context, name);
    return { statements: [], warnings: [], result: await readStanding(session, store, access) };
  }).then(({ result }) => result);
  const waiting = (await store.open(target)).find(
    (one) =>
      one.state === "requested" &&
      one.requester.name === access.requester.name &&
      one.username === access.username &&
      one.roleName === roleName &&
      one.durationMs === access.durationMs &&
      sameTarget(one.target, target),
  );
  if (waiting !== undefined) return { access: waiting, changed: false, alreadyMember };
  await store.create(access);
  await note(context, call, access, `ask for ${roleName} for ${describe(access)}`);
  return { access, changed: true, alreadyMember };
}

/**
 * Grants what was asked for; its time begins now. `permission_error` for whoever asked or gets it, and for whom no rule
 * names as approver; `conflict` when it was decided already. A failed grant leaves the request as it was.
 */
export async function approveAccess(
  context: Context,
  call: Call,
  target: Target,
  id: string,
): Promise<AccessResult> {
  const { store, now } = accessesOf(context);
  const asked = await findAccess(context, target, id);
  await assertDecides(call, asked);
  if (asked.state !== "requested") {
    if (asked.state === "active" && asked.decidedBy === call.actor) return unchanged(asked);
    throw decided(asked);
  }
  await readBeforeChange(context, target);
  const standing = await planOnly(context, call, target, async (session) => {
    await findGroupRole(session, asked.schema, asked.roleName);
    return { statements: [], warnings: [], result: await readStanding(session, store, asked) };
  }).then(({ result }) => result);
  const startsAt = now();
  // The intent comes first: if this process ends now, a sweep finds it and goes on.
  const granting = await store.change(id, ["requested"], {
    ...{ state: "granting", decidedBy: call.actor, startsAt, expiresAt: startsAt + asked.durationMs },
    grants: !standing,
  });
  if (granting === undefined) throw decided(await findAccess(context, target, id));
  forgetAccesses(context, target);
  try {
    const access = await grantAccess(context, call, granting);
    forgetAccesses(context, target);
    return { access, changed: true, alreadyMember: standing };
  } catch (error) {
    if (error instanceof ServiceError && isUndone(error)) {
      const back = { state: "requested" as const, decidedBy: null, startsAt: null, expiresAt: null };
      await store.change(id, ["granting"], { ...back, grants: false });
    }
    throw error;
  }
}

/** Whether nothing of a failed grant can be in the database. */
function isUndone({ details }: ServiceError): boolean {
  return details.outcome !== "unknown" && details.database !== "committed";
}

/** Refuses a request: an approver's, or its own asker's, who withdraws it. */
export async function denyAccess(
  context: Context,
  call: Call,
  target: Target,
  id: string,
): Promise<AccessResult> {
  const { store, now } = accessesOf(context);
  const asked = await findAccess(context, target, id);
  const state: AccessState = asked.requester.name === call.actor ? "withdrawn" : "denied";
  if (state === "denied") await assertDecides(call, asked);
  if (asked.state === state) return unchanged(asked);
  const fields = { state, decidedBy: call.actor, endedBy: call.actor, endedAt: now() };
  const access = await store.change(id, ["requested"], fields);
  if (access === undefined) throw decided(await findAccess(context, target, id));
  await note(context, call, access, `${state === "denied" ? "deny" : "withdraw"} ${describe(access)}`);
  return { access, changed: true, alreadyMember: false };
}

/** Ends an access before its time: an approver may, an operator, and whoever asked for it or has it. */
export async function revokeAccess(
  context: Context,
  call: Call,
  target: Target,
  id: string,
): Promise<AccessResult> {
  const { store } = accessesOf(context);
  const policy = policyOf(call);
  const found = await findAccess(context, target, id);
  const isOwn = found.requester.name === call.actor || found.username === ownUser(call.actor);
  if (!isOwn && !(await policy.isOperator(target))) await assertDecides(call, found);
  if (found.endedAt !== null) return unchanged(found);
  if (found.state === "requested") throw decided(found);
  const ending = await store.change(id, ["granting", "active"], { state: "ending", endedBy: call.actor });
  forgetAccesses(context, target);
  const access = await endAccess(context, call, ending ?? (await findAccess(context, target, id)));
  forgetAccesses(context, target);
  return { access, changed: true, alreadyMember: false };
}

/** The accesses of a database, newest first. */
export async function listAccesses(
  context: Context,
  _call: Call,
  target: Target,
): Promise<readonly StoredAccess[]> {
  const all = await accessesOf(context).store.list(target, 500);
  return all.filter((one) => sameTarget(one.target, target));
}

/** Ends what is over, everywhere; reports what the caller may see. */
export async function expireAccesses(context: Context, call: Call): Promise<readonly Swept[]> {
  const swept = await sweepAccesses(context, call);
  const seen = await Promise.all(swept.map(({ access }) => call.permits?.(access.target) ?? true));
  return swept.filter((_, at) => seen[at]);
}

/** A user that is gone has no access, and gets none. */
export async function endAccessesOf(
  context: Context,
  call: Call,
  target: Target,
  username: string,
): Promise<void> {
  if (context.accesses === undefined) return;
  const { store, now } = context.accesses;
  for (const one of await store.open(target)) {
    if (one.username !== username) continue;
    const state = one.state === "requested" ? "denied" : "revoked";
    await store.change(one.id, [one.state], { state, endedBy: call.actor, endedAt: now() });
  }
  forgetAccesses(context, target);
}

/** Memberships that an access holds now: an authoritative state leaves them. */
export async function readTemporaryMemberships(
  context: Context,
  target: Target,
): Promise<ReadonlySet<string>> {
  if (context.accesses === undefined) return new Set();
  const { store, now } = context.accesses;
  const live = (await store.open(target)).filter(
    (one) => one.grants && one.state !== "ending" && (one.expiresAt ?? 0) > now(),
  );
  return new Set(live.map((one) => temporaryKey(one.roleName, one.username)));
}

const sameTarget = (one: Target, other: Target): boolean => targetKey(one) === targetKey(other);

const temporaryKey = (role: string, member: string): string => JSON.stringify([role, member]);

async function findAccess(context: Context, target: Target, id: string): Promise<StoredAccess> {
  const access = await accessesOf(context).store.read(id);
  if (access !== undefined && sameTarget(access.target, target)) return access;
  throw notFound("access", `There is no access ${JSON.stringify(id)} to this database.`, { access_id: id });
}

async function assertDecides(call: Call, access: StoredAccess): Promise<void> {
  const policy = policyOf(call);
  if (access.requester.name === call.actor || access.username === ownUser(call.actor))
    throw refused(call, "may not decide on access that it asked for or gets", "self_approval");
  const rules = await policy.rulesFor(access.requester, access.target);
  assertCovered(
    call,
    access,
    rules.filter((rule) => rule.approves),
    "may not decide on this",
  );
}

function assertCovered(
  call: Call,
  { roleKind, durationMs }: StoredAccess,
  rules: readonly AccessRule[],
  what = "may not ask for this role here",
): void {
  const fitting = rules.filter(
    ({ roleKinds }) => roleKinds === undefined || (roleKind !== null && roleKinds.includes(roleKind)),
  );
  if (fitting.length === 0) throw refused(call, `${what}: no rule of the policy says so`, "no_rule");
  const longest = Math.max(...fitting.map((rule) => rule.maxDurationMs));
  if (durationMs <= longest) return;
  const because = `${what} for so long: ${longest / 1000} seconds are the most`;
  throw refused(call, because, "too_long", { max_duration_seconds: longest / 1000 });
}

function refused({ actor }: Call, what: string, reason: string, more = {}): ServiceError {
  return new ServiceError("permission_error", `${actor} ${what}`, { details: { reason, ...more } });
}

function decided({ id, state, decidedBy }: StoredAccess): ServiceError {
  return new ServiceError("conflict", `Access ${id} is ${state} already.`, {
    details: { access_id: id, state, decided_by: decidedBy },
  });
}

function policyOf(call: Call): AccessPolicy {
  if (call.accessPolicy !== undefined) return call.accessPolicy;
  throw refused(call, "may not use temporary access: no policy says who may approve", "no_rule");
}

/** The database user of an account; undefined when no user can be called so. */
function ownUser(account: string): string | undefined {
  try {
    return parseUsername("username", account).normalized;
  } catch {
    return undefined;
  }
}

function kindOf(target: Target, schema: string, roleName: string): string | null {
  const named = standardTemplate.roles.find(
    (role) => managedRoleName(standardTemplate, role, target.database, schema) === roleName,
  );
  return named?.kind ?? null;
}

const unchanged = (access: StoredAccess): AccessResult => ({ access, changed: false, alreadyMember: false });

const describe = ({ id, username, durationMs, reason }: StoredAccess): string =>
  `${durationMs / 1000} s to ${username} (access ${id}): ${reason}`;

/** In the history too. The step is done already: that it could not be recorded is a warning. */
async function note(context: Context, call: Call, access: StoredAccess, summary: string): Promise<void> {
  const { actor, requestId, operation: action } = call;
  const { schema, roleName, username, target } = access;
  const about = { schema, roleName, username, statements: [], summary };
  await context.registry
    .record(target, { actor, requestId, action, outcome: "succeeded", ...about })
    .catch((error: unknown) => {
      call.log.warning("a step of temporary access could not be put into the history", { error });
    });
}
