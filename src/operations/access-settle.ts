import { previewStatements, type StatementPreview } from "../domain/plan.ts";
import { type AccessState, isLapsed, isOver, type StoredAccess } from "../domain/temporary-access.ts";
import { endAccess, planEnd } from "./access-end.ts";
import { decideGrant, grantAccess, isGrantedBy, newGranter } from "./access-grant.ts";
import { accessesOf } from "./access-holders.ts";
import { planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";

export interface Swept {
  readonly access: StoredAccess;
  /** `mended`: a grant that was begun and not recorded is in force now. */
  readonly outcome: "expired" | "revoked" | "lapsed" | "mended" | "failed";
  readonly problem?: string;
  /** Of a dry run: the access is as it is, and `outcome` what would become of it. */
  readonly plan?: readonly StatementPreview[];
}

/** Does what is due of one access. Undefined when another process did it, or does. */
export async function settleOne(
  context: Context,
  call: Call,
  access: StoredAccess,
): Promise<Swept | undefined> {
  const isGrant = isToBeMended(context, access);
  const after =
    access.state === "requested"
      ? await lapse(context, call, access)
      : isGrant
        ? await mendGrant(context, call, access)
        : await endAccess(context, call, access);
  if (after === undefined || (after.state === "active" && !isGrant)) return undefined;
  const outcome = outcomes[after.state];
  return outcome === undefined ? undefined : { access: after, outcome };
}

/** Where nothing may be granted any more, a grant that was begun is ended too. */
function isToBeMended(context: Context, access: StoredAccess): boolean {
  const { now, mayGrantIn = () => true } = accessesOf(context);
  return access.state === "granting" && !isOver(access, now()) && mayGrantIn(access.target.region);
}

/** What settling it would do now. Changes nothing. */
export async function planOne(
  context: Context,
  call: Call,
  access: StoredAccess,
): Promise<Swept | undefined> {
  if (access.state === "requested") return { access, outcome: "lapsed", plan: [] };
  const isGrant = isToBeMended(context, access);
  const { statements } = isGrant
    ? await planOnly(context, call, access.target, decideGrant(context, access))
    : await planEnd(context, call, access);
  const isExpiry = access.endedBy === null && isOver(access, accessesOf(context).now());
  const outcome = isGrant ? "mended" : isExpiry ? "expired" : "revoked";
  return { access, outcome, plan: previewStatements(statements) };
}

const outcomes: Partial<Record<AccessState, Swept["outcome"]>> = {
  active: "mended",
  expired: "expired",
  revoked: "revoked",
  lapsed: "lapsed",
};

/** Nobody may approve it any more. */
async function lapse(context: Context, call: Call, { id }: StoredAccess): Promise<StoredAccess | undefined> {
  const { store, now } = accessesOf(context);
  return store.change(id, ["requested"], { state: "lapsed", endedBy: call.actor, endedAt: now() }, (stored) =>
    isLapsed(stored, now()),
  );
}

/** Takes the grant over from the process that began it, and goes on with it. */
async function mendGrant(
  context: Context,
  call: Call,
  access: StoredAccess,
): Promise<StoredAccess | undefined> {
  const { store } = accessesOf(context);
  const mine = await store.change(access.id, ["granting"], { granter: newGranter() }, isGrantedBy(access));
  if (mine === undefined) return undefined;
  try {
    return await grantAccess(context, call, mine);
  } catch (error) {
    const stored = await store.read(access.id);
    if (stored?.state === "granting" && isGrantedBy(mine)(stored)) throw error;
    return undefined;
  }
}
