import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Scope } from "../../src/domain/scope.ts";
import type { Target } from "../../src/domain/target.ts";
import { ServiceError } from "../../src/errors.ts";
import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { BorrowOptions, Session } from "../../src/postgres/session.ts";
import { sqlstateOf } from "../../src/postgres/sqlstate.ts";
import { createTestPools, testInstance, testPoolSettings, testTarget } from "./pools.ts";
import { type Relay, startRelay } from "./relay.ts";
import { until } from "./until.ts";

/** Both on one server, which tells their sessions apart by the names of the databases. */
const instances = ["a", "b"] as const;
export const modelDatabases = instances.flatMap((name) => [1, 2].map((n) => `${name}_${n}`));
const targets = modelDatabases.map((name) => testTarget(name.slice(0, 1), name));

export interface ModelOptions {
  readonly server: PostgresServer;
  readonly seed: number;
  /** How long borrowers come, and things happen to them. */
  readonly forMs: number;
}

/** What it came to; a run of which nothing can be said has proved nothing. */
export interface ModelReport {
  readonly outcomes: Readonly<Record<string, number>>;
  /** The most sessions that were seen, by instance and together. */
  readonly most: Readonly<Record<string, number>>;
  readonly samples: number;
}

/** Mulberry32: the same numbers from the same seed. */
function createChance(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const upTo = (most: number): number => Math.floor(next() * (most + 1));
  const oneOf = <T>(choices: readonly T[]): T => choices[upTo(choices.length - 1)] as T;
  return { upTo, oneOf, happens: (probability: number) => next() < probability };
}

type Chance = ReturnType<typeof createChance>;

function chooseSettings({ upTo, oneOf }: Chance): PoolSettings {
  return {
    ...testPoolSettings,
    size: 1 + upTo(2),
    maxOverflow: upTo(2),
    minSize: oneOf([0, 0, 1]),
    maxReads: oneOf([1, 4]),
    connectionTimeoutMs: oneOf([500, 3_000, 5_000]),
    retryAttempts: 1 + upTo(2),
    idleTimeoutMs: oneOf([30, 200, 30_000]),
    maxLifetimeMs: oneOf([150, 60_000]),
    statementTimeoutMs: oneOf([100, 30_000]),
    maxPools: oneOf([3, 4, 100]),
    breakerThreshold: oneOf([3, 100]),
    breakerResetMs: 100,
    breakerRecoveryMs: 50,
    checkAfterIdleMs: oneOf([0, 10, 30_000]),
  };
}

interface Seen {
  readonly pid: number;
  readonly database: string;
  readonly application: string;
  readonly state: string;
}

const look = `
  SELECT pg_backend_pid() AS pid, current_database() AS database, current_setting('application_name') AS application,
    concat_ws(' ', current_user, current_setting('search_path'), pg_current_xact_id_if_assigned() IS NULL,
      (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
      to_regclass('pg_temp.left_behind')) AS state`;
/** Nobody's role, settings, transaction, locks or tables but the session's own. */
const untouched = "postgres pg_catalog t 0";

async function assertUntouched(session: Session, { database }: Target, operation: string): Promise<number> {
  const { rows } = await session.query<Seen>(look, [], { name: "look", read: true });
  const application = `${testPoolSettings.applicationName}/${operation}`;
  const pid = rows[0]?.pid ?? 0;
  assert.deepEqual(rows, [{ pid, database, application, state: untouched }]);
  return pid;
}

const leftovers = [
  "SET search_path TO public",
  "BEGIN; SELECT pg_current_xact_id()",
  "BEGIN; SELECT 1/0",
  "SELECT pg_advisory_lock(random(1, 1000))",
  "CREATE TEMPORARY TABLE left_behind (n int)",
  "SET ROLE cloudsqlsuperuser",
  "LISTEN anything",
];

const ownFault = new Error("the borrower's own");

/** What one borrower does with its session. */
function chooseWork(chance: Chance): (session: Session) => Promise<unknown> {
  const { upTo, oneOf, happens } = chance;
  const seconds = upTo(happens(0.1) ? 200 : 10) / 1_000;
  const leftover = oneOf(leftovers);
  return oneOf<(session: Session) => Promise<unknown>>([
    (session) => session.query("SELECT pg_sleep($1)", [seconds], { name: "sleep" }),
    () => pause(seconds * 1_000),
    (session) => session.query("SELECT 1/0"),
    async (session) => {
      await session.query(leftover);
      if (seconds > 0.005) throw ownFault;
    },
    async (session) => {
      session.query("SELECT pg_sleep(0.1)").catch(() => {});
    },
    async (session) => {
      await session.query("BEGIN");
      await session.query("SELECT pg_sleep($1)", [seconds]);
      await session.query("COMMIT");
    },
  ]);
}

function outcomeOf(error: unknown): string {
  if (error === ownFault) return "own";
  if (error instanceof ServiceError && ["unavailable", "timeout"].includes(error.kind))
    return String(error.details.reason ?? error.details.sqlstate ?? error.kind);
  const state = sqlstateOf(error);
  // Division by zero, and a statement that took too long.
  if (state === "22012" || state === "57014") return state;
  throw error;
}

/** One is kept back for health checks, unless there are very few. */
const lessReserve = (limit: number): number => (limit < 4 ? limit : limit - 1);

class PoolModel {
  readonly outcomes: Record<string, number> = {};
  readonly most: Record<string, number> = { a: 0, b: 0, all: 0 };
  samples = 0;
  running = true;
  readonly limits: Pick<PoolSettings, "instanceLimit" | "totalLimit">;
  readonly #chance: Chance;
  /** The operations of those who have a session, by its process. */
  readonly #borrowers = new Map<number, readonly string[]>();
  readonly #server: PostgresServer;
  readonly #relays: readonly Relay[];
  readonly #pools: ClosablePools;

  constructor(server: PostgresServer, relays: readonly Relay[], chance: Chance) {
    this.#server = server;
    this.#relays = relays;
    this.#chance = chance;
    this.limits = { instanceLimit: 3 + chance.upTo(2), totalLimit: 5 + chance.upTo(3) };
    const servers = instances.map((name, at) => [
      name,
      { ...(relays[at] as Relay), adminPassword: server.adminPassword },
    ]);
    this.#pools = createTestPools(Object.fromEntries(servers), {
      settings: { ...chooseSettings(chance), ...this.limits },
    });
  }

  #note(outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
  }

  async #borrowOnce(): Promise<void> {
    const chance = this.#chance;
    const target = chance.oneOf(targets);
    const client = new AbortController();
    const { signal } = client;
    const operation = chance.oneOf(["read", "change"]);
    const readsOnly = operation === "read";
    const options: BorrowOptions = {
      ...{ operation, readsOnly, signal },
      healthCheck: !readsOnly && chance.happens(0.1),
      aside: !readsOnly && chance.happens(0.1),
    };
    const work = readsOnly ? async () => {} : chooseWork(chance);
    const login = chance.happens(0.03);
    if (chance.happens(0.2)) {
      const afterMs = chance.upTo(30);
      if (afterMs === 0) client.abort();
      else void pause(afterMs).then(() => client.abort());
    }
    try {
      if (login) {
        const password = this.#server.adminPassword;
        assert.equal(await this.#pools.tryLogin(target, { user: "postgres", password, signal }), true);
      } else {
        await this.#pools.withSession(target, options, async (session) => {
          const pid = await assertUntouched(session, target, operation);
          const sharers = this.#borrowers.get(pid) ?? [];
          assert.ok(sharers.length === 0 || (readsOnly && !sharers.includes("change")), "it has it alone");
          this.#borrowers.set(pid, [...sharers, operation]);
          await work(session).finally(() => {
            const left = this.#borrowers.get(pid) ?? [];
            this.#borrowers.set(pid, left.toSpliced(left.indexOf(operation), 1));
          });
        });
      }
      this.#note("served");
    } catch (error) {
      this.#note(outcomeOf(error));
    }
  }

  async #client(): Promise<void> {
    while (this.running) {
      await this.#borrowOnce();
      await pause(this.#chance.upTo(5));
    }
  }

  #chooseScope(): Scope {
    const { oneOf } = this.#chance;
    return oneOf<() => Scope>([
      () => "everything",
      () => testInstance(oneOf(instances)),
      () => oneOf(targets),
    ])();
  }

  async #disturbOnce(): Promise<void> {
    const chance = this.#chance;
    const { console } = this.#pools;
    const scope = this.#chooseScope();
    const relay = chance.oneOf(this.#relays);
    const forMs = chance.upTo(80);
    const ofNetwork: (() => Promise<unknown> | unknown)[] = [
      () => relay.reset(),
      async () => {
        relay.set(chance.oneOf(["refuse", "silent"]));
        await pause(forMs);
        relay.set("pass");
        relay.reset();
      },
    ];
    const ofOperators: (() => Promise<unknown> | unknown)[] = [
      () => console.kill(scope),
      () => console.drain(scope),
      () => console.reload(scope),
      async () => {
        console.pause(scope);
        await pause(forMs);
        console.resume(scope);
      },
      () => this.#pools.applySettings({ ...chooseSettings(chance), ...this.limits }),
      () =>
        this.#server.querySuperuser(
          "postgres",
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' ORDER BY random() LIMIT 1",
        ),
    ];
    await chance.oneOf(chance.happens(0.1) ? ofNetwork : ofOperators)();
  }

  async #disturb(): Promise<void> {
    while (this.running) {
      await this.#disturbOnce();
      await pause(this.#chance.upTo(150));
    }
  }

  async countSessions(): Promise<Readonly<Record<string, number>>> {
    const { rows } = await this.#server.querySuperuser<{ instance: string; n: number }>(
      "postgres",
      `SELECT coalesce(left(datname, 1), 'all') AS instance, count(*)::int AS n FROM pg_stat_activity
       WHERE usename = 'postgres' GROUP BY ROLLUP (left(datname, 1))`,
    );
    return Object.fromEntries(rows.map(({ instance, n }) => [instance, n]));
  }

  async #watch(): Promise<void> {
    while (this.running) {
      const seen = await this.countSessions();
      for (const [name, count] of Object.entries(seen))
        this.most[name] = Math.max(this.most[name] ?? 0, count);
      this.samples += 1;
    }
  }

  async run(forMs: number): Promise<void> {
    const clients = Array.from({ length: this.#chance.oneOf([3, 8, 30]) }, () => this.#client());
    const others = [this.#disturb(), this.#watch()];
    const work = Promise.all([...clients, ...others]);
    work.catch(() => {
      this.running = false;
    });
    await Promise.race([work, pause(forMs)]);
    this.running = false;
    await Promise.all(others);
    this.#pools.console.resume("everything");
    const done = work.then(() => true);
    assert.ok(await Promise.race([done, pause(15_000, false)]), "everybody was answered");
  }

  /** What has to hold when nobody asks any more. */
  async assertQuiet(): Promise<void> {
    const pools = this.#pools;
    pools.applySettings({ ...testPoolSettings, ...this.limits, size: 10, connectionTimeoutMs: 10_000 });
    for (const target of targets)
      await until(() =>
        pools.withSession(target, { operation: "last" }, async () => true).catch(() => false),
      );
    const { checkedOut, waiting } = pools.totals();
    assert.deepEqual({ checkedOut, waiting }, { checkedOut: 0, waiting: 0 });
    for (const { target, clients, longestWaitMs } of pools.console.list("everything"))
      assert.deepEqual(
        { target, clients, longestWaitMs },
        { target, clients: { active: 0, waiting: 0 }, longestWaitMs: 0 },
      );
    await this.#assertWhole();
    await until(
      async () => {
        const { size, idle } = pools.totals();
        return idle === size && (await this.countSessions()).all === size;
      },
      { what: "the server has as many sessions as the pools, and all are idle" },
    );
    await pools.close();
    await until(async () => (await this.countSessions()).all === 0, { what: "no session is left" });
  }

  /** Nothing of the budget was lost: all of it can be lent at the same time. */
  async #assertWhole(): Promise<void> {
    const { instanceLimit = 0, totalLimit = 0 } = this.limits;
    const [ofInstance, ofAll] = [lessReserve(instanceLimit), lessReserve(totalLimit)];
    for (const [names, count] of [
      [["a"], Math.min(ofInstance, ofAll)],
      [["b"], Math.min(ofInstance, ofAll)],
      [instances, Math.min(2 * ofInstance, ofAll)],
    ] as const) {
      const { promise: enough, resolve: release } = Promise.withResolvers<void>();
      const held = Array.from({ length: count }, (_, at) => {
        const target = testTarget(names[at % names.length] ?? "a", `${names[at % names.length]}_1`);
        return this.#pools.withSession(target, { operation: "hold" }, () => enough);
      });
      const done = Promise.all(held);
      done.catch(() => {});
      const what = `${count} connections to ${names} at the same time`;
      await until(() => this.#pools.totals().checkedOut === count, { what });
      release();
      await done;
    }
  }

  assertWithinBudget(): void {
    const { instanceLimit = 0, totalLimit = 0 } = this.limits;
    const { a = 0, b = 0, all = 0 } = this.most;
    assert.ok(
      a <= instanceLimit && b <= instanceLimit && all <= totalLimit,
      `${JSON.stringify(this.most)} sessions of ${JSON.stringify(this.limits)}`,
    );
  }

  close(): Promise<void> {
    return this.#pools.close();
  }
}

/**
 * Lets borrowers, operators, the network and the server do what comes to a seed's mind, and asserts what has to hold
 * whatever that was: every session is as new, nobody is forgotten, the budget is kept, and in the end nothing is left.
 */
export async function runPoolModel({ server, seed, forMs }: ModelOptions): Promise<ModelReport> {
  const relays = await Promise.all(instances.map(() => startRelay(server.port)));
  const model = new PoolModel(server, relays, createChance(seed));
  try {
    await model.run(forMs);
    for (const relay of relays) relay.set("pass");
    await model.assertQuiet();
    model.assertWithinBudget();
  } finally {
    await model.close();
    for (const relay of relays) await relay.close();
  }
  return { outcomes: model.outcomes, most: model.most, samples: model.samples };
}
