import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { openAccess } from "../../src/http/access.ts";
import { type AppOptions, createHttpServer, type HttpSettings } from "../../src/http/app.ts";
import type { Operations } from "../../src/http/operations.ts";
import type { Log, LogFields, LogLevel } from "../../src/log.ts";
import type { Context } from "../../src/operations/context.ts";
import type { PoolConsole } from "../../src/postgres/console.ts";
import type { Pools, PoolTotals } from "../../src/postgres/session.ts";
import { pretendedOperations } from "./http-operations.ts";

export interface LogLine {
  readonly level: LogLevel | "notice";
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines; fields of its children are in each line. */
export function collectingLog(lines: LogLine[], own: LogFields = {}): Log {
  const write =
    (level: LogLine["level"]) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields: { ...own, ...fields } });
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warning: write("warning"),
    error: write("error"),
    notice: write("notice"),
    child: (fields) => collectingLog(lines, { ...own, ...fields }),
  };
}

/** Cloud Logging's httpRequest field of a line. */
export function httpRequestOf(line: LogLine | undefined): Readonly<Record<string, unknown>> {
  return { ...(line?.fields.httpRequest as Record<string, unknown> | undefined) };
}

const emptyTotals: PoolTotals = {
  pools: 0,
  size: 0,
  checkedOut: 0,
  idle: 0,
  waiting: 0,
  overflow: 0,
  limit: 0,
};

const noConsole = (): never => {
  throw new Error("the test has no pools");
};

const unusedConsole: PoolConsole = {
  list: noConsole,
  pauses: noConsole,
  pause: noConsole,
  resume: noConsole,
  drain: noConsole,
  reload: noConsole,
  kill: noConsole,
};

/** A context whose pools and registry must not be used: the operations are pretended. */
export function unusedContext(totals: () => PoolTotals = () => emptyTotals): Context {
  const refuse = async (): Promise<never> => {
    throw new Error("the test has no database");
  };
  return {
    pools: { withSession: refuse, tryLogin: refuse, totals, console: unusedConsole },
    registry: {
      documentId: () => "unused",
      read: refuse,
      findRegions: refuse,
      keepText: refuse,
      readText: refuse,
      readHistory: refuse,
      record: refuse,
    },
    settings: { adminUser: "postgres", validateIamUsers: true, healthCheckTimeoutMs: 20_000 },
  };
}

export interface TestServer {
  readonly server: Server;
  readonly url: string;
  readonly port: number;
  readonly lines: LogLine[];
  /** Lines of requests, in order. */
  requestLines(): LogLine[];
  close(): Promise<void>;
}

export interface TestServerOptions {
  readonly operations?: Partial<Operations>;
  readonly settings?: Partial<HttpSettings>;
  readonly totals?: () => PoolTotals;
  /** For operations that are not pretended. */
  readonly pools?: Pools;
  readonly context?: Context;
  readonly identifyCaller?: AppOptions["identifyCaller"];
  /** Without it everybody may do everything. */
  readonly access?: AppOptions["access"];
}

/** The service on a loopback port, with pretended operations unless a test brings its own. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const lines: LogLine[] = [];
  const server = await createHttpServer({
    context: {
      ...(options.context ?? unusedContext(options.totals)),
      ...(options.pools === undefined ? {} : { pools: options.pools }),
    },
    settings: {
      allowedRegions: [],
      cors: { origins: [], methods: ["GET", "POST"], headers: ["Content-Type", "Authorization"] },
      requestTimeoutMs: 10_000,
      logPerformanceMetrics: true,
      ...options.settings,
    },
    log: collectingLog(lines),
    service: { name: "Cloud SQL PostgreSQL Manager", version: "1.0.0" },
    access: options.access ?? openAccess,
    operations: { ...pretendedOperations, ...options.operations },
    ...(options.identifyCaller === undefined ? {} : { identifyCaller: options.identifyCaller }),
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    requestLines: () => lines.filter((line) => line.fields.httpRequest !== undefined),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export const demoTarget = {
  project_id: "demo-project",
  region: "europe-west1",
  instance_name: "orders-db",
  database_name: "orders",
};
