import type { LoadResult } from "./latency.ts";

export type Ratios = Record<string, number>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The median over the rounds of one's throughput in terms of the other's. */
export function ratioOf(
  results: ReadonlyMap<string, readonly LoadResult[]>,
  one: string,
  other: string,
): number {
  const others = results.get(other) ?? [];
  return median(
    (results.get(one) ?? []).map((result, round) => result.perSecond / (others[round]?.perSecond ?? 0)),
  );
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

/** A line for each contestant; `base` is what the last column is relative to. */
export function sayResults(
  title: string,
  results: ReadonlyMap<string, readonly LoadResult[]>,
  base: string,
): void {
  say(`\n${title}`);
  const rows = [...results].map(([name, rounds]) => [
    name,
    Math.round(median(rounds.map(({ perSecond }) => perSecond))).toString(),
    median(rounds.map(({ p50 }) => p50)).toFixed(1),
    median(rounds.map(({ p99 }) => p99)).toFixed(1),
    rounds.reduce((sum, { errors }) => sum + errors, 0).toString(),
    ratioOf(results, name, base).toFixed(2),
  ]);
  sayTable([["", "requests/s", "p50 ms", "p99 ms", "errors", `/ ${base}`], ...rows]);
}
