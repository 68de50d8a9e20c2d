import type { LoadResult } from "./latency.ts";

export type Ratios = Record<string, number>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

type Results = ReadonlyMap<string, readonly LoadResult[]>;

/** The median over the rounds of one's throughput in terms of the other's. */
export function ratioOf(results: Results, one: string, other: string): number {
  return median(ratiosOf(results, one, other));
}

function ratiosOf(results: Results, one: string, other: string): number[] {
  const others = results.get(other) ?? [];
  return (results.get(one) ?? []).map(
    (result, round) => result.perSecond / (others[round]?.perSecond ?? Number.NaN),
  );
}

/** Between which values half of the rounds lie: how noisy the median is. */
function describeRatio(ratios: readonly number[]): string {
  const sorted = ratios.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN).toFixed(2);
  return `${median(ratios).toFixed(2)} (${at(0.25)}-${at(0.75)})`;
}

export function say(line = ""): void {
  process.stdout.write(`${line}\n`);
}

export function sayTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    say(`  ${cells.join("  ")}`);
  }
}

/** A line for each contestant; `base` is what the last column is relative to, with how half of the rounds spread. */
export function sayResults(title: string, results: Results, base: string): void {
  say(`\n${title}`);
  const rows = [...results].map(([name, rounds]) => [
    name,
    Math.round(median(rounds.map(({ perSecond }) => perSecond))).toString(),
    median(rounds.map(({ p50 }) => p50)).toFixed(1),
    median(rounds.map(({ p99 }) => p99)).toFixed(1),
    rounds.reduce((sum, { errors }) => sum + errors, 0).toString(),
    describeRatio(ratiosOf(results, name, base)),
  ]);
  sayTable([["", "requests/s", "p50 ms", "p99 ms", "errors", `/ ${base}`], ...rows]);
}
