import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type DatabaseReading,
  describeDuration,
  findHealthWarnings,
} from "../../src/domain/database-health.ts";

const well: DatabaseReading = {
  version: "17.10",
  uptimeSeconds: 475_200,
  activeConnections: 1,
  totalConnections: 79,
  maxConnections: 100,
  inRecovery: false,
  readOnly: false,
  hiddenSessions: 0,
  longTransactions: 0,
  longestTransactionSeconds: 3,
  idleInTransactions: 0,
  blockedSessions: 0,
  oldestDatabase: "orders",
  oldestAge: 999_999_999,
};

test("a database that is well has no warnings", () => {
  assert.deepEqual(findHealthWarnings(well), []);
});

test("each sign of trouble has its own warning, with its numbers", () => {
  const warningOf = (change: Partial<DatabaseReading>): string => {
    const warnings = findHealthWarnings({ ...well, ...change });
    assert.equal(warnings.length, 1);
    return warnings[0] ?? "";
  };
  assert.match(warningOf({ totalConnections: 80 }), /^80 of 100 connections .*80 %/);
  assert.match(warningOf({ inRecovery: true }), /recovery/);
  assert.match(warningOf({ inRecovery: true, readOnly: true }), /recovery/);
  assert.match(warningOf({ readOnly: true }), /read-only/);
  assert.match(
    warningOf({ longTransactions: 2, longestTransactionSeconds: 7_300 }),
    /^2 transactions .* 1 hour, the oldest for 2 hours, 1 minute$/,
  );
  assert.match(warningOf({ idleInTransactions: 4 }), /^4 sessions idle .* 5 minutes$/);
  assert.match(warningOf({ blockedSessions: 3 }), /^3 sessions .* 30 seconds$/);
  assert.match(warningOf({ oldestAge: 1_500_000_000 }), /"orders" .* 1500 million/);
  assert.match(warningOf({ hiddenSessions: 5 }), /5 sessions .* pg_monitor/);
});

test("a duration is told in its two largest units", () => {
  const durations: [number, string][] = [
    [475_200, "5 days, 12 hours"],
    [86_400, "1 day"],
    [86_460, "1 day"],
    [3_660.9, "1 hour, 1 minute"],
    [61, "1 minute, 1 second"],
    [1, "1 second"],
    [0.4, "0 seconds"],
    [-3, "0 seconds"],
  ];
  for (const [seconds, text] of durations) assert.equal(describeDuration(seconds), text);
});
