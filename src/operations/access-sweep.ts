import { randomUUID } from "node:crypto";
import { connectionName, type Instance, instanceKey } from "../domain/target.ts";
import { dueAt, heldStates, type StoredAccess } from "../domain/temporary-access.ts";
import { type ErrorKind, ServiceError } from "../errors.ts";
import { accessesOf } from "./access-holders.ts";
import { planOne, type Swept, settleOne } from "./access-settle.ts";
import type { Call, Context } from "./context.ts";

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
const pageSize = 200;
/** What one sweep reads; the next one goes on. */
const mostDue = 5_000;
const instancesAtOnce = 8;
/** For what is due in one instance; what is left is done by the next sweep. */
const instanceMs = 20_000;
/** What concerns the instance and not one access: the others would only meet it too. */
const endsAll: ReadonlySet<ErrorKind> = new Set(["unavailable", "timeout", "too_many_requests"]);
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

/**
 * Does what is due in every instance, in several at once: ends accesses, lets requests lapse, and mends grants whose
 * process ended. Reports each. An instance that does not answer is not waited for again and again.
 */
export async function sweepAccesses(context: Context, call: Call): Promise<readonly Swept[]> {
  const due = await readDue(context);
  const { overdue } = memoryOf(context);
  // What another process ended is not overdue here any more.
  if (due.length < mostDue)
    for (const id of overdue.keys()) if (!due.some((one) => one.id === id)) overdue.delete(id);
  return byInstance(context, call, due, settleAndForget);
}

/** What a sweep would do now. Changes nothing. */
export async function planSweep(context: Context, call: Call): Promise<readonly Swept[]> {
  return byInstance(context, call, await readDue(context), planOne);
}

/** What was known of the instance is not any more. */
const settleAndForget: SettleOne = async (context, call, access) => {
  forgetAccesses(context, access.target);
  const swept = await settleOne(context, call, access);
  forgetAccesses(context, access.target);
  memoryOf(context).overdue.delete(access.id);
  return swept;
};

type SettleOne = (context: Context, call: Call, access: StoredAccess) => Promise<Swept | undefined>;

async function byInstance(
  context: Context,
  call: Call,
  due: readonly StoredAccess[],
  one: SettleOne,
): Promise<Swept[]> {
  const queues = [...Map.groupBy(due, ({ target }) => instanceKey(target)).values()];
  const swept: Swept[] = [];
  const worker = async (): Promise<void> => {
    for (let next = queues.shift(); next !== undefined; next = queues.shift())
      swept.push(...(await settle(context, call, next, one)));
  };
  await Promise.all(queues.slice(0, instancesAtOnce).map(worker));
  return swept;
}

async function readDue(context: Context): Promise<StoredAccess[]> {
  const { store, now } = accessesOf(context);
  const at = now();
  const due: StoredAccess[] = [];
  for (let page = await store.due(at, pageSize); ; page = await store.due(at, pageSize, due.at(-1))) {
    due.push(...page);
    if (page.length < pageSize || due.length >= mostDue) return due;
  }
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
    const swept = await settle(context, sweepCall(call.log), due, settleAndForget);
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

/** Of one instance, one after the other. */
async function settle(
  context: Context,
  call: Call,
  due: readonly StoredAccess[],
  settleEach: SettleOne,
): Promise<Swept[]> {
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(instanceMs)]);
  const swept: Swept[] = [];
  let unanswered: string | undefined;
  for (const access of due) {
    // A request lapses without its instance.
    if (unanswered !== undefined && access.state !== "requested") {
      swept.push(failed(context, access, `Not tried, after another one there: ${unanswered}`));
      continue;
    }
    try {
      const one = await settleEach(context, { ...call, signal }, access);
      if (one !== undefined) swept.push(one);
    } catch (error) {
      call.log.error("a temporary access could not be ended, or mended; it stays due", {
        access_id: access.id,
        error,
      });
      const problem = error instanceof Error ? error.message : "unknown";
      swept.push(failed(context, access, problem));
      if (signal.aborted || (error instanceof ServiceError && endsAll.has(error.kind))) unanswered = problem;
    }
  }
  return swept;
}

function failed(context: Context, access: StoredAccess, problem: string): Swept {
  memoryOf(context).overdue.set(access.id, connectionName(access.target));
  return { access, outcome: "failed", problem };
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

/** For the health of the service: what this process could not end. */
export function accessWarnings(context: Context): string[] {
  if (context.accesses === undefined) return [];
  const places = [...memoryOf(context).overdue.values()];
  return [...new Set(places)].map((place) => {
    const count = places.filter((one) => one === place).length;
    return `${count} temporary ${count === 1 ? "access is" : "accesses are"} overdue on ${place}`;
  });
}
