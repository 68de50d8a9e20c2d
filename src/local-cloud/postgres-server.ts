import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Client, QueryResult, QueryResultRow } from "pg";
import type { DoorFaults, Login } from "./door.ts";
import { exists, type Major, preparePostgresBinaries } from "./postgres-binaries.ts";
import { ADMIN, type Mode, passwordStatement, SUPERUSER } from "./postgres-bootstrap.ts";
import { type PostgresDirectories, preparePostgresDirectories } from "./postgres-directories.ts";
import { createEntrance, type Entrance } from "./postgres-entrance.ts";
import { atExit } from "./postgres-exit.ts";
import { createUserStatement, escapeName, type NewUser } from "./postgres-principals.ts";
import { type PostgresProcess, startPostgresProcess } from "./postgres-process.ts";
import { makeRunDirectory, removeRunDirectory } from "./postgres-run.ts";
import {
  assertSameBootstrap,
  bringTemplate,
  copyTemplate,
  prepareTemplate,
  readSuperuserPassword,
  writeSuperuserPassword,
} from "./postgres-template.ts";
import { createSuperuserSessions, type SuperuserSessions } from "./superuser-sessions.ts";

export interface PostgresServerOptions {
  readonly major: Major;
  readonly mode: Mode;
  /** A data directory to keep; it is made when it does not exist. Without it: a fresh one, removed by `stop`. */
  readonly directory?: string;
  /** Survive a crash of the machine (fsync). Default false. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  /** Default: generated. */
  readonly adminPassword?: string;
  /** Default: generated. */
  readonly superuserPassword?: string;
  /** More server settings, such as `{ log_statement: "all" }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface PostgresServer {
  readonly major: Major;
  readonly mode: Mode;
  readonly host: "127.0.0.1";
  /** Of the door where it stands in front (permissive mode from 16 on), else of PostgreSQL itself. */
  readonly port: number;
  readonly dataDirectory: string;
  /** The process id of the running postgres; undefined while it is shut down. */
  readonly pid: number | undefined;
  readonly superuserPassword: string;
  /** As last set here. */
  readonly adminPassword: string;
  /** A connection URL; the default database is `postgres`. */
  superuserUrl(database?: string): string;
  adminUrl(database?: string): string;
  setAdminPassword(password: string): Promise<void>;
  /** Sets any role's password. */
  setPassword(role: string, password: string): Promise<void>;
  createUser(user: NewUser): Promise<void>;
  dropUser(name: string): Promise<void>;
  createDatabase(name: string): Promise<void>;
  dropDatabase(name: string): Promise<void>;
  /** Runs as the superuser, as if on a connection of its own. Without values, the text may hold several statements. */
  querySuperuser<Row extends QueryResultRow = Record<string, unknown>>(
    database: string,
    text: string,
    values?: readonly unknown[],
  ): Promise<QueryResult<Row>>;
  /** Lends a connection of the superuser's, as if it were a new one. */
  withSuperuser<Result>(database: string, work: (client: Client) => Promise<Result>): Promise<Result>;
  /** Serves a connection that the server-side proxy has decrypted. */
  accept(stream: Duplex, login: Login): void;
  /** For what comes by `accept` and, in permissive mode from 16 on, to `port`. */
  readonly faults: DoorFaults;
  /** The instance goes down (sessions end with 57P01) and keeps its data; `startAgain` brings it back on its port. */
  shutDown(): Promise<void>;
  startAgain(): Promise<void>;
  /** Ends everything; removes the data directory unless it is to be kept. May be called twice. */
  stop(): Promise<void>;
}

/** Starts a PostgreSQL server, bootstrapped like Cloud SQL. Rejects with a ServiceError when it cannot start. */
export async function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const directories = await preparePostgresDirectories();
  const binaries = await preparePostgresBinaries(options.major, directories);
  const prepared = await prepareTemplate(options.major, options.mode, binaries, directories);
  const template = await bringTemplate(prepared, directories);
  const runDirectory = await makeRunDirectory(directories.run, options.directory);
  try {
    const dataDirectory = await prepareData(options, template, runDirectory);
    const start = (port?: number) =>
      startPostgresProcess({
        postgres: binaries.postgres,
        dataDirectory,
        runDirectory,
        serverUser: directories.serverUser,
        settings: serverSettings(options),
        ...(port ? { port } : {}),
      });
    const running = await start();
    try {
      const opened = await openSessions(options, running, dataDirectory, directories);
      const entrance = await createEntrance(options, running);
      return createServer(options, { dataDirectory, runDirectory, running, entrance, ...opened, start });
    } catch (error) {
      await running.stop();
      throw error;
    }
  } catch (error) {
    await removeRunDirectory(runDirectory);
    throw error;
  }
}

async function prepareData(
  options: PostgresServerOptions,
  template: string,
  runDirectory: string,
): Promise<string> {
  const dataDirectory = options.directory ?? join(runDirectory, "data");
  if (await exists(dataDirectory)) await assertSameBootstrap(dataDirectory, options.major, options.mode);
  else await copyTemplate(template, dataDirectory);
  return dataDirectory;
}

function serverSettings(options: PostgresServerOptions): Record<string, string> {
  const fast = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };
  return {
    shared_preload_libraries: "pg_stat_statements",
    max_connections: String(options.maxConnections ?? 100),
    // Leaves nothing behind in /dev/shm, whatever kills the server.
    dynamic_shared_memory_type: "mmap",
    min_wal_size: "32MB",
    max_wal_size: "1GB",
    // What costs each start, and no use is made of.
    shared_buffers: "32MB",
    max_logical_replication_workers: "0",
    ...(options.major < 18 ? {} : { io_workers: "1" }),
    timezone: "UTC",
    ...(options.durable ? {} : fast),
    ...options.settings,
  };
}

interface Passwords {
  superuser: string;
  admin: string;
}

/** Sets the passwords, on the first of the superuser's sessions. */
async function openSessions(
  options: PostgresServerOptions,
  process: PostgresProcess,
  dataDirectory: string,
  directories: PostgresDirectories,
): Promise<{ sessions: SuperuserSessions; passwords: Passwords }> {
  const before = await readSuperuserPassword(dataDirectory);
  const superuser = options.superuserPassword ?? (options.directory ? before : generatePassword());
  const passwords = { superuser: before, admin: options.adminPassword ?? generatePassword() };
  const sessions = createSuperuserSessions({
    socketDirectory: process.socketDirectory,
    port: process.port,
    get password() {
      return passwords.superuser;
    },
  });
  const statements = [passwordStatement(SUPERUSER, superuser), passwordStatement(ADMIN, passwords.admin)];
  await sessions.query("postgres", statements.join(";"));
  await writeSuperuserPassword(dataDirectory, superuser, directories.serverUser);
  passwords.superuser = superuser;
  return { sessions, passwords };
}

interface Parts {
  readonly dataDirectory: string;
  readonly runDirectory: string;
  readonly running: PostgresProcess;
  readonly entrance: Entrance;
  readonly sessions: SuperuserSessions;
  readonly passwords: Passwords;
  readonly start: (port: number) => Promise<PostgresProcess>;
}

function createServer(options: PostgresServerOptions, parts: Parts): PostgresServer {
  const { dataDirectory, runDirectory, entrance, passwords, sessions } = parts;
  const { port } = parts.running;
  let running: PostgresProcess | undefined = parts.running;
  const url = (user: string, password: string, database: string) =>
    `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${entrance.port}/${encodeURIComponent(database)}`;
  const forget = atExit(() => {
    running?.abandon();
    rmSync(runDirectory, { recursive: true, force: true });
  });

  const server: PostgresServer = {
    major: options.major,
    mode: options.mode,
    host: "127.0.0.1",
    port: entrance.port,
    dataDirectory,
    get pid() {
      return running?.pid;
    },
    superuserPassword: passwords.superuser,
    get adminPassword() {
      return passwords.admin;
    },
    superuserUrl: (database = "postgres") => url(SUPERUSER, passwords.superuser, database),
    adminUrl: (database = "postgres") => url(ADMIN, passwords.admin, database),
    async setAdminPassword(password) {
      await server.setPassword(ADMIN, password);
      passwords.admin = password;
    },
    async setPassword(role, password) {
      await server.querySuperuser("postgres", passwordStatement(role, password));
    },
    async createUser(user) {
      await server.querySuperuser("postgres", createUserStatement(user));
    },
    async dropUser(name) {
      await server.querySuperuser("postgres", `DROP ROLE ${escapeName(name)}`);
    },
    async createDatabase(name) {
      // Copying the files takes half of what copying through the log does; before 15 nothing else is known.
      const strategy = options.major < 15 ? "" : " STRATEGY file_copy";
      const text = `CREATE DATABASE ${escapeName(name)} OWNER cloudsqlsuperuser${strategy}`;
      await server.querySuperuser("postgres", text);
    },
    async dropDatabase(name) {
      await server.querySuperuser("postgres", `DROP DATABASE ${escapeName(name)}`);
    },
    querySuperuser: sessions.query,
    withSuperuser: sessions.lend,
    accept: entrance.accept,
    faults: entrance.faults,
    async shutDown() {
      entrance.stopListening();
      await sessions.release();
      await running?.stop();
      running = undefined;
    },
    async startAgain() {
      running ??= await parts.start(port);
      await entrance.open();
    },
    async stop() {
      await server.shutDown();
      entrance.close();
      forget();
      await removeRunDirectory(runDirectory);
    },
  };
  return server;
}

function generatePassword(): string {
  return randomBytes(18).toString("base64url");
}
