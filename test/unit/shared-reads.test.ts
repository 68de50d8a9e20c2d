import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { silentLog } from "../../src/log.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import { createSharedReads, withSharedRead } from "../../src/operations/shared-reads.ts";
import type { BorrowOptions, Session } from "../../src/postgres/session.ts";

const target: Target = {
  ...{ project: "demo-project", region: "europe-west1", instance: "orders-db" },
  database: "orders",
};

/** Pools whose connections are lent when the test says so. */
function createRig({ shared = true } = {}) {
  const borrowers: { options: BorrowOptions; lend: () => void; refuse: (error: Error) => void }[] = [];
  const sharedReads = createSharedReads();
  const pools = {
    async withSession<T>(_target: Target, options: BorrowOptions, fn: (session: Session) => Promise<T>) {
      await new Promise<void>((resolve, reject) => {
        borrowers.push({ options, lend: resolve, refuse: reject });
        options.signal?.addEventListener("abort", () => reject(options.signal?.reason), { once: true });
      });
      return fn({} as Session);
    },
  };
  const context = { pools, ...(shared ? { sharedReads } : {}) } as unknown as Context;
  let queries = 0;
  const ask = (caller: Partial<Call> & { target?: Target; input?: readonly string[] } = {}) => {
    const call: Call = {
      ...{ operation: "listSchemas", actor: "anonymous", requestId: "r", log: silentLog },
      signal: new AbortController().signal,
      ...caller,
    };
    return withSharedRead(context, call, caller.target ?? target, caller.input ?? [], async () => {
      queries += 1;
      return queries;
    });
  };
  return { ask, borrowers, sharedReads, queries: () => queries };
}

/** Until every read that was asked for has asked for a connection. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

describe("shared reads", () => {
  // A machine that stands still for a moment is not to end the time in which a read can be joined.
  const now = performance.now();
  let clock: ReturnType<typeof mockClock>;
  const mockClock = () => mock.method(performance, "now", () => now);
  beforeEach(() => {
    clock = mockClock();
  });
  afterEach(() => mock.restoreAll());

  it("answer identical reads that were not sent yet with one query", async () => {
    const { ask, borrowers, queries } = createRig();
    const answers = [ask(), ask()];
    await turn();
    answers.push(ask());
    assert.equal(borrowers.length, 1);
    borrowers[0]?.lend();
    assert.deepEqual(await Promise.all(answers), [1, 1, 1]);
    assert.equal(queries(), 1);
  });

  it("never let anybody join a query that was sent", async () => {
    const { ask, borrowers } = createRig();
    const first = ask();
    await turn();
    borrowers[0]?.lend();
    // The query is sent in this very turn, and its answer is not here yet.
    await Promise.resolve();
    const second = ask();
    await turn();
    assert.equal(borrowers.length, 2);
    borrowers[1]?.lend();
    assert.deepEqual(await Promise.all([first, second]), [1, 2]);
  });

  it("keep apart callers, targets, operations and inputs", async () => {
    const { ask, borrowers } = createRig();
    const answers = [
      ask(),
      ask({ actor: "somebody@example.com" }),
      ask({ target: { ...target, database: "billing" } }),
      ask({ target: { ...target, instance: "billing-db" } }),
      ask({ operation: "listTables", input: ["app"] }),
      ask({ operation: "listTables", input: ["app2"] }),
      ask({ operation: "listTables", input: ["ap", "p"] }),
    ];
    await turn();
    assert.equal(borrowers.length, answers.length);
    for (const { lend } of borrowers) lend();
    assert.equal(new Set(await Promise.all(answers)).size, answers.length);
  });

  it("are not joined across a write to the instance", async () => {
    const { ask, borrowers, sharedReads } = createRig();
    const before = ask();
    sharedReads.seal({ ...target, database: "another one" });
    const after = ask();
    sharedReads.seal({ ...target, instance: "billing-db" });
    const same = ask();
    await turn();
    assert.equal(borrowers.length, 2);
    for (const { lend } of borrowers) lend();
    assert.deepEqual(await Promise.all([before, after, same]), [1, 2, 2]);
  });

  it("go on for the others when the caller who came first has gone", async () => {
    const { ask, borrowers } = createRig();
    const leaving = new AbortController();
    const first = ask({ signal: leaving.signal });
    const second = ask();
    await turn();
    leaving.abort(new Error("gone"));
    assert.equal(borrowers[0]?.options.signal?.aborted, false);
    borrowers[0]?.lend();
    assert.equal(await second, 1);
    await first;
  });

  it("leave the queue when all callers have gone, and take nobody with them", async () => {
    const { ask, borrowers, queries } = createRig();
    const leaving = new AbortController();
    const gone = [ask({ signal: leaving.signal }), ask({ signal: leaving.signal })];
    await turn();
    leaving.abort(new Error("gone"));
    for (const answer of gone) await assert.rejects(answer, /gone/);
    const next = ask();
    await turn();
    assert.equal(borrowers.length, 2);
    borrowers[1]?.lend();
    assert.equal(await next, 1);
    assert.equal(queries(), 1);
  });

  it("fail for all who share them, and for nobody who comes later", async () => {
    const { ask, borrowers } = createRig();
    const failing = [ask(), ask()];
    await turn();
    borrowers[0]?.refuse(new Error("no connection"));
    for (const answer of failing) await assert.rejects(answer, /no connection/);
    const next = ask();
    await turn();
    borrowers[1]?.lend();
    assert.equal(await next, 1);
  });

  it("are not joined for long, so that nobody's wait ends early by much", async () => {
    const { ask, borrowers } = createRig();
    const first = ask();
    clock.mock.mockImplementation(() => now + 150);
    const second = ask();
    await turn();
    assert.equal(borrowers.length, 2);
    for (const { lend } of borrowers) lend();
    await Promise.all([first, second]);
  });

  it("do not happen when the setting is off", async () => {
    const { ask, borrowers } = createRig({ shared: false });
    const answers = [ask(), ask()];
    await turn();
    assert.equal(borrowers.length, 2);
    for (const { lend } of borrowers) lend();
    assert.deepEqual(await Promise.all(answers), [1, 2]);
  });
});
