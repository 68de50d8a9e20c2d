import { randomUUID } from "node:crypto";
import { parseRoleMark } from "../domain/managed-role.ts";
import { parseIdentifier } from "../domain/names.ts";
import { previewStatements, type StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { type AccessState, isLapsed, type StoredAccess } from "../domain/temporary-access.ts";
import { ServiceError } from "../errors.ts";
import { endAccess, planEnd } from "./access-end.ts";
import { accessesOf, readStanding } from "./access-holders.ts";
import {
  assertCovered,
  assertDecides,
  decided,
  findAccess,
  groupsFor,
  kindOf,
  ownUser,
  policyOf,
  refused,
  sameTarget,
} from "./access-rules.ts";
import type { Swept } from "./access-settle.ts";
import { forgetAccesses, planSweep, sweepAccesses } from "./access-sweep.ts";
import { planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { findGroupRole } from "./memberships.ts";
import { findPrincipal, parsePrincipalName } from "./principals.ts";
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
  readonly dryRun?: boolean;
}

/** What is to be decided on, revoked or approved. */
export interface AccessChoice {
  readonly id: string;
  readonly dryRun?: boolean;
}

export interface AccessResult {
  readonly access: StoredAccess;
  readonly changed: boolean;
  /** Of a request: the user holds the role already, and keeps it. */
  readonly alreadyMember: boolean;
  /** Of a dry run: the access is as it was, or would be stored. */
  readonly plan?: readonly StatementPreview[];
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
    ...{ createdAt: now(), decidedBy: null, startsAt: null, expiresAt: null, granter: null, grants: null },
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
    const { iamKind } = await findPrincipal(session, context, name);
    if (iamKind === "iam_group") groupsFor(context, name.normalized);
    return { statements: [], warnings: [], result: await readStanding(session, store, access) };
  }).then(({ result }) => result);
  const waiting = (await store.open(target)).find(
    (one) =>
      one.state === "requested" &&
      !isLapsed(one, now()) &&
      one.requester.name === access.requester.name &&
      one.username === access.username &&
      one.roleName === roleName &&
      one.durationMs === access.durationMs &&
      sameTarget(one.target, target),
  );
  const plan = input.dryRun === true ? { plan: [] } : {};
  if (waiting !== undefined) return { access: waiting, changed: false, alreadyMember, ...plan };
  if (input.dryRun === true) return { access, changed: true, alreadyMember, ...plan };
  await store.create(access);
  await note(context, call, access, `ask for ${roleName} for ${describe(access)}`);
  return { access, changed: true, alreadyMember };
}

/** Refuses a request: an approver's, or its own asker's, who withdraws it. */
export async function denyAccess(
  context: Context,
  call: Call,
  target: Target,
  { id, dryRun = false }: AccessChoice,
): Promise<AccessResult> {
  const { store, now } = accessesOf(context);
  const asked = await findAccess(context, target, id);
  const state: AccessState = asked.requester.name === call.actor ? "withdrawn" : "denied";
  if (state === "denied") await assertDecides(call, asked);
  if (asked.state === state) return unchanged(asked, dryRun);
  const fields = { state, decidedBy: call.actor, endedBy: call.actor, endedAt: now() };
  if (dryRun) {
    if (asked.state !== "requested") throw decided(asked);
    return { access: asked, changed: true, alreadyMember: false, plan: [] };
  }
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
  { id, dryRun = false }: AccessChoice,
): Promise<AccessResult> {
  const { store } = accessesOf(context);
  const policy = policyOf(call);
  const found = await findAccess(context, target, id);
  const isOwn = found.requester.name === call.actor || found.username === ownUser(call.actor);
  if (!isOwn && !(await policy.isOperator(target))) await assertDecides(call, found);
  if (found.endedAt !== null) return unchanged(found, dryRun);
  if (found.state === "requested") throw decided(found);
  if (dryRun) {
    const { statements, warnings } = await planEnd(context, call, found);
    const access = { ...found, warnings };
    return { access, changed: true, alreadyMember: false, plan: previewStatements(statements) };
  }
  const ending = await store.change(id, ["granting", "active"], { state: "ending", endedBy: call.actor });
  forgetAccesses(context, target);
  const access = await endAccess(context, call, ending ?? (await findAccess(context, target, id)));
  if (access.endedAt === null) throw decided(access);
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

/** Ends what is over, everywhere; reports what the caller may see. A dry run tells what is due, and plans what that takes. */
export async function expireAccesses(
  context: Context,
  call: Call,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<readonly Swept[]> {
  const swept = await (dryRun ? planSweep(context, call) : sweepAccesses(context, call));
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
    (one) => one.grants === true && one.state !== "ending" && (one.expiresAt ?? 0) > now(),
  );
  return new Set(live.map((one) => temporaryKey(one.roleName, one.username)));
}

const temporaryKey = (role: string, member: string): string => JSON.stringify([role, member]);

/** What there was to decide was decided so before. */
export const unchanged = (access: StoredAccess, dryRun: boolean): AccessResult => ({
  ...{ access, changed: false, alreadyMember: false },
  ...(dryRun ? { plan: [] } : {}),
});

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
