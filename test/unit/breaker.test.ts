import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBreaker } from "../../src/postgres/breaker.ts";
import { createFakeClock } from "../support/fake-clock.ts";

function makeBreaker(threshold = 5) {
  const clock = createFakeClock();
  return { clock, breaker: createBreaker({ settings: { threshold, resetMs: 60_000 }, clock }) };
}

function fail(breaker: ReturnType<typeof makeBreaker>["breaker"], times: number) {
  for (let i = 0; i < times; i++) {
    assert.equal(breaker.admit(), 0);
    breaker.failed();
  }
}

describe("the breaker", () => {
  it("stays closed below its threshold of consecutive failures", () => {
    const { breaker } = makeBreaker();
    fail(breaker, 4);
    assert.equal(breaker.refusedForMs(), 0);
    assert.equal(breaker.admit(), 0);
  });

  it("starts counting again after a success", () => {
    const { breaker } = makeBreaker();
    fail(breaker, 4);
    assert.equal(breaker.isQuiet(), false);
    breaker.succeeded();
    assert.equal(breaker.isQuiet(), true);
    fail(breaker, 4);
    assert.equal(breaker.admit(), 0);
  });

  it("refuses for the reset time once the threshold is reached", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    assert.equal(breaker.admit(), 60_000);
    clock.advance(45_000);
    assert.equal(breaker.refusedForMs(), 15_000);
  });

  it("says since when it is open, however many probes failed meanwhile, and nothing once it closed", () => {
    const { breaker, clock } = makeBreaker();
    clock.advance(10);
    fail(breaker, 4);
    assert.equal(breaker.openSince(), undefined);
    fail(breaker, 1);
    clock.advance(60_000);
    fail(breaker, 1);
    assert.equal(breaker.openSince(), 10);
    breaker.succeeded();
    assert.equal(breaker.openSince(), undefined);
  });

  it("lets exactly one probe through when the time is over", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    assert.equal(breaker.refusedForMs(), 0);
    assert.equal(breaker.admit(), 0);
    assert.ok(breaker.admit() > 0);
  });

  it("closes when the probe succeeds", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    breaker.admit();
    breaker.succeeded();
    assert.equal(breaker.admit(), 0);
    assert.equal(breaker.admit(), 0);
  });

  it("admits attempts at once when it is reset", () => {
    const { breaker } = makeBreaker();
    fail(breaker, 5);
    breaker.reset();
    assert.deepEqual([breaker.admit(), breaker.isQuiet()], [0, true]);
    fail(breaker, 4);
    assert.equal(breaker.refusedForMs(), 0);
  });

  it("opens again for the whole time when the probe fails", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    breaker.admit();
    breaker.failed();
    assert.equal(breaker.admit(), 60_000);
  });

  it("admits another probe after one that decided nothing", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    breaker.admit();
    breaker.undecided();
    assert.equal(breaker.admit(), 0);
  });

  it("refuses for less when the failure says that it will pass, and never for more", () => {
    const { breaker } = makeBreaker(1);
    breaker.failed(5_000);
    assert.equal(breaker.refusedForMs(), 5_000);
    breaker.reset();
    breaker.failed(90_000);
    assert.equal(breaker.refusedForMs(), 60_000);
  });

  it("follows its settings when they change", () => {
    const settings = { threshold: 5, resetMs: 60_000 };
    const breaker = createBreaker({ settings, clock: createFakeClock() });
    fail(breaker, 2);
    Object.assign(settings, { threshold: 3, resetMs: 7_000 });
    fail(breaker, 1);
    assert.equal(breaker.admit(), 7_000);
  });
});
