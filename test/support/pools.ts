import { Socket } from "node:net";
import type { Instance, Target } from "../../src/domain/target.ts";
import { notFound } from "../../src/errors.ts";
import { type Log, silentLog } from "../../src/log.ts";
import type { Clock } from "../../src/postgres/clock.ts";
import type { AdminPasswords, InstanceAccess } from "../../src/postgres/instance-access.ts";
import type { PoolSettings } from "../../src/postgres/pool-settings.ts";
import { type ClosablePools, createPools } from "../../src/postgres/pools.ts";

/** What the pools need to know of a server; the local cloud's PostgresServer has it. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly adminPassword: string;
}

/** Servers by the instance's name, such as `pg17`. */
export type TestServers = Readonly<Record<string, TestServer>>;

export const testPoolSettings: PoolSettings = {
  adminUser: "postgres",
  size: 5,
  maxOverflow: 10,
  minSize: 0,
  connectionTimeoutMs: 30_000,
  retryAttempts: 3,
  idleTimeoutMs: 30_000,
  maxLifetimeMs: 600_000,
  statementTimeoutMs: 30_000,
  lockTimeoutMs: 10_000,
  idleInTransactionTimeoutMs: 30_000,
  breakerThreshold: 5,
  breakerResetMs: 60_000,
  applicationName: "cloudsql-postgres-manager",
};

/** A stream for pg's `stream` option that connects to the server, whatever address pg names. */
export function streamTo(host: string, port: number): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  socket.connect = () => connect(port, host);
  return socket;
}

/** Access without a connector: straight to the server's TCP port. */
export function directAccess(servers: TestServers): InstanceAccess {
  return {
    async openStream(instance) {
      const server = servers[instance.instance];
      if (server === undefined) throw notFound("instance", `There is no instance ${instance.instance}.`);
      return () => streamTo(server.host, server.port);
    },
    refresh() {},
  };
}

/** Passwords straight from the servers; `reads` counts the look-ups. */
export function directPasswords(servers: TestServers): AdminPasswords {
  return {
    async read(instance) {
      const server = servers[instance.instance];
      if (server === undefined) throw notFound("secret", `There is no secret for ${instance.instance}.`);
      return server.adminPassword;
    },
    forget() {},
    expire() {},
  };
}

export interface TestPoolsOptions {
  readonly settings?: Partial<PoolSettings>;
  readonly access?: InstanceAccess;
  readonly passwords?: AdminPasswords;
  readonly log?: Log;
  readonly clock?: Clock;
}

/**
 * Pools on test servers, without a connector: `createTestPools({ pg17: server })` and then
 * `withSession(testTarget("pg17", "orders"), ...)`. Close them before the server stops.
 */
export function createTestPools(servers: TestServers, options: TestPoolsOptions = {}): ClosablePools {
  return createPools({
    access: options.access ?? directAccess(servers),
    passwords: options.passwords ?? directPasswords(servers),
    settings: { ...testPoolSettings, ...options.settings },
    log: options.log ?? silentLog,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
}

export function testInstance(instance: string): Instance {
  return { project: "test-project", region: "europe-west1", instance };
}

export function testTarget(instance: string, database: string): Target {
  return { ...testInstance(instance), database };
}
