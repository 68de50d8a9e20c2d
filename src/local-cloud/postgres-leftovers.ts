import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isCode, type PostgresDirectories, preparePostgresDirectories } from "./postgres-directories.ts";
import { readPostmasterFile } from "./postgres-process.ts";
import {
  OWNER_FILE,
  type Owner,
  readProcessCommand,
  readProcessStart,
  removeRunDirectory,
} from "./postgres-run.ts";

export interface Leftovers {
  /** The run directories that were removed. */
  readonly removed: readonly string[];
  /** The process ids of the servers that were ended. */
  readonly ended: readonly number[];
}

const SHUTDOWN_MS = 5_000;
const UNFINISHED_MS = 600_000;

/** Ends the servers and removes the directories of processes that have died without doing so. */
export async function cleanLeftovers(directories?: PostgresDirectories): Promise<Leftovers> {
  const { run, preparation } = directories ?? (await preparePostgresDirectories());
  const removed: string[] = [];
  const ended: number[] = [];
  const clean = async (path: string) => {
    const owner = await readOwner(path);
    if (owner ? await isAlive(owner) : !(await isAbandoned(path))) return;
    for (const data of [join(path, "data"), ...(owner?.dataDirectory ? [owner.dataDirectory] : [])]) {
      const pid = await endServer(data);
      if (pid !== undefined) ended.push(pid);
    }
    await removeRunDirectory(path);
    removed.push(path);
  };
  for (const parent of new Set([run, preparation])) {
    await Promise.all((await readdir(parent)).map((name) => clean(join(parent, name))));
  }
  return { removed, ended };
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(join(path, OWNER_FILE), "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

/** A process id may be taken by a later process. */
async function isAlive(owner: Owner): Promise<boolean> {
  return (await readProcessStart(owner.pid)) === owner.startedAt;
}

/** Without an owner, it may be about to get one, or its removal may have been cut short. */
async function isAbandoned(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > UNFINISHED_MS;
  } catch {
    return false;
  }
}

/** Ends the server of this data directory, if it runs; returns its process id. */
async function endServer(dataDirectory: string): Promise<number | undefined> {
  const [line] = await readPostmasterFile(dataDirectory);
  const pid = Number(line);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const startedAt = await readProcessStart(pid);
  const command = await readProcessCommand(pid);
  if (startedAt === undefined || !command?.includes(`-D ${dataDirectory} `)) return undefined;
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    if (!sendSignal(pid, signal)) return pid;
    const deadline = Date.now() + SHUTDOWN_MS;
    while (Date.now() < deadline) {
      if ((await readProcessStart(pid)) !== startedAt) return pid;
      await pause(10);
    }
  }
  return pid;
}

function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (isCode(error, "ESRCH")) return false;
    throw error;
  }
}
