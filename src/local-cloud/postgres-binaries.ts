import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, appendFile, chmod, readFile, rename, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ServiceError } from "../errors.ts";
import type { PostgresDirectories } from "./postgres-directories.ts";
import { isCode } from "./postgres-directories.ts";
import { makeRunDirectory, removeRunDirectory } from "./postgres-run.ts";

export type Major = 14 | 15 | 16 | 17 | 18;

export const majors: readonly Major[] = [14, 15, 16, 17, 18];

export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly share: string;
  /** Changes whenever the binaries do. */
  readonly key: string;
}

const run = promisify(execFile);

/** Extensions that Cloud SQL lets its admin, who is no superuser, create. */
const trustedExtensions =
  `amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int dict_xsyn earthdistance
  fuzzystrmatch hstore insert_username intagg intarray isn lo ltree moddatetime pageinspect pg_buffercache
  pg_freespacemap pg_prewarm pg_stat_statements pg_trgm pg_visibility pgcrypto pgrowlocks pgstattuple postgres_fdw
  refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp`.split(/\s+/);

/**
 * The server's programs, from the npm package of this major and platform, copied once into the cache: a checkout may lie
 * below a directory that the server's user may not enter. Rejects with a ServiceError when the package is missing.
 */
export async function preparePostgresBinaries(
  major: Major,
  directories: PostgresDirectories,
): Promise<PostgresBinaries> {
  const packageDirectory = findPackage(major);
  const { version } = JSON.parse(await readFile(join(packageDirectory, "package.json"), "utf8"));
  const fingerprint = createHash("sha256").update(trustedExtensions.join()).digest("hex").slice(0, 6);
  const key = `${version}-${process.platform}-${process.arch}-${fingerprint}`;
  const copy = join(directories.cache, `postgres-${key}`);
  if (!(await exists(copy))) await copyBinaries(join(packageDirectory, "native"), copy, directories);
  return {
    postgres: join(copy, "bin", "postgres"),
    initdb: join(copy, "bin", "initdb"),
    share: join(copy, "share", "postgresql"),
    key,
  };
}

function findPackage(major: Major): string {
  const name = `pg${major}-${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch (cause) {
    throw new ServiceError(
      "internal_error",
      `PostgreSQL ${major} is not installed: the package ${name} is missing. Run npm ci, with optional dependencies`,
      { cause },
    );
  }
}

async function copyBinaries(native: string, copy: string, directories: PostgresDirectories): Promise<void> {
  const runDirectory = await makeRunDirectory(directories.preparation);
  try {
    const unfinished = join(runDirectory, "native");
    await run("cp", ["-R", native, unfinished]);
    await restoreSymbolicLinks(unfinished);
    const extensions = join(unfinished, "share", "postgresql", "extension");
    await Promise.all(trustedExtensions.map((name) => trustExtension(join(extensions, `${name}.control`))));
    await run("chmod", ["-R", "u+rwX,go+rX,go-w", unfinished]);
    for (const name of ["initdb", "postgres"]) await chmod(join(unfinished, "bin", name), 0o755);
    await publish(unfinished, copy);
  } finally {
    await removeRunDirectory(runDirectory);
  }
}

/** Gives a finished directory its final name. Another process may have been faster: then its copy is as good. */
export async function publish(unfinished: string, final: string): Promise<void> {
  try {
    await rename(unfinished, final);
  } catch (error) {
    if (!isCode(error, "ENOTEMPTY") && !isCode(error, "EEXIST")) throw error;
  }
}

/** npm packs no symbolic links; the package's install script makes them, but such scripts may be blocked. */
async function restoreSymbolicLinks(native: string): Promise<void> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(native, "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    try {
      await symlink(basename(source), join(dirname(native), target));
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    }
  }
}

async function trustExtension(control: string): Promise<void> {
  if (!(await exists(control))) return;
  const text = await readFile(control, "utf8");
  if (!/^trusted\s*=/m.test(text)) await appendFile(control, "\ntrusted = true\n");
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
