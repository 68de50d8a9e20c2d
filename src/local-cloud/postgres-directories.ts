import { constants } from "node:fs";
import { access, chmod, chown, lstat, mkdir, readFile, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { ServiceError } from "../errors.ts";

/** The user that PostgreSQL runs as; undefined: the one that we are. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresDirectories {
  /** Copies of binaries and data directory templates: made once, shared by all processes of this user. */
  readonly cache: string;
  /** One directory per running server; see postgres-run.ts. */
  readonly run: string;
  /** Templates on the file system of `run`: the cache, or copies in memory, which cost less than half to copy from. */
  readonly templates: string;
  /**
   * One directory per copy or template that is being made, on the cache's own file system: what is finished gets its name
   * there by a rename, and a rename from another (from memory) fails with EXDEV.
   */
  readonly preparation: string;
  /** What is to outlast the servers. */
  readonly keep: string;
  readonly serverUser: ServerUser | undefined;
}

/**
 * Makes and verifies `PARENT/cloudsql-postgres-manager-UID`, in /var/tmp or, where there is none, os.tmpdir(). The path is
 * short, because a socket's path must stay under 108 bytes, and outside of the checkout, because PostgreSQL refuses to
 * run as root and its own user may not enter a home. Rejects with a ServiceError when somebody else made it first.
 */
export async function preparePostgresDirectories(parent?: string): Promise<PostgresDirectories> {
  const uid = process.getuid?.();
  if (uid === undefined) {
    throw new ServiceError("internal_error", "the local PostgreSQL servers need Linux or macOS");
  }
  const base = join(parent ?? (await findTemporaryParent()), `cloudsql-postgres-manager-${uid}`);
  const cache = join(base, "cache");
  const memory = await findMemory();
  const runBase = memory === undefined ? base : join(memory, basename(base));
  const run = join(runBase, "run");
  const templates = join(runBase, "cache");
  const preparation = join(base, "run");
  const all = [base, cache, preparation, runBase, run, templates];
  for (const directory of all) await makeOwnDirectory(directory, uid);
  return {
    cache,
    run,
    templates,
    preparation,
    keep: join(base, "keep"),
    serverUser: uid === 0 ? await readUnprivilegedUser() : undefined,
  };
}

/** Hands a path over to the server's user, when that is not us. */
export async function giveToServer(path: string, serverUser: ServerUser | undefined): Promise<void> {
  if (serverUser) await chown(path, serverUser.uid, serverUser.gid);
}

async function findTemporaryParent(): Promise<string> {
  try {
    await access("/var/tmp", constants.W_OK | constants.X_OK);
    return "/var/tmp";
  } catch {
    return tmpdir();
  }
}

const leastMemoryBytes = 4 * 1024 ** 3;

/**
 * Where LOCAL_CLOUD_MEMORY says that servers may run in memory, as tests do: a server starts there in a fifth of the time,
 * and makes a database in an eighth. Undefined when there is no such place, or too little of it.
 */
async function findMemory(): Promise<string | undefined> {
  const path = process.env.LOCAL_CLOUD_MEMORY;
  if (path === undefined || path === "") return undefined;
  try {
    await access(path, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize < leastMemoryBytes ? undefined : path;
  } catch {
    return undefined;
  }
}

/** In a directory that everyone may write to, a name can be taken by someone else, or be a symbolic link. */
export async function makeOwnDirectory(path: string, uid: number): Promise<void> {
  try {
    await mkdir(path, { mode: 0o755 });
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
  const found = await lstat(path);
  const refusal = !found.isDirectory()
    ? "is not a directory"
    : found.uid !== uid
      ? `belongs to user ${found.uid}, not to us`
      : found.mode & 0o022
        ? "can be written by other users"
        : undefined;
  if (refusal) {
    throw new ServiceError("internal_error", `${path} ${refusal}: remove it, then start again`);
  }
  if ((found.mode & 0o755) !== 0o755) await chmod(path, 0o755);
}

/** PostgreSQL refuses to run as root. */
async function readUnprivilegedUser(): Promise<ServerUser> {
  const users = new Map<string, ServerUser>();
  for (const line of (await readFile("/etc/passwd", "utf8")).split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name && uid && gid) users.set(name, { uid: Number(uid), gid: Number(gid) });
  }
  const user = users.get("postgres") ?? users.get("nobody");
  if (!user || user.uid === 0) {
    throw new ServiceError(
      "internal_error",
      "running as root, but /etc/passwd has no user postgres or nobody that PostgreSQL could run as",
    );
  }
  return user;
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
