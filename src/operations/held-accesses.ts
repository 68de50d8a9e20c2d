import { type Target, targetKey } from "../domain/target.ts";
import { heldStates, type StoredAccess } from "../domain/temporary-access.ts";
import type { Context } from "./context.ts";

/** The accesses that hold a membership in a database, or may: also one that is being granted or ended. */
export async function readHeldAccesses(context: Context, target: Target): Promise<HeldAccesses> {
  const open = (await context.accesses?.store.open(target)) ?? [];
  const held = open.filter(
    (one) => one.grants && heldStates.includes(one.state) && targetKey(one.target) === targetKey(target),
  );
  return new Map(held.map((one) => [heldKey(one.roleName, one.username), one]));
}

/** By `heldKey`. */
export type HeldAccesses = ReadonlyMap<string, StoredAccess>;

export function heldKey(role: string, member: string): string {
  return JSON.stringify([role, member]);
}
