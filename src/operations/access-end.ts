import { emptyPlan, type Plan } from "../domain/plan.ts";
import { type AccessState, isOver, type StoredAccess } from "../domain/temporary-access.ts";
import { ServiceError } from "../errors.ts";
import { readMemberships } from "../postgres/role-catalog.ts";
import { membershipOptionsSince } from "../postgres/statements/memberships.ts";
import { accessesOf, findOthers } from "./access-holders.ts";
import { applyDecision, type Decide, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { planCreatorChange } from "./creator-coverage.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { planRowRevocations } from "./memberships.ts";
import { readBeforeChange, recordChange, recordedOf, recordFailure } from "./record.ts";
import { createTemplateBook } from "./template-lookup.ts";
import { decideSessions } from "./user-departure.ts";

/**
 * Ends a held access: records the intent, revokes the membership, unless another access or a standing grant needs it,
 * ends the user's sessions, and records that. Repeating it goes on where it failed. Rejects when the membership could
 * not be revoked: then the access stays due.
 */
export async function endAccess(context: Context, call: Call, access: StoredAccess): Promise<StoredAccess> {
  const { store, now } = accessesOf(context);
  // Its end is not yet come where a grant is not mended.
  const by = isOver(access, now()) ? {} : { endedBy: call.actor };
  // From here on no process grants it any more: whoever is about to looks within the instance's lock.
  const begun =
    access.state === "ending"
      ? access
      : await store.change(
          access.id,
          ["granting", "active"],
          { state: "ending", ...by },
          isSameGrant(access),
        );
  const ending = begun ?? (await store.read(access.id)) ?? access;
  if (ending.state !== "ending") return ending;
  const warnings: string[] = [];
  const isLast = ending.grants === true && (await revokeGrant(context, call, ending, warnings));
  if (isLast) await endSessionsOf(context, call, ending, warnings);
  const state: AccessState = ending.endedBy === null ? "expired" : "revoked";
  const fields = { state, endedAt: now(), endedBy: ending.endedBy ?? call.actor, warnings };
  return (await store.change(ending.id, ["ending"], fields)) ?? (await store.read(ending.id)) ?? ending;
}

/** What ending it would do now, its sessions included. */
export async function planEnd(context: Context, call: Call, access: StoredAccess): Promise<Plan> {
  if (access.grants !== true) return emptyPlan;
  const { target, username } = access;
  const { result: isLast, ...revocation } = await planOnly(context, call, target, decideEnd(context, access));
  if (!isLast) return revocation;
  const sessions = await planOnly(context, call, target, (session) => decideSessions(session, username));
  return {
    statements: [...revocation.statements, ...sessions.statements],
    warnings: [...revocation.warnings, ...sessions.warnings],
  };
}

/** It was not given back and approved anew meanwhile. */
export const isSameGrant =
  ({ startsAt }: StoredAccess) =>
  (stored: StoredAccess): boolean =>
    stored.startsAt === startsAt;

/** False when the membership stays: for another access, or because it became a standing one. */
async function revokeGrant(
  context: Context,
  call: Call,
  access: StoredAccess,
  warnings: string[],
): Promise<boolean> {
  const { store } = accessesOf(context);
  const { id, target, schema, roleName, username, endedBy } = access;
  const why = endedBy === null ? "its time is over" : `revoked by ${endedBy}`;
  const summary = `end the access of ${username} to ${roleName} (access ${id}): ${why}`;
  const subject = { summary, schema, roleName, username };
  const before = await readBeforeChange(context, target);
  const done = await recordFailure(context, call, target, subject, () =>
    withInstanceLock(context, call, target, async () => {
      const stored = await store.read(id);
      if (stored?.state !== "ending" || stored.grants !== true) return undefined;
      return applyDecision(context, call, target, decideEnd(context, stored));
    }),
  );
  if (done === undefined) return false;
  if (done.statements.length > 0) {
    await recordChange(context, call, target, { ...subject, ...recordedOf(done), before });
  }
  warnings.push(...done.warnings);
  return done.result;
}

/**
 * Revokes the membership, unless another access needs it; the result says whether none does. Within the instance's
 * lock: whoever is being granted the same has recorded it before, or grants it after this.
 */
export function decideEnd(context: Context, access: StoredAccess): Decide<boolean> {
  const { store, now } = accessesOf(context);
  const { roleName, username } = access;
  const book = createTemplateBook(context);
  return async (session) => {
    const others = await findOthers(store, access);
    if (others.some((one) => one.state !== "ending" && (one.expiresAt ?? 0) > now()))
      return { statements: [], warnings: [], result: false };
    const rows = await readMemberships(session, { roles: [roleName], members: [username] });
    // From 16 on, a row that another grantor gave meanwhile is not this access's.
    const own = rows.filter(
      (row) => session.versionNum < membershipOptionsSince || row.grantor === session.user,
    );
    const foreign = rows.filter((row) => !own.includes(row));
    const { statements, stuck } = await planRowRevocations(session, own);
    if (stuck.length > 0) {
      throw new ServiceError("conflict", `The membership of ${username} in ${roleName} cannot be ended.`, {
        details: { because: `${session.user} may not revoke it` },
      });
    }
    const coverage =
      rows.length === 0 || foreign.length > 0
        ? { statements: [], warnings: [] }
        : await planCreatorChange(session, roleName, username, "revoked", book);
    const kept = foreign.map(
      (row) => `${username} stays a member of ${roleName}: ${row.grantor} granted it.`,
    );
    return {
      statements: [...coverage.statements, ...statements],
      warnings: [...coverage.warnings, ...kept],
      result: true,
    };
  };
}

/** What cannot be ended is reported: the membership is revoked already. */
async function endSessionsOf(
  context: Context,
  call: Call,
  { target, username }: StoredAccess,
  warnings: string[],
): Promise<void> {
  try {
    const decide: Decide<undefined> = (session) => decideSessions(session, username);
    const ended = await withInstanceLock(context, call, target, () =>
      applyDecision(context, call, target, decide),
    );
    warnings.push(...ended.warnings);
  } catch (error) {
    call.log.warning("sessions of an ended access could not be ended", { error });
    warnings.push(`Sessions of ${username} could not all be ended; its membership is revoked.`);
  }
}
