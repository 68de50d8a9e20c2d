import { readFileSync, rmdirSync, rmSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isCode } from "./postgres-directories.ts";
import { readProcessStart } from "./postgres-run.ts";

/** The directory in which the running local cloud of a checkout describes itself. */
export function localDirectory(checkout: string): string {
  return join(checkout, ".local");
}

/** Another local cloud runs from this checkout. */
export class ClaimedError extends Error {
  override readonly name = "ClaimedError";
}

interface Owner {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * Claims the checkout for this process, so that two runs do not overwrite each other's description. A claim of a
 * process that has died is taken over. Returns what gives it back, which is good for an exit handler.
 */
export async function claimCheckout(checkout: string): Promise<() => void> {
  const path = join(localDirectory(checkout), "owner.json");
  const startedAt = await readProcessStart(process.pid);
  const content = JSON.stringify({ pid: process.pid, startedAt });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await writeFile(path, content, { flag: "wx", mode: 0o600 });
      return () => giveBack(path, content);
    } catch (error) {
      if (!isCode(error, "EEXIST") || attempt === 5) throw error;
      await removeDeadClaim(path, checkout);
    }
  }
}

async function removeDeadClaim(path: string, checkout: string): Promise<void> {
  const owner = parseOwner(readIfThere(path));
  if (owner && (await readProcessStart(owner.pid)) === owner.startedAt) {
    const description = join(localDirectory(checkout), "cloud.json");
    throw new ClaimedError(
      `A local cloud runs from this directory already (process ${owner.pid}; see ${description}). Stop it first.`,
    );
  }
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  await rm(aside, { force: true });
  await rm(join(localDirectory(checkout), "cloud.json"), { force: true });
}

function parseOwner(text: string | undefined): Owner | undefined {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function giveBack(path: string, content: string): void {
  if (readIfThere(path) !== content) return;
  rmSync(join(dirname(path), "cloud.json"), { force: true });
  rmSync(path, { force: true });
  try {
    rmdirSync(dirname(path));
  } catch {
    // Something else is in there: it stays.
  }
}
