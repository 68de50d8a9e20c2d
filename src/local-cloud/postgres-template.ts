import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { ServiceError } from "../errors.ts";
import { exists, type Major, type PostgresBinaries, publish } from "./postgres-binaries.ts";
import {
  bootstrapKey,
  bootstrapSteps,
  hostBasedAuthentication,
  type Mode,
  SUPERUSER,
} from "./postgres-bootstrap.ts";
import { querySocket } from "./postgres-client.ts";
import { giveToServer, type PostgresDirectories, type ServerUser } from "./postgres-directories.ts";
import { startPostgresProcess } from "./postgres-process.ts";
import { makeRunDirectory, removeRunDirectory } from "./postgres-run.ts";

const run = promisify(execFile);

/** Files of ours in a data directory; PostgreSQL does not mind them. */
const SUPERUSER_PASSWORD_FILE = "cloudsql-superuser-password";
const BOOTSTRAP_FILE = "cloudsql-bootstrap";

/** The path of a data directory that is initialised and bootstrapped, to be copied. Made once and kept in the cache. */
export async function prepareTemplate(
  major: Major,
  mode: Mode,
  binaries: PostgresBinaries,
  directories: PostgresDirectories,
): Promise<string> {
  const key = bootstrapKey(major, mode);
  const template = join(directories.cache, `template-${binaries.key}-${mode}-${key}`);
  if (await exists(template)) return template;
  const runDirectory = await makeRunDirectory(directories.preparation);
  try {
    const data = await initialise(runDirectory, binaries, directories.serverUser);
    await writeServerFile(join(data, BOOTSTRAP_FILE), `${major} ${mode} ${key}`, directories.serverUser);
    await bootstrap(major, mode, data, runDirectory, binaries, directories.serverUser);
    await publish(data, template);
  } finally {
    await removeRunDirectory(runDirectory);
  }
  return template;
}

/** The path of a template on the file system of the servers: a copy where that is another than the cache's. */
export async function bringTemplate(template: string, directories: PostgresDirectories): Promise<string> {
  const near = join(directories.templates, basename(template));
  if (await exists(near)) return near;
  const runDirectory = await makeRunDirectory(directories.run);
  try {
    const copy = join(runDirectory, "data");
    await copyTemplate(template, copy);
    await publish(copy, near);
  } finally {
    await removeRunDirectory(runDirectory);
  }
  return near;
}

/** Copies the template; the copy appears at once and whole. `cp` keeps the owner when we are root. */
export async function copyTemplate(template: string, dataDirectory: string): Promise<void> {
  await mkdir(dirname(dataDirectory), { recursive: true, mode: 0o755 });
  const unfinished = `${dataDirectory}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await run("cp", ["-Rp", template, unfinished]);
  await rename(unfinished, dataDirectory);
}

/** Rejects with a ServiceError when a kept data directory was made for another server than this one. */
export async function assertSameBootstrap(dataDirectory: string, major: Major, mode: Mode): Promise<void> {
  const wanted = `${major} ${mode} ${bootstrapKey(major, mode)}`;
  const found = await readFile(join(dataDirectory, BOOTSTRAP_FILE), "utf8").catch(() => "unknown");
  if (found === wanted) return;
  throw new ServiceError(
    "internal_error",
    `${dataDirectory} was made for another server (${found}, now ${wanted}): remove it to start afresh`,
  );
}

export function readSuperuserPassword(dataDirectory: string): Promise<string> {
  return readFile(join(dataDirectory, SUPERUSER_PASSWORD_FILE), "utf8");
}

export async function writeSuperuserPassword(
  dataDirectory: string,
  password: string,
  serverUser: ServerUser | undefined,
): Promise<void> {
  await writeServerFile(join(dataDirectory, SUPERUSER_PASSWORD_FILE), password, serverUser);
}

async function initialise(
  runDirectory: string,
  binaries: PostgresBinaries,
  serverUser: ServerUser | undefined,
): Promise<string> {
  const data = join(runDirectory, "data");
  const passwordFile = join(runDirectory, "password");
  const password = randomBytes(18).toString("base64url");
  await mkdir(data, { mode: 0o700 });
  await giveToServer(data, serverUser);
  await writeServerFile(passwordFile, password, serverUser);
  const options = [
    "-U",
    SUPERUSER,
    "-A",
    "scram-sha-256",
    "-E",
    "UTF8",
    "--locale=C",
    "-N",
    "--wal-segsize=1",
  ];
  await run(binaries.initdb, ["-D", data, `--pwfile=${passwordFile}`, ...options, "-L", binaries.share], {
    ...serverUser,
    cwd: runDirectory,
    env: { LC_ALL: "C", TZ: "UTC" },
  });
  await rm(passwordFile);
  await writeSuperuserPassword(data, password, serverUser);
  await writeServerFile(join(data, "pg_hba.conf"), hostBasedAuthentication, serverUser);
  return data;
}

async function bootstrap(
  major: Major,
  mode: Mode,
  dataDirectory: string,
  runDirectory: string,
  binaries: PostgresBinaries,
  serverUser: ServerUser | undefined,
): Promise<void> {
  const server = await startPostgresProcess({
    postgres: binaries.postgres,
    dataDirectory,
    runDirectory,
    serverUser,
    settings: {
      fsync: "off",
      listen_addresses: "",
      allow_system_table_mods: "on",
      dynamic_shared_memory_type: "mmap",
    },
  });
  try {
    const password = await readSuperuserPassword(dataDirectory);
    for (const { database, text } of bootstrapSteps(major, mode)) {
      await querySocket({ ...server, password, database }, text);
    }
  } finally {
    await server.stop();
  }
}

/** Readable by the server and by us alone. */
async function writeServerFile(
  path: string,
  text: string,
  serverUser: ServerUser | undefined,
): Promise<void> {
  await writeFile(path, text, { mode: 0o600 });
  await chmod(path, 0o600);
  await giveToServer(path, serverUser);
}
