import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ServiceError } from "../../src/errors.ts";
import { backoffMs } from "../../src/postgres/backoff.ts";
import { lifetimeMs, parseServerVersion } from "../../src/postgres/connect.ts";
import { deriveLimit } from "../../src/postgres/instance-state.ts";
import { applicationNameOf } from "../../src/postgres/lease.ts";
import { attemptBudgetMs } from "../../src/postgres/open-connection.ts";
import { sqlstateOf } from "../../src/postgres/sqlstate.ts";
import { createWaiters } from "../../src/postgres/waiters.ts";
import { createFakeClock } from "../support/fake-clock.ts";

describe("the delay before a further attempt", () => {
  it("doubles up to five seconds, under full jitter", () => {
    const ceiling = { random: () => 0.999_999 };
    assert.deepEqual(
      [1, 2, 3, 6, 7, 20].map((attempt) => backoffMs(attempt, ceiling)),
      [100, 200, 400, 3_200, 5_000, 5_000],
    );
    assert.equal(backoffMs(3, { random: () => 0 }), 0);
    assert.equal(backoffMs(3, { random: () => 0.5 }), 200);
  });
});

describe("an attempt to connect", () => {
  it("gets its share of the time that is left, but not less than a second of it", () => {
    assert.equal(attemptBudgetMs(30_000, 3), 10_000);
    assert.equal(attemptBudgetMs(10_000, 1), 10_000);
    assert.equal(attemptBudgetMs(1_500, 3), 1_000);
    assert.equal(attemptBudgetMs(400, 3), 400);
  });
});

describe("the lifetime of a connection", () => {
  it("is up to a tenth shorter than the setting, at random", () => {
    const at = (random: number) => lifetimeMs(3_600_000, { random: () => random });
    assert.deepEqual([at(0), at(0.5)], [3_600_000, 3_420_000]);
    assert.ok(at(0.999) > 3_240_000);
  });
});

describe("the limit of an instance", () => {
  it("is half of what the server has, shared by the processes, and at least three, since a rotation needs them", () => {
    assert.equal(deriveLimit(97, 1), 48);
    assert.equal(deriveLimit(97, 10), 4);
    assert.equal(deriveLimit(22, 100), 3);
    assert.equal(deriveLimit(97, 0), 48);
  });
});

describe("the server's version", () => {
  it("is read from what the server says while the session starts", () => {
    assert.equal(parseServerVersion("17.10"), 170_010);
    assert.equal(parseServerVersion("14.23 (Debian 14.23-1.pgdg120+1)"), 140_023);
    assert.equal(parseServerVersion("18beta1"), 180_000);
    assert.equal(parseServerVersion(""), 0);
  });
});

describe("the application name", () => {
  it("names the operation, holds nothing that could end a literal, and is as long as PostgreSQL keeps it", () => {
    assert.equal(applicationNameOf("manager", "listSchemas"), "manager/listSchemas");
    assert.equal(applicationNameOf("manager", "a'; DROP TABLE x; --"), "manager/a___DROP_TABLE_x__--");
    assert.equal(applicationNameOf("manager", "x".repeat(100)).length, 63);
  });
});

describe("a SQLSTATE", () => {
  it("is read from the server's errors only", () => {
    const fromServer = Object.assign(new Error("x"), { code: "3D000", severity: "FATAL" });
    assert.equal(sqlstateOf(fromServer), "3D000");
    assert.equal(sqlstateOf(Object.assign(new Error("x"), { code: "EPIPE" })), undefined);
    assert.equal(sqlstateOf(undefined), undefined);
  });
});

describe("the queue of borrowers", () => {
  function makeWaiters() {
    const clock = createFakeClock();
    let left = 0;
    const waiters = createWaiters(clock, () => {
      left += 1;
    });
    const wait = (options: { signal?: AbortSignal; healthCheck?: boolean } = {}) =>
      waiters.wait({
        timeoutMs: 1_000,
        signal: options.signal,
        healthCheck: options.healthCheck ?? false,
        explain: (since) => new ServiceError("unavailable", `since ${since}`),
      });
    return { clock, waiters, wait, left: () => left };
  }

  it("tells a waiter when its time is up, and forgets it", async () => {
    const { clock, waiters, wait, left } = makeWaiters();
    clock.advance(5);
    const waiting = wait();
    clock.advance(999);
    assert.equal(waiters.size, 1);
    clock.advance(1);
    await assert.rejects(waiting, { kind: "unavailable", message: "since 5" });
    assert.equal(waiters.size, 0);
    assert.equal(left(), 1);
  });

  it("lets a waiter go when its signal aborts, with the signal's own reason where it is one of ours", async () => {
    const { waiters, wait } = makeWaiters();
    const gone = new AbortController();
    const late = new AbortController();
    const first = wait({ signal: gone.signal });
    const second = wait({ signal: late.signal });
    gone.abort();
    late.abort(new ServiceError("timeout", "the request's time is up"));
    await assert.rejects(first, { kind: "timeout" });
    await assert.rejects(second, { message: "the request's time is up" });
    assert.equal(waiters.size, 0);
  });

  it("puts health checks before others, and else keeps the order", async () => {
    const { waiters, wait } = makeWaiters();
    const refused: string[] = [];
    const note = (name: string) => (error: Error) => refused.push(`${name}: ${error.message}`);
    const all = [
      wait().catch(note("a")),
      wait().catch(note("b")),
      wait({ healthCheck: true }).catch(note("health")),
    ];
    assert.equal(waiters.healthChecks, 1);
    for (const message of ["1", "2", "3"]) waiters.first()?.refuse(new Error(message));
    await Promise.all(all);
    assert.deepEqual(refused, ["health: 1", "a: 2", "b: 3"]);
    assert.equal(waiters.at(0, true), undefined);
  });
});
