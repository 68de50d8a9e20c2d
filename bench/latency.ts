/** What a load came to; times in milliseconds. */
export interface LoadResult {
  readonly perSecond: number;
  readonly requests: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * What ends after `openAt` (on performance.now) counts for the throughput; what also began after it, for the latencies.
 * Before that is the warm-up.
 */
export function createLatencies(openAt: number) {
  const times: number[] = [];
  let requests = 0;
  let errors = 0;
  return {
    add(startedAt: number, now: number): void {
      if (now < openAt) return;
      requests += 1;
      if (startedAt >= openAt) times.push(now - startedAt);
    },
    addError(): void {
      errors += 1;
    },
    result(now: number): LoadResult {
      const sorted = Float64Array.from(times).sort();
      const at = (part: number): number =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
      return {
        perSecond: requests / ((now - openAt) / 1000),
        requests,
        errors,
        p50: at(0.5),
        p99: at(0.99),
        max: at(1),
      };
    },
  };
}
