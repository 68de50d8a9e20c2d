import { Agent, request } from "node:http";
import { type PostgresServer, startPostgresServer } from "../src/local-cloud/postgres-server.ts";
import { startChild } from "./child.ts";
import type { FleetMemory, FleetOrder, FleetSettings } from "./contestants/fleet-service.ts";

export const fleetInstances = ["fleet-one", "fleet-two", "fleet-three"] as const;
export type FleetInstance = (typeof fleetInstances)[number];
export const databasesEach = 100;

/** Three servers with a hundred databases each, and the service before them. */
export interface Fleet {
  readonly servers: Readonly<Record<FleetInstance, PostgresServer>>;
  /** Asks for the schemas of one random database after the other, by so many clients. */
  load(clients: number, durationMs: number): Promise<Tally>;
  /** Samples pg_stat_activity of all servers until it is stopped. */
  watchSessions(): SessionWatch;
  /** Puts a password into the service's secret store. */
  storePassword(instance: FleetInstance, password: string): Promise<void>;
  readMemory(): Promise<FleetMemory>;
  stop(): Promise<void>;
}

/** Latencies in milliseconds by database, and what was answered but 200. */
export interface Tally {
  readonly latencies: ReadonlyMap<string, readonly number[]>;
  readonly failures: readonly string[];
}

export interface SessionWatch {
  /** The most sessions that were there at once, by instance and of all together, and how often was looked. */
  stop(): Promise<{
    readonly most: Readonly<Record<FleetInstance, number>>;
    readonly total: number;
    readonly samples: number;
  }>;
}

export async function startFleet(
  settings: Pick<FleetSettings, "environment">,
  { maxConnections }: { readonly maxConnections: number },
): Promise<Fleet> {
  const started = await Promise.all(
    fleetInstances.map(() => startPostgresServer({ major: 17, mode: "strict", maxConnections })),
  );
  const servers = byInstance((at) => started[at] as PostgresServer);
  const service = startChild("contestants/fleet-service.ts", { execArgv: ["--expose-gc"] });
  const ask = <Answer>(order: FleetOrder) => service.ask<Answer>(order);
  const stop = async (): Promise<void> => {
    await service.stop();
    await Promise.all(started.map((server) => server.stop()));
  };
  try {
    await Promise.all(started.map(createDatabases));
    const addresses = byInstance((at) => addressOf(started[at] as PostgresServer));
    const port = await ask<number>({ ...settings, servers: addresses });
    return {
      servers,
      load: (clients, durationMs) => loadFor(port, clients, durationMs),
      watchSessions: () => watchSessions(servers),
      storePassword: (instance, password) => ask({ instance, password }),
      readMemory: () => ask({ memory: true }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function byInstance<Value>(valueAt: (at: number) => Value): Readonly<Record<FleetInstance, Value>> {
  return Object.fromEntries(fleetInstances.map((name, at) => [name, valueAt(at)])) as Record<
    FleetInstance,
    Value
  >;
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

async function loadFor(port: number, clients: number, durationMs: number): Promise<Tally> {
  const latencies = new Map<string, number[]>();
  const failures: string[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const until = performance.now() + durationMs;
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const instance = fleetInstances[Math.floor(Math.random() * fleetInstances.length)] ?? "";
      const database = databaseName(Math.floor(Math.random() * databasesEach));
      const startedAt = performance.now();
      const failure = await askForSchemas(agent, port, instance, database);
      if (failure !== undefined) failures.push(failure);
      const key = `${instance}/${database}`;
      const times = latencies.get(key) ?? [];
      latencies.set(key, times);
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return { latencies, failures };
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

function watchSessions(servers: Fleet["servers"]): SessionWatch {
  const most: Record<FleetInstance, number> = { "fleet-one": 0, "fleet-two": 0, "fleet-three": 0 };
  let total = 0;
  let samples = 0;
  const count = async (): Promise<void> => {
    const counts = await Promise.all(fleetInstances.map((name) => countSessions(servers[name])));
    for (const [at, name] of fleetInstances.entries()) most[name] = Math.max(most[name], counts[at] ?? 0);
    total = Math.max(
      total,
      counts.reduce((sum, each) => sum + each, 0),
    );
    samples += 1;
  };
  let counting = count();
  const timer = setInterval(() => {
    counting = counting.then(count);
  }, 250);
  return {
    async stop() {
      clearInterval(timer);
      await counting;
      return { most, total, samples };
    },
  };
}

async function countSessions(server: PostgresServer): Promise<number> {
  const { rows } = await server.querySuperuser<{ n: number }>(
    "postgres",
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'postgres'",
  );
  return rows[0]?.n ?? 0;
}
