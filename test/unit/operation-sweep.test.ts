import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../src/log.ts";
import { sweepOperations } from "../../src/operations/operation-sweep.ts";

test("the sweep of operations looks again after a look that failed, as the service itself, until it is stopped", async () => {
  const stopping = new AbortController();
  const actors: string[] = [];
  await sweepOperations({
    async resume({ actor, signal }) {
      actors.push(actor);
      assert.ok(!signal.aborted);
      if (actors.length === 1) throw new Error("no Firestore");
      if (actors.length === 3) stopping.abort();
      return 0;
    },
    ...{ stopping: stopping.signal, log: silentLog, everyMs: 1, leaseMs: 9_000 },
  });
  assert.deepEqual(actors, Array(3).fill("the service itself"));
});

test("it does not look at all when the process ends before the first time", async () => {
  const stopping = new AbortController();
  const ended = sweepOperations({
    resume: async () => assert.fail("it looked"),
    ...{ stopping: stopping.signal, log: silentLog, everyMs: 60_000, leaseMs: 9_000 },
  });
  stopping.abort();
  await ended;
});
