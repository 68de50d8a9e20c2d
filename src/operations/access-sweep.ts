import { connectionName, type Instance, instanceKey } from "../domain/target.ts";
import { dueAt, heldStates, type StoredAccess } from "../domain/temporary-access.ts";
import { accessesOf, endAccess, grantAccess, sweepCall } from "./access-grant.ts";
import type { Call, Context } from "./context.ts";

export interface Swept {
  readonly access: StoredAccess;
  /** `mended`: a grant that was begun and not recorded is in force now. */
  readonly outcome: "expired" | "revoked" | "mended" | "failed";
  readonly problem?: string;
}

/** What this process knows of an instance: no question to Firestore while it is recent and nothing is due. */
interface Known {
  readonly readAt: number;
  readonly nextDue: number;
}

interface Memory {
  readonly known: Map<string, Known>;
  readonly running: Map<string, Promise<void>>;
  /** By access, for the health of the service. */
  readonly overdue: Map<string, string>;
}

/** For so long another process's grant may be unknown here; its end is at least as far away, or found by it. */
export const knownForMs = 30_000;
const atOnce = 200;
const maxKnown = 5_000;
const memories = new WeakMap<object, Memory>();

function memoryOf(context: Context): Memory {
  const accesses = accessesOf(context);
  const memory = memories.get(accesses) ?? { known: new Map(), running: new Map(), overdue: new Map() };
  memories.set(accesses, memory);
  return memory;
}

/** What is known of an instance is not any more: an access to it has changed. */
export function forgetAccesses(context: Context, instance: Instance): void {
  memoryOf(context).known.delete(instanceKey(instance));
}

/** Does what is due in every instance: ends accesses, and mends grants whose process ended. Reports each. */
export async function sweepAccesses(context: Context, call: Call): Promise<readonly Swept[]> {
  const { store, now } = accessesOf(context);
  return settle(context, call, await store.due(now(), atOnce));
}

/**
 * Before roles are read: ends what is over in that instance. Undefined, at once, while nothing can be due. Never rejects:
 * what cannot be ended now stays due, and is in the health's warnings.
 */
export function sweepBeforeRead(context: Context, call: Call, instance: Instance): Promise<void> | undefined {
  if (context.accesses === undefined) return undefined;
  const { now } = context.accesses;
  const { known, running } = memoryOf(context);
  const key = instanceKey(instance);
  const found = known.get(key);
  const at = now();
  // A clock that went back makes it old.
  if (found !== undefined && at >= found.readAt && at - found.readAt < knownForMs && found.nextDue > at)
    return undefined;
  const under = running.get(key) ?? sweepInstance(context, call, instance).finally(() => running.delete(key));
  running.set(key, under);
  return under;
}

async function sweepInstance(context: Context, call: Call, instance: Instance): Promise<void> {
  const { store, now } = accessesOf(context);
  const { known } = memoryOf(context);
  const key = instanceKey(instance);
  try {
    const at = now();
    const held = (await store.open(instance)).filter((one) => heldStates.includes(one.state));
    const due = held.filter((one) => (dueAt(one) ?? Number.POSITIVE_INFINITY) <= at);
    const later = held.filter((one) => !due.includes(one)).map((one) => dueAt(one) ?? 0);
    const swept = await settle(context, sweepCall(call.log), due);
    // What failed is tried again when what is known is old, not by each read.
    const mended = swept
      .filter(({ outcome }) => outcome === "mended")
      .map(({ access }) => access.expiresAt ?? 0);
    if (known.size >= maxKnown) known.clear();
    known.set(key, { readAt: at, nextDue: Math.min(...later, ...mended, Number.POSITIVE_INFINITY) });
  } catch (error) {
    call.log.warning("temporary accesses could not be looked at before roles were read", { error });
  }
}

async function settle(context: Context, call: Call, due: readonly StoredAccess[]): Promise<Swept[]> {
  const swept: Swept[] = [];
  for (const access of due) swept.push(await settleOne(context, call, access));
  return swept;
}

async function settleOne(context: Context, call: Call, access: StoredAccess): Promise<Swept> {
  const { now } = accessesOf(context);
  const { overdue } = memoryOf(context);
  forgetAccesses(context, access.target);
  try {
    const isGrant = access.state === "granting" && (access.expiresAt ?? 0) > now();
    const after = isGrant ? await grantAccess(context, call, access) : await endAccess(context, call, access);
    overdue.delete(access.id);
    const outcome = isGrant ? "mended" : after.state === "revoked" ? "revoked" : "expired";
    return { access: after, outcome };
  } catch (error) {
    call.log.error("a temporary access could not be ended, or mended; it stays due", {
      access_id: access.id,
      error,
    });
    overdue.set(access.id, connectionName(access.target));
    const problem = error instanceof Error ? error.message : "unknown";
    return { access, outcome: "failed", problem };
  }
}

/** For the health of the service: what this process could not end. */
export function accessWarnings(context: Context): string[] {
  if (context.accesses === undefined) return [];
  const places = [...memoryOf(context).overdue.values()];
  return [...new Set(places)].map((place) => {
    const count = places.filter((one) => one === place).length;
    return `${count} temporary ${count === 1 ? "access is" : "accesses are"} overdue on ${place}`;
  });
}
