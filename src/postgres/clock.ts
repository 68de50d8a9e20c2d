/** Time and chance, so that tests can decide both. */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes back. */
  now(): number;
  /** For how many milliseconds this process has had nothing to do. */
  idleMs(): number;
  /** In [0, 1). */
  random(): number;
  /** Calls `fn` after `ms`; the answer cancels that. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  idleMs: () => performance.eventLoopUtilization().idle,
  random: () => Math.random(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  },
};

/** Of what cannot be given up. */
export const never: AbortSignal = new AbortController().signal;

/** Settles as `work` does, or rejects with the signal's reason; what becomes of `work` then is ignored. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abandon = () => reject(signal.reason);
  if (signal.aborted) abandon();
  else signal.addEventListener("abort", abandon, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abandon);
  }
}

/** Resolves after `ms`, or at once when the signal aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const finish = () => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    signal.addEventListener("abort", finish, { once: true });
  });
}
