import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { isCode } from "./postgres-directories.ts";

const run = promisify(execFile);

export const OWNER_FILE = "owner.json";

/** Which process a run directory belongs to; `startedAt` tells it from a later process with the same pid. */
export interface Owner {
  readonly pid: number;
  readonly startedAt: string;
  /** The data directory, when it lies outside of the run directory. */
  readonly dataDirectory?: string;
}

/**
 * A directory of this process, in `parent`, for one server (or one preparation). It appears together with the file that
 * names its owner, so that a cleaner never sees one without.
 */
export async function makeRunDirectory(parent: string, dataDirectory?: string): Promise<string> {
  const id = randomBytes(5).toString("hex");
  const path = join(parent, id);
  const unfinished = join(parent, `.${id}`);
  await mkdir(unfinished);
  await chmod(unfinished, 0o711);
  const startedAt = await readProcessStart(process.pid);
  if (startedAt === undefined) throw new Error("the start time of this process cannot be read");
  const owner: Owner = { pid: process.pid, startedAt, ...(dataDirectory ? { dataDirectory } : {}) };
  await writeFile(join(unfinished, OWNER_FILE), JSON.stringify(owner));
  await rename(unfinished, path);
  return path;
}

/** At once: a thousand files removed one by one by promises take four times the processor's time. */
export async function removeRunDirectory(path: string): Promise<void> {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

/** When a process started, as an opaque string; undefined when there is no such process. */
export async function readProcessStart(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return readFromPs(pid, "lstart=");
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The command, in parentheses, may hold spaces; the start time is field 22 of all, the 20th after it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    return `${boot.trim()} ${fields[19]}`;
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ESRCH")) return undefined;
    throw error;
  }
}

/** The arguments of a process, or undefined when there is none. */
export async function readProcessCommand(pid: number): Promise<string | undefined> {
  if (process.platform !== "linux") return readFromPs(pid, "command=");
  try {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
    return command === "" ? undefined : command.replaceAll("\0", " ");
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ESRCH")) return undefined;
    throw error;
  }
}

async function readFromPs(pid: number, column: string): Promise<string | undefined> {
  try {
    const { stdout } = await run("ps", ["-o", column, "-p", String(pid)], { env: { LC_ALL: "C" } });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
