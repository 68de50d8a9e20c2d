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
  readonly everyMs?: number;
}

/** One read of Firestore each. */
const usualPauseMs = 60_000;

/**
 * Looks for operations whose process ended before them, at once and then from time to time, until `stopping` aborts.
 * An instance of Cloud Run that has no CPU between requests looks when the next one comes. Never rejects.
 */
export async function sweepOperations(options: OperationSweepOptions): Promise<void> {
  const { resume, stopping, log, everyMs = usualPauseMs } = options;
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
    await sleep(everyMs, undefined, { signal: stopping, ref: false }).catch(() => {});
  }
}
