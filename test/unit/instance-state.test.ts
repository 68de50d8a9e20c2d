import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBudget } from "../../src/postgres/budget.ts";
import { capForNow, createInstanceState, raiseCapIfDue } from "../../src/postgres/instance-state.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { testPoolSettings } from "../support/pools.ts";

function makeCapped(open: number, instanceLimit: number) {
  const clock = createFakeClock();
  const budget = createBudget({
    totalLimit: () => 100,
    instanceLimit: () => instanceLimit,
    reclaim: () => false,
  });
  for (let i = 0; i < open; i++) {
    assert.ok(budget.take("db", true));
    budget.connected("db");
  }
  const state = createInstanceState("db", testPoolSettings, clock);
  capForNow(state, budget, clock);
  const limitAfter = (ms: number): number => {
    clock.advance(ms);
    raiseCapIfDue(state, budget, clock);
    return budget.limit("db");
  };
  return { clock, budget, state, limitAfter };
}

describe("an instance that had no connection to spare", () => {
  it("is used with those that it has for a while, and then grows one by one", () => {
    const { limitAfter } = makeCapped(3, 8);
    assert.deepEqual([limitAfter(0), limitAfter(29_999), limitAfter(1)], [3, 3, 4]);
    assert.deepEqual([limitAfter(1_999), limitAfter(1), limitAfter(2_000)], [4, 5, 6]);
  });

  it("is forgotten as such when it has grown to its limit, however long nobody looked", () => {
    const { limitAfter, state } = makeCapped(3, 8);
    assert.equal(limitAfter(32_000), 5);
    assert.equal(limitAfter(600_000), 8);
    assert.equal(state.cap, undefined);
  });

  it("stays as small as it is when the next one is refused too", () => {
    const { clock, budget, state, limitAfter } = makeCapped(3, 8);
    assert.equal(limitAfter(30_000), 4);
    capForNow(state, budget, clock);
    assert.deepEqual([budget.limit("db"), limitAfter(29_000), limitAfter(1_000)], [3, 3, 4]);
  });

  it("keeps one even when it had none", () => {
    const { budget } = makeCapped(0, 8);
    assert.equal(budget.limit("db"), 1);
  });
});
