import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Attempt, type Breaker, createBreaker } from "../../src/postgres/breaker.ts";
import { createFakeClock } from "../support/fake-clock.ts";

function makeBreaker(threshold = 5) {
  const clock = createFakeClock();
  return { clock, breaker: createBreaker({ settings: { threshold, resetMs: 60_000 }, clock }) };
}

function admit(breaker: Breaker): Attempt {
  const attempt = breaker.admit();
  if (typeof attempt === "number") assert.fail(`refused for ${attempt} ms`);
  return attempt;
}

function fail(breaker: Breaker, times: number) {
  for (let i = 0; i < times; i++) admit(breaker).failed();
}

describe("the breaker", () => {
  it("stays closed below its threshold of consecutive failures", () => {
    const { breaker } = makeBreaker();
    fail(breaker, 4);
    assert.equal(breaker.refusedForMs(), 0);
    admit(breaker);
  });

  it("starts counting again after a success", () => {
    const { breaker } = makeBreaker();
    fail(breaker, 4);
    assert.equal(breaker.isQuiet(), false);
    admit(breaker).succeeded();
    assert.equal(breaker.isQuiet(), true);
    fail(breaker, 4);
    admit(breaker);
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
    clock.advance(60_000);
    admit(breaker).succeeded();
    assert.equal(breaker.openSince(), undefined);
  });

  it("lets exactly one probe through when the time is over", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    assert.equal(breaker.refusedForMs(), 0);
    admit(breaker);
    assert.equal(breaker.admit(), 1_000);
  });

  it("lets no other through for what becomes of an attempt from before it opened", () => {
    const { breaker, clock } = makeBreaker();
    const [undecided, failing] = [admit(breaker), admit(breaker)];
    fail(breaker, 5);
    clock.advance(60_000);
    const probe = admit(breaker);
    undecided.undecided();
    assert.equal(breaker.admit(), 1_000);
    failing.failed();
    clock.advance(60_000);
    assert.equal(breaker.admit(), 1_000);
    probe.succeeded();
    admit(breaker);
  });

  it("takes the first that is said of an attempt", () => {
    const { breaker } = makeBreaker(1);
    const attempt = admit(breaker);
    attempt.succeeded();
    attempt.failed();
    admit(breaker);
  });

  it("closes when the probe succeeds", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    admit(breaker).succeeded();
    admit(breaker);
    admit(breaker);
  });

  it("admits attempts at once when it is reset", () => {
    const { breaker } = makeBreaker();
    fail(breaker, 5);
    breaker.reset();
    admit(breaker);
    assert.equal(breaker.isQuiet(), true);
    fail(breaker, 4);
    assert.equal(breaker.refusedForMs(), 0);
  });

  it("opens again for the whole time when the probe fails", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    admit(breaker).failed();
    assert.equal(breaker.admit(), 60_000);
  });

  it("admits another probe after one that decided nothing", () => {
    const { breaker, clock } = makeBreaker();
    fail(breaker, 5);
    clock.advance(60_000);
    admit(breaker).undecided();
    admit(breaker);
  });

  it("refuses for less when the failure says that it will pass, and never for more", () => {
    const { breaker } = makeBreaker(1);
    admit(breaker).failed(5_000);
    assert.equal(breaker.refusedForMs(), 5_000);
    breaker.reset();
    admit(breaker).failed(90_000);
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
