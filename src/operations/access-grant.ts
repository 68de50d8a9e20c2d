import { randomUUID } from "node:crypto";
import type { StoredAccess } from "../domain/temporary-access.ts";
import { ServiceError } from "../errors.ts";
import { decideEnd, isSameGrant } from "./access-end.ts";
import { accessesOf, readStanding } from "./access-holders.ts";
import { type Applied, applyDecision, type Decide, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { findGroupRole, planAssignment } from "./memberships.ts";
import { findPrincipal, parsePrincipalName } from "./principals.ts";
import { readBeforeChange, recordChange, recordedOf, recordFailure, type Subject } from "./record.ts";
import type { RoleGiver } from "./role-permission.ts";
import { findSchema } from "./schema-lookup.ts";
import { createTemplateBook } from "./template-lookup.ts";

/** Nothing of the failed grant is in the database, and its request waits as before. */
export const undoneGrant = { state: "requested", decidedBy: null, startsAt: null, expiresAt: null } as const;

/** Who is at a grant: whoever takes it over is another. */
export const newGranter = (): string => randomUUID();

export const isGrantedBy =
  ({ granter }: StoredAccess) =>
  (stored: StoredAccess): boolean =>
    stored.granter === granter;

/**
 * Grants what is recorded as `granting`, and records that. Repeating it is harmless. All within the instance's lock,
 * where the record is read again: what was revoked, is over, or was taken over by another process meanwhile is a
 * `conflict`, and not granted.
 */
export async function grantAccess(context: Context, call: Call, access: StoredAccess): Promise<StoredAccess> {
  const { target } = access;
  const subject = subjectOf(access);
  const before = await readBeforeChange(context, target);
  const { active, applied } = await recordFailure(context, call, target, subject, () =>
    withInstanceLock(context, call, target, async () => {
      const claimed = await claimGrant(context, call, access);
      const applied =
        claimed.grants === true
          ? await applyDecision(context, call, target, decideGrant(context, claimed))
          : undefined;
      return { applied, active: await confirmGrant(context, call, claimed, applied) };
    }),
  );
  if (applied !== undefined && applied.statements.length > 0)
    await recordChange(context, call, target, { ...subject, ...recordedOf(applied), before });
  return active;
}

function subjectOf(access: StoredAccess): Subject {
  const { id, schema, roleName, username, requester, decidedBy, reason, expiresAt } = access;
  const who = `asked by ${requester.name}, approved by ${decidedBy}: ${reason}`;
  const summary = `grant ${roleName} to ${username} until ${toIso(expiresAt)} (access ${id}, ${who})`;
  return { summary, schema, roleName, username };
}

/** The membership, as an approval grants it; what its role leads to is held against the policy of who approves. */
export function decideGrant(
  context: Context,
  { schema, roleName, username }: StoredAccess,
  approver?: RoleGiver,
): Decide<undefined> {
  const name = parsePrincipalName(context, username);
  const book = createTemplateBook(context);
  return async (session) => {
    await findSchema(session, schema);
    const role = await findGroupRole(session, schema, roleName, approver);
    return planAssignment(session, role, await findPrincipal(session, context, name), book);
  };
}

/**
 * Whether the membership is to be this access's is decided, and recorded, before it is granted: after a crash in
 * between nobody could tell.
 */
async function claimGrant(context: Context, call: Call, access: StoredAccess): Promise<StoredAccess> {
  const { store, now } = accessesOf(context);
  const stored = await store.read(access.id);
  const isMine = stored?.state === "granting" && isGrantedBy(access)(stored);
  if (!isMine || (stored.expiresAt ?? 0) <= now()) throw overtaken(stored ?? access);
  if (stored.grants !== null) return stored;
  const { result: standing } = await planOnly(context, call, access.target, async (session) => ({
    statements: [],
    warnings: [],
    result: await readStanding(session, store, stored),
  }));
  const claimed = await store.change(access.id, ["granting"], { grants: !standing }, isGrantedBy(access));
  if (claimed === undefined) throw overtaken((await store.read(access.id)) ?? stored);
  return claimed;
}

/** Records a grant that is in the database. One that was ended meanwhile is taken back at once. */
async function confirmGrant(
  context: Context,
  call: Call,
  claimed: StoredAccess,
  applied: Applied<undefined> | undefined,
): Promise<StoredAccess> {
  const { store } = accessesOf(context);
  let stored: StoredAccess | undefined;
  try {
    const active = await store.change(claimed.id, ["granting"], { state: "active" }, isSameGrant(claimed));
    if (active !== undefined) return active;
    stored = await store.read(claimed.id);
  } catch (cause) {
    throw new ServiceError(
      "unavailable",
      "The access was granted, but that could not be recorded. A sweep does so, or ends it.",
      { cause, retryAfterS: 5, details: { database: "committed", registry: "failed" } },
    );
  }
  if (stored?.state === "active" && isSameGrant(claimed)(stored)) return stored;
  if (applied !== undefined) {
    await applyDecision(context, call, claimed.target, decideEnd(context, claimed));
  }
  throw overtaken(stored ?? claimed);
}

function overtaken({ id, state, expiresAt, endedBy }: StoredAccess): ServiceError {
  const because =
    state === "granting" || state === "active"
      ? "its time ran out, or another process works on it"
      : `it is ${state}${endedBy === null ? "" : ` by ${endedBy}`}`;
  return new ServiceError("conflict", `Access ${id} was not granted: meanwhile ${because}.`, {
    details: { access_id: id, state, because, expires_at: toIso(expiresAt) },
  });
}

export const toIso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
