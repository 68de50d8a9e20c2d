import {
  type Contestant,
  type ContestantKind,
  type Entrant,
  runRounds,
  runTwins,
  startContestant,
} from "../contest.ts";
import type { ContestantSettings } from "../contestants/contestant.ts";
import type { ReadName } from "../contestants/reads.ts";
import { type Ratios, ratioOf, sayResults } from "../report.ts";
import type { Bench } from "./section.ts";

type Entry = readonly [name: string, kind: ContestantKind, settings?: Partial<ContestantSettings>];

/** Of each round, in which clients connect. */
const warmUpMs = 200;
/** Of no ratio. */
const notQuick = "documented, no log";
const entries: readonly Entry[] = [
  ["raw pg pool", "raw-pool"],
  ["node:http + pg", "node-http"],
  ["fastify + pg", "fastify"],
  ["openapi-backend as documented", "documented"],
  [notQuick, "documented", { logging: false }],
  ["service", "service"],
  ["service, shared reads", "service", { sharedReads: true }],
];

/** All contestants with the same pool, for both reads and each number of connections. */
export async function measureThroughput({ options, postgres, generator }: Bench): Promise<Ratios> {
  const contestants: Contestant[] = [];
  const ratios: Ratios = {};
  try {
    for (const [name, kind, settings] of entries) {
      if (options.quick && name === notQuick) continue;
      contestants.push(await startContestant(name, kind, { postgres, poolSize: 25, ...settings }, generator));
    }
    const reads: readonly ReadName[] = options.quick ? ["schemas"] : ["schemas", "health"];
    for (const read of reads) {
      for (const clients of options.connections) {
        const spec = { read, clients, warmUpMs, durationMs: options.roundMs };
        const results = await runRounds(contestants, spec, options.rounds);
        assertNoErrors(results);
        sayResults(`/database/${read}, ${clients} connections, pool of 25`, results, "raw pg pool");
        if (read === "schemas" && clients === 100) Object.assign(ratios, headline(results));
      }
    }
  } finally {
    for (const contestant of contestants) await contestant.stop();
  }
  return ratios;
}

/** A contestant that fails is fast. */
function assertNoErrors(results: Parameters<typeof ratioOf>[0]): void {
  for (const [name, rounds] of results) {
    const errors = rounds.reduce((sum, round) => sum + round.errors, 0);
    if (errors > 0) throw new Error(`${name} answered ${errors} requests with errors: nothing to compare`);
  }
}

function headline(results: Parameters<typeof ratioOf>[0]): Ratios {
  return {
    service_over_raw_pool: ratioOf(results, "service", "raw pg pool"),
    service_shared_over_raw_pool: ratioOf(results, "service, shared reads", "raw pg pool"),
    service_over_documented: ratioOf(results, "service", "openapi-backend as documented"),
  };
}

/** What it costs that each request has a line in the log. */
export async function measureLogging(bench: Bench): Promise<Ratios> {
  const twins = { logs: {}, "logs nothing": { logging: false } };
  return { logging_on_over_off: await compareTwins(bench, "Log", twins) };
}

/** Whether a larger contract makes each request slower. */
export async function measureOperations(bench: Bench): Promise<Ratios> {
  const twins = { "50 operations": { operations: 50 }, "2 operations": { operations: 2 } };
  return { operations_50_over_2: await compareTwins(bench, "Size of the contract", twins) };
}

/** The first of two settings in terms of the second. */
async function compareTwins(
  { options, postgres, generator }: Bench,
  title: string,
  twins: Readonly<Record<string, Partial<ContestantSettings>>>,
): Promise<number> {
  const spec = { read: "schemas", clients: 100, warmUpMs, durationMs: options.roundMs } as const;
  const [one, other] = Object.entries(twins).map(
    ([name, settings]): Entrant => [name, "service", { postgres, poolSize: 25, ...settings }],
  );
  if (one === undefined || other === undefined) throw new Error("it takes two to compare");
  const results = await runTwins([one, other], generator, spec, 2 * options.rounds);
  assertNoErrors(results);
  sayResults(`${title}, 100 connections`, results, other[0]);
  return ratioOf(results, one[0], other[0]);
}
