import type { Connection } from "./connection.ts";
import type { PoolSettings } from "./pool-settings.ts";

/** How long an overflow connection waits for its next borrower. */
const overflowIdleMs = 1_000;
const defaultUnansweredGraceMs = 10_000;

/** Whether an idle connection is one too many, or has been idle or open for too long. `live`: what the pool has. */
export function isDispensable(
  { idleSince, expiresAt }: Connection,
  { live, now, settings }: { readonly live: number; readonly now: number; readonly settings: PoolSettings },
): boolean {
  const { size, minSize, idleTimeoutMs } = settings;
  const idleMs = now - idleSince;
  const isSurplus = live > size && idleMs >= Math.min(overflowIdleMs, idleTimeoutMs);
  const isUnused = live > minSize && idleMs >= idleTimeoutMs;
  return isSurplus || isUnused || expiresAt <= now;
}

/** The server would have ended the statement by itself: the network has gone silent. */
export function isUnanswered(connection: Connection, now: number, settings: PoolSettings): boolean {
  const { unansweredGraceMs = defaultUnansweredGraceMs } = settings;
  const { statementTimeoutMs, raisedTimeoutMs } = connection;
  const since = connection.unansweredSince();
  if (statementTimeoutMs === 0 || since === undefined) return false;
  return now - since > Math.max(statementTimeoutMs, raisedTimeoutMs) + unansweredGraceMs;
}
