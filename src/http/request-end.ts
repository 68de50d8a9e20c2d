import type { ServerResponse } from "node:http";
import { ServiceError } from "../errors.ts";
import type { Deadlines } from "./deadlines.ts";

/** The client closed the connection before it had its answer. There is nobody left to answer. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

export interface RequestEnd {
  /** Aborts when the client goes away or the time is up; never once the request was settled. */
  readonly signal: AbortSignal;
  /** What the work comes to, unless the request ends before: then it rejects with a `timeout` or a ClientGone. */
  orEnd<T>(work: Promise<T>): Promise<T>;
  /** The answer is known: from now on nothing can end the request. */
  settle(): void;
}

/** Watches for what ends a request from outside; `startedAt` is on performance.now(). */
export function watchRequest(response: ServerResponse, startedAt: number, deadlines: Deadlines): RequestEnd {
  const controller = new AbortController();
  let onEnd: ((reason: Error) => void) | undefined;
  const end = (reason: Error): void => {
    onEnd?.(reason);
    controller.abort(reason);
  };
  const cancelDeadline = deadlines.add(startedAt, () => end(timeout(deadlines.ms)));
  const onClose = (): void => end(new ClientGone("The client closed the connection"));
  response.on("close", onClose);
  return {
    signal: controller.signal,
    orEnd: (work) =>
      new Promise((resolve, reject) => {
        onEnd = reject;
        work.then(resolve, reject);
        if (controller.signal.aborted) reject(controller.signal.reason);
      }),
    settle() {
      cancelDeadline();
      response.off("close", onClose);
    },
  };
}

function timeout(timeoutMs: number): ServiceError {
  return new ServiceError(
    "timeout",
    `The request took longer than ${timeoutMs / 1000} s; what it had started may still be done`,
    { details: { timeout_seconds: timeoutMs / 1000 } },
  );
}
