import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import { type CloudServices, cloudServices } from "./cloud-services.ts";
import type { Call, Context } from "./context.ts";
import type { Lease, StepReport, StoredOperation } from "./operation-store.ts";

/** One step of an operation: it looks at what is there, and does what is left to do. */
export interface Step {
  readonly about: Omit<StepReport, "outcome">;
  /** Whether there was anything to do; `description` replaces the step's own. */
  readonly run: () => Promise<{ readonly changed: boolean; readonly description?: string }>;
}

/** Runs steps in order, and keeps what became of each where other processes see it. */
export interface Progress {
  run(steps: readonly Step[]): Promise<boolean>;
}

export interface WorkDone {
  readonly changed: boolean;
  readonly warnings: readonly string[];
}

/** It is begun anew by whoever takes the operation over, so it looks at what is there first. */
export type Work = (call: Call, progress: Progress) => Promise<WorkDone>;

const longestMs = 15 * 60_000;
/** How many abandoned operations one look takes over. */
const resumedAtMost = 20;

interface Ended {
  readonly operation: StoredOperation;
  readonly error?: unknown;
}

/** What this process works on; each process is somebody else to the store. */
interface Workshop {
  readonly owner: string;
  readonly running: Map<string, Promise<Ended>>;
}

function leaseOf(services: CloudServices): Lease {
  return { owner: workshopOf(services).owner, forMs: services.leaseMs };
}

const workshops = new WeakMap<CloudServices, Workshop>();

function workshopOf(services: CloudServices): Workshop {
  const present = workshops.get(services);
  if (present !== undefined) return present;
  const made: Workshop = { owner: randomUUID(), running: new Map() };
  workshops.set(services, made);
  return made;
}

export interface Undertaking {
  readonly target: Target;
  readonly username: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/**
 * Begins an operation that may outlast its request and its process, and waits for its end, at most so long as the
 * settings say: then its `state` is `running`. A failure within that time is thrown, with the steps in its details.
 */
export async function undertake(
  context: Context,
  call: Call,
  undertaking: Undertaking,
  work: Work,
): Promise<StoredOperation> {
  const services = cloudServices(context);
  const now = new Date();
  const operation: StoredOperation = {
    id: randomUUID(),
    action: call.operation,
    ...undertaking,
    actor: call.actor,
    requestId: call.requestId,
    state: "running",
    createdAt: now,
    updatedAt: now,
    steps: [],
    changed: false,
    warnings: [],
    failure: null,
  };
  await services.operations.create(operation, leaseOf(services));
  const ended = await within(start(services, operation, call, work), services.patienceMs, call.signal);
  if (ended === undefined) return (await services.operations.read(operation.id)) ?? operation;
  if (ended.error !== undefined) throw ended.error;
  return ended.operation;
}

/**
 * An operation as it is now. One that nobody works on any more is taken over: by this process, from where it stopped.
 * Waits at most `waitMs` for its end.
 */
export async function followOperation(
  context: Context,
  call: Call,
  input: { readonly id: string; readonly waitMs: number },
  workOf: (operation: StoredOperation) => Work,
): Promise<StoredOperation> {
  const services = cloudServices(context);
  const operation = await services.operations.read(input.id);
  const hidden =
    operation !== undefined && call.permits !== undefined && !(await call.permits(operation.target));
  if (operation === undefined || hidden) {
    throw notFound("operation", `There is no operation ${JSON.stringify(input.id)}.`, {
      operation_id: input.id,
    });
  }
  if (operation.state !== "running") return operation;
  const running = await findOrTakeOver(services, call, operation, workOf);
  if (running !== undefined) await within(running.ended, input.waitMs, call.signal);
  return (await services.operations.read(input.id)) ?? operation;
}

async function findOrTakeOver(
  services: CloudServices,
  call: Call,
  operation: StoredOperation,
  workOf: (operation: StoredOperation) => Work,
): Promise<{ readonly ended: Promise<Ended> } | undefined> {
  const { running } = workshopOf(services);
  const here = running.get(operation.id);
  if (here !== undefined) return { ended: here };
  const taken = await services.operations.takeOver(operation.id, leaseOf(services));
  if (taken === undefined) return undefined;
  const begun = running.get(operation.id);
  if (begun !== undefined) return { ended: begun };
  if (await endIfSuperseded(services, call, taken)) return undefined;
  const { action, actor, requestId } = taken;
  call.log.info("an operation that nobody works on is taken over", { operation_id: taken.id, action });
  // What its caller may do was decided when it began; this one only asks how it is.
  const { allowedRoleKinds: _, allowedNativeRoles: __, permits: ___, ...plain } = call;
  const ownCall = { ...plain, operation: action, actor, requestId };
  return { ended: start(services, taken, ownCall, workOf(taken)) };
}

/** Whether a later operation on the same user decides: what was asked for before it is not done after it. */
async function endIfSuperseded(
  services: CloudServices,
  call: Call,
  taken: StoredOperation,
): Promise<boolean> {
  const later = await services.operations.findLater(taken);
  if (later === undefined) return false;
  const message = `Its process ended, and ${later.action} began on the same user after it (${later.id}): it is not gone on with.`;
  await services.operations.save(taken.id, leaseOf(services), {
    state: "failed",
    failure: { kind: "conflict", message },
  });
  call.log.info("an operation that nobody works on is ended: a later one decides", {
    operation_id: taken.id,
    later_operation_id: later.id,
  });
  return true;
}

/**
 * Takes over what nobody works on any more, and returns how many that were; they go on after it. One that cannot be
 * gone on with is left to whoever asks for it.
 */
export async function resumeAbandoned(
  context: Context,
  call: Call,
  workOf: (operation: StoredOperation) => Work,
): Promise<number> {
  const services = cloudServices(context);
  let taken = 0;
  for (const operation of await services.operations.listAbandoned(resumedAtMost)) {
    if (services.stopping.aborted) break;
    const running = await findOrTakeOver(services, call, operation, workOf);
    if (running !== undefined) taken += 1;
  }
  return taken;
}

/** Never rejects. */
function start(services: CloudServices, operation: StoredOperation, call: Call, work: Work): Promise<Ended> {
  const { running } = workshopOf(services);
  const ended = pursue(services, operation, call, work).finally(() => running.delete(operation.id));
  running.set(operation.id, ended);
  return ended;
}

async function pursue(
  services: CloudServices,
  operation: StoredOperation,
  call: Call,
  work: Work,
): Promise<Ended> {
  const lease = leaseOf(services);
  const lost = new AbortController();
  const signal = AbortSignal.any([services.stopping, lost.signal, AbortSignal.timeout(longestMs)]);
  let steps: StepReport[] = [];
  const save = async (progress: Parameters<typeof services.operations.save>[2]): Promise<void> => {
    if (!(await services.operations.save(operation.id, lease, progress))) lost.abort(takenOver());
  };
  const renewing = setInterval(() => void save({}).catch(() => {}), lease.forMs / 3);
  renewing.unref();
  const run = async (list: readonly Step[]): Promise<boolean> => {
    steps = list.map(({ about }) => ({ ...about, outcome: "not_attempted" }));
    let changed = false;
    for (const [at, step] of list.entries()) {
      signal.throwIfAborted();
      const outcome = await attempt(step);
      steps[at] = outcome.report;
      if ("error" in outcome) throw outcome.error;
      changed ||= outcome.report.outcome === "done";
      await save({ steps, changed });
    }
    return changed;
  };
  try {
    const done = await work({ ...call, signal }, { run });
    const end = { state: "succeeded" as const, steps, ...done };
    await save(end);
    return { operation: { ...operation, ...end } };
  } catch (thrown) {
    const error = describeFailure(thrown, operation.id, steps);
    if (services.stopping.aborted || lost.signal.aborted) {
      // Not the end of the operation: whoever asks for it next goes on with it.
      await services.operations.save(operation.id, { ...lease, forMs: 0 }, { steps }).catch(() => false);
      return { operation: { ...operation, steps }, error };
    }
    call.log.warning("an operation on a user failed", { operation_id: operation.id, error: thrown });
    const failure = { kind: error.kind, message: error.message };
    const end = { state: "failed" as const, steps, failure };
    await save(end).catch((cause: unknown) => {
      call.log.warning("the failure of an operation could not be stored", { error: cause });
    });
    return { operation: { ...operation, ...end }, error };
  } finally {
    clearInterval(renewing);
  }
}

type Attempted = { readonly report: StepReport } | { readonly report: StepReport; readonly error: unknown };

async function attempt({ about, run }: Step): Promise<Attempted> {
  try {
    const { changed, description = about.description } = await run();
    return { report: { ...about, description, outcome: changed ? "done" : "nothing_to_do" } };
  } catch (error) {
    return { report: { ...about, outcome: "failed" }, error };
  }
}

function takenOver(): ServiceError {
  return new ServiceError("unavailable", "Another process of the service works on this operation now.", {
    retryAfterS: 5,
  });
}

/** The failure, with what was done before it: repeating the call goes on from there. */
function describeFailure(thrown: unknown, id: string, steps: readonly StepReport[]): ServiceError {
  const known =
    thrown instanceof ServiceError
      ? thrown
      : new ServiceError("internal_error", "The operation ended by a fault of the service.", {
          cause: thrown,
        });
  return new ServiceError(known.kind, known.message, {
    cause: known.cause ?? known,
    details: { ...known.details, operation_id: id, steps: steps.map((step) => ({ ...step })) },
    faults: known.faults,
    ...(known.retryAfterS === undefined ? {} : { retryAfterS: known.retryAfterS }),
  });
}

/** undefined when it has not ended in time, or nobody waits any more. */
async function within<T>(work: Promise<T>, forMs: number, signal: AbortSignal): Promise<T | undefined> {
  const waiting = new AbortController();
  const either = AbortSignal.any([signal, waiting.signal]);
  const late = sleep(forMs, undefined, { signal: either, ref: false }).catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    waiting.abort();
  }
}
