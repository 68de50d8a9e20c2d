import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ServiceError } from "../../src/errors.ts";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { AdminPasswords, InstanceAccess } from "../../src/postgres/instance-access.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { Session } from "../../src/postgres/session.ts";
import {
  createTestPools,
  directAccess,
  streamTo,
  type TestServer,
  testPoolSettings,
  testTarget,
} from "../support/pools.ts";
import { type Relay, startRelay } from "../support/relay.ts";
import { untilNoSessions } from "../support/sessions.ts";
import { until } from "../support/until.ts";
import { int32, message } from "../support/wire.ts";

const borrower = { operation: "test" };
const target = testTarget("pg17", "postgres");

let server: PostgresServer;
let relay: Relay;
let pools: ClosablePools;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  relay = await startRelay(server.port);
});

after(async () => {
  await relay.close();
  await server.stop();
});

afterEach(async () => {
  relay.set("pass");
  await pools.close();
  await untilNoSessions(server);
});

const throughRelay = (): TestServer => ({
  host: relay.host,
  port: relay.port,
  adminPassword: server.adminPassword,
});

function open(settings: Partial<PoolSettings> = {}, to: TestServer = server) {
  pools = createTestPools({ pg17: to }, { settings });
}

async function pidOf(session: Session): Promise<number> {
  const { rows } = await session.query<{ pid: number }>("SELECT pg_backend_pid() AS pid", [], { read: true });
  return rows[0]?.pid ?? 0;
}

const lend = <T>(fn: (session: Session) => Promise<T>) => pools.withSession(target, borrower, fn);

const kill = (pid: number) => server.querySuperuser("postgres", "SELECT pg_terminate_backend($1)", [pid]);

async function rejection(promise: Promise<unknown>): Promise<ServiceError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** A store of passwords that caches like the real one, and counts. */
function cachingPasswords(stored: () => string) {
  const counts = { reads: 0, forgotten: 0 };
  let cached: string | undefined;
  const passwords: AdminPasswords = {
    async read() {
      if (cached === undefined) {
        counts.reads += 1;
        cached = stored();
      }
      return cached;
    },
    forget(_instance, refused) {
      counts.forgotten += 1;
      if (cached === refused) cached = undefined;
    },
    expire() {
      cached = undefined;
    },
  };
  return { counts, passwords };
}

/** Answers everybody with the same, and counts. */
async function startFickleServer(answer: Buffer) {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(answer);
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const close = (): void => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, sessions: () => sockets.length, close };
}

const fatal = (state: string) =>
  message("E", "SFATAL", "VFATAL", `C${state}`, "Msome words", Buffer.from([0]));

/** Lets the caller in, and ends the session in the very write that says so. */
const inAndOut = Buffer.concat([message("R", int32(0)), message("Z", Buffer.from("I")), fatal("57P01")]);

describe("a session that the server ends", () => {
  it("in the moment in which it began was never there: another is opened", async () => {
    const fickle = await startFickleServer(inAndOut);
    const direct = directAccess({ pg17: server });
    let opened = 0;
    const access: InstanceAccess = {
      ...direct,
      async openStream(instance, options) {
        opened += 1;
        return opened === 1 ? () => streamTo("127.0.0.1", fickle.port) : direct.openStream(instance, options);
      },
    };
    pools = createTestPools({ pg17: server }, { access });
    try {
      assert.ok((await lend(pidOf)) > 0);
      assert.deepEqual([fickle.sessions(), opened], [1, 2]);
    } finally {
      fickle.close();
    }
  });

  it("while it is idle is survived, and replaced for the next borrower", async () => {
    open();
    const pid = await lend(pidOf);
    await kill(pid);
    await until(() => pools.totals().idle === 0);
    assert.notEqual(await lend(pidOf), pid);
  });

  it("while a statement runs is a clear error, and the statement is never sent again", async () => {
    open();
    await server.querySuperuser(
      "postgres",
      "CREATE SEQUENCE public.done; GRANT ALL ON SEQUENCE public.done TO postgres",
    );
    const error = await rejection(
      lend(async (session) => {
        const pid = await pidOf(session);
        const running = session.query("SELECT nextval('public.done'), pg_sleep(30)");
        await until(async () => {
          const { rows } = await server.querySuperuser("postgres", "SELECT is_called FROM public.done");
          return rows[0]?.is_called === true;
        });
        await Promise.all([running, kill(pid)]);
      }),
    );
    assert.equal(error.kind, "unavailable");
    assert.deepEqual(error.details, { reason: "connection_lost", sqlstate: "57P01" });
    const { rows } = await server.querySuperuser("postgres", "SELECT last_value::int FROM public.done");
    assert.deepEqual(rows, [{ last_value: 1 }]);
    assert.ok((await lend(pidOf)) > 0);
  });

  it("between two statements of a borrower is an error of the second", async () => {
    open();
    const error = await rejection(
      lend(async (session) => {
        await session.query("BEGIN");
        await kill(await pidOf(session));
        await until(async () => {
          const { rows } = await server.querySuperuser<{ count: number }>(
            "postgres",
            "SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'postgres'",
          );
          return rows[0]?.count === 0;
        });
        await session.query("COMMIT");
      }),
    );
    assert.equal(error.kind, "unavailable");
    assert.equal(error.details.reason, "connection_lost");
  });

  it("by a reset of the network while a statement runs is a clear error too", async () => {
    open({}, throughRelay());
    const error = await rejection(
      lend(async (session) => {
        await pidOf(session);
        const running = session.query("SELECT pg_sleep(0.2)");
        relay.reset();
        await running;
      }),
    );
    assert.deepEqual(error.details, { reason: "connection_lost" });
    assert.ok((await lend(pidOf)) > 0);
  });

  it("because a statement ran too long is the server's own error, and the session lives on", async () => {
    open({ statementTimeoutMs: 1_000 });
    const pid = await lend(pidOf);
    await assert.rejects(
      lend((session) => session.query("SELECT pg_sleep(10)")),
      { code: "57014" },
    );
    assert.equal(await lend(pidOf), pid);
  });
});

describe("an idle connection behind which the network went silent", () => {
  it("is noticed before it is lent, and replaced", async () => {
    open({ checkAfterIdleMs: 0, connectionTimeoutMs: 20_000 }, throughRelay());
    const pid = await lend(pidOf);
    relay.mute();
    assert.notEqual(await lend(pidOf), pid);
  });

  it("is not replaced for a borrower who has gone by then", async () => {
    open({ checkAfterIdleMs: 0, connectionTimeoutMs: 1_000, size: 1, maxOverflow: 0 }, throughRelay());
    await lend(pidOf);
    relay.mute();
    const accepted = relay.accepted();
    const client = new AbortController();
    const gone = pools.withSession(target, { ...borrower, signal: client.signal }, pidOf);
    client.abort();
    assert.equal((await rejection(gone)).kind, "timeout");
    assert.deepEqual([pools.totals().waiting, relay.accepted()], [0, accepted]);
  });
});

describe("the admin's password", () => {
  it("is read again, once, when the server refuses it", async () => {
    const { counts, passwords } = cachingPasswords(() => server.adminPassword);
    pools = createTestPools({ pg17: server }, { passwords, settings: { size: 1, maxOverflow: 1 } });
    await lend(async () => {
      await server.setAdminPassword("rotated 'once'");
      await lend(pidOf);
    });
    assert.deepEqual(counts, { reads: 2, forgotten: 1 });
  });

  it("that does not match the secret is `unavailable`, with one login and not more", async () => {
    const { counts, passwords } = cachingPasswords(() => "wrong");
    pools = createTestPools({ pg17: throughRelay() }, { passwords });
    const before = relay.accepted();
    const error = await rejection(lend(pidOf));
    assert.equal(error.kind, "unavailable");
    assert.equal(error.details.sqlstate, "28P01");
    assert.match(error.message, /secret does not match/);
    assert.doesNotMatch(error.message, /wrong/);
    assert.deepEqual(counts, { reads: 2, forgotten: 1 });
    assert.equal(relay.accepted() - before, 1);
    assert.equal(pools.totals().pools, 0);
  });

  it("that cannot be read is the error of its store, and no fault of the instance", async () => {
    const passwords: AdminPasswords = {
      read: () => Promise.reject(new ServiceError("unavailable", "The secrets are away.")),
      forget() {},
      expire() {},
    };
    pools = createTestPools({ pg17: server }, { passwords, settings: { breakerThreshold: 1 } });
    for (let i = 0; i < 3; i++) assert.equal((await rejection(lend(pidOf))).message, "The secrets are away.");
  });

  it("that takes long to read leaves the instance its time to answer", async () => {
    let reads = 0;
    const passwords: AdminPasswords = {
      async read() {
        reads += 1;
        await pause(1_100);
        return server.adminPassword;
      },
      forget() {},
      expire() {},
    };
    const settings = { connectionTimeoutMs: 5_000, retryAttempts: 5, breakerThreshold: 1 };
    pools = createTestPools({ pg17: server }, { passwords, settings });
    await lend(pidOf);
    assert.equal(reads, 1);
  });

  it("that takes all the time there is to read is no fault of the instance", async () => {
    let slowMs = 400;
    const passwords: AdminPasswords = {
      async read() {
        await pause(slowMs);
        return server.adminPassword;
      },
      forget() {},
      expire() {},
    };
    const settings = { connectionTimeoutMs: 300, breakerThreshold: 1 };
    pools = createTestPools({ pg17: server }, { passwords, settings });
    await rejection(lend(pidOf));
    await until(() => pools.totals().pools === 0);
    slowMs = 0;
    pools.applySettings({ ...testPoolSettings, breakerThreshold: 1 });
    await lend(pidOf);
  });

  it("is of no use when the admin is a member of an IAM role, and the error says so", async () => {
    open();
    await server.querySuperuser(
      "postgres",
      'CREATE ROLE "iam@example.com" LOGIN; GRANT cloudsqliamuser TO "iam@example.com"; GRANT "iam@example.com" TO postgres',
    );
    try {
      const error = await rejection(lend(pidOf));
      assert.equal(error.kind, "unavailable");
      assert.equal(error.details.sqlstate, "28000");
      assert.match(error.message, /member of an IAM role/);
    } finally {
      await server.querySuperuser("postgres", 'REVOKE "iam@example.com" FROM postgres');
    }
    assert.ok((await lend(pidOf)) > 0);
  });
});

describe("an instance that cannot be reached", () => {
  it("is tried again with growing pauses, as often as the settings say, and its metadata looked up", async () => {
    let attempts = 0;
    let refreshed = 0;
    const access: InstanceAccess = {
      openStream: (instance, options) => {
        attempts += 1;
        return directAccess({ pg17: throughRelay() }).openStream(instance, options);
      },
      refresh() {
        refreshed += 1;
      },
    };
    relay.set("refuse");
    pools = createTestPools({ pg17: server }, { access, settings: { retryAttempts: 3 } });
    const error = await rejection(lend(pidOf));
    assert.equal(error.kind, "unavailable");
    assert.ok((error.retryAfterS ?? 0) >= 1);
    assert.deepEqual([attempts, refreshed], [3, 3]);
  });

  it("that comes back between two attempts serves its borrower", async () => {
    open({ retryAttempts: 5 }, throughRelay());
    const before = relay.accepted();
    relay.set("refuse");
    const waiting = lend(pidOf);
    await until(() => relay.accepted() > before);
    relay.set("pass");
    assert.ok((await waiting) > 0);
  });

  it("is refused at once while its breaker is open, and tried once when that time is over", async () => {
    open({ retryAttempts: 1, breakerThreshold: 3, breakerResetMs: 1_000 }, throughRelay());
    relay.set("refuse");
    for (let i = 0; i < 3; i++) await rejection(lend(pidOf));
    const before = relay.accepted();
    const error = await rejection(lend(pidOf));
    assert.deepEqual(
      [error.kind, error.retryAfterS, error.details],
      ["unavailable", 1, { reason: "breaker_open" }],
    );
    assert.equal(relay.accepted(), before);
    await until(async () => (await rejection(lend(pidOf))).details.reason !== "breaker_open");
    assert.equal(relay.accepted(), before + 1);
    assert.equal((await rejection(lend(pidOf))).details.reason, "breaker_open");
    relay.set("pass");
    await until(() => lend(pidOf).catch(() => undefined));
    assert.ok((await lend(pidOf)) > 0);
  });

  describe("and whose breaker is open", () => {
    const other = testTarget("pg17", "template1");
    const settings = {
      size: 1,
      maxOverflow: 0,
      connectionTimeoutMs: 60_000,
      retryAttempts: 1,
      breakerThreshold: 3,
    };

    /** Somebody who runs a statement without end, and two who wait for that connection. */
    async function fillPool() {
      open(settings, throughRelay());
      const running = rejection(lend((session) => session.query("SELECT pg_sleep(60)")));
      await until(() => pools.totals().checkedOut === 1);
      const waiting = [lend(pidOf), lend(pidOf)].map(rejection);
      await until(() => pools.totals().waiting === 2);
      return { running, waiting };
    }

    const openBreaker = async (failures: number): Promise<void> => {
      relay.set("refuse");
      for (let i = 0; i < failures; i++)
        assert.deepEqual((await rejection(pools.withSession(other, borrower, pidOf))).details, {});
    };

    async function assertRefusedSoon(waiting: readonly Promise<ServiceError>[]): Promise<void> {
      const startedAt = performance.now();
      for (const error of await Promise.all(waiting)) assert.equal(error.details.reason, "breaker_open");
      assert.ok(performance.now() - startedAt < 20_000);
    }

    it("refuses those in line too, when the last connection is lost", async () => {
      const { running, waiting } = await fillPool();
      await openBreaker(2);
      relay.reset();
      assert.equal((await running).details.reason, "connection_lost");
      await openBreaker(1);
      await assertRefusedSoon(waiting);
    });

    it("refuses those in line when it opens, where only a statement is left that is not answered", async () => {
      const { running, waiting } = await fillPool();
      relay.mute();
      await openBreaker(3);
      await assertRefusedSoon([...waiting, rejection(lend(pidOf))]);
      relay.set("pass");
      await pools.console.kill("everything").done;
      assert.equal((await running).details.reason, "connection_killed");
    });
  });

  it("that is silent is given up after the connection timeout, and slows no other instance", async () => {
    const silent = await startRelay(server.port);
    silent.set("silent");
    const servers: Record<string, TestServer> = { ill: { ...throughRelay(), port: silent.port } };
    for (let i = 0; i < 9; i++) servers[`well_${i}`] = server;
    const settings = { connectionTimeoutMs: 4_000, retryAttempts: 1, size: 2, maxOverflow: 2 };
    pools = createTestPools(servers, { settings });
    const ill = Array.from({ length: 20 }, () =>
      rejection(pools.withSession(testTarget("ill", "postgres"), borrower, pidOf)),
    );
    let illEnded = 0;
    for (const each of ill) each.then(() => illEnded++);
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        Object.keys(servers)
          .filter((name) => name !== "ill")
          .map((name) => pools.withSession(testTarget(name, "postgres"), borrower, pidOf)),
      );
    }
    assert.equal(illEnded, 0, "the others were served while the silent one was still waited for");
    for (const error of await Promise.all(ill)) assert.equal(error.kind, "unavailable");
    await silent.close();
  });

  it("that went down and came up again serves the next borrower, through connections that died meanwhile", async () => {
    open({ retryAttempts: 5 });
    await Promise.all(
      [1, 2, 3].map(() => lend((session) => session.query("SELECT pg_sleep(0.02)", [], { read: true }))),
    );
    await server.shutDown();
    await server.startAgain();
    assert.ok((await lend(pidOf)) > 0);
  });
});

describe("a server that starts, and lets nobody in yet", () => {
  /** The first `times` streams go to a server that starts, later ones to the one that is there. */
  async function startingUp(times: number) {
    const starting = await startFickleServer(fatal("57P03"));
    const direct = directAccess({ pg17: server });
    let opened = 0;
    const access: InstanceAccess = {
      ...direct,
      async openStream(instance, options) {
        opened += 1;
        const isStarting = opened <= times;
        return isStarting ? () => streamTo("127.0.0.1", starting.port) : direct.openStream(instance, options);
      },
    };
    return { access, starting };
  }

  it("serves those who waited once it is there", async () => {
    const { access, starting } = await startingUp(6);
    pools = createTestPools(
      { pg17: server },
      { access, settings: { retryAttempts: 5, breakerThreshold: 50 } },
    );
    const pids = await Promise.all([1, 2, 3].map(() => lend(pidOf)));
    assert.ok(pids.every((pid) => pid > 0));
    assert.equal(starting.sessions(), 6);
    starting.close();
  });

  it("is left alone for the time of a recovery, and not for the breaker's, which is for one that is away", async () => {
    const { access, starting } = await startingUp(3);
    const settings = {
      retryAttempts: 1,
      breakerThreshold: 2,
      breakerResetMs: 60_000,
      breakerRecoveryMs: 1_000,
    };
    pools = createTestPools({ pg17: server }, { access, settings });
    for (let i = 0; i < 2; i++) {
      const error = await rejection(lend(pidOf));
      assert.deepEqual([error.kind, error.details], ["unavailable", { sqlstate: "57P03" }]);
    }
    const refused = await rejection(lend(pidOf));
    assert.deepEqual([refused.retryAfterS, refused.details], [1, { reason: "breaker_open" }]);
    assert.ok((await until(() => lend(pidOf).catch(() => undefined))) > 0);
    assert.equal(starting.sessions(), 3);
    starting.close();
  });
});

describe("an instance with no connection to spare", () => {
  it("is used with those that it has: the pools shrink, and everybody is served", async () => {
    await server.querySuperuser("postgres", "ALTER ROLE postgres CONNECTION LIMIT 3");
    try {
      open({ size: 8, maxOverflow: 0, breakerThreshold: 50 });
      // All three are open before a fourth is tried: while it is refused, the server counts it as well.
      const { promise: allOpen, resolve } = Promise.withResolvers<void>();
      const three = [1, 2, 3].map(() => lend(() => allOpen));
      await until(() => pools.totals().checkedOut === 3);
      resolve();
      await Promise.all(three);
      const served = await Promise.all(
        Array.from({ length: 40 }, () =>
          lend((session) => session.query("SELECT pg_sleep(0.005)", [], { read: true })),
        ),
      );
      assert.equal(served.length, 40);
      // What else was being opened may still be on its way to its refusal.
      await until(() => pools.totals().size === 3 && pools.totals().limit === 3);
    } finally {
      await server.querySuperuser("postgres", "ALTER ROLE postgres CONNECTION LIMIT -1");
    }
  });
});
