import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createBudget } from "../../src/postgres/budget.ts";
import { needsMore } from "../../src/postgres/fairness.ts";

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
    totalLimit: () => totalLimit,
    instanceLimit: () => instanceLimit,
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
  const wish = (instance: string, name: string, since: number, held = 0) =>
    budget.await({
      ...{ instance, since, healthCheck: false, held: () => held },
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
    const { budget, take } = makeBudget({ totalLimit: 3 });
    take("a", 2);
    take("b", 1);
    assert.equal(budget.take("b", false), false);
  });

  it("keeps one back for health checks, of an instance's slots and of all, unless there are few", () => {
    for (const limits of [{ instanceLimit: 4 }, { instanceLimit: 4, totalLimit: 4 }, { totalLimit: 4 }]) {
      const { budget, take } = makeBudget(limits);
      take("a", 2);
      take("totalLimit" in limits ? "b" : "a", 1);
      for (const instance of ["a", "totalLimit" in limits ? "b" : "a"])
        assert.equal(budget.take(instance, false), false);
      assert.deepEqual([budget.exceeded("a", false), budget.take("a", true)], [false, true]);
      budget.connected("a");
      assert.deepEqual([budget.exceeded("a", false), budget.exceeded("a", true)], [true, false]);
      assert.equal(budget.take("a", true), false);
    }
  });

  it("grants a health check's wish before others", () => {
    const { budget, take, wish, granted } = makeBudget();
    take("a", 3);
    wish("a", "ordinary", 10);
    budget.await({
      ...{ instance: "a", since: 20, healthCheck: true, held: () => 3 },
      grant: () => granted.push("check"),
    });
    budget.release("a", "open");
    assert.deepEqual(granted, ["check"]);
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
    const { budget, take, wish, granted, reclaimed } = makeBudget({ totalLimit: 5, idle: { a: 1 } });
    take("a", 3);
    take("b", 1);
    wish("b", "one", 10);
    assert.deepEqual(reclaimed, ["a"]);
    budget.release("a", "closing");
    assert.deepEqual(granted, ["one"]);
    assert.equal(budget.open("a"), 2);
    assert.equal(budget.open("b"), 2);
  });

  it("closes one for each wish when the total is spent, also where the first of them was the instance's own", () => {
    const { take, wish, reclaimed } = makeBudget({ totalLimit: 3, idle: { a: 1, b: 1 } });
    take("a", 2);
    take("b", 1);
    wish("a", "one", 10);
    wish("a", "two", 20);
    assert.deepEqual(reclaimed, ["a", "b"]);
  });

  it("does not serve another instance's wish that its own limit holds back", () => {
    const { budget, take, wish, granted } = makeBudget({ totalLimit: 7 });
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

  it("grants a slot to the pool that has least, before the one that waits longest", () => {
    const { budget, take, wish, granted } = makeBudget();
    take("a", 3);
    wish("a", "older, has one", 10, 1);
    wish("a", "newer, has none", 20, 0);
    budget.release("a", "open");
    budget.release("a", "open");
    assert.deepEqual(granted, ["newer, has none", "older, has one"]);
  });

  it("owes a connection to a wish that needs it more, unless one is being closed for it", () => {
    const { budget, take, wish } = makeBudget();
    const owner = { now: 1_000, since: 990, held: 3, openedAt: 0 };
    take("a", 3);
    assert.equal(budget.hasWishes(), false);
    wish("a", "one", 900);
    assert.equal(budget.hasWishes(), true);
    assert.equal(budget.owes("a", owner), true);
    assert.equal(budget.owes("b", owner), false);
    budget.closing("a");
    assert.equal(budget.owes("a", owner), false);
    budget.release("a", "closing");
    assert.equal(budget.hasWishes(), false, "it was granted");
    const withdraw = wish("a", "another", 900);
    assert.equal(budget.hasWishes(), true);
    withdraw();
    withdraw();
    assert.equal(budget.hasWishes(), false);
  });

  it("owes a connection to another instance's wish when the total is spent", () => {
    const { budget, take, wish } = makeBudget({ totalLimit: 3 });
    take("a", 3);
    wish("b", "one", 900);
    assert.equal(budget.owes("a", { now: 1_000, since: 990, held: 3, openedAt: 0 }), true);
  });

  it("owes nothing to another instance's wishes that its own limit holds back", () => {
    const { budget, take, wish } = makeBudget({ totalLimit: 7 });
    const owner = { now: 1_000, since: 990, held: 3, openedAt: 0 };
    take("a", 3);
    take("b", 2);
    wish("a", "one", 900);
    wish("a", "two", 900);
    assert.equal(budget.take("b", false), true);
    assert.equal(budget.owes("b", owner), false);
    budget.setLimit("a", 5);
    assert.equal(budget.owes("b", owner), true, "there it has room, and the total has not");
  });

  it("moves a connection to level out what pools have, or to give everybody a turn", () => {
    const ask = (waitedMs: number, theirs: number, held: number, ownWaitedMs = 10, servedMs = 5_000) =>
      needsMore(
        { since: 10_000 - waitedMs, held: () => theirs },
        { now: 10_000, since: 10_000 - ownWaitedMs, held, openedAt: 10_000 - servedMs },
      );
    assert.equal(ask(24, 0, 5), false, "it has hardly waited");
    assert.equal(ask(26, 0, 5), true);
    assert.equal(ask(26, 0, 2), true);
    assert.equal(ask(26, 1, 2), false, "nothing is gained");
    assert.equal(ask(26, 1, 3), true);
    assert.equal(ask(26, 0, 1), false, "one each: not yet");
    assert.equal(ask(100, 0, 1), true, "one each: the next one's turn");
    assert.equal(ask(1_001, 4, 1), true, "it waited far too long");
    assert.equal(ask(1_001, 4, 1, 2_000), false, "but less than the owner's own");
    assert.equal(ask(5_000, 0, 5, 10, 24), false, "a new connection serves its own pool first");
    assert.equal(ask(5_000, 0, 1, 9_000, 99), false, "and for longer when it is the only one");
  });

  it("shrinks under a cap, says what is too much, and grows again when it is lifted", () => {
    const { budget, take, wish, granted } = makeBudget();
    take("a", 3);
    budget.cap("a", 2);
    assert.equal(budget.limit("a"), 2);
    assert.equal(budget.exceeded("a", false), true);
    budget.release("a", "open");
    assert.equal(budget.exceeded("a", false), false);
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
    assert.equal(budget.exceeded("a", false), false);
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
