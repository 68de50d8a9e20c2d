import { spawn } from "node:child_process";
import { type Child, startChild } from "./child.ts";
import { type ContestantSettings, targetFields } from "./contestants/contestant.ts";
import type { ReadName } from "./contestants/reads.ts";
import type { LoadOrder } from "./generator.ts";
import type { LoadResult } from "./latency.ts";

export interface LoadSpec {
  readonly read: ReadName;
  readonly clients: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** Something that serves the reads, in a process of its own. */
export interface Contestant {
  readonly name: string;
  load(spec: LoadSpec): Promise<LoadResult>;
  stop(): Promise<void>;
}

export type ContestantKind = "raw-pool" | "node-http" | "fastify" | "documented" | "service";

/** Those that log each request unless they are told not to. */
const logs: ReadonlySet<ContestantKind> = new Set(["documented", "service"]);

const host = "127.0.0.1";

/** What is started, and under which name its results stand. */
export type Entrant = readonly [
  name: string,
  kind: ContestantKind,
  settings: Omit<ContestantSettings, "applicationName">,
];

/** Starts a contestant; `generator` sends the requests of those that have a port. */
export async function startContestant(
  name: string,
  kind: ContestantKind,
  settings: Omit<ContestantSettings, "applicationName">,
  generator: Child,
): Promise<Contestant> {
  const { child, stop } = startProcess(kind);
  return { ...(await enter([name, kind, settings], child, generator)), stop };
}

function startProcess(kind: ContestantKind) {
  // As on Cloud Run, the log goes into a pipe that somebody else reads.
  const sink = logs.has(kind) ? spawn("cat", { stdio: ["pipe", "ignore", "ignore"] }) : undefined;
  const child = startChild(`contestants/${kind}.ts`, { stdout: sink?.stdin ?? "ignore" });
  const stop = async (): Promise<void> => {
    await child.stop();
    sink?.stdin?.end();
  };
  return { child, stop };
}

/** A process may be told several times, and listens on a port for each. */
async function enter([name, kind, settings]: Entrant, child: Child, generator: Child) {
  const port = await child.ask<number>({ ...settings, applicationName: sessionNameOf(name) });
  return {
    name,
    load(spec: LoadSpec) {
      if (kind === "raw-pool") return child.ask<LoadResult>(spec);
      const path = `/database/${spec.read}`;
      const { token } = settings;
      const order: LoadOrder = {
        ...{ ...spec, host, port, path, body: targetFields },
        ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
      };
      return generator.ask<LoadResult>(order);
    },
  };
}

/** What the contestant's sessions are called on the server, or what that begins with. */
export function sessionNameOf(name: string): string {
  return `bench ${name}`.replace(/[^A-Za-z0-9_-]/g, "_");
}

/**
 * Loads each contestant in turn, and all of them again, so that what else the machine does meets all alike. The
 * order changes from round to round. Answers the results by contestant, one for each round.
 */
export async function runRounds(
  contestants: readonly Contestant[],
  spec: LoadSpec,
  rounds: number,
): Promise<Map<string, LoadResult[]>> {
  const results = new Map<string, LoadResult[]>(contestants.map(({ name }) => [name, []]));
  for (const contestant of contestants) await contestant.load({ ...spec, warmUpMs: 1_500, durationMs: 1 });
  for (let round = 0; round < rounds; round += 1) {
    const turn = round % 2 === 0 ? contestants : contestants.toReversed();
    for (const contestant of turn) results.get(contestant.name)?.push(await contestant.load(spec));
  }
  return results;
}

/**
 * The service against itself with other settings, in one process: two that run the same code differ by up to a tenth for
 * as long as they live.
 */
export async function runTwins(
  twins: readonly [Entrant, Entrant],
  generator: Child,
  spec: LoadSpec,
  rounds: number,
): Promise<Map<string, LoadResult[]>> {
  const { child, stop } = startProcess("service");
  try {
    const contestants: Contestant[] = [];
    for (const twin of twins) contestants.push({ ...(await enter(twin, child, generator)), stop });
    return await runRounds(contestants, spec, rounds);
  } finally {
    await stop();
  }
}
