import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { FieldPath, FieldValue, type Firestore, GeoPoint, Timestamp } from "@google-cloud/firestore";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { connectFirestore, withCode } from "../support/google-clients.ts";

describe("documents of the Firestore stand-in", () => {
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

  test("every type of value comes back as it went in", async () => {
    const ref = db.doc("types/all");
    const data = {
      null: null,
      yes: true,
      no: false,
      zero: 0,
      integer: 9007199254740991,
      negative: -5,
      double: 1.5,
      nan: Number.NaN,
      infinity: Number.NEGATIVE_INFINITY,
      time: new Timestamp(1_700_000_000, 123_456_000),
      empty: "",
      text: "zwölf \u{1F600} \u0000",
      bytes: Buffer.from([0, 255]),
      reference: db.doc("types/other"),
      point: new GeoPoint(-12.5, 170),
      list: [1, "two", { three: 3 }, null],
      emptyList: [],
      map: { "a.b": 1, "`": { deep: [] } },
      emptyMap: {},
    };
    await ref.set(data);
    const read = (await ref.get()).data();
    assert.deepEqual(read, data);
    assert.ok(read?.reference.isEqual(data.reference));
  });

  test("times are cut to microseconds", async () => {
    const ref = db.doc("types/time");
    await ref.set({ time: new Timestamp(1, 123_456_789) });
    assert.equal((await ref.get()).get("time").nanoseconds, 123_456_000);
  });

  test("create() refuses a document that exists, and update() one that does not", async () => {
    const ref = db.collection("preconditions").doc();
    await assert.rejects(ref.update({ a: 1 }), withCode(5));
    assert.equal((await ref.get()).exists, false);
    await ref.create({ a: 1 });
    await assert.rejects(ref.create({ a: 2 }), withCode(6));
    assert.deepEqual((await ref.get()).data(), { a: 1 });
    await assert.rejects(db.doc("preconditions/none").delete({ exists: true }), withCode(5));
    await db.doc("preconditions/none").delete();
  });

  test("of two clients that read, then write on the update time, one is refused", async () => {
    const other = connectFirestore(server.host);
    const ref = db.doc("preconditions/read-modify-write");
    await ref.set({ count: 0 });
    const [one, two] = await Promise.all([ref.get(), other.doc(ref.path).get()]);
    const lastUpdateTime = one.updateTime ?? Timestamp.now();
    assert.ok(two.updateTime?.isEqual(lastUpdateTime));
    const results = await Promise.allSettled([
      ref.update({ count: 1, by: "one" }, { lastUpdateTime }),
      other.doc(ref.path).update({ count: 1, by: "two" }, { lastUpdateTime }),
    ]);
    assert.deepEqual(results.map((result) => result.status).sort(), ["fulfilled", "rejected"]);
    const refused = results.find((result) => result.status === "rejected");
    assert.equal(refused?.reason.code, 9);
    await assert.rejects(ref.delete({ lastUpdateTime }), withCode(9));
    await ref.delete({ lastUpdateTime: (await ref.get()).updateTime ?? lastUpdateTime });
    await assert.rejects(ref.delete({ lastUpdateTime }), withCode(9));
    await other.terminate();
  });

  test("update times rise strictly, by microseconds, and stay when nothing changes", async () => {
    const ref = db.doc("times/one");
    let last = (await ref.set({ n: -1 })).writeTime;
    for (let n = 0; n < 50; n += 1) {
      const { writeTime } = await ref.set({ n });
      assert.ok(writeTime.valueOf() > last.valueOf());
      assert.equal(writeTime.nanoseconds % 1000, 0);
      last = writeTime;
    }
    const unchanged = await ref.set({ n: 49 });
    assert.ok(unchanged.writeTime.isEqual(last));
    assert.ok((await ref.get()).updateTime?.isEqual(last));
    assert.ok((await ref.get()).createTime?.toMillis());
  });

  test("a document keeps its creation time until it is deleted", async () => {
    const ref = db.doc("times/created");
    await ref.set({ n: 1 });
    const created = (await ref.get()).createTime;
    await ref.set({ n: 2 });
    assert.ok(created && (await ref.get()).createTime?.isEqual(created));
    await ref.delete();
    await ref.set({ n: 3 });
    assert.ok(((await ref.get()).createTime?.valueOf() ?? "") > created.valueOf());
  });

  test("update() reaches into maps, leaves the rest, and deletes fields", async () => {
    const ref = db.doc("masks/one");
    await ref.set({ a: { b: 1, c: 2 }, d: 3, gone: 4 });
    await ref.update({ "a.b": 10, "x.y.z": true, gone: FieldValue.delete(), "a.never": FieldValue.delete() });
    assert.deepEqual((await ref.get()).data(), { a: { b: 10, c: 2 }, d: 3, x: { y: { z: true } } });
    await ref.update({ a: { only: 1 } });
    assert.deepEqual((await ref.get()).get("a"), { only: 1 });
    await ref.update({ "d.e": 1 });
    assert.deepEqual((await ref.get()).get("d"), { e: 1 });
  });

  test("set() with merge keeps other fields, and makes the document", async () => {
    const ref = db.doc("masks/merge");
    await ref.set({ a: { b: 1 } }, { merge: true });
    await ref.set({ a: { c: 2 }, list: [1] }, { merge: true });
    assert.deepEqual((await ref.get()).data(), { a: { b: 1, c: 2 }, list: [1] });
    await ref.set({ a: { b: 5, c: 5 }, list: [] }, { mergeFields: ["a.c"] });
    assert.deepEqual((await ref.get()).data(), { a: { b: 1, c: 5 }, list: [1] });
    await ref.set({ a: {} }, { merge: true });
    assert.deepEqual((await ref.get()).get("a"), {});
  });

  test("field names may hold dots, quotes, backslashes and Unicode", async () => {
    const ref = db.doc("masks/names");
    const names = [
      "a.b",
      "`tick`",
      "back\\slash",
      "with space",
      "ключ",
      "1st",
      "'\"",
      "\u{1F600}",
      "-",
      "~*/[]",
    ];
    await ref.set(Object.fromEntries(names.map((name) => [name, { [name]: 1 }])));
    for (const name of names) await ref.update(new FieldPath(name, name), 2);
    await ref.update(new FieldPath("a.b", "added.too"), 3);
    const data = (await ref.get()).data() ?? {};
    for (const name of names) assert.equal(data[name][name], 2, name);
    assert.deepEqual(data["a.b"], { "a.b": 2, "added.too": 3 });
    assert.equal((await ref.get()).get(new FieldPath("`tick`", "`tick`")), 2);
    const [masked] = await db.getAll(ref, { fieldMask: [new FieldPath("a.b", "added.too"), "ключ"] });
    assert.deepEqual(masked?.data(), { "a.b": { "added.too": 3 }, ключ: { ключ: 2 } });
    const found = await db.collection("masks").where(new FieldPath("a.b", "added.too"), "==", 3).get();
    assert.equal(found.size, 1);
  });

  test("increments, minima, maxima and array transforms act on what is stored", async () => {
    const ref = db.doc("transforms/one");
    await ref.set({ n: 1, d: 1.5, s: "text", list: [1, "a", { k: [1] }], big: 9007199254740991 });
    await ref.update({
      n: FieldValue.increment(2),
      d: FieldValue.increment(1),
      s: FieldValue.increment(7),
      fresh: FieldValue.increment(-1.5),
      list: FieldValue.arrayUnion("a", 1, "b", { k: [1] }, "b"),
      made: FieldValue.arrayUnion(1, 1),
      big: FieldValue.increment(Number.MAX_SAFE_INTEGER),
    });
    const data = (await ref.get()).data();
    assert.deepEqual(data, {
      n: 3,
      d: 2.5,
      s: 7,
      fresh: -1.5,
      list: [1, "a", { k: [1] }, "b"],
      made: [1],
      big: 18014398509481982,
    });
    await ref.update({ list: FieldValue.arrayRemove(1, { k: [1] }, "none"), s: FieldValue.arrayRemove("x") });
    assert.deepEqual((await ref.get()).get("list"), ["a", "b"]);
    assert.deepEqual((await ref.get()).get("s"), []);
    await Promise.all(Array.from({ length: 40 }, () => ref.update({ n: FieldValue.increment(1) })));
    assert.equal((await ref.get()).get("n"), 43);
  });

  test("integers saturate instead of overflowing", async () => {
    const exact = connectFirestore(server.host);
    exact.settings({ useBigInt: true });
    const ref = exact.doc("transforms/saturated");
    await ref.set({ n: 2n ** 63n - 2n });
    await ref.update({ n: FieldValue.increment(5) });
    assert.equal((await ref.get()).get("n"), 2n ** 63n - 1n);
    await exact.terminate();
  });

  test("a server timestamp is the time of the commit, also in a new document and inside maps", async () => {
    const ref = db.doc("transforms/time");
    const { writeTime } = await ref.set({
      at: FieldValue.serverTimestamp(),
      in: { at: FieldValue.serverTimestamp() },
    });
    const snapshot = await ref.get();
    assert.ok(snapshot.get("at").isEqual(snapshot.get("in.at")));
    assert.ok(Math.abs(snapshot.get("at").toMillis() - writeTime.toMillis()) <= 1);
    assert.ok(Math.abs(Date.now() - writeTime.toMillis()) < 5000);
  });

  test("a batch is all or nothing", async () => {
    await db.doc("batches/there").set({ n: 0 });
    const batch = db.batch();
    batch.set(db.doc("batches/new"), { n: 1 });
    batch.update(db.doc("batches/there"), { n: 1 });
    batch.create(db.doc("batches/there"), { n: 2 });
    await assert.rejects(batch.commit(), withCode(6));
    assert.equal((await db.doc("batches/new").get()).exists, false);
    assert.deepEqual((await db.doc("batches/there").get()).data(), { n: 0 });
  });

  test("writes of a batch build on each other and share one time", async () => {
    const ref = db.doc("batches/steps");
    const results = await db
      .batch()
      .create(ref, { list: [] })
      .update(ref, { list: FieldValue.arrayUnion(1) })
      .update(ref, { list: FieldValue.arrayUnion(2), n: FieldValue.increment(1) })
      .set(db.doc("batches/other"), {})
      .commit();
    assert.deepEqual((await ref.get()).data(), { list: [1, 2], n: 1 });
    assert.ok(results[0]?.writeTime.isEqual(results[3]?.writeTime ?? Timestamp.now()));
  });

  test("a batch may hold more than 500 writes", async () => {
    const batch = db.batch();
    for (let n = 0; n < 700; n += 1) batch.set(db.doc(`many/${n}`), { n });
    await batch.commit();
    assert.equal((await db.collection("many").count().get()).data().count, 700);
  });

  test("a document over 1 MiB is refused, one just under is taken", async () => {
    const ref = db.doc("sizes/one");
    await assert.rejects(ref.set({ text: "x".repeat(1024 * 1024) }), withCode(3));
    await ref.set({ text: "x".repeat(1_048_576 - 200) });
    await assert.rejects(ref.update({ more: "x".repeat(200) }), withCode(3));
    await assert.rejects(ref.set({ text: "ü".repeat(600_000) }), withCode(3));
    assert.equal((await ref.get()).get("text").length, 1_048_376);
  });

  test("a request over 10 MiB is refused", async () => {
    const batch = db.batch();
    for (let n = 0; n < 13; n += 1) batch.set(db.doc(`sizes/big-${n}`), { text: "x".repeat(1_000_000) });
    await assert.rejects(batch.commit(), withCode(3));
  });

  test("maps may be 20 deep, and no deeper", async () => {
    const nest = (depth: number): unknown => (depth === 0 ? 1 : { a: nest(depth - 1) });
    await db.doc("sizes/deep").set({ a: nest(19) });
    await assert.rejects(db.doc("sizes/deep").set({ a: nest(20) }), withCode(3));
  });

  test("ids may be anything of 1,500 bytes without a slash, and reserved ones are refused", async () => {
    const ids = [
      "ü".repeat(750),
      "with space",
      "a:b@c.d",
      "日本語",
      "%2F",
      "\u{1F600}",
      "`",
      "...",
      "__",
      "__a",
    ];
    for (const id of ids) await db.collection("ids").doc(id).set({ id });
    const found = await db.collection("ids").get();
    assert.deepEqual(new Set(found.docs.map((document) => document.id)), new Set(ids));
    for (const document of found.docs) assert.equal(document.get("id"), document.id);
    for (const id of ["x".repeat(1501), "__name__", "____", ".", ".."]) {
      await assert.rejects(db.collection("ids").doc(id).set({}), withCode(3), id);
      await assert.rejects(db.collection(id).doc("x").set({}), withCode(3), id);
    }
    await assert.rejects(db.doc("ids/field").set({ __reserved__: 1 }), withCode(3));
  });

  test("sub-collections live without their parent and are listed", async () => {
    const parent = db.doc("parents/missing");
    await parent.collection("children").doc("one").set({ n: 1 });
    await parent.collection("others").doc("two").set({ n: 2 });
    await db.doc("parents/there").set({});
    assert.equal((await parent.get()).exists, false);
    assert.equal((await db.collection("parents").get()).size, 1);
    const listed = await db.collection("parents").listDocuments();
    assert.deepEqual(listed.map((ref) => ref.id).sort(), ["missing", "there"]);
    const collections = await parent.listCollections();
    assert.deepEqual(
      collections.map((collection) => collection.id),
      ["children", "others"],
    );
    assert.ok((await db.listCollections()).some((collection) => collection.id === "parents"));
    assert.deepEqual(await db.doc("parents/none").listCollections(), []);
  });

  test("recursiveDelete() removes a tree and nothing beside it", async () => {
    for (const path of ["tree/a", "tree/a/b/c", "tree/a/b/c/d/e", "tree/missing/b/c", "tree2/a", "tre/a"]) {
      await db.doc(path).set({ path });
    }
    await db.recursiveDelete(db.doc("tree/a"));
    const left = async () => (await db.collectionGroup("b").get()).docs.map((document) => document.ref.path);
    assert.deepEqual(await left(), ["tree/missing/b/c"]);
    await db.recursiveDelete(db.collection("tree"));
    assert.deepEqual(await left(), []);
    assert.deepEqual(await db.collection("tree").listDocuments(), []);
    assert.equal((await db.doc("tree2/a").get()).exists, true);
    assert.equal((await db.doc("tre/a").get()).exists, true);
  });

  test("bulkWriter() does what can be done and reports what cannot", async () => {
    const writer = db.bulkWriter();
    await db.doc("bulk/there").set({ n: 0 });
    const failures: number[] = [];
    writer.onWriteError((error) => {
      failures.push(error.code);
      return false;
    });
    const ignore = () => {};
    for (let n = 0; n < 120; n += 1) void writer.set(db.doc(`bulk/${n}`), { n });
    writer.create(db.doc("bulk/there"), { n: 1 }).catch(ignore);
    writer.update(db.doc("bulk/none"), { n: 1 }).catch(ignore);
    await writer.close();
    assert.deepEqual(failures.sort(), [5, 6]);
    assert.equal((await db.collection("bulk").count().get()).data().count, 121);
  });

  test("projects and databases are kept apart", async () => {
    const others = [
      connectFirestore(server.host, { projectId: "other-project" }),
      connectFirestore(server.host, { databaseId: "named" }),
    ];
    await db.doc("apart/one").set({ where: "default" });
    for (const other of others) {
      assert.equal((await other.doc("apart/one").get()).exists, false);
      await other.doc("apart/one").set({ where: "other" });
      assert.equal((await other.collection("apart").get()).size, 1);
      await other.terminate();
    }
    assert.equal((await db.doc("apart/one").get()).get("where"), "default");
  });

  test("getAll() answers for each document in order, also missing and repeated ones", async () => {
    await db.doc("all/a").set({ n: 1 });
    const snapshots = await db.getAll(db.doc("all/b"), db.doc("all/a"), db.doc("all/b"));
    assert.deepEqual(
      snapshots.map((snapshot) => [snapshot.id, snapshot.exists]),
      [
        ["b", false],
        ["a", true],
        ["b", false],
      ],
    );
  });
});

test("update times rise by a microsecond where the clock stands still", async (t) => {
  const server = await startFirestore({ now: () => 1_700_000_000_000 });
  t.after(server.stop);
  const db = connectFirestore(server.host);
  t.after(() => db.terminate());
  const times: number[] = [];
  for (let n = 0; n < 3; n += 1) times.push((await db.doc("still/one").set({ n })).writeTime.nanoseconds);
  assert.deepEqual(times, [0, 1000, 2000]);
});
