/** What a load came to; times in milliseconds. */
export interface LoadResult {
  readonly perSecond: number;
  readonly requests: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Collects latencies; what began before `openAt` (on performance.now) is a warm-up and does not count. */
export function createLatencies(openAt: number) {
  const times: number[] = [];
  let errors = 0;
  return {
    add(startedAt: number, now: number): void {
      if (now >= openAt) times.push(now - startedAt);
    },
    addError(): void {
      errors += 1;
    },
    result(now: number): LoadResult {
      const sorted = Float64Array.from(times).sort();
      const at = (part: number): number =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
      return {
        perSecond: sorted.length / ((now - openAt) / 1000),
        requests: sorted.length,
        errors,
        p50: at(0.5),
        p99: at(0.99),
        max: at(1),
      };
    },
  };
}
