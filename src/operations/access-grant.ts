import { randomUUID } from "node:crypto";
import { type AccessState, heldStates, type StoredAccess } from "../domain/temporary-access.ts";
import { ServiceError } from "../errors.ts";
import { type Membership, readMemberships } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { membershipOptionsSince } from "../postgres/statements/memberships.ts";
import type { AccessStore } from "./access-store.ts";
import { applyDecision, type Decide } from "./apply.ts";
import { runChange } from "./change.ts";
import type { Accesses, Call, Context } from "./context.ts";
import { planCreatorChange } from "./creator-coverage.ts";
import { withInstanceLock } from "./instance-lock.ts";
import { findGroupRole, planAssignment, planRowRevocations } from "./memberships.ts";
import { findPrincipal, parsePrincipalName } from "./principals.ts";
import { findSchema } from "./schema-lookup.ts";
import { createTemplateBook } from "./template-lookup.ts";
import { decideSessions } from "./user-departure.ts";

export function accessesOf(context: Context): Accesses {
  if (context.accesses !== undefined) return context.accesses;
  throw new ServiceError("internal_error", "The service was put together without temporary access.");
}

/** Whether the user holds the role already, and by a membership that no access made. Changes nothing. */
export async function readStanding(
  session: Session,
  store: AccessStore,
  access: Pick<StoredAccess, "id" | "roleName" | "username" | "target">,
): Promise<boolean> {
  const rows = await readMemberships(session, { roles: [access.roleName], members: [access.username] });
  if (!rows.some((row) => row.inherit || session.versionNum < membershipOptionsSince)) return false;
  return (await findOthers(store, access)).length === 0;
}

/** Other accesses that hold the same membership, by a grant of theirs. */
async function findOthers(
  store: AccessStore,
  { id, roleName, username, target }: Pick<StoredAccess, "id" | "roleName" | "username" | "target">,
): Promise<readonly StoredAccess[]> {
  const same = (one: StoredAccess): boolean =>
    one.id !== id && one.roleName === roleName && one.username === username && one.grants;
  return (await store.open(target)).filter((one) => same(one) && heldStates.includes(one.state));
}

/** Grants what is recorded as `granting`, and records that. Repeating it is harmless. */
export async function grantAccess(context: Context, call: Call, access: StoredAccess): Promise<StoredAccess> {
  const { store } = accessesOf(context);
  const { target, schema, roleName, username } = access;
  if (access.grants) {
    const name = parsePrincipalName(context, username);
    const book = createTemplateBook(context);
    const decide: Decide<undefined> = async (session) => {
      await findSchema(session, schema);
      const role = await findGroupRole(session, schema, roleName);
      return planAssignment(session, role, await findPrincipal(session, context, name), book);
    };
    const who = `asked by ${access.requester.name}, approved by ${access.decidedBy}: ${access.reason}`;
    const summary = `grant ${roleName} to ${username} until ${toIso(access.expiresAt)} (access ${access.id}, ${who})`;
    const subject = { summary, schema, roleName, username };
    await runChange(context, call, target, { dryRun: false, subject, decide });
  }
  return (await store.change(access.id, ["granting"], { state: "active" })) ?? access;
}

/**
 * Ends a held access: revokes the membership, unless another access or a standing grant needs it, ends the user's
 * sessions, and records that. Repeating it goes on where it failed. Rejects when the membership could not be revoked:
 * then the access stays due.
 */
export async function endAccess(context: Context, call: Call, access: StoredAccess): Promise<StoredAccess> {
  const { store, now } = accessesOf(context);
  const warnings: string[] = [];
  const isLast = access.grants && (await revokeGrant(context, call, access, warnings));
  if (isLast) await endSessionsOf(context, call, access, warnings);
  const state: AccessState = access.state === "ending" ? "revoked" : "expired";
  const fields = { state, endedAt: now(), endedBy: access.endedBy ?? call.actor, warnings };
  return (await store.change(access.id, heldStates, fields)) ?? (await store.read(access.id)) ?? access;
}

/** False when the membership stays, for another access. */
async function revokeGrant(
  context: Context,
  call: Call,
  access: StoredAccess,
  warnings: string[],
): Promise<boolean> {
  const { store, now } = accessesOf(context);
  const { target, schema, roleName, username } = access;
  let isLast = true;
  const book = createTemplateBook(context);
  const decide: Decide<undefined> = async (session) => {
    // Within the instance's lock: whoever is being granted the same has recorded it before, or grants it after this.
    const others = await findOthers(store, access);
    isLast = !others.some((one) => one.state !== "ending" && (one.expiresAt ?? 0) > now());
    const rows = isLast
      ? await readMemberships(session, { roles: [roleName], members: [username] })
      : ([] as Membership[]);
    // From 16 on, a row that another grantor gave meanwhile is not this access's.
    const own = rows.filter(
      (row) => session.versionNum < membershipOptionsSince || row.grantor === session.user,
    );
    const others16 = rows.filter((row) => !own.includes(row));
    const { statements, stuck } = await planRowRevocations(session, own);
    if (stuck.length > 0) {
      throw new ServiceError("conflict", `The membership of ${username} in ${roleName} cannot be ended.`, {
        details: { because: `${session.user} may not revoke it` },
      });
    }
    const coverage =
      rows.length === 0 || others16.length > 0
        ? { statements: [], warnings: [] }
        : await planCreatorChange(session, roleName, username, "revoked", book);
    const kept = others16.map(
      (row) => `${username} stays a member of ${roleName}: ${row.grantor} granted it.`,
    );
    return {
      statements: [...coverage.statements, ...statements],
      warnings: [...coverage.warnings, ...kept],
      result: undefined,
    };
  };
  const why = access.state === "ending" ? `revoked by ${access.endedBy}` : "its time is over";
  const summary = `end the access of ${username} to ${roleName} (access ${access.id}): ${why}`;
  const subject = { summary, schema, roleName, username };
  const done = await runChange(context, call, target, { dryRun: false, subject, decide });
  warnings.push(...done.warnings);
  return isLast;
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

/** A call of the service itself, which goes on when whoever caused it has gone. */
export function sweepCall(log: Call["log"]): Call {
  return {
    operation: "expireAccess",
    actor: "temporary-access",
    requestId: randomUUID(),
    log,
    signal: AbortSignal.timeout(60_000),
  };
}

export const toIso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
