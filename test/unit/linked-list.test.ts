import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { LinkedList } from "../../src/linked-list.ts";

test("a linked list holds what a set would hold, in the same order", () => {
  const steps = fc.array(fc.oneof(fc.constant("add" as const), fc.nat({ max: 40 })), { maxLength: 120 });
  fc.assert(
    fc.property(steps, (script) => {
      const list = new LinkedList<number>();
      const set = new Set<number>();
      const removals: (() => void)[] = [];
      for (const step of script) {
        if (step === "add") {
          set.add(removals.length);
          removals.push(list.add(removals.length).remove);
        } else {
          // Some of them have left before.
          removals[step]?.();
          set.delete(step);
        }
        assert.deepEqual([...list], [...set]);
        assert.equal(list.size, set.size);
        assert.equal(list.first?.value, [...set][0]);
      }
    }),
  );
});

/** Lets 300,000 objects of a kilobyte pass through a queue, a hundred at a time; answers what the heap grew by, in MiB. */
const churn = (queue: string): number => {
  const module = new URL("../../src/linked-list.ts", import.meta.url).href;
  const code = `
    const { LinkedList } = await import(${JSON.stringify(module)});
    const set = new Set();
    const list = new LinkedList();
    const add = { set: (o) => (set.add(o), () => set.delete(o)), list: (o) => list.add(o).remove }.${queue};
    const leave = [];
    let peak = 0;
    const base = process.memoryUsage().heapUsed;
    for (let n = 0; n < 300_000; n += 1) {
      leave.push(add({ n, held: new Array(128).fill(n) }));
      if (leave.length > 100) leave.shift()();
      // It has been quiet for long enough that what is in it now is old.
      if (n === 50) for (let times = 0; times < 3; times += 1) gc();
      if (n % 1000 === 0) peak = Math.max(peak, process.memoryUsage().heapUsed - base);
    }
    console.log(peak / 1048576);`;
  const flags = [
    "--no-warnings",
    "--expose-gc",
    "--max-semi-space-size=2",
    "--input-type=module",
    "-e",
    code,
  ];
  return Number(execFileSync(process.execPath, flags, { encoding: "utf8" }));
};

test("what has left a linked list does not outlive the next small garbage collection", () => {
  const [list, set] = [churn("list"), churn("set")];
  assert.ok(list < 12, `the heap grew by ${list} MiB`);
  // If it no longer does, a Set is as good.
  assert.ok(set > 2 * list, `with a list the heap grew by ${list} MiB, with a set by ${set} MiB`);
});
