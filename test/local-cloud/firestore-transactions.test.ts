import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FieldValue, type Firestore, Timestamp } from "@google-cloud/firestore";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { connectFirestore, withCode } from "../support/google-clients.ts";

/** Resolves for all when `count` have arrived. */
function createBarrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived === count) resolve();
    return promise;
  };
}

describe("transactions of the Firestore stand-in", () => {
  let server: FirestoreServer;
  let db: Firestore;
  let other: Firestore;

  before(async () => {
    server = await startFirestore({ lockWaitMs: 4_000 });
    db = connectFirestore(server.host);
    other = connectFirestore(server.host);
  });
  afterEach(() => server.faults.clear());
  after(async () => {
    await db.terminate();
    await other.terminate();
    server.stop();
  });

  test("50 simultaneous transactions that increment one counter end at 50", async () => {
    const path = "counters/one";
    await db.doc(path).set({ n: 0 });
    let attempts = 0;
    const increment = (client: Firestore) =>
      client.runTransaction(
        async (transaction) => {
          attempts += 1;
          const n = (await transaction.get(client.doc(path))).get("n");
          transaction.update(client.doc(path), { n: n + 1 });
        },
        // The last of them waits for all the others, and on a busy machine more than once for as long as it may.
        { maxAttempts: 50 },
      );
    await Promise.all(Array.from({ length: 50 }, (_, index) => increment(index % 2 ? db : other)));
    assert.equal((await db.doc(path).get()).get("n"), 50);
    assert.ok(attempts >= 50);
  });

  test("a document that does not exist is made once by 20 transactions that all want to make it", async () => {
    const ref = db.doc("counters/made");
    await Promise.all(
      Array.from({ length: 20 }, () =>
        db.runTransaction(async (transaction) => {
          const snapshot = await transaction.get(ref);
          if (snapshot.exists) transaction.update(ref, { n: FieldValue.increment(1) });
          else transaction.create(ref, { n: 1 });
        }),
      ),
    );
    assert.equal((await ref.get()).get("n"), 20);
  });

  test("a write from outside waits for the transaction that has read the document", async () => {
    const ref = db.doc("locks/one");
    await ref.set({ n: 0 });
    const order: string[] = [];
    let outside: Promise<unknown> = Promise.resolve();
    await db.runTransaction(async (transaction) => {
      const n = (await transaction.get(ref)).get("n");
      outside = other
        .doc(ref.path)
        .update({ n: FieldValue.increment(10) })
        .then(() => order.push("outside"));
      // A read from outside does not wait.
      assert.equal((await other.doc(ref.path).get()).get("n"), 0);
      transaction.update(ref, { n: n + 1 });
      order.push("committing");
    });
    await outside;
    assert.deepEqual(order, ["committing", "outside"]);
    assert.equal((await ref.get()).get("n"), 11);
  });

  test("a transaction that fails has changed nothing and holds nothing", async () => {
    const ref = db.doc("locks/failed");
    await ref.set({ n: 0 });
    const failed = db.runTransaction(async (transaction) => {
      await transaction.get(ref);
      transaction.update(ref, { n: 1 });
      throw new Error("on purpose");
    });
    await assert.rejects(failed, /on purpose/);
    assert.equal((await ref.get()).get("n"), 0);
    const start = performance.now();
    await other.doc(ref.path).update({ n: 2 });
    assert.ok(performance.now() - start < 10_000);
  });

  test("a precondition that fails at commit takes back the whole transaction", async () => {
    await db.doc("locks/exists").set({});
    const failed = db.runTransaction(async (transaction) => {
      await transaction.get(db.doc("locks/exists"));
      transaction.set(db.doc("locks/beside"), {});
      transaction.create(db.doc("locks/exists"), {});
    });
    await assert.rejects(failed, withCode(6));
    assert.equal((await db.doc("locks/beside").get()).exists, false);
  });

  test("a query in a transaction holds off documents that would appear in it", async () => {
    const collection = db.collection("phantoms");
    await collection.doc("a").set({ kind: "x", n: 1 });
    const barrier = createBarrier(2);
    // Both want at most one more: without protection of the query both would add theirs.
    const addUnlessTwo = (client: Firestore, id: string) => {
      let attempt = 0;
      return client.runTransaction(async (transaction) => {
        const found = await transaction.get(client.collection("phantoms").where("kind", "==", "x"));
        attempt += 1;
        if (attempt === 1) await barrier();
        if (found.size < 2) transaction.create(client.doc(`phantoms/${id}`), { kind: "x" });
        return found.size;
      });
    };
    const sizes = await Promise.all([addUnlessTwo(db, "b"), addUnlessTwo(other, "c")]);
    assert.deepEqual(sizes.sort(), [1, 2]);
    assert.equal((await collection.where("kind", "==", "x").get()).size, 2);
  });

  test("a query in a transaction does not hold off documents outside it", async () => {
    await db.doc("ranges/a").set({ kind: "x" });
    await db.runTransaction(async (transaction) => {
      await transaction.get(db.collection("ranges").where("kind", "==", "x"));
      await other.doc("ranges/b").set({ kind: "y" });
      await other.doc("elsewhere/b").set({ kind: "x" });
    });
    assert.equal((await db.collection("ranges").get()).size, 2);
  });

  test("a document found by a query in a transaction is locked", async () => {
    const ref = db.doc("ranges/locked");
    await ref.set({ kind: "locked", n: 0 });
    let outside: Promise<unknown> = Promise.resolve();
    await db.runTransaction(async (transaction) => {
      const found = await transaction.get(db.collection("ranges").where("kind", "==", "locked"));
      outside = other.doc(ref.path).update({ n: FieldValue.increment(10) });
      await other.doc("elsewhere/c").set({});
      transaction.update(ref, { n: found.docs[0]?.get("n") + 1 });
    });
    await outside;
    assert.equal((await ref.get()).get("n"), 11);
  });

  test("an aggregation in a transaction is protected like a query", async () => {
    const addUnlessFive = (client: Firestore) =>
      client.runTransaction(async (transaction) => {
        const counted = await transaction.get(client.collection("seats").count());
        if (counted.data().count < 5) transaction.create(client.collection("seats").doc(), {});
      });
    await Promise.all(Array.from({ length: 8 }, (_, index) => addUnlessFive(index % 2 ? db : other)));
    assert.equal((await db.collection("seats").count().get()).data().count, 5);
  });

  test("a read-only transaction sees one moment, and neither waits nor makes others wait", async () => {
    await db.doc("snapshots/a").set({ n: 1 });
    await db.doc("snapshots/b").set({ n: 1 });
    await db.runTransaction(
      async (transaction) => {
        assert.equal((await transaction.get(db.doc("snapshots/a"))).get("n"), 1);
        await other
          .batch()
          .set(other.doc("snapshots/a"), { n: 2 })
          .set(other.doc("snapshots/b"), { n: 2 })
          .commit();
        assert.equal((await transaction.get(db.doc("snapshots/b"))).get("n"), 1);
        const found = await transaction.get(db.collection("snapshots").where("n", "==", 1));
        assert.equal(found.size, 2);
      },
      { readOnly: true },
    );
    assert.equal((await db.doc("snapshots/b").get()).get("n"), 2);
  });

  test("a read at an earlier time sees that time", async () => {
    const ref = db.doc("snapshots/past");
    const { writeTime } = await ref.set({ n: 1 });
    await ref.set({ n: 2 });
    await ref.delete();
    const read = (readTime: Timestamp) =>
      db.runTransaction((transaction) => transaction.get(ref), { readOnly: true, readTime });
    assert.equal((await read(writeTime)).get("n"), 1);
    const before = Timestamp.fromMillis(writeTime.toMillis() - 5);
    assert.equal((await read(before)).exists, false);
    await assert.rejects(read(Timestamp.fromMillis(Date.now() - 2 * 3_600_000)), withCode(9));
  });

  test("contended commits are answered ABORTED, and the client retries", async () => {
    const ref = db.doc("faults/contended");
    await ref.set({ n: 0 });
    server.faults.set({ contendedCommits: 2 });
    let attempts = 0;
    await db.runTransaction(async (transaction) => {
      attempts += 1;
      const n = (await transaction.get(ref)).get("n");
      transaction.update(ref, { n: n + 1 });
    });
    assert.equal(attempts, 3);
    assert.equal((await ref.get()).get("n"), 1);
    server.faults.set({ contendedCommits: 100 });
    await assert.rejects(
      db.runTransaction(async (transaction) => void transaction.set(ref, { n: 9 }), { maxAttempts: 2 }),
      withCode(10),
    );
    server.faults.clear();
    assert.equal((await ref.get()).get("n"), 1);
  });

  test("permission denied and slowness are seen by the client", async () => {
    server.faults.set({ permissionDenied: true });
    await assert.rejects(db.doc("faults/denied").listCollections(), withCode(7));
    await assert.rejects(db.doc("faults/denied").set({}), withCode(7));
    server.faults.set({ permissionDenied: false, slowMs: 150 });
    const start = performance.now();
    await db.doc("faults/denied").get();
    assert.ok(performance.now() - start >= 149);
  });

  test("the client rides out a time of being unavailable", async () => {
    server.faults.set({ unavailable: true });
    const write = db.doc("faults/unavailable").set({ n: 1 });
    const first = await Promise.race([write.then(() => "written"), delay(300, "refused so far")]);
    assert.equal(first, "refused so far");
    server.faults.clear();
    await write;
    assert.equal((await db.doc("faults/unavailable").get()).get("n"), 1);
  });

  test("a transaction whose client has gone does not block the others for good", async () => {
    const ref = db.doc("locks/abandoned");
    await ref.set({ n: 0 });
    const hung = Promise.withResolvers<void>();
    let attempts = 0;
    const abandoned = other.runTransaction(
      async (transaction) => {
        await transaction.get(other.doc(ref.path));
        attempts += 1;
        if (attempts === 1) await hung.promise;
        transaction.update(other.doc(ref.path), { late: true });
      },
      { maxAttempts: 1 },
    );
    while (attempts === 0) await new Promise((resolve) => setImmediate(resolve));
    await ref.update({ n: 1 });
    hung.resolve();
    await assert.rejects(abandoned, withCode(10));
    assert.deepEqual((await ref.get()).data(), { n: 1 });
  });
});

describe("deadlocks in the Firestore stand-in, where nobody is helped by the end of a wait", {
  timeout: 120_000,
}, () => {
  let server: FirestoreServer;
  let db: Firestore;
  let other: Firestore;

  before(async () => {
    server = await startFirestore({ lockWaitMs: 600_000 });
    db = connectFirestore(server.host);
    other = connectFirestore(server.host);
  });
  after(async () => {
    await db.terminate();
    await other.terminate();
    server.stop();
  });

  test("of two transactions that deadlock, both succeed in the end and no update is lost", async () => {
    await db.doc("deadlock/x").set({ n: 0 });
    await db.doc("deadlock/y").set({ n: 0 });
    const barrier = createBarrier(2);
    const attempts = [0, 0];
    const cross = (client: Firestore, index: 0 | 1, first: string, second: string) =>
      client.runTransaction(async (transaction) => {
        attempts[index] = (attempts[index] ?? 0) + 1;
        const one = await transaction.get(client.doc(first));
        if (attempts[index] === 1) await barrier();
        const two = await transaction.get(client.doc(second));
        transaction.update(one.ref, { n: one.get("n") + 1 });
        transaction.update(two.ref, { n: two.get("n") + 1 });
      });
    await Promise.all([
      cross(db, 0, "deadlock/x", "deadlock/y"),
      cross(other, 1, "deadlock/y", "deadlock/x"),
    ]);
    assert.equal((await db.doc("deadlock/x").get()).get("n"), 2);
    assert.equal((await db.doc("deadlock/y").get()).get("n"), 2);
    assert.deepEqual(attempts.sort(), [1, 2]);
  });

  test("two transactions that wait for each other after reading one document do not hang", async () => {
    const path = "deadlock/same";
    await db.doc(path).set({ n: 0 });
    const barrier = createBarrier(2);
    const run = (client: Firestore) => {
      let attempt = 0;
      return client.runTransaction(async (transaction) => {
        const n = (await transaction.get(client.doc(path))).get("n");
        attempt += 1;
        if (attempt === 1) await barrier();
        transaction.update(client.doc(path), { n: n + 1 });
      });
    };
    await Promise.all([run(db), run(other)]);
    assert.equal((await db.doc(path).get()).get("n"), 2);
  });
});
