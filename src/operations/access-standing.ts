import type { Plan } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { heldStates, type StoredAccess } from "../domain/temporary-access.ts";
import { ServiceError } from "../errors.ts";
import { findHolders } from "./access-holders.ts";
import type { Context } from "./context.ts";

/** Accesses that a decision takes their membership from: it is a standing one from then on, and they do not end it. */
export interface Keeping {
  readonly keeps?: readonly StoredAccess[];
}

/** Whether a decision changes anything: the database, or what is to become of a membership in it. */
export function isChange({ statements, keeps = [] }: Plan & Keeping): boolean {
  return statements.length > 0 || keeps.length > 0;
}

/** A decision that wants these memberships to stand: none of them ends with an access that holds it now. */
export async function withStanding<D extends Plan & Keeping>(
  context: Context,
  target: Target,
  decision: D,
  memberships: readonly { readonly role: string; readonly member: string }[],
): Promise<D> {
  if (context.accesses === undefined || memberships.length === 0) return decision;
  const wanted = new Set(memberships.map(({ role, member }) => JSON.stringify([role, member])));
  const keeps = await findHolders(context.accesses.store, target, (role, member) =>
    wanted.has(JSON.stringify([role, member])),
  );
  if (keeps.length === 0) return decision;
  const told = keeps.map(
    ({ id, username, roleName }) =>
      `${username} is a member of ${roleName} by the temporary access ${id}: it stays one when that ends.`,
  );
  return {
    ...decision,
    keeps: [...(decision.keeps ?? []), ...keeps],
    warnings: [...decision.warnings, ...told],
  };
}

/** Records it, after the database has committed. The caller holds the instance's lock, so none of them is ended now. */
export async function keepStanding(context: Context, { keeps = [] }: Keeping): Promise<void> {
  if (context.accesses === undefined) return;
  const { store } = context.accesses;
  try {
    for (const { id, startsAt } of keeps)
      await store.change(id, heldStates, { grants: false }, (stored) => stored.startsAt === startsAt);
  } catch (cause) {
    throw new ServiceError(
      "unavailable",
      "The membership is there, but that it stays when a temporary access ends could not be recorded. Repeat the call: it changes nothing twice.",
      { cause, retryAfterS: 5, details: { database: "committed", registry: "failed" } },
    );
  }
}
