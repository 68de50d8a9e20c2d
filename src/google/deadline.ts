import { ServiceError } from "../errors.ts";

export interface DeadlineOptions {
  readonly timeoutMs: number;
  /** Made when the time is up. */
  readonly expired: () => Error;
  /** Gives up at once, with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Settles as `work` does, or rejects when the time is up first. `work` is not interrupted; what becomes of it
 * later is ignored, so that it can never be an unhandled rejection.
 */
export async function withDeadline<T>(work: Promise<T>, options: DeadlineOptions): Promise<T> {
  const { timeoutMs, expired, signal } = options;
  let timer: NodeJS.Timeout | undefined;
  let abandon = () => {};
  const interrupted = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(expired()), timeoutMs);
    abandon = () => reject(signal?.reason);
    if (signal?.aborted) abandon();
    else signal?.addEventListener("abort", abandon, { once: true });
  });
  try {
    return await Promise.race([work, interrupted]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abandon);
  }
}

/** A Google client was asked for something while the process stops. */
export function stopping(): ServiceError {
  return new ServiceError("unavailable", "The service is stopping.", { retryAfterS: 5 });
}

/** The name of what failed, such as `ECONNREFUSED`, for a log line; never the message. */
export function readCode(error: unknown): string | number | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" || typeof error.code === "number" ? error.code : undefined;
}
