import { type Contestant, type ContestantKind, runRounds, runTwins, startContestant } from "../contest.ts";
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
export async function measureLogging({ options, postgres, generator }: Bench): Promise<Ratios> {
  const settings = { postgres, poolSize: 25 };
  const spec = { read: "schemas", clients: 100, warmUpMs, durationMs: options.roundMs } as const;
  const results = await runTwins(
    [
      ["logs", "service", settings],
      ["logs nothing", "service", { ...settings, logging: false }],
    ],
    generator,
    spec,
    2 * options.rounds,
  );
  assertNoErrors(results);
  sayResults("Log, 100 connections", results, "logs nothing");
  return { logging_on_over_off: ratioOf(results, "logs", "logs nothing") };
}

/** Whether a larger contract makes each request slower. */
export async function measureOperations({ options, postgres, generator }: Bench): Promise<Ratios> {
  const settings = { postgres, poolSize: 25 };
  const spec = { read: "schemas", clients: 100, warmUpMs, durationMs: options.roundMs } as const;
  const results = await runTwins(
    [
      ["50 operations", "service", { ...settings, operations: 50 }],
      ["2 operations", "service", { ...settings, operations: 2 }],
    ],
    generator,
    spec,
    2 * options.rounds,
  );
  assertNoErrors(results);
  sayResults("Size of the contract, 100 connections", results, "2 operations");
  return { operations_50_over_2: ratioOf(results, "50 operations", "2 operations") };
}
