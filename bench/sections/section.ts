import type { Child } from "../child.ts";
import type { BenchOptions } from "../options.ts";
import type { BenchPostgres } from "../postgres.ts";
import type { Ratios } from "../report.ts";

/** What a section of the benchmark works with. */
export interface Bench {
  readonly options: BenchOptions;
  readonly postgres: BenchPostgres;
  readonly generator: Child;
}

/** Measures, prints, and answers its ratios by name. */
export type Section = (bench: Bench) => Promise<Ratios>;
