import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Firestore, type Query, type QuerySnapshot, Timestamp } from "@google-cloud/firestore";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { connectFirestore } from "../support/google-clients.ts";

const DATABASE = "projects/demo-project/databases/(default)";

/** The snapshots of a listener, one after the other. */
function follow<T>(listen: (next: (value: T) => void, fail: (error: Error) => void) => () => void) {
  const arrived: T[] = [];
  let wake = () => {};
  let failure: Error | undefined;
  const stop = listen(
    (value) => {
      arrived.push(value);
      wake();
    },
    (error) => {
      failure = error;
      wake();
    },
  );
  return {
    stop,
    async next(): Promise<T> {
      while (arrived.length === 0) {
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error("no snapshot in time")), 60_000);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return arrived.shift() as T;
    },
  };
}

function followQuery(query: Query) {
  return follow<QuerySnapshot>((next, fail) => query.onSnapshot(next, fail));
}

function changesOf(snapshot: QuerySnapshot): string[] {
  return snapshot.docChanges().map((change) => `${change.type} ${change.doc.id}`);
}

describe("listeners of the Firestore stand-in", () => {
  let server: FirestoreServer;
  let db: Firestore;

  before(async () => {
    server = await startFirestore();
    db = connectFirestore(server.host);
  });
  afterEach(() => server.faults.clear());
  after(async () => {
    await db.terminate();
    server.stop();
  });

  test("a document's listener sees it missing, made, changed and deleted, in order", async () => {
    const ref = db.doc("watched/one");
    const seen = follow<unknown>((next, fail) => ref.onSnapshot((snapshot) => next(snapshot.data()), fail));
    assert.equal(await seen.next(), undefined);
    await ref.set({ n: 1 });
    assert.deepEqual(await seen.next(), { n: 1 });
    for (let n = 2; n < 20; n += 1) await ref.update({ n });
    let n = 1;
    while (n < 19) {
      const { n: next } = (await seen.next()) as { n: number };
      assert.ok(next > n);
      n = next;
    }
    await ref.delete();
    assert.equal(await seen.next(), undefined);
    seen.stop();
  });

  test("a query's listener sees documents come, change, leave and go", async () => {
    const collection = db.collection("followed");
    await collection.doc("a").set({ on: true, n: 1 });
    await collection.doc("off").set({ on: false, n: 0 });
    const seen = followQuery(collection.where("on", "==", true).orderBy("n"));
    assert.deepEqual(changesOf(await seen.next()), ["added a"]);
    await collection.doc("b").set({ on: true, n: 0 });
    const second = await seen.next();
    assert.deepEqual(changesOf(second), ["added b"]);
    assert.deepEqual(
      second.docs.map((document) => document.id),
      ["b", "a"],
    );
    await collection.doc("b").update({ n: 2 });
    assert.deepEqual(changesOf(await seen.next()), ["modified b"]);
    await collection.doc("off").update({ n: 5 });
    await collection.doc("a").update({ on: false });
    assert.deepEqual(changesOf(await seen.next()), ["removed a"]);
    await collection.doc("b").delete();
    const last = await seen.next();
    assert.deepEqual(changesOf(last), ["removed b"]);
    assert.equal(last.empty, true);
    seen.stop();
  });

  test("all changes of a batch arrive in one snapshot", async () => {
    const collection = db.collection("batched");
    await collection.doc("gone").set({});
    const seen = followQuery(collection);
    await seen.next();
    await db
      .batch()
      .set(collection.doc("a"), {})
      .set(collection.doc("b"), {})
      .delete(collection.doc("gone"))
      .commit();
    assert.deepEqual(changesOf(await seen.next()), ["removed gone", "added a", "added b"]);
    seen.stop();
  });

  test("a limit is kept while documents come and go", async () => {
    const collection = db.collection("limited");
    for (const n of [1, 2, 3]) await collection.doc(`d${n}`).set({ n });
    const seen = followQuery(collection.orderBy("n").limit(2));
    assert.deepEqual(changesOf(await seen.next()), ["added d1", "added d2"]);
    await collection.doc("d1").delete();
    assert.deepEqual(changesOf(await seen.next()), ["removed d1", "added d3"]);
    seen.stop();
  });

  test("a listener that lost its connection catches up with what it missed, and only that", async () => {
    const collection = db.collection("resumed");
    for (const id of ["same", "changed", "gone"]) await collection.doc(id).set({ n: 0 });
    const seen = followQuery(collection);
    assert.equal((await seen.next()).size, 3);
    const other = connectFirestore(server.host);
    server.faults.set({ unavailable: true });
    server.faults.clear();
    await other
      .batch()
      .update(other.doc("resumed/changed"), { n: 1 })
      .delete(other.doc("resumed/gone"))
      .commit();
    await other.doc("resumed/new").set({ n: 1 });
    const changes: string[] = [];
    while (changes.length < 3) changes.push(...changesOf(await seen.next()));
    assert.deepEqual(changes.sort(), ["added new", "modified changed", "removed gone"]);
    seen.stop();
    await other.terminate();
  });

  test("many listeners of one client each see their own", async () => {
    const refs = Array.from({ length: 10 }, (_, n) => db.doc(`apart/d${n}`));
    const listeners = refs.map((ref) =>
      follow<unknown>((next, fail) => ref.onSnapshot((snapshot) => next(snapshot.get("n")), fail)),
    );
    for (const listener of listeners) assert.equal(await listener.next(), undefined);
    await Promise.all(refs.map((ref, n) => ref.set({ n })));
    for (const [n, listener] of listeners.entries()) assert.equal(await listener.next(), n);
    for (const listener of listeners) listener.stop();
  });

  test("a listener is told of what expires, and only expired documents of the group go", async () => {
    server.setTtlPolicy({ database: DATABASE, collectionGroup: "sessions", field: "expires.at" });
    const past = { expires: { at: Timestamp.fromMillis(Date.now() - 1000) } };
    const future = { expires: { at: Timestamp.fromMillis(Date.now() + 3_600_000) } };
    const seen = followQuery(db.collection("sessions"));
    await seen.next();
    await db
      .batch()
      .set(db.doc("sessions/past"), past)
      .set(db.doc("sessions/future"), future)
      .set(db.doc("sessions/text"), { expires: { at: "1970" } })
      .set(db.doc("sessions/none"), {})
      .set(db.doc("users/u/sessions/past"), past)
      .set(db.doc("others/past"), past)
      .commit();
    assert.equal((await seen.next()).size, 4);
    assert.equal(await server.sweepExpired(), 2);
    assert.deepEqual(changesOf(await seen.next()), ["removed past"]);
    assert.equal((await db.doc("others/past").get()).exists, true);
    assert.equal((await db.doc("users/u/sessions/past").get()).exists, false);
    seen.stop();
  });

  test("a restored snapshot takes the place of everything, and listeners see it", async () => {
    await db.doc("restored/old").set({ n: 1 });
    const snapshot = JSON.parse(JSON.stringify(server.snapshot()));
    const seen = followQuery(db.collection("restored"));
    assert.equal((await seen.next()).size, 1);
    await db.doc("restored/new").set({ n: 2 });
    await seen.next();
    server.restore(snapshot);
    assert.deepEqual(changesOf(await seen.next()), ["removed new"]);
    seen.stop();
  });
});

test("documents kept in a file are there after a restart, exactly", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "firestore-"));
  const closing: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const close of closing) await close();
    rmSync(directory, { recursive: true });
  });
  const stateFile = join(directory, "documents.json");
  const open = async () => {
    const server = await startFirestore({ stateFile });
    const db = connectFirestore(server.host);
    const close = async () => {
      await db.terminate();
      server.stop();
    };
    closing.push(close);
    return { server, db, close };
  };
  const data = {
    nan: Number.NaN,
    bytes: Buffer.from([0, 1]),
    list: [{ a: null }],
    text: "ü",
    date: new Timestamp(1, 0),
  };

  const first = await open();
  const { writeTime } = await first.db.doc("kept/ü").set(data);
  await first.db.doc("kept/deleted").set(data);
  await first.db.doc("kept/deleted").delete();
  first.server.setTtlPolicy({ database: DATABASE, collectionGroup: "kept", field: "date" });
  await first.close();
  assert.equal(statSync(stateFile).mode & 0o777, 0o600);

  const second = await open();
  const snapshot = await second.db.doc("kept/ü").get();
  assert.deepEqual(snapshot.data(), data);
  assert.ok(snapshot.updateTime?.isEqual(writeTime));
  assert.deepEqual(second.server.documentNames(DATABASE), [`${DATABASE}/documents/kept/ü`]);
  await second.db.doc("kept/ü").update({ text: "x" }, { lastUpdateTime: writeTime });
  assert.equal(await second.server.sweepExpired(), 1);
});

test("a state file that cannot be written is an error at the end, not a crash meanwhile", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "firestore-"));
  const server = await startFirestore({ stateFile: join(directory, "documents.json") });
  t.after(() => assert.throws(server.stop, { code: "ENOENT" }));
  rmSync(directory, { recursive: true });
  const db = connectFirestore(server.host);
  t.after(() => db.terminate());
  await db.doc("kept/one").set({ n: 1 });
  await delay(300);
  assert.equal((await db.doc("kept/one").get()).get("n"), 1);
});
