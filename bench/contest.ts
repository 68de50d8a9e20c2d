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

/** Starts a contestant; `generator` sends the requests of those that have a port. */
export async function startContestant(
  name: string,
  kind: ContestantKind,
  settings: Omit<ContestantSettings, "applicationName">,
  generator: Child,
): Promise<Contestant> {
  // As on Cloud Run, the log goes into a pipe that somebody else reads.
  const sink = logs.has(kind) ? spawn("cat", { stdio: ["pipe", "ignore", "ignore"] }) : undefined;
  const child = startChild(`contestants/${kind}.ts`, { stdout: sink?.stdin ?? "ignore" });
  const port = await child.ask<number>({ ...settings, applicationName: sessionNameOf(name) });
  return {
    name,
    load(spec) {
      if (kind === "raw-pool") return child.ask<LoadResult>(spec);
      const path = `/database/${spec.read}`;
      const { token } = settings;
      const order: LoadOrder = {
        ...{ ...spec, host, port, path, body: targetFields },
        ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
      };
      return generator.ask<LoadResult>(order);
    },
    async stop() {
      await child.stop();
      sink?.stdin?.end();
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

/** What is started, and under which name its results stand. */
export type Entrant = readonly [
  name: string,
  kind: ContestantKind,
  settings: Omit<ContestantSettings, "applicationName">,
];

/**
 * Two of a kind against each other. Processes that run the same code differ by up to a tenth for as long as they live, so
 * there are two of each, started in the order A B B A; a round's result is that of both together.
 */
export async function runTwins(
  [one, other]: readonly [Entrant, Entrant],
  generator: Child,
  spec: LoadSpec,
  rounds: number,
): Promise<Map<string, LoadResult[]>> {
  const contestants: Contestant[] = [];
  try {
    for (const [at, [name, kind, settings]] of [one, other, other, one].entries())
      contestants.push(await startContestant(`${name} ${at}`, kind, settings, generator));
    const results = await runRounds(contestants, spec, rounds);
    const [first = [], second = [], third = [], fourth = []] = [...results.values()];
    return new Map([
      [one[0], first.map((result, round) => together(result, fourth[round]))],
      [other[0], second.map((result, round) => together(result, third[round]))],
    ]);
  } finally {
    for (const contestant of contestants) await contestant.stop();
  }
}

function together(one: LoadResult, other: LoadResult = one): LoadResult {
  const mean = (of: (result: LoadResult) => number) => (of(one) + of(other)) / 2;
  return {
    perSecond: mean((result) => result.perSecond),
    requests: one.requests + other.requests,
    errors: one.errors + other.errors,
    p50: mean((result) => result.p50),
    p99: Math.max(one.p99, other.p99),
    max: Math.max(one.max, other.max),
  };
}
