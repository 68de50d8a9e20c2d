import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeScope, includes } from "../../src/domain/scope.ts";
import type { Instance, Target } from "../../src/domain/target.ts";
import { createPauses } from "../../src/postgres/pauses.ts";

const instance: Instance = { project: "p", region: "europe-west1", instance: "i" };
const other: Instance = { ...instance, instance: "other" };
const a: Target = { ...instance, database: "a" };
/** A slash in a database's name does not make it part of another. */
const aSlash: Target = { ...instance, database: "a/b" };

describe("a scope", () => {
  it("includes itself and what lies in it", () => {
    assert.deepEqual(
      [includes("everything", "everything"), includes("everything", instance), includes(instance, a)],
      [true, true, true],
    );
    assert.deepEqual(
      [includes(a, a), includes(a, aSlash), includes(a, instance), includes(instance, "everything")],
      [true, false, false, false],
    );
    assert.equal(includes(other, a), false);
  });

  it("has words for people", () => {
    assert.equal(describeScope("everything"), "everything");
    assert.equal(describeScope(instance), "p:europe-west1:i");
    assert.equal(describeScope(a), "the database a on p:europe-west1:i");
  });
});

describe("pauses", () => {
  it("hold for what they were asked for, and for nothing else", () => {
    const pauses = createPauses();
    pauses.pause(a);
    pauses.pause(a);
    assert.deepEqual([pauses.holds(a), pauses.holds(aSlash)], [true, false]);
    assert.equal(pauses.list().length, 1);
    pauses.pause(other);
    assert.equal(pauses.holds({ ...other, database: "any" }), true);
  });

  it("end with a resume of the same or of something wider, not of something narrower", () => {
    const pauses = createPauses();
    pauses.pause(instance);
    pauses.pause(a);
    pauses.resume(a);
    assert.equal(pauses.holds(a), true);
    pauses.pause(a);
    pauses.resume(instance);
    assert.equal(pauses.holds(a), false);
    pauses.pause("everything");
    pauses.resume(instance);
    assert.equal(pauses.holds(a), true);
    pauses.resume("everything");
    assert.deepEqual([pauses.holds(a), pauses.list()], [false, []]);
  });
});
