import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const cache = join(root, "node_modules/.cache/service-bundles");
const oldMs = 3600_000;

let bundle: Promise<string> | undefined;

/**
 * The start file of the service as it is deployed: bundled by scripts/build.ts, once for all test processes as long as
 * nothing changes that it is made of. It starts in half the time of its sources.
 */
export function prepareServiceBundle(): Promise<string> {
  bundle ??= prepare();
  return bundle;
}

async function prepare(): Promise<string> {
  const directory = join(cache, await readFingerprint());
  const main = join(directory, "main.js");
  if (await isThere(main)) return main;
  await mkdir(cache, { recursive: true });
  const unfinished = `${directory}.${process.pid}`;
  await run(process.execPath, ["scripts/build.ts", "--out", unfinished], { cwd: root });
  await rename(unfinished, directory).catch(async (error: unknown) => {
    // Another process may have been faster: its bundle is as good.
    await rm(unfinished, { recursive: true });
    if (!(await isThere(main))) throw error;
  });
  await removeOld(directory);
  return main;
}

/** Of all that goes into the bundle. */
async function readFingerprint(): Promise<string> {
  const sources = await readdir(join(root, "src"), { recursive: true, withFileTypes: true });
  const files = sources
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .concat(["package.json", "package-lock.json", "scripts/build.ts"].map((name) => join(root, name)))
    .sort();
  const hash = createHash("sha256");
  for (const [at, content] of (await Promise.all(files.map((file) => readFile(file)))).entries()) {
    hash.update(`${files[at]} ${content.length}\n`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

/** Bundles of earlier states of the sources; one that is in use by another run is not that old. */
async function removeOld(current: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    const made = await stat(path).catch(() => undefined);
    if (path === current || made === undefined || Date.now() - made.mtimeMs < oldMs) continue;
    await rm(path, { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
