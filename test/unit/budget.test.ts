import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBudget } from "../../src/postgres/budget.ts";

interface Setup {
  readonly totalLimit?: number;
  readonly instanceLimit?: number;
  /** Idle connections by instance, for the budget to close. */
  readonly idle?: Record<string, number>;
}

function makeBudget({ totalLimit = 100, instanceLimit = 3, idle = {} }: Setup = {}) {
  const reclaimed: string[] = [];
  const granted: string[] = [];
  const budget = createBudget({
    totalLimit,
    instanceLimit,
    reclaim(instance) {
      const from = instance ?? Object.keys(idle).find((name) => (idle[name] ?? 0) > 0);
      if (from === undefined || (idle[from] ?? 0) === 0) return false;
      idle[from] = (idle[from] ?? 0) - 1;
      reclaimed.push(from);
      budget.closing(from);
      return true;
    },
  });
  const take = (instance: string, count: number) => {
    for (let i = 0; i < count; i++) {
      assert.equal(budget.take(instance, false), true);
      budget.connected(instance);
    }
  };
  const wish = (instance: string, name: string, since: number, healthCheck = false) =>
    budget.await({
      ...{ instance, since, healthCheck },
      grant() {
        granted.push(name);
        budget.connected(instance);
      },
    });
  return { budget, granted, reclaimed, take, wish };
}

describe("the budget", () => {
  it("gives an instance as many slots as its limit, and each instance its own", () => {
    const { budget, take } = makeBudget();
    take("a", 3);
    assert.equal(budget.take("a", false), false);
    take("b", 3);
    assert.equal(budget.open("a"), 3);
  });

  it("gives the whole process no more than the total limit", () => {
    const { budget, take } = makeBudget({ totalLimit: 4 });
    take("a", 3);
    take("b", 1);
    assert.equal(budget.take("b", false), false);
  });

  it("grants a released slot to the oldest wish, whichever order they came in", () => {
    const { budget, take, wish, granted } = makeBudget();
    take("a", 3);
    wish("a", "second", 20);
    wish("a", "first", 10);
    wish("a", "third", 30);
    budget.release("a", "open");
    budget.release("a", "open");
    assert.deepEqual(granted, ["first", "second"]);
    assert.equal(budget.open("a"), 3);
  });

  it("grants nothing to a wish that was withdrawn", () => {
    const { budget, take, wish, granted } = makeBudget();
    take("a", 3);
    const withdraw = wish("a", "gone", 10);
    wish("a", "there", 20);
    withdraw();
    budget.release("a", "open");
    assert.deepEqual(granted, ["there"]);
  });

  it("closes one idle connection for each wish, and no more", () => {
    const { take, wish, reclaimed } = makeBudget({ idle: { a: 3 } });
    take("a", 3);
    wish("a", "one", 10);
    wish("a", "two", 20);
    assert.deepEqual(reclaimed, ["a", "a"]);
  });

  it("counts connections that close already before it closes others", () => {
    const { budget, take, wish, reclaimed } = makeBudget({ idle: { a: 2 } });
    take("a", 3);
    budget.closing("a");
    wish("a", "one", 10);
    assert.deepEqual(reclaimed, []);
    wish("a", "two", 20);
    assert.deepEqual(reclaimed, ["a"]);
  });

  it("closes an idle connection of another instance when the total is spent", () => {
    const { budget, take, wish, granted, reclaimed } = makeBudget({ totalLimit: 4, idle: { a: 1 } });
    take("a", 3);
    take("b", 1);
    wish("b", "one", 10);
    assert.deepEqual(reclaimed, ["a"]);
    budget.release("a", "closing");
    assert.deepEqual(granted, ["one"]);
    assert.equal(budget.open("a"), 2);
    assert.equal(budget.open("b"), 2);
  });

  it("does not serve another instance's wish that its own limit holds back", () => {
    const { budget, take, wish, granted } = makeBudget({ totalLimit: 6 });
    take("a", 3);
    take("b", 3);
    wish("a", "older", 10);
    wish("b", "newer", 20);
    budget.release("b", "open");
    assert.deepEqual(granted, ["newer"]);
  });

  it("keeps one slot back for health checks, except of a small instance", () => {
    const { budget } = makeBudget();
    budget.setLimit("big", 5);
    for (let i = 0; i < 4; i++) assert.equal(budget.take("big", false), true);
    assert.equal(budget.take("big", false), false);
    assert.equal(budget.take("big", true), true);
    assert.equal(budget.take("big", true), false);
    for (let i = 0; i < 3; i++) assert.equal(budget.take("small", false), true);
  });

  it("owes a connection to older wishes for which none is being closed", () => {
    const { budget, take, wish } = makeBudget();
    take("a", 3);
    wish("a", "one", 10);
    assert.equal(budget.owes("a", 10), false);
    assert.equal(budget.owes("a", 11), true);
    budget.closing("a");
    assert.equal(budget.owes("a", 11), false);
    assert.equal(budget.owes("b", 11), false);
  });

  it("owes a connection to another instance's wish when the total is spent", () => {
    const { budget, take, wish } = makeBudget({ totalLimit: 3 });
    take("a", 3);
    wish("b", "one", 10);
    assert.equal(budget.owes("a", 11), true);
  });

  it("shrinks under a cap, says what is too much, and grows again when it is lifted", () => {
    const { budget, take, wish, granted } = makeBudget();
    take("a", 3);
    budget.cap("a", 2);
    assert.equal(budget.limit("a"), 2);
    assert.equal(budget.exceeded("a"), true);
    budget.release("a", "open");
    assert.equal(budget.exceeded("a"), false);
    wish("a", "one", 10);
    assert.deepEqual(granted, []);
    budget.cap("a", undefined);
    assert.deepEqual(granted, ["one"]);
  });

  it("tells connections that are open from those that are being opened when the limit sinks", () => {
    const { budget, take } = makeBudget();
    take("a", 2);
    assert.equal(budget.take("a", false), true);
    budget.cap("a", 2);
    assert.equal(budget.exceeded("a"), false);
    assert.equal(budget.overdrawn("a"), true);
    budget.release("a", "connecting");
    assert.equal(budget.overdrawn("a"), false);
    assert.equal(budget.open("a"), 2);
  });

  it("grants waiting wishes when a limit is raised", () => {
    const { budget, take, wish, granted } = makeBudget();
    take("a", 3);
    wish("a", "one", 10);
    budget.setLimit("a", 10);
    assert.deepEqual(granted, ["one"]);
  });
});
