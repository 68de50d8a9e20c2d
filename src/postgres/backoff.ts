import type { Clock } from "./clock.ts";

const firstDelayMs = 100;
const longestDelayMs = 5_000;

/**
 * How long to wait after failed attempt number `attempt` (from 1), in milliseconds: exponential with full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export function backoffMs(attempt: number, clock: Pick<Clock, "random">): number {
  const ceiling = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1));
  return Math.round(clock.random() * ceiling);
}
