import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryRecord } from "../../src/domain/history.ts";
import { silentLog } from "../../src/log.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import { checkHistory, type HistoryInput, listHistory } from "../../src/operations/history.ts";
import type { HistoryPage, Registry } from "../../src/operations/registry.ts";
import { unusedContext } from "../support/http.ts";
import { createMemoryRegistry } from "../support/memory-registry.ts";

const target = { project: "p", region: "europe-west1", instance: "i", database: "d" };
const call: Call = {
  operation: "test",
  actor: "anonymous",
  requestId: "r",
  log: silentLog,
  signal: new AbortController().signal,
};

const contextOf = (registry: Registry): Context => ({ ...unusedContext(), registry });

/** A history of so many entries, each third about alice; the fifth names a role and a user in a statement only. */
async function historyOf(count: number, sql = ""): Promise<Registry> {
  const registry = createMemoryRegistry();
  for (let number = 1; number <= count; number++) {
    const text = number === 5 ? 'GRANT "reader" TO "bob@example.com"' : sql;
    await registry.record(target, {
      actor: number % 2 === 0 ? "even" : "odd",
      requestId: `r${number}`,
      action: "assignRole",
      outcome: "succeeded",
      statements: [{ description: "", sql: text, database: "d", optional: false, destructive: false }],
      summary: "",
      ...(number % 3 === 0 ? { username: "alice@example.com", roleName: "reader" } : {}),
    });
  }
  return registry;
}

async function listAll(registry: Registry, input: HistoryInput): Promise<{ pages: number; found: number[] }> {
  const found: number[] = [];
  let before: number | null | undefined;
  for (let pages = 1; ; pages++) {
    const page = { ...input, ...(before == null ? {} : { before }) };
    const { entries, nextBefore } = await listHistory(contextOf(registry), call, target, page);
    found.push(...entries.map(({ sequence }) => sequence));
    if (nextBefore === null) return { pages, found };
    before = nextBefore;
  }
}

/** The same registry, with something done to what it reads. */
function tampered(registry: Registry, change: (page: HistoryPage) => HistoryPage): Registry {
  return {
    ...registry,
    async readHistory(of, range) {
      const page = await registry.readHistory(of, range);
      return page === undefined ? undefined : change(page);
    },
  };
}

const changing = (sequence: number, change: Partial<HistoryRecord>) => (page: HistoryPage) => ({
  ...page,
  records: page.records.map((record) => (record.sequence === sequence ? { ...record, ...change } : record)),
});
const without = (gone: (sequence: number) => boolean) => (page: HistoryPage) => ({
  ...page,
  records: page.records.filter(({ sequence }) => !gone(sequence)),
});

test("a history is listed newest first, in pages without gaps or repetitions", async () => {
  const registry = await historyOf(450);
  const all = Array.from({ length: 450 }, (_, index) => 450 - index);
  assert.deepEqual(await listAll(registry, { limit: 200 }), { pages: 3, found: all });
  assert.deepEqual((await listAll(registry, { limit: 150 })).found, all);
  const { totalEntries } = await listHistory(contextOf(registry), call, target, { limit: 1 });
  assert.equal(totalEntries, 450);
});

test("filters by role, user, caller and time leave what fits", async () => {
  const registry = await historyOf(12);
  const list = async (filter: Partial<HistoryInput>) =>
    (await listAll(registry, { limit: 2, ...filter })).found;
  assert.deepEqual(await list({ username: "alice@example.com" }), [12, 9, 6, 3]);
  assert.deepEqual(await list({ username: "bob@example.com" }), [5]);
  assert.deepEqual(await list({ role: "reader" }), [12, 9, 6, 5, 3]);
  assert.deepEqual(await list({ role: "read" }), []);
  assert.deepEqual(await list({ actor: "even", username: "alice@example.com" }), [12, 6]);
  const records = (await registry.readHistory(target))?.records ?? [];
  const first = new Date(records[0]?.at ?? "");
  assert.equal((await list({ since: first })).length, 12);
  assert.deepEqual(await list({ until: new Date(first.getTime() - 1) }), []);
  assert.deepEqual(await list({ since: new Date(Date.now() + 60_000) }), []);
});

test("a filter that finds nothing in a long history gives up and says where to go on", async () => {
  const registry = await historyOf(2_300);
  const input = { username: "nobody", limit: 10 };
  const page = await listHistory(contextOf(registry), call, target, input);
  assert.deepEqual([page.entries.length, page.nextBefore], [0, 301]);
  assert.deepEqual(await listAll(registry, input), { pages: 2, found: [] });
});

test("a page ends before it grows too large", async () => {
  const registry = await historyOf(10, "x".repeat(120 * 1024));
  const { entries, nextBefore } = await listHistory(contextOf(registry), call, target, { limit: 200 });
  assert.ok(entries.length < 10 && JSON.stringify(entries).length < 1024 * 1024);
  assert.equal(nextBefore, 11 - entries.length);
  assert.equal((await listAll(registry, { limit: 200 })).found.length, 10);
});

test("what was never recorded has an empty history that is in order", async () => {
  const context = contextOf(createMemoryRegistry());
  const none = { entries: [], totalEntries: 0, nextBefore: null };
  assert.deepEqual(await listHistory(context, call, target, { limit: 5 }), none);
  assert.deepEqual(await checkHistory(context, call, target), { intact: true, entries: 0 });
});

test("a whole history of several pages is verified", async () => {
  const registry = await historyOf(450);
  assert.deepEqual(await checkHistory(contextOf(registry), call, target), { intact: true, entries: 450 });
});

test("a change or a gap anywhere is found, also where two pages meet", async () => {
  const registry = await historyOf(450);
  const check = (change: (page: HistoryPage) => HistoryPage) =>
    checkHistory(contextOf(tampered(registry, change)), call, target);
  for (const sequence of [1, 200, 201, 450]) {
    const found = await check(changing(sequence, { actor: "somebody else" }));
    assert.deepEqual(found, {
      intact: false,
      sequence,
      problem: "its hash is not that of its content",
      entries: sequence - 1,
    });
  }
  for (const sequence of [1, 201, 300]) {
    const found = await check(without((each) => each === sequence));
    assert.ok(!found.intact);
    assert.deepEqual([found.sequence, found.problem], [sequence + 1, "entries are missing before it"]);
    assert.equal(found.entries, sequence - 1);
  }
  for (const from of [450, 401, 1]) {
    const found = await check(without((each) => each >= from));
    assert.equal(found.intact, false, String(from));
  }
});

test("a history moved here from another target is found", async () => {
  const registry: Registry = { ...(await historyOf(2)), documentId: () => "another" };
  const found = await checkHistory(contextOf(registry), call, target);
  assert.ok(!found.intact);
  assert.equal(found.problem, "it belongs to another target");
});

test("reading ends when nobody waits for it any more", async () => {
  const gone = { ...call, signal: AbortSignal.abort(new Error("gone")) };
  const context = contextOf(await historyOf(1));
  await assert.rejects(checkHistory(context, gone, target), /gone/);
  await assert.rejects(listHistory(context, gone, target, { limit: 1 }), /gone/);
});
