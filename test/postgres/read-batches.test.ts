import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { type Clock, systemClock } from "../../src/postgres/clock.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { Session } from "../../src/postgres/session.ts";
import { createTestPools, testPoolSettings, testTarget } from "../support/pools.ts";
import { createSlowClock } from "../support/slow-clock.ts";
import { until } from "../support/until.ts";

const hostile = `o'r "d"; é/{}`;
const orders = testTarget("pg17", "orders");
const strange = testTarget("pg17", hostile);

let server: PostgresServer;
let pools: ClosablePools;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "strict" });
  for (const name of ["orders", hostile]) await server.createDatabase(name);
});

after(() => server.stop());

afterEach(async () => {
  await pools.close();
  const { rows } = await server.querySuperuser(
    "postgres",
    "SELECT pid FROM pg_stat_activity WHERE usename = 'postgres'",
  );
  assert.deepEqual(rows, [], "no session is left on the server");
});

const few = { ...testPoolSettings, size: 5, maxOverflow: 0, maxReads: 16 };

function open(settings: Partial<PoolSettings> = {}, clock: Clock = systemClock) {
  pools = createTestPools({ pg17: server }, { settings: { ...few, ...settings }, clock });
}

/** Once it stands still, every read is a quick one, however busy the machine is. */
function createStoppingClock() {
  let stoppedAt: number | undefined;
  const clock: Clock = {
    ...systemClock,
    now: () => stoppedAt ?? systemClock.now(),
    idleMs: () => stoppedAt ?? systemClock.idleMs(),
  };
  const stop = (): void => {
    stoppedAt = systemClock.now();
  };
  return { clock, stop };
}

interface Asking {
  readonly operation?: string;
  readonly target?: typeof orders;
  readonly signal?: AbortSignal;
}

/** Asks as an operation does that only reads. */
function ask<T>(read: (session: Session) => Promise<T>, asking: Asking = {}): Promise<T> {
  const { operation = "listSchemas", target = orders, signal } = asking;
  const borrower = { operation, readsOnly: true, ...(signal === undefined ? {} : { signal }) };
  return pools.withSession(target, borrower, read);
}

interface Seen {
  readonly pid: number;
  readonly n: number;
  readonly database: string;
  readonly application: string;
}

const look =
  (n: number) =>
  async (session: Session): Promise<Seen> => {
    const { rows } = await session.query<Seen>(
      `SELECT pg_backend_pid() AS pid, $1::int AS n, current_database() AS database,
         current_setting('application_name') AS application`,
      [n],
      { name: "look", read: true },
    );
    return rows[0] as Seen;
  };

const sleep = (seconds: number) => async (session: Session) => {
  const text = "SELECT pg_backend_pid() AS pid FROM pg_sleep($1)";
  const { rows } = await session.query<{ pid: number }>(text, [seconds], { name: "sleep", read: true });
  return rows[0]?.pid;
};

const divide = (by: number) => async (session: Session) => {
  const { rows } = await session.query<{ n: number }>("SELECT 12 / $1::int AS n", [by], {
    name: "divide",
    read: true,
  });
  return rows[0]?.n;
};

/** How many readers each connection had, sorted. */
function sharing(pids: readonly unknown[]): number[] {
  const counts = new Map<unknown, number>();
  for (const pid of pids) counts.set(pid, (counts.get(pid) ?? 0) + 1);
  return [...counts.values()].sort((a, b) => b - a);
}

const many = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Takes a connection for itself until it is told to let go. */
async function hold() {
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const lent = Promise.withResolvers<void>();
  const done = pools.withSession(orders, { operation: "hold" }, async () => {
    lent.resolve();
    await promise;
  });
  await lent.promise;
  return { release, done };
}

function reportOf(target = orders) {
  return pools.console.list("everything").find((report) => report.target.database === target.database);
}

/** How many connections the reads of this turn take, or wait for. */
async function countPlaces(target = orders): Promise<number> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  const { counts } = reportOf(target) ?? assert.fail("the database has no pool");
  return counts.lent + counts.waiting;
}

describe("reads that come together", () => {
  it("share a connection, and each has its own answer", async () => {
    open();
    const seen = await Promise.all(many(10).map((n) => ask(look(n))));
    assert.deepEqual(
      seen.map(({ n }) => n),
      many(10),
    );
    assert.deepEqual(sharing(seen.map(({ pid }) => pid)), [10]);
    assert.equal(pools.totals().size, 1);
    assert.deepEqual(reportOf()?.stats.requests, 10);
  });

  it("are as many on a connection as may be, and no more", async () => {
    open({ maxReads: 4 });
    const reads = many(10).map((n) => ask(look(n)));
    assert.equal(await countPlaces(), 3);
    await Promise.all(reads);
  });

  it("have a connection each where they may not share one", async () => {
    open({ maxReads: 1 });
    const reads = many(5).map((n) => ask(look(n)));
    assert.equal(await countPlaces(), 5);
    await Promise.all(reads);
  });

  it("share it with none of another operation or database, whatever its name", async () => {
    open();
    const kinds: Asking[] = [{}, { operation: "listTables" }, { target: strange }];
    const seen = await Promise.all(many(9).map((n) => ask(look(n), kinds[n % 3])));
    for (const kind of [0, 1, 2])
      assert.deepEqual(sharing(seen.filter(({ n }) => n % 3 === kind).map(({ pid }) => pid)), [3]);
    for (const [n, { database, application }] of seen.entries()) {
      const { target = orders, operation = "listSchemas" } = kinds[n % 3] ?? {};
      assert.equal(database, target.database);
      assert.equal(application, `cloudsql-postgres-manager/${operation}`);
    }
  });

  it("come over the same connection the next time", async () => {
    const { clock, stop } = createStoppingClock();
    stop();
    open({}, clock);
    const first = await Promise.all(many(6).map((n) => ask(look(n))));
    const second = await Promise.all(many(6).map((n) => ask(look(n))));
    assert.deepEqual(sharing([...first, ...second].map(({ pid }) => pid)), [12]);
  });

  it("fail each by itself", async () => {
    open();
    const answers = await Promise.allSettled([3, 0, 4].map((by) => ask(divide(by))));
    assert.deepEqual(
      answers.map((answer) => (answer.status === "fulfilled" ? answer.value : answer.reason.code)),
      [4, "22012", 3],
    );
    assert.equal(reportOf()?.stats.errors, 1);
    assert.equal(await ask(divide(2)), 6);
    assert.equal(pools.totals().size, 1);
  });

  it("give their connection back when one of them throws at once", async () => {
    open({ size: 1 });
    const thrown = new Error("thrown at once");
    const throws = (): Promise<never> => {
      throw thrown;
    };
    const answers = await Promise.allSettled([ask(look(1)), ask(throws), ask(look(2))]);
    assert.deepEqual(
      answers.map((answer) => (answer.status === "fulfilled" ? (answer.value as Seen).n : answer.reason)),
      [1, thrown, 2],
    );
    assert.equal((await ask(look(3))).n, 3);
  });

  it("all learn why a statement cannot be prepared", async () => {
    open();
    const broken = (session: Session) =>
      session.query("SELECT * FROM no_such_table", [], { name: "broken", read: true });
    const answers = await Promise.allSettled(many(3).map(() => ask(broken)));
    assert.deepEqual(
      answers.map((answer) => answer.status === "rejected" && answer.reason.code),
      ["42P01", "42P01", "42P01"],
    );
    assert.equal((await ask(look(7))).n, 7);
  });

  it("may run nothing but reads", async () => {
    open();
    const change = (session: Session) => session.query("SET search_path TO app");
    const [refused, seen] = await Promise.allSettled([ask(change), ask(look(1))]);
    assert.match(String(refused.status === "rejected" && refused.reason), /reads only/);
    assert.equal(seen.status, "fulfilled");
    const { rows } = await ask((session) => session.query("SHOW search_path", [], { read: true }));
    assert.notEqual(rows[0]?.search_path, "app");
  });

  it("lose their session when they have answered, the others go on", async () => {
    open();
    let kept: Session | undefined;
    const slow = ask(sleep(0.2));
    await ask(async (session) => {
      kept = session;
    });
    await assert.rejects(async () => kept?.query("SELECT 1", [], { read: true }), /given back/);
    assert.ok(await slow);
  });

  it("have a connection each once they have turned out to be slow, and share again when they are quick", async () => {
    const { clock, stop } = createStoppingClock();
    open({}, clock);
    const slow = await Promise.all(many(2).map(() => ask(sleep(0.05))));
    assert.deepEqual(sharing(slow), [2]);
    const slower = many(4).map(() => ask(sleep(0.5)));
    assert.equal(await countPlaces(), 4);
    await Promise.all(slower);
    stop();
    await until(async () => {
      const seen = await Promise.all(many(4).map((n) => ask(look(n))));
      return new Set(seen.map(({ pid }) => pid)).size === 1;
    });
  });
});

describe("reads that wait together", () => {
  it("are counted as clients, each of them", async () => {
    open({ size: 1 });
    const held = await hold();
    const reads = many(3).map(() => ask(sleep(0.5)));
    await until(() => reportOf()?.clients.waiting === 3);
    assert.deepEqual(reportOf()?.clients, { active: 1, waiting: 3 });
    assert.equal(pools.totals().waiting, 3);
    held.release();
    await until(() => reportOf()?.clients.active === 3);
    assert.deepEqual([reportOf()?.clients.waiting, reportOf()?.counts.lent], [0, 1]);
    await Promise.all([...reads, held.done]);
    assert.deepEqual(reportOf()?.clients, { active: 0, waiting: 0 });
    assert.ok((reportOf()?.stats.queryMs ?? 0) > 300, "the time of each counts");
  });

  it("leave the queue one by one when their clients go", async () => {
    open({ size: 1 });
    const held = await hold();
    const clients = many(3).map(() => new AbortController());
    const reads = clients.map(({ signal }, n) => ask(look(n), { signal }));
    await until(() => reportOf()?.clients.waiting === 3);
    clients[1]?.abort();
    await assert.rejects(reads[1] as Promise<Seen>, { kind: "timeout" });
    assert.equal(reportOf()?.clients.waiting, 2);
    held.release();
    assert.deepEqual([(await reads[0])?.n, (await reads[2])?.n], [0, 2]);
    await held.done;
    assert.deepEqual(reportOf()?.clients, { active: 0, waiting: 0 });
  });

  it("give their place up when all of their clients have gone", async () => {
    open({ size: 1 });
    const held = await hold();
    const client = new AbortController();
    const reads = many(3).map((n) => ask(look(n), { signal: client.signal }));
    await until(() => reportOf()?.clients.waiting === 3);
    client.abort();
    for (const read of reads) await assert.rejects(read, { kind: "timeout" });
    assert.deepEqual(reportOf()?.clients, { active: 1, waiting: 0 });
    assert.equal(reportOf()?.counts.waiting, 0);
    held.release();
    await held.done;
  });

  it("take no place when their clients went before they were sent", async () => {
    open({ size: 1 });
    const held = await hold();
    const clients = many(4).map(() => new AbortController());
    const reads = clients.map(({ signal }, n) => ask(look(n), { signal }));
    for (const n of [0, 2, 3]) clients[n]?.abort();
    for (const n of [0, 2, 3]) await assert.rejects(reads[n] as Promise<Seen>, { kind: "timeout" });
    assert.deepEqual(reportOf()?.clients, { active: 1, waiting: 1 });
    const gone = new AbortController();
    const others = many(2).map((n) => ask(look(n), { signal: gone.signal, operation: "listTables" }));
    gone.abort();
    for (const read of others) await assert.rejects(read, { kind: "timeout" });
    assert.equal(reportOf()?.counts.waiting, 1);
    held.release();
    assert.equal((await reads[1])?.n, 1);
    await held.done;
  });

  it("are refused together when their time is up, or nobody may connect", async () => {
    open({ size: 1 });
    const held = await hold();
    pools.applySettings({ ...few, size: 1, connectionTimeoutMs: 300 });
    const late = await Promise.allSettled(many(3).map((n) => ask(look(n))));
    for (const read of late) assert.equal(read.status === "rejected" && read.reason.kind, "unavailable");
    assert.deepEqual(reportOf()?.clients, { active: 1, waiting: 0 });
    assert.equal(reportOf()?.stats.errors, 3);
    held.release();
    await held.done;
  });

  it("take their turn in the queue, and keep nobody from theirs", async () => {
    open({ size: 1 });
    const order: string[] = [];
    const held = await hold();
    const note = (name: string) => order.push(name);
    const early = many(2).map(() => ask(look(0)).then(() => note("early")));
    await until(() => reportOf()?.clients.waiting === 2);
    const alone = pools.withSession(orders, { operation: "alone" }, look(1)).then(() => note("alone"));
    await until(() => reportOf()?.clients.waiting === 3);
    const late = many(2).map(() => ask(look(2)).then(() => note("late")));
    await until(() => reportOf()?.clients.waiting === 5);
    held.release();
    await Promise.all([...early, alone, ...late, held.done]);
    assert.deepEqual(order, ["early", "early", "alone", "late", "late"]);
  });

  it("do not starve a borrower by never ceasing", async () => {
    open({ size: 1 });
    let served = false;
    let reads = 0;
    const reader = async () => {
      while (!served && reads < 100_000) {
        await ask(look(0));
        reads += 1;
      }
    };
    const readers = many(8).map(reader);
    await until(() => reads > 50);
    const before = reads;
    await pools.withSession(orders, { operation: "alone" }, look(1));
    served = true;
    const overtaken = reads - before;
    assert.ok(overtaken <= 3 * 16, `${overtaken} reads went before it`);
    await Promise.all(readers);
  });

  it("are refused at shutdown, but not the next read of a request that had a connection", async () => {
    open({ size: 1 });
    const { signal } = new AbortController();
    await ask(look(0), { signal });
    const held = await hold();
    pools.stopWaiting();
    const fresh = many(2).map((n) => ask(look(n)));
    const next = ask(look(3), { signal });
    for (const read of fresh)
      await assert.rejects(read, { kind: "unavailable", details: { reason: "shutting_down" } });
    held.release();
    assert.equal((await next).n, 3);
    await held.done;
  });
});

describe("reads whose connection is lost", () => {
  it("all fail, none is sent again, and the next ones have another connection", async () => {
    open();
    const reads = Promise.allSettled(many(3).map(() => ask(sleep(30))));
    await until(async () => {
      const { rows } = await server.querySuperuser<{ count: number }>(
        "postgres",
        "SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND usename = 'postgres'",
      );
      return rows[0]?.count === 1;
    });
    for (const read of await reads) {
      assert.equal(read.status === "rejected" && read.reason.details.reason, "connection_lost");
    }
    assert.equal((await ask(look(5))).n, 5);
    assert.deepEqual(reportOf()?.clients, { active: 0, waiting: 0 });
  });

  it("are ended together by an operator, one after the other without a pause", async () => {
    // A pause is a second each.
    open({}, createSlowClock(10));
    const reads = Promise.allSettled(many(16).map(() => ask(sleep(30))));
    await until(() => reportOf()?.clients.active === 16);
    const startedAt = performance.now();
    await pools.console.kill("everything").done;
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < 5_000, `it took ${tookMs} ms`);
    for (const read of await reads) {
      assert.equal(read.status === "rejected" && read.reason.details.reason, "connection_killed");
    }
  });
});
