import { setTimeout as pause } from "node:timers/promises";

/** Polls until the condition holds, and returns what it gave; throws after the deadline. */
export async function until<T>(
  condition: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  options: { readonly deadlineMs?: number; readonly everyMs?: number; readonly what?: string } = {},
): Promise<T> {
  const deadline = Date.now() + (options.deadlineMs ?? 30_000);
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false && value !== null) return value;
    if (Date.now() > deadline) throw new Error(`it did not happen in time: ${options.what ?? condition}`);
    await pause(options.everyMs ?? 10);
  }
}
