import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ServiceError } from "../errors.ts";
import { giveToServer, isCode, type ServerUser } from "./postgres-directories.ts";

export interface PostgresProcessOptions {
  /** The path of the `postgres` program. */
  readonly postgres: string;
  readonly dataDirectory: string;
  /** Where the socket and the log go. */
  readonly runDirectory: string;
  readonly serverUser: ServerUser | undefined;
  /** Settings beyond the socket and the port. */
  readonly settings: Readonly<Record<string, string>>;
  /** The TCP port on 127.0.0.1; without it a free one. */
  readonly port?: number;
}

export interface PostgresProcess {
  readonly pid: number;
  readonly port: number;
  readonly socketDirectory: string;
  /** Fast shutdown, then force; resolves when the process has gone. */
  stop(): Promise<void>;
  /** Ends it without waiting, for a process that is about to exit itself. */
  abandon(): void;
}

const START_MS = 60_000;
const FAST_SHUTDOWN_MS = 10_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;

/** Starts `postgres` and waits until it takes connections. Rejects with a ServiceError that holds the end of its log. */
export async function startPostgresProcess(options: PostgresProcessOptions): Promise<PostgresProcess> {
  const socketDirectory = await makeSocketDirectory(options);
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort());
    const child = await spawnPostgres(options, socketDirectory, port);
    if (await waitUntilReady(child, options.dataDirectory)) {
      return describe(child, port, socketDirectory);
    }
    // Another process may have taken the port since we looked; anything else fails the same way again.
    if (attempt === 3 || (await isFree(port))) throw await startFailure(options);
  }
}

function describe(child: ChildProcess, port: number, socketDirectory: string): PostgresProcess {
  const pid = child.pid;
  if (pid === undefined) throw new ServiceError("internal_error", "PostgreSQL has no process id");
  return {
    pid,
    port,
    socketDirectory,
    stop: () => stopProcess(child),
    abandon() {
      child.kill("SIGQUIT");
    },
  };
}

async function makeSocketDirectory(options: PostgresProcessOptions): Promise<string> {
  const path = join(options.runDirectory, "s");
  await mkdir(path, { recursive: true, mode: 0o700 });
  await giveToServer(path, options.serverUser);
  return path;
}

async function spawnPostgres(
  options: PostgresProcessOptions,
  socketDirectory: string,
  port: number,
): Promise<ChildProcess> {
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: socketDirectory,
    ...options.settings,
  };
  const log = await open(join(options.runDirectory, "log"), "a", 0o600);
  try {
    const child = spawn(
      options.postgres,
      ["-D", options.dataDirectory, ...Object.entries(settings).flatMap(([k, v]) => ["-c", `${k}=${v}`])],
      {
        ...options.serverUser,
        cwd: options.dataDirectory,
        env: { LC_ALL: "C", TZ: "UTC" },
        stdio: ["ignore", log.fd, log.fd],
        // Its own process group: Ctrl-C in a terminal must reach us alone, who then stop things in order.
        detached: true,
      },
    );
    await once(child, "spawn");
    return child;
  } catch (cause) {
    throw new ServiceError("internal_error", `PostgreSQL cannot be run: ${options.postgres}`, { cause });
  } finally {
    await log.close();
  }
}

/** True when ready, false when the process has ended. The eighth line of postmaster.pid is what pg_ctl looks at, too. */
async function waitUntilReady(child: ChildProcess, dataDirectory: string): Promise<boolean> {
  const deadline = Date.now() + START_MS;
  while (child.exitCode === null && child.signalCode === null) {
    const lines = await readPostmasterFile(dataDirectory);
    if (lines[0] === String(child.pid) && lines[7] === "ready") return true;
    if (Date.now() > deadline) {
      await stopProcess(child);
      return false;
    }
    await pause(5);
  }
  return false;
}

/** The trimmed lines of postmaster.pid: pid, data directory, start time, port, socket directory, .., status. */
export async function readPostmasterFile(dataDirectory: string): Promise<string[]> {
  try {
    const text = await readFile(join(dataDirectory, "postmaster.pid"), "utf8");
    return text.split("\n").map((line) => line.trim());
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
}

async function startFailure(options: PostgresProcessOptions): Promise<ServiceError> {
  const log = await readFile(join(options.runDirectory, "log"), "utf8");
  const end = log.trimEnd().split("\n").slice(-8).join("\n");
  return new ServiceError("internal_error", `PostgreSQL did not start in ${options.dataDirectory}:\n${end}`);
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  const timers = [
    setTimeout(() => child.kill("SIGQUIT"), FAST_SHUTDOWN_MS),
    setTimeout(() => child.kill("SIGKILL"), FAST_SHUTDOWN_MS + IMMEDIATE_SHUTDOWN_MS),
  ];
  child.kill("SIGINT");
  await exited;
  for (const timer of timers) clearTimeout(timer);
}

/** Below the range from which the system takes ports of outgoing connections, so that a restart finds it free. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
