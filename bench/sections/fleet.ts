import { databasesEach, fleetInstances, startFleet, type Tally } from "../fleet.ts";
import { median, type Ratios, say, sayTable } from "../report.ts";
import type { Bench } from "./section.ts";

const clients = 200;
const budget = 60;
const fleetMs = 120_000;
const quickFleetMs = 15_000;

/** 300 databases on three instances, used at random by 200 clients, within a budget of 60 connections. */
export async function measureFleet({ options }: Bench): Promise<Ratios> {
  const durationMs = options.quick ? quickFleetMs : fleetMs;
  const environment = { INSTANCE_CONNECTION_LIMIT: String(budget / fleetInstances.length) };
  const fleet = await startFleet({ environment }, { maxConnections: 100 });
  try {
    const watch = fleet.watchSessions();
    const warmUp = await fleet.load(clients, durationMs / 4);
    const before = await fleet.readMemory();
    const tally = await fleet.load(clients, durationMs);
    const sessions = await watch.stop();
    const after = await fleet.readMemory();
    const failures = [...warmUp.failures, ...tally.failures];
    const p99s = p99sOf(tally);
    const worst = p99s.at(-1) ?? Number.NaN;
    const databases = fleetInstances.length * databasesEach;
    say(`\n${databases} databases, ${clients} clients, a budget of ${budget} connections`);
    sayTable([
      ["requests/s", Math.round(countRequests(tally) / (durationMs / 1000)).toString()],
      ["databases asked", p99s.length.toString()],
      ["errors", failures.length.toString()],
      ["sessions at most", sessions.total.toString()],
      ...fleetInstances.map((name) => [`sessions at most, ${name}`, sessions.most[name].toString()]),
      ["looks at pg_stat_activity", sessions.samples.toString()],
      ["p99 of the median database, ms", median(p99s).toFixed(1)],
      ["p99 of the worst database, ms", worst.toFixed(1)],
      ["memory gained meanwhile, MiB", ((after.rss - before.rss) / 2 ** 20).toFixed(1)],
    ]);
    for (const failure of new Set(failures.slice(0, 5))) say(`  ${failure}`);
    return {
      fleet_errors: failures.length,
      fleet_sessions: sessions.total,
      fleet_worst_p99_over_median: worst / median(p99s),
    };
  } finally {
    await fleet.stop();
  }
}

function countRequests({ latencies }: Tally): number {
  return [...latencies.values()].reduce((sum, times) => sum + times.length, 0);
}

/** Of each database, in ascending order. */
function p99sOf({ latencies }: Tally): number[] {
  return [...latencies.values()].map(p99).sort((a, b) => a - b);
}

function p99(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN;
}
