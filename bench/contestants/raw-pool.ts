import { answerParent } from "../child.ts";
import { createLatencies, type LoadResult } from "../latency.ts";
import { type ContestantSettings, createRawPool } from "./contestant.ts";
import { createReads, type ReadName } from "./reads.ts";

/** No HTTP at all: callers in the same process share a `pg` Pool. */
interface RawLoad {
  readonly read: ReadName;
  readonly clients: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

let reads: ReturnType<typeof createReads>;

answerParent<ContestantSettings | RawLoad>(async (message) => {
  if (!("read" in message)) {
    reads = createReads(createRawPool(message));
    return 0;
  }
  return loadPool(message);
});

async function loadPool({ read, clients, warmUpMs, durationMs }: RawLoad): Promise<LoadResult> {
  const openAt = performance.now() + warmUpMs;
  const endAt = openAt + durationMs;
  const latencies = createLatencies(openAt);
  const call = reads[read];
  const client = async (): Promise<void> => {
    for (let now = performance.now(); now < endAt; ) {
      const startedAt = now;
      await call();
      now = performance.now();
      latencies.add(startedAt, now);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return latencies.result(performance.now());
}
