import { standardTemplate } from "../domain/builtin-templates.ts";
import { parseUsername } from "../domain/iam-user.ts";
import { managedRoleName } from "../domain/managed-role.ts";
import { type Target, targetKey } from "../domain/target.ts";
import { isLapsed, requestMs, type StoredAccess } from "../domain/temporary-access.ts";
import { notFound, ServiceError } from "../errors.ts";
import { accessesOf } from "./access-holders.ts";
import type { AccessPolicy, AccessRule, Call, Context } from "./context.ts";
import type { Groups } from "./groups.ts";

export const sameTarget = (one: Target, other: Target): boolean => targetKey(one) === targetKey(other);

export async function findAccess(context: Context, target: Target, id: string): Promise<StoredAccess> {
  const access = await accessesOf(context).store.read(id);
  if (access !== undefined && sameTarget(access.target, target)) return access;
  throw notFound("access", `There is no access ${JSON.stringify(id)} to this database.`, { access_id: id });
}

export async function assertDecides(call: Call, access: StoredAccess): Promise<void> {
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

export function assertCovered(
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

export function refused({ actor }: Call, what: string, reason: string, more = {}): ServiceError {
  return new ServiceError("permission_error", `${actor} ${what}`, { details: { reason, ...more } });
}

/** An IAM group gets access only where it can be said who is in it: its members must not approve for themselves. */
export function groupsFor(context: Context, username: string): Groups {
  const { groups } = accessesOf(context);
  if (groups !== undefined) return groups;
  const because = "it is an IAM group, and without CLOUD_IDENTITY_GROUPS nobody can say who is in it";
  throw new ServiceError("conflict", `${JSON.stringify(username)} cannot get temporary access: ${because}.`, {
    details: { username, because },
  });
}

/**
 * Refuses an approver who is the user in another guise: whose own database user is a member of it, or who is in the IAM
 * group. `unavailable` when that cannot be said now.
 */
export async function assertNotAmong(
  context: Context,
  call: Call,
  { username }: StoredAccess,
  found: { readonly isGroup: boolean; readonly isMember: boolean },
): Promise<void> {
  const isAmong =
    found.isMember ||
    (found.isGroup && (await groupsFor(context, username).isMember(username, call.actor.toLowerCase())));
  if (isAmong)
    throw refused(call, `may not approve what ${username} gets: it is a member of it`, "self_approval");
}

export function decided({ id, state, decidedBy }: StoredAccess): ServiceError {
  return new ServiceError("conflict", `Access ${id} is ${state} already.`, {
    details: { access_id: id, state, decided_by: decidedBy },
  });
}

export function assertNotLapsed(access: StoredAccess, atMs: number): void {
  if (!isLapsed(access, atMs)) return;
  const because = `nobody decided on it within ${requestMs / 86_400_000} days`;
  throw new ServiceError(
    "conflict",
    `Access ${access.id} cannot be approved any more: ${because}. Ask again.`,
    {
      details: { access_id: access.id, state: "lapsed", because },
    },
  );
}

export function policyOf(call: Call): AccessPolicy {
  if (call.accessPolicy !== undefined) return call.accessPolicy;
  throw refused(call, "may not use temporary access: no policy says who may approve", "no_rule");
}

/** The database user of an account; undefined when no user can be called so. */
export function ownUser(account: string): string | undefined {
  try {
    return parseUsername("username", account).normalized;
  } catch {
    return undefined;
  }
}

export function kindOf(target: Target, schema: string, roleName: string): string | null {
  const named = standardTemplate.roles.find(
    (role) => managedRoleName(standardTemplate, role, target.database, schema) === roleName,
  );
  return named?.kind ?? null;
}
