import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Fleet, type FleetInstance, fleetInstances, startFleet } from "../fleet.ts";
import { type Ratios, say, sayTable } from "../report.ts";
import type { Bench } from "./section.ts";

const soakMs = 300_000;
const quickSoakMs = 30_000;
const clients = 40;
const killEveryMs = 250;
const rotateEveryMs = 10_000;

/** Pools come and go with almost every request: fewer may exist than there are databases, and nothing is kept for long. */
const environment = {
  INSTANCE_CONNECTION_LIMIT: "30",
  CONNECTION_POOL_SIZE: "2",
  CONNECTION_IDLE_TIMEOUT: "0.5",
  CONNECTION_MAX_LIFETIME: "5",
  MAX_POOLS: "100",
};

interface Churn {
  kills: number;
  rotations: number;
}

/**
 * What happens in an hour, in five minutes: pools are opened and evicted, backends killed and passwords rotated at
 * random, under load. Answers how many requests failed but those whose statement was killed, and how memory grew.
 */
export async function measureSoak({ options }: Bench): Promise<Ratios> {
  const durationMs = options.quick ? quickSoakMs : soakMs;
  const fleet = await startFleet({ environment }, { maxConnections: 100 });
  try {
    const stopWarmUp = startChurn(fleet);
    await fleet.load(clients, durationMs / 5);
    await stopWarmUp();
    const before = await fleet.readMemory();
    const watch = fleet.watchSessions();
    const stopChurn = startChurn(fleet);
    const { latencies, failures } = await fleet.load(clients, durationMs);
    const churn = await stopChurn();
    const sessions = await watch.stop();
    const after = await fleet.readMemory();
    const killed = failures.filter(isKilled);
    const others = failures.filter((failure) => !isKilled(failure));
    const requests = [...latencies.values()].reduce((sum, times) => sum + times.length, 0);
    const grownMib = (after.heap - before.heap) / 2 ** 20;
    say(`\nSoak of ${durationMs / 1000} s`);
    sayTable([
      ["requests", requests.toString()],
      ["backends killed", churn.kills.toString()],
      ["requests that a kill failed", killed.length.toString()],
      ["passwords rotated", churn.rotations.toString()],
      ["other errors", others.length.toString()],
      ["sessions at most", sessions.total.toString()],
      ["memory in use gained, MiB", grownMib.toFixed(2)],
      ["resident memory gained, MiB", ((after.rss - before.rss) / 2 ** 20).toFixed(1)],
    ]);
    for (const failure of new Set(others.slice(0, 5))) say(`  ${failure}`);
    return { soak_errors: others.length, soak_growth_mib: grownMib };
  } finally {
    await fleet.stop();
  }
}

const isKilled = (failure: string): boolean => failure.includes('"reason":"connection_lost"');

function startChurn(fleet: Fleet): () => Promise<Churn> {
  const ended = new AbortController();
  const churn: Churn = { kills: 0, rotations: 0 };
  const repeat = async (everyMs: number, act: (instance: FleetInstance) => Promise<void>): Promise<void> => {
    while (!ended.signal.aborted) {
      await act(fleetInstances[Math.floor(Math.random() * fleetInstances.length)] ?? fleetInstances[0]);
      await pause(everyMs, undefined, { signal: ended.signal }).catch(() => {});
    }
  };
  const work = Promise.all([
    repeat(killEveryMs, async (instance) => {
      churn.kills += await killOne(fleet, instance);
    }),
    repeat(rotateEveryMs, async (instance) => {
      await rotate(fleet, instance);
      churn.rotations += 1;
    }),
  ]);
  return async () => {
    ended.abort();
    await work;
    return churn;
  };
}

async function killOne(fleet: Fleet, instance: FleetInstance): Promise<number> {
  const { rows } = await fleet.servers[instance].querySuperuser(
    "postgres",
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' ORDER BY random() LIMIT 1`,
  );
  return rows.length;
}

/** First where the service looks for it, as it should be done: until the server has it too, the old one is in use. */
async function rotate(fleet: Fleet, instance: FleetInstance): Promise<void> {
  const password = randomBytes(12).toString("hex");
  await fleet.storePassword(instance, password);
  await fleet.servers[instance].setAdminPassword(password);
}
