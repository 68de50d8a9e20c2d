/** What a database says of itself and of its instance. */
export interface DatabaseReading {
  /** Such as 17.10. */
  readonly version: string;
  readonly uptimeSeconds: number;
  /** Sessions of clients that run a statement, this one included; of the whole instance. */
  readonly activeConnections: number;
  /** All sessions of clients, of the whole instance. */
  readonly totalConnections: number;
  readonly maxConnections: number;
  readonly inRecovery: boolean;
  readonly readOnly: boolean;
  /** Sessions whose state the admin may not see. */
  readonly hiddenSessions: number;
  /** Transactions that run for longer than `longTransactionSeconds`, and the age of the oldest. */
  readonly longTransactions: number;
  readonly longestTransactionSeconds: number;
  /** Sessions that idle in a transaction for longer than `idleInTransactionSeconds`. */
  readonly idleInTransactions: number;
  /** Sessions that have waited for a lock for longer than `blockedSeconds`. */
  readonly blockedSessions: number;
  /** The instance's database nearest to transaction id wraparound, and its age in transactions or multixacts. */
  readonly oldestDatabase: string;
  readonly oldestAge: number;
}

/** From where on a database is `degraded`. */
export const healthLimits = {
  connectionShare: 0.8,
  longTransactionSeconds: 3600,
  idleInTransactionSeconds: 300,
  blockedSeconds: 30,
  /** Half of what PostgreSQL can bear before it stops taking writes. */
  wraparoundAge: 1_000_000_000,
} as const;

/** What is not well, in words; empty for a healthy database. */
export function findHealthWarnings(reading: DatabaseReading): string[] {
  const limits = healthLimits;
  const warnings: string[] = [];
  const { totalConnections, maxConnections } = reading;
  if (totalConnections >= maxConnections * limits.connectionShare) {
    const percent = Math.floor((100 * totalConnections) / maxConnections);
    warnings.push(`${totalConnections} of ${maxConnections} connections are in use (${percent} %)`);
  }
  if (reading.inRecovery)
    warnings.push("The server is in recovery: it is a replica or is starting, and takes no changes");
  else if (reading.readOnly)
    warnings.push("Transactions are read-only by default (default_transaction_read_only)");
  if (reading.longTransactions > 0) {
    const oldest = describeDuration(reading.longestTransactionSeconds);
    const limit = describeDuration(limits.longTransactionSeconds);
    warnings.push(
      `${reading.longTransactions} transactions run for longer than ${limit}, the oldest for ${oldest}`,
    );
  }
  if (reading.idleInTransactions > 0) {
    const limit = describeDuration(limits.idleInTransactionSeconds);
    warnings.push(`${reading.idleInTransactions} sessions idle in a transaction for longer than ${limit}`);
  }
  if (reading.blockedSessions > 0) {
    const limit = describeDuration(limits.blockedSeconds);
    warnings.push(`${reading.blockedSessions} sessions have waited for a lock for longer than ${limit}`);
  }
  if (reading.oldestAge >= limits.wraparoundAge) {
    const millions = Math.floor(reading.oldestAge / 1_000_000);
    warnings.push(
      `Database "${reading.oldestDatabase}" has gone ${millions} million transactions without a complete VACUUM (wraparound)`,
    );
  }
  if (reading.hiddenSessions > 0) {
    warnings.push(
      `The state of ${reading.hiddenSessions} sessions is hidden from the admin, who is no member of pg_monitor`,
    );
  }
  return warnings;
}

const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** A duration for people, its two largest units: "5 days, 12 hours". */
export function describeDuration(seconds: number): string {
  let rest = Math.max(0, Math.floor(seconds));
  const first = units.findIndex(([, size]) => rest >= size);
  if (first === -1) return "0 seconds";
  const parts: string[] = [];
  for (const [unit, size] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? "" : "s"}`);
  }
  return parts.join(", ");
}
