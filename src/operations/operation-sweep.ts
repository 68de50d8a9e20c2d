import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log.ts";
import type { Call } from "./context.ts";

export interface OperationSweepOptions {
  /** Takes over what nobody works on any more, and returns how many that were. */
  readonly resume: (call: Call) => Promise<number>;
  /** Ends the sweeps. */
  readonly stopping: AbortSignal;
  readonly log: Log;
  /** One read of Firestore each. */
  readonly everyMs: number;
  /** How long the operations of a process are left to it after its end. */
  readonly leaseMs: number;
}

/**
 * Looks for operations whose process ended before them, from time to time, until `stopping` aborts. The first look
 * comes when the leases have ended of a process whose place this one takes: before that it would find nothing, and only
 * make the start slower by a Google client. An instance of Cloud Run that has no CPU between requests looks when the
 * next one comes. Never rejects.
 */
export async function sweepOperations(options: OperationSweepOptions): Promise<void> {
  const { resume, stopping, log, everyMs, leaseMs } = options;
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: stopping, ref: false }).catch(() => {});
  await pause(Math.min(everyMs, leaseMs + 1_000));
  while (!stopping.aborted) {
    const call: Call = {
      operation: "resumeOperations",
      actor: "the service itself",
      requestId: randomUUID(),
      log,
      signal: stopping,
    };
    await resume(call).catch((error: unknown) => {
      if (!stopping.aborted) log.info("operations without a process could not be looked for", { error });
    });
    await pause(everyMs);
  }
}
