import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  AggregateField,
  type DocumentData,
  FieldPath,
  Filter,
  type Firestore,
  GeoPoint,
  type Query,
  Timestamp,
} from "@google-cloud/firestore";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { connectFirestore, withCode } from "../support/google-clients.ts";

async function idsOf(query: Query): Promise<string[]> {
  return (await query.get()).docs.map((document) => document.id);
}

describe("queries of the Firestore stand-in", () => {
  let server: FirestoreServer;
  let db: Firestore;

  before(async () => {
    server = await startFirestore();
    db = connectFirestore(server.host);
    await fill("cities", {
      ams: { country: "nl", population: 900, tags: ["port", "canal"], mayor: { name: "f" } },
      ber: { country: "de", population: 3700, tags: ["wall"], capital: true },
      ham: { country: "de", population: 1800, tags: ["port"], capital: false },
      par: { country: "fr", population: 2100, tags: [], capital: true },
      rom: { country: "it", population: 2100, capital: null },
      ulm: { country: "de" },
    });
  });
  after(async () => {
    await db.terminate();
    server.stop();
  });

  async function fill(collection: string, documents: Record<string, DocumentData>): Promise<void> {
    const batch = db.batch();
    for (const [id, data] of Object.entries(documents)) batch.set(db.collection(collection).doc(id), data);
    await batch.commit();
  }

  test("filters compare within one type, and a missing field matches nothing", async () => {
    const cities = db.collection("cities");
    assert.deepEqual(await idsOf(cities.where("country", "==", "de")), ["ber", "ham", "ulm"]);
    assert.deepEqual(await idsOf(cities.where("population", ">", 1800)), ["par", "rom", "ber"]);
    assert.deepEqual(await idsOf(cities.where("population", ">=", 1800).where("population", "<", 3700)), [
      "ham",
      "par",
      "rom",
    ]);
    assert.deepEqual(await idsOf(cities.where("population", ">", "1")), []);
    assert.deepEqual(await idsOf(cities.where("country", "!=", "de")), ["par", "rom", "ams"]);
    assert.deepEqual(await idsOf(cities.where("mayor.name", "==", "f")), ["ams"]);
    assert.deepEqual(await idsOf(cities.where("mayor", "==", { name: "f" })), ["ams"]);
  });

  test("in, not-in and the array filters", async () => {
    const cities = db.collection("cities");
    assert.deepEqual(await idsOf(cities.where("country", "in", ["fr", "nl", "xx"])), ["ams", "par"]);
    assert.deepEqual(await idsOf(cities.where("country", "not-in", ["de", "it"])), ["par", "ams"]);
    assert.deepEqual(await idsOf(cities.where("capital", "not-in", [false])), ["ber", "par"]);
    assert.deepEqual(await idsOf(cities.where("tags", "array-contains", "port")), ["ams", "ham"]);
    assert.deepEqual(await idsOf(cities.where("tags", "array-contains-any", ["wall", "canal"])), [
      "ams",
      "ber",
    ]);
    const many = Array.from({ length: 31 }, (_, n) => n);
    await assert.rejects(cities.where("population", "in", many).get(), withCode(3));
    await assert.rejects(cities.where("population", "not-in", many.slice(20)).get(), withCode(3));
  });

  test("null and NaN have filters of their own", async () => {
    await fill("odd", {
      nan: { n: Number.NaN },
      null: { n: null },
      one: { n: 1 },
      text: { n: "x" },
      none: {},
    });
    const odd = db.collection("odd");
    assert.deepEqual(await idsOf(odd.where("n", "==", null)), ["null"]);
    assert.deepEqual(await idsOf(odd.where("n", "==", Number.NaN)), ["nan"]);
    assert.deepEqual(await idsOf(odd.where("n", "!=", null)), ["nan", "one", "text"]);
    assert.deepEqual(await idsOf(odd.where("n", "!=", Number.NaN)), ["one", "text"]);
  });

  test("and, or and their nesting", async () => {
    const cities = db.collection("cities");
    const either = Filter.or(Filter.where("country", "==", "fr"), Filter.where("capital", "==", false));
    assert.deepEqual(await idsOf(cities.where(either)), ["ham", "par"]);
    const both = Filter.and(either, Filter.where("population", "==", 2100));
    assert.deepEqual(await idsOf(cities.where(both)), ["par"]);
    const nested = Filter.or(
      both,
      Filter.and(Filter.where("country", "==", "de"), Filter.where("capital", "==", true)),
    );
    assert.deepEqual(await idsOf(cities.where(nested)), ["ber", "par"]);
  });

  test("orders go by field, then by name in the direction of the last, and leave out documents without the field", async () => {
    const cities = db.collection("cities");
    assert.deepEqual(await idsOf(cities), ["ams", "ber", "ham", "par", "rom", "ulm"]);
    assert.deepEqual(await idsOf(cities.orderBy("population")), ["ams", "ham", "par", "rom", "ber"]);
    assert.deepEqual(await idsOf(cities.orderBy("population", "desc")), ["ber", "rom", "par", "ham", "ams"]);
    assert.deepEqual(await idsOf(cities.orderBy("country", "desc").orderBy("population")), [
      "ams",
      "rom",
      "par",
      "ham",
      "ber",
    ]);
    assert.deepEqual(await idsOf(cities.orderBy(FieldPath.documentId(), "desc").limit(2)), ["ulm", "rom"]);
    assert.deepEqual(
      await idsOf(
        cities.where("population", ">", 1000).where("country", ">", "a").orderBy("population", "desc"),
      ),
      ["ber", "rom", "par", "ham"],
    );
  });

  test("values of all types have one order", async () => {
    const ordered: unknown[] = [
      null,
      false,
      true,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      -1.5,
      0,
      1,
      1.5,
      2,
      Number.POSITIVE_INFINITY,
      new Timestamp(1, 1000),
      new Timestamp(1, 2000),
      "",
      "A",
      "a",
      "a\u0000",
      "é",
      "\uffee",
      "\u{10000}",
      Buffer.from([]),
      Buffer.from([0]),
      Buffer.from([0, 1]),
      Buffer.from([255]),
      db.doc("a/b"),
      db.doc("a/b/a/b"),
      db.doc("a/c"),
      new GeoPoint(-1, 5),
      new GeoPoint(1, -5),
      new GeoPoint(1, 5),
      [],
      [1],
      [1, 1],
      [2],
      ["a"],
      {},
      { a: 1 },
      { a: 1, b: 1 },
      { a: 2 },
      { b: 0 },
    ];
    const shuffled = ordered
      .map((value, at) => ({ value, at }))
      .sort((a, b) => ((a.at * 7) % 41) - ((b.at * 7) % 41));
    await fill(
      "ordered",
      Object.fromEntries(
        shuffled.map(({ value, at }, n) => [`d${String(n).padStart(2, "0")}`, { value, at }]),
      ),
    );
    const inOrder = async (query: Query) => (await query.get()).docs.map((document) => document.get("at"));
    const positions = ordered.map((_, at) => at);
    const collection = db.collection("ordered");
    assert.deepEqual(await inOrder(collection.orderBy("value")), positions);
    assert.deepEqual(await inOrder(collection.orderBy("value", "desc")), positions.toReversed());
    const from = (await collection.where("at", "==", 20).get()).docs[0];
    assert.ok(from);
    assert.deepEqual(await inOrder(collection.orderBy("value").startAfter(from)), positions.slice(21));
  });

  test("limit, offset, limitToLast and select", async () => {
    const byPopulation = db.collection("cities").orderBy("population");
    assert.deepEqual(await idsOf(byPopulation.limit(2)), ["ams", "ham"]);
    assert.deepEqual(await idsOf(byPopulation.offset(3)), ["rom", "ber"]);
    assert.deepEqual(await idsOf(byPopulation.offset(1).limit(2)), ["ham", "par"]);
    assert.deepEqual(await idsOf(byPopulation.limitToLast(2)), ["rom", "ber"]);
    assert.deepEqual(await idsOf(byPopulation.startAt(1800).limitToLast(3)), ["par", "rom", "ber"]);
    const selected = await byPopulation.select("country", "mayor.name").limit(1).get();
    assert.deepEqual(selected.docs[0]?.data(), { country: "nl", mayor: { name: "f" } });
    const names = await byPopulation.select().get();
    assert.deepEqual(names.docs[0]?.data(), {});
    assert.equal(names.size, 5);
    assert.equal((await byPopulation.limit(1).offset(10).get()).empty, true);
  });

  test("cursors by values are inclusive or not, as asked", async () => {
    const byPopulation = db.collection("cities").orderBy("population");
    assert.deepEqual(await idsOf(byPopulation.startAt(1800).endAt(2100)), ["ham", "par", "rom"]);
    assert.deepEqual(await idsOf(byPopulation.startAfter(900).endBefore(2100)), ["ham"]);
    const descending = db.collection("cities").orderBy("population", "desc");
    assert.deepEqual(await idsOf(descending.startAfter(2100)), ["ham", "ams"]);
    assert.deepEqual(await idsOf(descending.endAt(2100)), ["ber", "rom", "par"]);
    const byName = db.collection("cities").orderBy(FieldPath.documentId());
    assert.deepEqual(await idsOf(byName.startAt("ham").endBefore("rom")), ["ham", "par"]);
  });

  test("pages that start after the last document of the page before make up the whole", async () => {
    const query = db.collection("cities").where("population", ">", 0).orderBy("population", "desc").limit(2);
    const seen: string[] = [];
    let page = await query.get();
    while (!page.empty) {
      seen.push(...page.docs.map((document) => document.id));
      page = await query.startAfter(page.docs.at(-1)).get();
    }
    assert.deepEqual(seen, ["ber", "rom", "par", "ham", "ams"]);
  });

  test("document names are filtered and compared as paths", async () => {
    const cities = db.collection("cities");
    const name = FieldPath.documentId();
    assert.deepEqual(await idsOf(cities.where(name, "in", ["ams", "ulm", "none"])), ["ams", "ulm"]);
    assert.deepEqual(await idsOf(cities.where(name, ">", "par")), ["rom", "ulm"]);
    assert.deepEqual(await idsOf(cities.where(name, "==", "par")), ["par"]);
  });

  test("a collection group is all collections of that id, anywhere below", async () => {
    await db.doc("group/a").set({ n: 1 });
    await db.doc("x/1/group/b").set({ n: 2 });
    await db.doc("x/1/y/2/group/c").set({ n: 3 });
    await db.doc("x/1/groups/d").set({ n: 4 });
    assert.deepEqual(await idsOf(db.collectionGroup("group").orderBy("n")), ["a", "b", "c"]);
    assert.deepEqual(await idsOf(db.collectionGroup("group").where("n", ">", 1)), ["b", "c"]);
    assert.deepEqual(await idsOf(db.collection("group")), ["a"]);
    assert.deepEqual(await idsOf(db.collection("x/1/group")), ["b"]);
    let partitions = 0;
    for await (const partition of db.collectionGroup("group").getPartitions(3)) {
      partitions += 1;
      assert.equal((await partition.toQuery().get()).size, 3);
    }
    assert.equal(partitions, 1);
  });

  test("count, sum and average", async () => {
    const cities = db.collection("cities");
    const all = {
      count: AggregateField.count(),
      sum: AggregateField.sum("population"),
      average: AggregateField.average("population"),
    };
    assert.deepEqual((await cities.aggregate(all).get()).data(), { count: 6, sum: 10_600, average: 2120 });
    const none = await cities.where("country", "==", "xx").aggregate(all).get();
    assert.deepEqual(none.data(), { count: 0, sum: 0, average: null });
    assert.equal((await cities.limit(2).count().get()).data().count, 2);
    await fill("sums", { a: { n: 1 }, b: { n: 0.5 }, c: { n: "text" } });
    const mixed = await db
      .collection("sums")
      .aggregate({ sum: AggregateField.sum("n") })
      .get();
    assert.equal(mixed.data().sum, 1.5);
  });

  test("a query can be streamed", async () => {
    const ids: string[] = [];
    for await (const document of db.collection("cities").where("country", "==", "de").stream()) {
      ids.push((document as unknown as { id: string }).id);
    }
    assert.deepEqual(ids, ["ber", "ham", "ulm"]);
  });

  test("an empty collection is empty, and vector search says that it is not there", async () => {
    assert.equal((await db.collection("nothing").get()).empty, true);
    const nearest = db
      .collection("cities")
      .findNearest({ vectorField: "v", queryVector: [1], limit: 1, distanceMeasure: "EUCLIDEAN" });
    await assert.rejects(nearest.get(), withCode(12));
  });
});
