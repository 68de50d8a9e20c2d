import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { historyDocumentId, roleDocumentId, targetDocumentId } from "../../src/domain/document-id.ts";
import {
  canonicalJson,
  firstPreviousHash,
  type HistoryRecord,
  hashHistoryRecord,
  verifyHistory,
} from "../../src/domain/history.ts";
import type { StatementPreview } from "../../src/domain/plan.ts";
import type { Target } from "../../src/domain/target.ts";
import { nextHistoryRecord } from "../../src/google/registry-history.ts";
import type { HistoryEntry } from "../../src/operations/registry.ts";

const target: Target = {
  project: "demo-project",
  region: "europe-west1",
  instance: "orders-db",
  database: "orders",
};

const entry: HistoryEntry = {
  actor: "alice@example.com",
  requestId: "request-1",
  action: "initializeRoles",
  outcome: "succeeded",
  statements: [],
  summary: "created 6 roles",
};

function statement(sql: string): StatementPreview {
  return { description: "a statement", sql, database: "orders", optional: false, destructive: false };
}

/** A history of that many entries, as the registry would write it. */
function makeHistory(length: number): HistoryRecord[] {
  const records: HistoryRecord[] = [];
  for (let index = 0; index < length; index += 1) {
    const last = records.at(-1);
    const at = new Date(Date.UTC(2026, 10, 21, 8, 30, index));
    const before = last && {
      revision: index,
      createdAt: at,
      createdBy: "alice@example.com",
      updatedAt: at,
      totalEntries: last.sequence,
      lastHash: last.hash,
    };
    records.push(nextHistoryRecord("a~b~c~d", before, entry, at));
  }
  return records;
}

const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }),
  fc.constantFrom("..", ".", "__x__", "_", "a~b", "a%7Eb", "%", "a/b", "A", "a", "é", "é", "~", "-"),
);

test("the id of a target is readable", () => {
  assert.equal(targetDocumentId(target), "demo-project~europe-west1~orders-db~orders");
  assert.equal(
    targetDocumentId({ ...target, database: 'ü/"x' }),
    "demo-project~europe-west1~orders-db~%C3%BC%2F%22x",
  );
});

test("two targets, or two roles, never share an id, and Firestore accepts every id", () => {
  const arbitraryTarget = fc.record({ project: name, region: name, instance: name, database: name });
  const ids = new Map<string, string>();
  const assertOwn = (id: string, key: string) => {
    assert.equal(ids.get(id) ?? key, key);
    ids.set(id, key);
    assert.ok(!id.includes("/") && id !== "." && id !== ".." && !/^__.*__$/.test(id), id);
  };
  fc.assert(
    fc.property(arbitraryTarget, (each) => {
      assertOwn(
        targetDocumentId(each),
        JSON.stringify([each.project, each.region, each.instance, each.database]),
      );
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(name, (each) => assertOwn(roleDocumentId(each), each)),
    { numRuns: 2_000 },
  );
});

test("parts that would read the same when joined have ids of their own", () => {
  const one = { ...target, instance: "a-b", database: "c" };
  assert.notEqual(targetDocumentId(one), targetDocumentId({ ...one, instance: "a", database: "b-c" }));
  assert.notEqual(targetDocumentId(one), targetDocumentId({ ...one, region: "us-east1" }));
  assert.notEqual(
    targetDocumentId({ ...one, database: "a~b" }),
    targetDocumentId({ ...one, database: "a%7Eb" }),
  );
});

test("the longest names stay far below the length of an id", () => {
  assert.ok(targetDocumentId({ ...target, instance: "i".repeat(98), database: "€".repeat(21) }).length < 400);
  assert.equal(roleDocumentId("€".repeat(21)).length, 189);
});

test("the ids of a history sort as its numbers", () => {
  const numbers = [1, 2, 9, 10, 99, 100, 123_456, 999_999_999_999];
  const ids = numbers.map(historyDocumentId);
  assert.deepEqual(ids.toSorted(), ids);
});

test("canonical JSON has sorted keys and no white space", () => {
  assert.equal(
    canonicalJson({ b: [1, "é\n", null], a: { d: true, c: {} } }),
    '{"a":{"c":{},"d":true},"b":[1,"é\\n",null]}',
  );
});

test("anyone can compute an entry's hash from its fields", () => {
  const [record] = makeHistory(1) as [HistoryRecord];
  const json =
    '{"action":"initializeRoles","actor":"alice@example.com","at":"2026-11-21T08:30:00.000Z","document_id":"a~b~c~d",' +
    `"outcome":"succeeded","previous_hash":"${firstPreviousHash}","request_id":"request-1",` +
    '"revision_after":1,"revision_before":0,"role_name":null,' +
    '"schema_name":null,"sequence":1,"sqlstate":null,"statements":[],"statements_total":0,' +
    '"summary":"created 6 roles","username":null}';
  assert.equal(record.hash, createHash("sha256").update(json).digest("hex"));
});

test("an intact history is found intact, as a whole and in part", () => {
  const records = makeHistory(5);
  const lastHash = records.at(-1)?.hash ?? "";
  assert.deepEqual(verifyHistory(records, { totalEntries: 5, lastHash }), { intact: true, entries: 5 });
  assert.deepEqual(verifyHistory(records.slice(2)), { intact: true, entries: 3 });
  assert.deepEqual(verifyHistory([], { totalEntries: 0, lastHash: firstPreviousHash }), {
    intact: true,
    entries: 0,
  });
});

test("a change of any field of any entry shows", () => {
  const records = makeHistory(3);
  const lastHash = records.at(-1)?.hash ?? "";
  for (const [index, record] of records.entries()) {
    for (const field of Object.keys(record) as (keyof HistoryRecord)[]) {
      const value = record[field];
      const changed =
        typeof value === "number" ? value + 1 : Array.isArray(value) ? [statement("x")] : "changed";
      const forged = records.with(index, { ...record, [field]: changed });
      assert.equal(verifyHistory(forged, { totalEntries: 3, lastHash }).intact, false, field);
    }
  }
});

test("an entry that was rewritten with a hash that fits, taken out, moved or added shows", () => {
  const records = makeHistory(4);
  const [first, second, third, fourth] = records as [
    HistoryRecord,
    HistoryRecord,
    HistoryRecord,
    HistoryRecord,
  ];
  const head = { totalEntries: 4, lastHash: fourth.hash };
  const rewritten = { ...second, actor: "mallory@example.com" };
  const forged = { ...rewritten, hash: hashHistoryRecord(rewritten) };
  for (const history of [
    [first, forged, third, fourth],
    [first, third, fourth],
    [first, second, fourth, third],
    [first, second, third],
    [first, second, third, fourth, fourth],
    [],
  ]) {
    assert.equal(verifyHistory(history, head).intact, false);
  }
});

test("statements beyond what a document holds are cut, and their number is kept", () => {
  const many = Array.from({ length: 3_000 }, (_, index) => statement(`-- ${index} ${"€".repeat(300)}`));
  const record = nextHistoryRecord("id", undefined, { ...entry, statements: many }, new Date());
  assert.equal(record.statements_total, 3_000);
  assert.ok(record.statements.length > 100 && record.statements.length < 3_000);
  assert.deepEqual(record.statements[0], many[0]);
  assert.ok(Buffer.byteLength(JSON.stringify(record)) < 1_000_000);
});

test("one statement beyond what a document holds is cut between characters, and marked", () => {
  const statements = [statement("€".repeat(1_000_000)), statement("SELECT 1")];
  const record = nextHistoryRecord("id", undefined, { ...entry, statements }, new Date());
  assert.equal(record.statements.length, 2);
  assert.match(record.statements[0]?.sql ?? "", /^€+ \[cut\]$/);
  assert.ok(Buffer.byteLength(record.statements[0]?.sql ?? "") <= 128 * 1024);
});

test("text that Firestore would change on the way is changed before it is hashed", () => {
  const record = nextHistoryRecord("id", undefined, { ...entry, summary: "a\ud800b" }, new Date());
  assert.equal(record.summary, "a\ufffdb");
  assert.equal(record.hash, hashHistoryRecord(record));
});
