import { parseArgs } from "node:util";

export interface BenchOptions {
  readonly json: string | undefined;
  readonly quick: boolean;
  readonly rounds: number;
  /**
   * How long each contestant is loaded in a round. Short: what else the machine does changes within seconds, and is to meet
   * all contestants of a round alike.
   */
  readonly roundMs: number;
  /** The same of crowds: a thousand clients have to be answered several times each before a p99 means anything. */
  readonly crowdRounds: number;
  readonly crowdRoundMs: number;
  /** HTTP connections of the throughput tables. */
  readonly connections: readonly number[];
  /** Names of sections to run; empty for all. */
  readonly only: readonly string[];
}

export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: "string" },
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      only: { type: "string", default: "" },
    },
  });
  const crowdRounds = values.quick ? 3 : 5;
  const rounds = Number(values.rounds ?? (values.quick ? 6 : 15));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number above 0");
  return {
    json: values.json,
    quick: values.quick,
    rounds,
    roundMs: values.quick ? 400 : 1_500,
    crowdRounds,
    crowdRoundMs: values.quick ? 2_000 : 4_000,
    connections: values.quick ? [100] : [10, 100, 1000],
    only: values.only.split(",").filter((name) => name !== ""),
  };
}
