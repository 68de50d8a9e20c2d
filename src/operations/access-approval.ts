import { type Plan, previewStatements } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import type { StoredAccess } from "../domain/temporary-access.ts";
import { ServiceError } from "../errors.ts";
import { readIsMember } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { type AccessChoice, type AccessResult, unchanged } from "./access.ts";
import { decideGrant, grantAccess, isGrantedBy, newGranter, undoneGrant } from "./access-grant.ts";
import { accessesOf, readStanding } from "./access-holders.ts";
import {
  assertDecides,
  assertNotAmong,
  assertNotLapsed,
  decided,
  findAccess,
  ownUser,
} from "./access-rules.ts";
import { forgetAccesses } from "./access-sweep.ts";
import { type Decision, planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { findPrincipal, parsePrincipalName } from "./principals.ts";
import { readBeforeChange } from "./record.ts";

/**
 * Grants what was asked for; its time begins now. `permission_error` for whoever asked or gets it, also as a member of
 * the user or group that gets it, and for whom no rule names as approver; `conflict` when it was decided already, or is
 * ended before it is granted. A failed grant leaves the request as it was.
 */
export async function approveAccess(
  context: Context,
  call: Call,
  target: Target,
  { id, dryRun = false }: AccessChoice,
): Promise<AccessResult> {
  const { store, now } = accessesOf(context);
  const asked = await findAccess(context, target, id);
  await assertDecides(call, asked);
  if (asked.state !== "requested") {
    if (asked.state === "active" && asked.decidedBy === call.actor) return unchanged(asked, dryRun);
    throw decided(asked);
  }
  assertNotLapsed(asked, now());
  if (!dryRun) await readBeforeChange(context, target);
  const planned = await planApproval(context, call, asked);
  if (dryRun) {
    const { statements, warnings, standing } = planned;
    const access = { ...asked, warnings };
    return { access, changed: true, alreadyMember: standing, plan: previewStatements(statements) };
  }
  const startsAt = now();
  // The intent comes first: if this process ends now, a sweep finds it and goes on.
  const granting = await store.change(id, ["requested"], {
    ...{ state: "granting", decidedBy: call.actor, startsAt, expiresAt: startsAt + asked.durationMs },
    ...{ granter: newGranter(), grants: null },
  });
  if (granting === undefined) throw decided(await findAccess(context, target, id));
  forgetAccesses(context, target);
  try {
    const access = await grantAccess(context, call, granting);
    forgetAccesses(context, target);
    return { access, changed: true, alreadyMember: access.grants === false };
  } catch (error) {
    if (error instanceof ServiceError && isUndone(error)) {
      const back = { ...undoneGrant, granter: null, grants: null };
      await store.change(id, ["granting"], back, isGrantedBy(granting));
    }
    throw error;
  }
}

interface Approvable {
  readonly among: Parameters<typeof assertNotAmong>[3];
  readonly standing: boolean;
}

/** What the grant would do now, and whether the caller may approve it for this user. */
async function planApproval(
  context: Context,
  call: Call,
  asked: StoredAccess,
): Promise<Plan & { readonly standing: boolean }> {
  const { store } = accessesOf(context);
  const { username } = asked;
  const name = parsePrincipalName(context, username);
  const own = ownUser(call.actor);
  const decide = decideGrant(context, asked, call);
  const look = async (session: Session): Promise<Decision<Approvable>> => {
    const { iamKind } = await findPrincipal(session, context, name);
    const isMember = own !== undefined && (await readIsMember(session, own, username));
    const standing = await readStanding(session, store, asked);
    const among = { isMember, isGroup: iamKind === "iam_group" };
    if (standing) return { statements: [], warnings: [], result: { among, standing } };
    return { ...(await decide(session)), result: { among, standing } };
  };
  const { result, ...plan } = await planOnly(context, call, asked.target, look);
  await assertNotAmong(context, call, asked, result.among);
  return { ...plan, standing: result.standing };
}

/** Whether nothing of a failed grant can be in the database. */
function isUndone({ details }: ServiceError): boolean {
  return details.outcome !== "unknown" && details.database !== "committed";
}
