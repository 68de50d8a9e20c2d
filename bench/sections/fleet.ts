import { Agent, request } from "node:http";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { startChild } from "../child.ts";
import type { FleetSettings } from "../contestants/fleet-service.ts";
import { median, type Ratios, say, sayTable } from "../report.ts";
import type { Bench } from "./section.ts";

const instances = ["fleet-one", "fleet-two", "fleet-three"];
const databasesEach = 100;
const clients = 200;
const budget = 60;
const fleetMs = 120_000;
const quickFleetMs = 15_000;

interface Tally {
  readonly latencies: Map<string, number[]>;
  readonly failures: string[];
  sessions: number;
}

/** 300 databases on three instances, used at random by 200 clients, within a budget of 60 connections. */
export async function measureFleet({ options }: Bench): Promise<Ratios> {
  const durationMs = options.quick ? quickFleetMs : fleetMs;
  const servers = await Promise.all(
    instances.map(() => startPostgresServer({ major: 17, mode: "strict", maxConnections: 100 })),
  );
  const service = startChild("contestants/fleet-service.ts", { execArgv: ["--expose-gc"] });
  try {
    await Promise.all(servers.map(createDatabases));
    const settings: FleetSettings = {
      servers: Object.fromEntries(servers.map((server, at) => [instances[at] ?? "", addressOf(server)])),
      instanceLimit: budget / instances.length,
    };
    const port = await service.ask<number>(settings);
    const tally: Tally = { latencies: new Map(), failures: [], sessions: 0 };
    await loadFor(port, durationMs / 4, { ...tally, latencies: new Map() });
    const memoryBefore = await service.ask<number>({ memory: true });
    const watching = watchSessions(servers, tally);
    await loadFor(port, durationMs, tally);
    await watching.stop();
    const memoryAfter = await service.ask<number>({ memory: true });
    return report(tally, durationMs, memoryAfter - memoryBefore);
  } finally {
    await service.stop();
    await Promise.all(servers.map((server) => server.stop()));
  }
}

const addressOf = ({ host, port, adminPassword }: PostgresServer) => ({
  host,
  port,
  password: adminPassword,
});

const databaseName = (at: number): string => `fleet_${String(at).padStart(3, "0")}`;

async function createDatabases(server: PostgresServer): Promise<void> {
  for (let at = 0; at < databasesEach; at += 1) await server.createDatabase(databaseName(at));
}

/** Each client asks for the schemas of one database after the other, each picked at random. */
async function loadFor(port: number, durationMs: number, tally: Tally): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const until = performance.now() + durationMs;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const instance = instances[Math.floor(Math.random() * instances.length)] ?? "";
      const database = databaseName(Math.floor(Math.random() * databasesEach));
      const startedAt = performance.now();
      const failure = await askForSchemas(agent, port, instance, database);
      if (failure !== undefined) tally.failures.push(failure);
      const key = `${instance}/${database}`;
      const times = tally.latencies.get(key) ?? [];
      tally.latencies.set(key, times);
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
}

/** Answers what went wrong, or nothing. */
function askForSchemas(
  agent: Agent,
  port: number,
  instance: string,
  database: string,
): Promise<string | undefined> {
  const target = { project_id: "bench-project", region: "europe-west1" };
  const body = JSON.stringify({ ...target, instance_name: instance, database_name: database });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const options = { agent, host: "127.0.0.1", port, path: "/database/schemas", method: "POST", headers };
  return new Promise((resolve) => {
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(response.statusCode === 200 ? undefined : text));
    });
    sent.on("error", (error) => resolve(String(error)));
    sent.end(body);
  });
}

function watchSessions(servers: readonly PostgresServer[], tally: Tally) {
  const count = async (): Promise<void> => {
    const counts = await Promise.all(
      servers.map((server) =>
        server.querySuperuser<{ n: number }>(
          "postgres",
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'postgres'",
        ),
      ),
    );
    tally.sessions = Math.max(
      tally.sessions,
      counts.reduce((sum, { rows }) => sum + (rows[0]?.n ?? 0), 0),
    );
  };
  let counting = count();
  const timer = setInterval(() => {
    counting = counting.then(count);
  }, 250);
  return {
    async stop(): Promise<void> {
      clearInterval(timer);
      await counting;
    },
  };
}

function report(tally: Tally, durationMs: number, grown: number): Ratios {
  const p99s = [...tally.latencies.values()].map((times) => p99(times)).sort((a, b) => a - b);
  const requests = [...tally.latencies.values()].reduce((sum, times) => sum + times.length, 0);
  const worst = p99s.at(-1) ?? Number.NaN;
  say(
    `\n${instances.length * databasesEach} databases, ${clients} clients, a budget of ${budget} connections`,
  );
  sayTable([
    ["requests/s", Math.round(requests / (durationMs / 1000)).toString()],
    ["databases asked", p99s.length.toString()],
    ["errors", tally.failures.length.toString()],
    ["sessions at most", tally.sessions.toString()],
    ["p99 of the median database, ms", median(p99s).toFixed(1)],
    ["p99 of the worst database, ms", worst.toFixed(1)],
    ["memory gained meanwhile, MiB", (grown / 2 ** 20).toFixed(1)],
  ]);
  for (const failure of new Set(tally.failures.slice(0, 5))) say(`  ${failure}`);
  return {
    fleet_errors: tally.failures.length,
    fleet_sessions: tally.sessions,
    fleet_worst_p99_over_median: worst / median(p99s),
  };
}

function p99(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN;
}
