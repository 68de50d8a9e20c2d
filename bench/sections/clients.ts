import { type Contestant, runRounds, sessionNameOf, startContestant } from "../contest.ts";
import type { LoadOrder } from "../generator.ts";
import type { LoadResult } from "../latency.ts";
import { findPgBouncer, startPgBouncer } from "../pgbouncer.ts";
import { adminUser, database, watchSessions } from "../postgres.ts";
import { median, type Ratios, ratioOf, say, sayResults } from "../report.ts";
import type { Bench } from "./section.ts";

/** As the service asks, in one line and without a name: PgBouncer's oldest versions in use have no prepared statements. */
const query =
  "SELECT n.nspname AS name FROM pg_catalog.pg_namespace n WHERE NOT pg_catalog.starts_with(n.nspname::text, 'pg_') AND n.nspname <> 'information_schema' ORDER BY n.nspname COLLATE \"C\"";

/** Many clients over few connections: the service without and with shared reads, and PgBouncer beside it. */
export async function measureClients(bench: Bench): Promise<Ratios> {
  const ratios = await measureCrowd(bench, 1_000, 25);
  return { ...ratios, ...(await measureCrowd(bench, 2_000, 50)) };
}

async function measureCrowd(bench: Bench, clients: number, poolSize: number): Promise<Ratios> {
  const { options, postgres, generator } = bench;
  const settings = { postgres, poolSize };
  const contestants: Contestant[] = [];
  try {
    contestants.push(await startContestant("service", "service", settings, generator));
    const shared = { ...settings, sharedReads: true };
    // Of no ratio.
    if (!options.quick)
      contestants.push(await startContestant("service, shared reads", "service", shared, generator));
    const bouncer = await startBouncer(bench, poolSize);
    if (bouncer !== undefined) contestants.push(bouncer);
    const watch = await watchSessions(postgres, sessionNameOf("service"));
    const spec = { read: "schemas", clients, warmUpMs: 1_000, durationMs: options.crowdRoundMs } as const;
    const results = await runRounds(contestants, spec, options.crowdRounds);
    const sessions = await watch.stop();
    sayResults(`${clients} clients over ${poolSize} connections`, results, "service");
    say(`  sessions of the service, at most: ${sessions}`);
    if (bouncer === undefined) say("  PgBouncer is not installed here: not compared");
    return crowdRatios(clients, results, { sessions, hasBouncer: bouncer !== undefined });
  } finally {
    for (const contestant of contestants) await contestant.stop();
  }
}

function crowdRatios(
  clients: number,
  results: ReadonlyMap<string, readonly LoadResult[]>,
  { sessions, hasBouncer }: { readonly sessions: number; readonly hasBouncer: boolean },
): Ratios {
  const rounds = results.get("service") ?? [];
  const name = `clients_${clients}`;
  return {
    [`${name}_errors`]: rounds.reduce((sum, { errors }) => sum + errors, 0),
    [`${name}_sessions`]: sessions,
    // With a fair queue, each client waits as long as all the others take: clients / throughput.
    [`${name}_p99_over_ideal`]: median(
      rounds.map(({ p99, perSecond }) => p99 / ((clients / perSecond) * 1000)),
    ),
    ...(hasBouncer ? { [`${name}_over_pgbouncer`]: ratioOf(results, "service", "PgBouncer") } : {}),
  };
}

async function startBouncer(
  { postgres, generator }: Bench,
  poolSize: number,
): Promise<Contestant | undefined> {
  const program = findPgBouncer();
  if (program === undefined) return undefined;
  const { host, port, stop } = await startPgBouncer(program, postgres, poolSize);
  return {
    name: "PgBouncer",
    load({ clients, warmUpMs, durationMs }) {
      const target = { host, port, query, user: adminUser, database };
      const order: LoadOrder = { ...target, clients, warmUpMs, durationMs };
      return generator.ask<LoadResult>(order);
    },
    stop,
  };
}
