import type { Target } from "../domain/target.ts";
import { heldStates, type StoredAccess } from "../domain/temporary-access.ts";
import { ServiceError } from "../errors.ts";
import { readMemberships } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { membershipOptionsSince } from "../postgres/statements/memberships.ts";
import type { AccessStore } from "./access-store.ts";
import type { Accesses, Context } from "./context.ts";

export function accessesOf(context: Context): Accesses {
  if (context.accesses !== undefined) return context.accesses;
  throw new ServiceError("internal_error", "The service was put together without temporary access.");
}

/** What one has to know of an access to find those that hold the same membership. */
export type Holding = Pick<StoredAccess, "id" | "roleName" | "username" | "target">;

/** Whether the user holds the role already, and by a membership that no access made. Changes nothing. */
export async function readStanding(session: Session, store: AccessStore, access: Holding): Promise<boolean> {
  const rows = await readMemberships(session, { roles: [access.roleName], members: [access.username] });
  if (!rows.some((row) => row.inherit || session.versionNum < membershipOptionsSince)) return false;
  return (await findOthers(store, access)).length === 0;
}

/** Other accesses that hold the same membership, by a grant of theirs. */
export async function findOthers(
  store: AccessStore,
  { id, roleName, username, target }: Holding,
): Promise<readonly StoredAccess[]> {
  const holders = await findHolders(
    store,
    target,
    (role, member) => role === roleName && member === username,
  );
  return holders.filter((one) => one.id !== id);
}

/** Accesses that hold such memberships of the instance by a grant of theirs, or held them when their process ended. */
export async function findHolders(
  store: AccessStore,
  target: Target,
  isMeant: (role: string, member: string) => boolean,
): Promise<readonly StoredAccess[]> {
  return (await store.open(target)).filter(
    (one) => one.grants === true && heldStates.includes(one.state) && isMeant(one.roleName, one.username),
  );
}
