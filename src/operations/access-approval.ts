import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { AccessResult } from "./access.ts";
import { grantAccess, isGrantedBy, newGranter, undoneGrant } from "./access-grant.ts";
import { accessesOf } from "./access-holders.ts";
import { assertDecides, assertNotLapsed, decided, findAccess } from "./access-rules.ts";
import { forgetAccesses } from "./access-sweep.ts";
import { planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { findGroupRole } from "./memberships.ts";
import { readBeforeChange } from "./record.ts";

/**
 * Grants what was asked for; its time begins now. `permission_error` for whoever asked or gets it, and for whom no rule
 * names as approver; `conflict` when it was decided already, or is ended before it is granted. A failed grant leaves the
 * request as it was.
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
    if (asked.state === "active" && asked.decidedBy === call.actor)
      return { access: asked, changed: false, alreadyMember: false };
    throw decided(asked);
  }
  assertNotLapsed(asked, now());
  await readBeforeChange(context, target);
  await planOnly(context, call, target, async (session) => {
    await findGroupRole(session, asked.schema, asked.roleName);
    return { statements: [], warnings: [], result: undefined };
  });
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

/** Whether nothing of a failed grant can be in the database. */
function isUndone({ details }: ServiceError): boolean {
  return details.outcome !== "unknown" && details.database !== "committed";
}
