import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createOperationStore, type FirestoreOperationStore } from "../../src/google/operation-store.ts";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { silentLog } from "../../src/log.ts";
import type { StoredOperation } from "../../src/operations/operation-store.ts";

const operation: StoredOperation = {
  id: "5b2c7c1e-8c3f-4d5e-9a7b-2f1d3c4b5a69",
  action: "createUser",
  target: { project: "p", region: "europe-west1", instance: "db", database: 'or "ders"' },
  username: "o'brien@example.com",
  input: { username: "o'brien@example.com", initialRoles: [{ schema: "__name__", role: "reader" }] },
  actor: "alice@example.com",
  requestId: "r",
  state: "running",
  createdAt: new Date("2026-11-21T09:30:00.000Z"),
  updatedAt: new Date("2026-11-21T09:30:00.000Z"),
  steps: [],
  changed: false,
  warnings: [],
  failure: null,
};

describe("operations in Firestore", () => {
  let firestore: FirestoreServer;
  let store: FirestoreOperationStore;
  let nowMs = Date.parse("2026-11-21T09:30:00.000Z");
  before(async () => {
    process.env.METADATA_SERVER_DETECTION = "none";
    firestore = await startFirestore({});
    store = createOperationStore({
      projectId: "p",
      emulatorHost: firestore.host,
      collection: "registries",
      timeoutMs: 30_000,
      log: silentLog,
      now: () => nowMs,
    });
  });
  after(async () => {
    await store?.close();
    await firestore?.stop();
  });
  const lease = (owner: string) => ({ owner, forMs: 1_000 });

  test("are read as they were written, and are nobody's when unknown", async () => {
    await store.create(operation, lease("one"));
    assert.deepEqual(await store.read(operation.id), operation);
    assert.equal(await store.read("unknown"), undefined);
    assert.equal(await store.takeOver("unknown", lease("two")), undefined);
  });

  test("that have not ended are abandoned once their lease has", async () => {
    assert.deepEqual(await store.listAbandoned(10), []);
    nowMs += 1_001;
    assert.deepEqual(await store.listAbandoned(10), [operation]);
    assert.deepEqual(await store.listAbandoned(0), []);
    assert.equal(await store.save(operation.id, lease("one"), {}), true, "its owner is still there");
    assert.deepEqual(await store.listAbandoned(10), []);
  });

  test("are worked on by one at a time: the lease is taken when it has ended, by one of many", async () => {
    assert.equal(await store.takeOver(operation.id, lease("two")), undefined);
    nowMs += 900;
    assert.equal(await store.save(operation.id, lease("one"), { warnings: ["w"] }), true);
    nowMs += 900;
    assert.equal(await store.takeOver(operation.id, lease("two")), undefined, "it was renewed");
    nowMs += 200;
    const taken = await Promise.all(
      ["two", "three", "four"].map((owner) => store.takeOver(operation.id, lease(owner))),
    );
    assert.equal(taken.filter((one) => one !== undefined).length, 1);
    assert.equal(
      await store.save(operation.id, lease("one"), { state: "failed" }),
      false,
      "it is another's now",
    );
    assert.equal((await store.read(operation.id))?.state, "running");
  });

  test("are nobody's to take when they have ended", async () => {
    nowMs += 5_000;
    assert.ok(await store.takeOver(operation.id, lease("five")));
    const steps = [{ kind: "sql", description: "d", database: "x", outcome: "done" }] as const;
    const failure = { kind: "unavailable", message: "m" } as const;
    assert.ok(
      await store.save(operation.id, lease("five"), { state: "failed", steps, failure, changed: true }),
    );
    nowMs += 5_000;
    assert.equal(await store.takeOver(operation.id, lease("six")), undefined);
    const ended = await store.read(operation.id);
    assert.deepEqual([ended?.steps, ended?.failure, ended?.changed], [steps, failure, true]);
  });

  test("know whether a later one began on the same user of the same instance", async () => {
    const later = (fields: Partial<StoredOperation>): StoredOperation => ({
      ...operation,
      ...{
        id: `later-${JSON.stringify(fields).length}`,
        createdAt: new Date(operation.createdAt.getTime() + 1),
      },
      ...fields,
    });
    const { target } = operation;
    await store.create(later({ username: "another" }), lease("x"));
    await store.create(later({ id: "elsewhere", target: { ...target, instance: "db2" } }), lease("x"));
    await store.create(later({ id: "earlier", createdAt: new Date(0) }), lease("x"));
    assert.equal(await store.findLater(operation), undefined);
    const found = later({ id: "found", target: { ...target, database: "other" }, action: "deleteUser" });
    await store.create(found, lease("x"));
    assert.deepEqual(await store.findLater(operation), found);
    assert.equal(await store.findLater(found), undefined);
  });
});
