import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Firestore, type Transaction } from "@google-cloud/firestore";
import { firstPreviousHash, type HistoryRecord, verifyHistory } from "../../src/domain/history.ts";
import type { Target } from "../../src/domain/target.ts";
import { createRegistry, type FirestoreRegistry, type RegistryOptions } from "../../src/google/registry.ts";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { silentLog } from "../../src/log.ts";
import type { HistoryEntry, RoleRecord } from "../../src/operations/registry.ts";
import { assertServiceError } from "../support/service-error.ts";

const target: Target = {
  project: "demo-project",
  region: "europe-west1",
  instance: "orders-db",
  database: "orders",
};
const database = "projects/registry-project/databases/(default)";

let server: FirestoreServer;
let empty: unknown;
const opened: FirestoreRegistry[] = [];

before(async () => {
  server = await startFirestore();
  empty = server.snapshot();
});
beforeEach(() => server.restore(empty));
afterEach(async () => {
  server.faults.clear();
  for (const registry of opened.splice(0)) await registry.close();
});
after(() => server.stop());

function openRegistry(options: Partial<RegistryOptions> = {}): FirestoreRegistry {
  const registry = createRegistry({
    projectId: "registry-project",
    collection: "role_registries",
    cacheTtlMs: 3_600_000,
    emulatorHost: server.host,
    timeoutMs: 30_000,
    log: silentLog,
    ...options,
  });
  opened.push(registry);
  return registry;
}

/** A client beside the registry, which looks for no credentials. */
function openFirestore(): Firestore {
  const clientOptions = { universeDomain: "googleapis.com" };
  return new Firestore({ projectId: "registry-project", host: server.host, ssl: false, clientOptions });
}

function entry(overrides: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    actor: "alice@example.com",
    requestId: "request-1",
    action: "initializeRoles",
    outcome: "succeeded",
    statements: [],
    summary: "created 1 role",
    ...overrides,
  };
}

function role(name: string, overrides: Partial<RoleRecord> = {}): RoleRecord {
  return {
    name,
    kind: "reader",
    scope: "schema",
    schema: "app",
    template: "standard",
    version: "1",
    checksum: "c".repeat(64),
    status: "active",
    inherits: ["orders_app_base"],
    nativeRoles: ["pg_monitor"],
    ...overrides,
  };
}

async function readWholeHistory(registry: FirestoreRegistry, of: Target = target) {
  const records: HistoryRecord[] = [];
  for (;;) {
    const page = await registry.readHistory(of, { after: records.length, limit: 30 });
    assert.ok(page, "there is no history");
    records.push(...page.records);
    if (page.records.length < 30) return { records, head: page.head };
  }
}

async function settled(work: Promise<unknown>, withinMs: number): Promise<void> {
  const startedAt = performance.now();
  await work;
  assert.ok(performance.now() - startedAt < withinMs, `${performance.now() - startedAt} ms`);
}

test("a target that nothing was recorded of is unknown", async () => {
  const registry = openRegistry();
  assert.equal(await registry.read(target), undefined);
  assert.equal(await registry.readHistory(target), undefined);
});

test("what is recorded is read back, and remembers who came first", async () => {
  const registry = openRegistry();
  const reader = role("orders_app_reader");
  const monitor = role("orders_monitor", {
    scope: "database",
    schema: null,
    status: "degraded",
    inherits: [],
  });
  const startedAt = Date.now();
  await registry.record(target, entry(), { upsertRoles: [monitor, reader] });
  const first = await registry.read(target);
  assert.deepEqual(first?.roles, [reader, monitor]);
  assert.equal(first?.documentId, "demo-project~europe-west1~orders-db~orders");
  assert.equal(first?.documentId, registry.documentId(target));
  assert.deepEqual([first?.revision, first?.totalHistoryEntries], [1, 1]);
  assert.ok((first?.createdAt.getTime() ?? 0) >= startedAt);

  const changed = { ...reader, version: "2" };
  await registry.record(target, entry({ actor: "bob@example.com" }), {
    upsertRoles: [changed],
    removeRoles: ["orders_monitor", "was_never_there"],
  });
  const second = await registry.read(target);
  assert.deepEqual(second?.roles, [changed]);
  assert.equal(second?.createdBy, "alice@example.com");
  assert.deepEqual(second?.createdAt, first?.createdAt);
  assert.ok((second?.lastUpdated.getTime() ?? 0) >= (first?.lastUpdated.getTime() ?? Number.NaN));
  assert.deepEqual([second?.revision, second?.totalHistoryEntries], [2, 2]);
});

test("the history holds what happened, and its chain can be verified", async () => {
  const registry = openRegistry();
  const statements = [
    {
      description: "create",
      sql: 'CREATE ROLE "x"',
      database: "orders",
      optional: false,
      destructive: false,
    },
    { description: "revoke", sql: 'REVOKE "x"', database: "orders", optional: true, destructive: true },
  ];
  await registry.record(target, entry({ statements }));
  await registry.record(
    target,
    entry({
      outcome: "failed",
      sqlstate: "42501",
      username: "bob@example.com",
      roleName: "orders_app_reader",
      schema: "app",
      summary: "permission denied",
    }),
  );
  const { records, head } = await readWholeHistory(registry);
  assert.deepEqual(verifyHistory(records, head), { intact: true, entries: 2 });
  assert.deepEqual(records[0]?.statements, statements);
  assert.equal(records[0]?.previous_hash, firstPreviousHash);
  assert.deepEqual(
    [
      records[1]?.outcome,
      records[1]?.sqlstate,
      records[1]?.username,
      records[1]?.role_name,
      records[1]?.schema_name,
    ],
    ["failed", "42501", "bob@example.com", "orders_app_reader", "app"],
  );
  assert.deepEqual(
    server.documentNames(database).map((name) => name.split("/documents/")[1]),
    [
      "role_registries/demo-project~europe-west1~orders-db~orders",
      "role_registries/demo-project~europe-west1~orders-db~orders/history/000000000001",
      "role_registries/demo-project~europe-west1~orders-db~orders/history/000000000002",
    ],
  );
});

test("a history is also read from its end, or before an entry", async () => {
  const registry = openRegistry();
  for (let count = 0; count < 5; count++) await registry.record(target, entry());
  const read = async (range: Parameters<typeof registry.readHistory>[1]) =>
    (await registry.readHistory(target, range))?.records.map(({ sequence }) => sequence);
  assert.deepEqual(await read({ newestFirst: true }), [5, 4, 3, 2, 1]);
  assert.deepEqual(await read({ newestFirst: true, before: 4, limit: 2 }), [3, 2]);
  assert.deepEqual(await read({ after: 1, before: 4 }), [2, 3]);
  assert.deepEqual(await read({ newestFirst: true, before: 1 }), []);
});

test("an entry that was tampered with in Firestore breaks the chain", async () => {
  const registry = openRegistry();
  for (let index = 0; index < 3; index += 1) await registry.record(target, entry());
  const firestore = openFirestore();
  const document = firestore.doc(`role_registries/${registry.documentId(target)}/history/000000000002`);
  await document.update({ actor: "mallory@example.com" });
  await firestore.terminate();
  const { records, head } = await readWholeHistory(registry);
  assert.deepEqual(verifyHistory(records, head), {
    intact: false,
    sequence: 2,
    problem: "its hash is not that of its content",
  });
});

test("two processes that record forty entries at once lose none", async () => {
  const [one, two] = [openRegistry({ timeoutMs: 30_000 }), openRegistry({ timeoutMs: 30_000 })];
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? one : two).record(target, entry({ requestId: `request-${index}` }), {
        upsertRoles: [role(`role-${index}`)],
      }),
    ),
  );
  const { records, head } = await readWholeHistory(one);
  assert.deepEqual(verifyHistory(records, head), { intact: true, entries: 40 });
  assert.equal(new Set(records.map((record) => record.request_id)).size, 40);
  const status = await two.read(target);
  assert.deepEqual([status?.revision, status?.totalHistoryEntries, status?.roles.length], [40, 40, 40]);
  const documents = server.documentNames(database).filter((name) => /documents\/[^/]+\/[^/]+$/.test(name));
  assert.equal(documents.length, 1);
});

test("the writes of one process take turns, so that they do not contend with each other", async () => {
  let running = 0;
  let most = 0;
  class Watched extends Firestore {
    override async runTransaction(...call: Parameters<Firestore["runTransaction"]>): Promise<never> {
      running += 1;
      most = Math.max(most, running);
      const result = await super.runTransaction(...call);
      running -= 1;
      return result as never;
    }
  }
  const registry = openRegistry({ loadFirestore: async () => ({ Firestore: Watched as typeof Firestore }) });
  await Promise.all(Array.from({ length: 20 }, () => registry.record(target, entry())));
  assert.equal((await registry.read(target))?.revision, 20);
  assert.equal(most, 1);
});

test("a write of another process is seen at once, whatever is kept here", async () => {
  const [one, two] = [openRegistry(), openRegistry()];
  await one.record(target, entry(), { upsertRoles: [role("a")] });
  assert.deepEqual(
    (await two.read(target))?.roles.map((each) => each.name),
    ["a"],
  );
  await one.record(target, entry(), { upsertRoles: [role("b")], removeRoles: ["a"] });
  assert.deepEqual(
    (await two.read(target))?.roles.map((each) => each.name),
    ["b"],
  );
});

test("a registry that was deleted and begun anew at the same revision is not mistaken for the old one", async () => {
  const [one, two] = [openRegistry(), openRegistry()];
  await one.record(target, entry(), { upsertRoles: [role("a")] });
  assert.deepEqual(
    (await two.read(target))?.roles.map((each) => each.name),
    ["a"],
  );
  server.restore(empty);
  assert.equal(await two.read(target), undefined);
  await one.record(target, entry(), { upsertRoles: [role("b")] });
  assert.deepEqual(
    (await two.read(target))?.roles.map((each) => each.name),
    ["b"],
  );
});

test("roles are read from the copy only while it is young and nothing has changed", async () => {
  const registry = openRegistry();
  const impatient = openRegistry({ cacheTtlMs: 0 });
  await registry.record(target, entry(), { upsertRoles: [role("a")] });
  for (const each of [registry, impatient]) assert.equal((await each.read(target))?.roles.length, 1);
  // Behind the registry's back: the target's own document stays as it is.
  const firestore = openFirestore();
  await firestore.doc(`role_registries/${registry.documentId(target)}/roles/a`).delete();
  await firestore.terminate();
  assert.equal((await registry.read(target))?.roles.length, 1);
  assert.equal((await impatient.read(target))?.roles.length, 0);
});

test("a reader never sees roles of one revision with the counters of another", async () => {
  const [writer, reader] = [openRegistry(), openRegistry()];
  await writer.record(target, entry(), { upsertRoles: [role("role-1")] });
  const writing = (async () => {
    for (let index = 2; index <= 25; index += 1) {
      await writer.record(target, entry(), { upsertRoles: [role(`role-${index}`)] });
      // Some readings meet a write and some do not.
      await pause(Math.random() * 15);
    }
    return "written" as const;
  })();
  let readings = 0;
  while ((await Promise.race([writing, reader.read(target).catch((error) => error)])) !== "written") {
    const status = await reader.read(target).catch((error) => assert.equal(error.kind, "unavailable"));
    if (status === undefined) continue;
    assert.equal(status.roles.length, status.revision);
    readings += 1;
  }
  assert.ok(readings > 0);
});

test("contention is ridden out", async () => {
  const registry = openRegistry();
  server.faults.set({ contendedCommits: 3 });
  await registry.record(target, entry(), { upsertRoles: [role("a")] });
  const { records, head } = await readWholeHistory(registry);
  assert.deepEqual(verifyHistory(records, head), { intact: true, entries: 1 });
});

test("contention without end is unavailable, on time", async () => {
  const registry = openRegistry({ timeoutMs: 2_000 });
  server.faults.set({ contendedCommits: 1_000_000 });
  await settled(assertServiceError(registry.record(target, entry()), "unavailable"), 10_000);
  // Its last attempt may still be on its way.
  await registry.close();
  server.faults.clear();
  assert.equal(await openRegistry().read(target), undefined);
});

test("what waited for longer than its caller is not written", async () => {
  const began = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<unknown>();
  class Slow extends Firestore {
    override async runTransaction<T>(
      change: (transaction: Transaction) => Promise<T>,
      options?: Parameters<Firestore["runTransaction"]>[1],
    ): Promise<T> {
      const slowly = async (transaction: Transaction) => {
        began.resolve();
        await goOn.promise;
        return change(transaction);
      };
      const running = super.runTransaction(slowly, options);
      running.then(ended.resolve, ended.resolve);
      return running;
    }
  }
  const loadFirestore = async () => ({ Firestore: Slow as typeof Firestore });
  const registry = openRegistry({ timeoutMs: 300, loadFirestore });
  await assertServiceError(registry.record(target, entry()), "timeout");
  await began.promise;
  goOn.resolve();
  await ended.promise;
  assert.equal(await openRegistry().read(target), undefined);
});

test("an entry whose answer was lost is written once", async () => {
  let lost = 0;
  class Lossy extends Firestore {
    override async runTransaction(...call: Parameters<Firestore["runTransaction"]>): Promise<never> {
      const result = await super.runTransaction(...call);
      lost += 1;
      if (lost <= 2) throw Object.assign(new Error("the connection broke"), { code: 14 });
      return result as never;
    }
  }
  const registry = openRegistry({ loadFirestore: async () => ({ Firestore: Lossy as typeof Firestore }) });
  await registry.record(target, entry(), { upsertRoles: [role("a")] });
  assert.equal(lost, 3);
  const { records, head } = await readWholeHistory(registry);
  assert.deepEqual(verifyHistory(records, head), { intact: true, entries: 1 });
});

test("Firestore being down is unavailable and not empty, soon, and over when it is back", async () => {
  const registry = openRegistry({ timeoutMs: 20_000 });
  const impatient = openRegistry({ timeoutMs: 2_000 });
  await registry.record(target, entry(), { upsertRoles: [role("a")] });
  await registry.read(target);
  server.faults.set({ unavailable: true });
  const error = await assertServiceError(registry.read(target), "unavailable");
  assert.ok((error.retryAfterS ?? 0) > 0);
  await settled(assertServiceError(registry.read({ ...target, database: "other" }), "unavailable"), 10_000);
  await settled(assertServiceError(impatient.record(target, entry()), "unavailable"), 10_000);
  await impatient.close();
  server.faults.clear();
  assert.equal((await registry.read(target))?.totalHistoryEntries, 1);
});

test("a write outlasts a short outage", async () => {
  const registry = openRegistry();
  await registry.read(target);
  server.faults.set({ unavailable: true });
  setTimeout(() => server.faults.clear(), 300);
  await registry.record(target, entry());
  assert.equal((await registry.read(target))?.totalHistoryEntries, 1);
});

test("an address where nobody listens is unavailable, soon, and leaves nothing behind", async () => {
  const [patient, impatient] = [20_000, 2_000].map((timeoutMs) =>
    openRegistry({ emulatorHost: "127.0.0.1:1", timeoutMs }),
  ) as [FirestoreRegistry, FirestoreRegistry];
  await settled(assertServiceError(patient.read(target), "unavailable"), 10_000);
  await settled(assertServiceError(impatient.record(target, entry()), "unavailable"), 10_000);
});

test("a Firestore that does not answer is a timeout, on time", async () => {
  const registry = openRegistry({ timeoutMs: 1_500 });
  await registry.read(target);
  server.faults.set({ slowMs: 30_000 });
  await settled(assertServiceError(registry.read(target), "timeout"), 10_000);
  await settled(assertServiceError(registry.record(target, entry()), "timeout"), 10_000);
});

test("a Firestore that refuses the service is unavailable, and the message says what is needed", async () => {
  server.faults.set({ permissionDenied: true });
  const error = await assertServiceError(openRegistry().read(target), "unavailable");
  assert.match(error.message, /Cloud Datastore User/);
});

test("hostile names have documents of their own and come back as they are", async () => {
  const registry = openRegistry();
  const names = [
    "a/b",
    "..",
    ".",
    "__role__",
    'quo"te',
    "e\u0301",
    "\u00e9",
    "a%2Fb",
    "€".repeat(21),
    "~",
    " ",
    "ROLE",
    "role",
  ];
  await registry.record(target, entry(), { upsertRoles: names.map((name) => role(name)) });
  assert.deepEqual(
    (await registry.read(target))?.roles.map((each) => each.name),
    names.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  for (const name of names) {
    const odd = { ...target, database: name };
    await registry.record(odd, entry({ summary: name }));
    const { records, head } = await readWholeHistory(registry, odd);
    assert.deepEqual(verifyHistory(records, head), { intact: true, entries: 1 });
    assert.equal(records[0]?.summary, name);
  }
  await registry.record(target, entry(), { removeRoles: names });
  assert.deepEqual((await registry.read(target))?.roles, []);
});

test("targets whose names read the same when joined do not share a document", async () => {
  const registry = openRegistry();
  const targets = [
    { ...target, instance: "a-b", database: "c" },
    { ...target, instance: "a", database: "b-c" },
    { ...target, instance: "a", region: "us-east1", database: "b-c" },
  ];
  for (const each of targets) await registry.record(each, entry());
  for (const each of targets) assert.equal((await registry.read(each))?.totalHistoryEntries, 1);
});

test("more statements than a document holds are recorded as far as they fit, with their number", async () => {
  const registry = openRegistry();
  const statement = { description: "grant", database: "orders", optional: false, destructive: false };
  const statements = Array.from({ length: 2_000 }, (_, index) => ({
    ...statement,
    sql: `GRANT SELECT ON TABLE t${index} TO r; -- ${"é".repeat(500)}`,
  }));
  await registry.record(
    target,
    entry({ statements: [{ ...statement, sql: "x".repeat(2 ** 21) }, ...statements] }),
  );
  const { records, head } = await readWholeHistory(registry);
  assert.deepEqual(verifyHistory(records, head), { intact: true, entries: 1 });
  assert.equal(records[0]?.statements_total, 2_001);
  assert.ok((records[0]?.statements.length ?? 0) > 300);
});

test("a document that this service did not write is an error and not an empty registry", async () => {
  const registry = openRegistry();
  const firestore = openFirestore();
  await firestore.doc(`role_registries/${registry.documentId(target)}`).set({ revision: "one" });
  await firestore.terminate();
  const error = await assertServiceError(registry.read(target), "internal_error");
  assert.match(error.message, /revision/);
  await assertServiceError(registry.record(target, entry()), "internal_error");
});

test("a client whose credentials could not be loaded is replaced", async () => {
  let made = 0;
  class NoCredentials extends Firestore {
    override doc(): never {
      throw new Error("Could not load the default credentials.");
    }
    override collection(): never {
      return this.doc();
    }
  }
  const registry = openRegistry({
    loadFirestore: async () => {
      made += 1;
      return { Firestore: made === 1 ? (NoCredentials as typeof Firestore) : Firestore };
    },
  });
  await assertServiceError(registry.read(target), "unavailable");
  assert.equal(await registry.read(target), undefined);
  assert.equal(made, 2);
});

test("another database is another registry", async () => {
  const registry = openRegistry({ database: "second" });
  await registry.record(target, entry());
  assert.equal((await registry.read(target))?.totalHistoryEntries, 1);
  assert.equal(await openRegistry().read(target), undefined);
});

test("closing ends what waits, is quick, and may be repeated", async () => {
  const registry = openRegistry();
  await registry.read(target);
  server.faults.set({ slowMs: 30_000 });
  const waiting = [
    assertServiceError(registry.read(target), "unavailable"),
    assertServiceError(registry.record(target, entry()), "unavailable"),
    assertServiceError(registry.record(target, entry()), "unavailable"),
  ];
  await settled(registry.close(), 8_000);
  await Promise.all(waiting);
  await registry.close();
  await assertServiceError(registry.read(target), "unavailable");
});

test("the regions of a database are found without one, and no other instance's or database's", async () => {
  const registry = openRegistry();
  assert.deepEqual(await registry.findRegions(target), []);
  for (const change of [
    {},
    { region: "us-central1" },
    { instance: "other-db", region: "asia-east1" },
    { database: "other" },
  ]) {
    await registry.record({ ...target, ...change }, entry());
  }
  assert.deepEqual(await registry.findRegions(target), ["europe-west1", "us-central1"]);
  server.faults.set({ unavailable: true });
  await assert.rejects(registry.findRegions(target), { kind: "unavailable" });
});

test("a note that a database is in sync is there until the next entry, and never of another revision", async () => {
  const registry = openRegistry();
  const other = openRegistry();
  await registry.record(target, entry(), { upsertRoles: [role("reader")] });
  const note = { fingerprint: "f", templates: "t", revision: 1, schemas: ["a b"], warnings: [] };
  await registry.noteInSync?.(target, note);
  assert.deepEqual((await other.read(target))?.inSync, note);
  assert.deepEqual((await registry.read(target))?.roles, [role("reader")]);
  await other.record(target, entry());
  assert.equal((await registry.read(target))?.inSync, undefined);
  await registry.noteInSync?.(target, note);
  assert.equal((await registry.read(target))?.inSync, undefined);
  assert.equal((await registry.read(target))?.revision, 2);
});

test("what an entry says of statements, plan and versions comes back, and its hash holds", async () => {
  const registry = openRegistry();
  const statement = { description: "d", sql: "s", database: "orders", optional: true, destructive: false };
  const statements = [
    { ...statement, outcome: "failed", sqlstate: "42501" } as const,
    { ...statement, outcome: "succeeded", rows: 2, notices: ["00000"] } as const,
  ];
  const more = { planId: "p", templatesBefore: [], templatesAfter: ["standard 1.0.0"], stateAfter: "hash" };
  await registry.record(target, entry({ statements, ...more }));
  const [record] = (await registry.readHistory(target))?.records ?? [];
  assert.ok(record !== undefined);
  assert.deepEqual(record.statements, statements);
  const { plan_id, templates_before, templates_after, state_after, revision_before, revision_after } = record;
  assert.deepEqual(
    [plan_id, templates_before, templates_after, state_after, revision_before, revision_after],
    ["p", [], ["standard 1.0.0"], "hash", 0, 1],
  );
  assert.equal(verifyHistory([record]).intact, true);
});
