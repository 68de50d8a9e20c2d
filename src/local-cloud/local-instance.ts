import { randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CertificateAuthority, createCertificateAuthority } from "./certificates.ts";
import type { SqlScript } from "./fleet.ts";
import type { FleetInstance } from "./fleet-parser.ts";
import { isCode } from "./postgres-directories.ts";
import { type PostgresServer, startPostgresServer } from "./postgres-server.ts";
import { type ServerSideProxy, startServerSideProxy } from "./server-side-proxy.ts";

/** One running instance: its PostgreSQL server behind its server-side proxy. */
export interface LocalInstance extends FleetInstance {
  readonly projectId: string;
  /** `PROJECT:REGION:INSTANCE`. */
  readonly connectionName: string;
  readonly server: PostgresServer;
  readonly proxy: ServerSideProxy;
  readonly authority: CertificateAuthority;
  /** Of the built-in users, by role. */
  readonly userPasswords: Readonly<Record<string, string>>;
  /** The loopback address of the proxy, which the Admin API gives out. */
  readonly address: string;
  stop(): Promise<void>;
}

export interface LocalInstanceOptions {
  readonly projectId: string;
  readonly instance: FleetInstance;
  /** Run by the superuser when a fresh instance has its users and databases. */
  readonly scripts: readonly SqlScript[];
  /** Where the instance's data is kept; without it the instance is fresh and leaves nothing. */
  readonly directory?: string | undefined;
}

/** Starts an instance and fills it, unless it was kept. Rejects when a script fails, naming its file and line. */
export async function startLocalInstance(options: LocalInstanceOptions): Promise<LocalInstance> {
  const { projectId, instance } = options;
  const kept = options.directory === undefined ? undefined : await openKeptInstance(options.directory);
  const server = await startPostgresServer({
    major: instance.major,
    mode: instance.mode,
    ...(kept ? { directory: kept.dataDirectory, durable: true } : {}),
    ...(kept?.passwords ? { adminPassword: kept.passwords.admin } : {}),
  });
  try {
    const passwords = kept?.passwords ?? {
      admin: server.adminPassword,
      users: await fillInstance(server, options),
    };
    if (!kept?.passwords) await kept?.finish(passwords);
    const authority = createCertificateAuthority();
    const proxy = await startServerSideProxy({
      commonName: `${projectId}:${instance.name}`,
      authority,
      accept: (stream, login) => server.accept(stream, login),
    });
    return {
      ...instance,
      projectId,
      connectionName: `${projectId}:${instance.region}:${instance.name}`,
      server,
      proxy,
      authority,
      userPasswords: passwords.users,
      address: proxy.address,
      async stop() {
        await proxy.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Returns the passwords of the built-in users. */
async function fillInstance(
  server: PostgresServer,
  { instance, scripts }: LocalInstanceOptions,
): Promise<Record<string, string>> {
  const passwords: Record<string, string> = {};
  for (const { role, type, password = randomBytes(12).toString("base64url") } of instance.users) {
    if (type === "BUILT_IN") passwords[role] = password;
    await server.createUser({ name: role, type, ...(type === "BUILT_IN" ? { password } : {}) });
  }
  for (const database of instance.databases) await server.createDatabase(database);
  for (const script of scripts) await runScript(server, script);
  return passwords;
}

async function runScript(server: PostgresServer, { database, path, text }: SqlScript): Promise<void> {
  try {
    await server.querySuperuser(database, text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const position = cause instanceof Error && "position" in cause ? Number(cause.position) : undefined;
    const line = position ? `:${text.slice(0, position).split("\n").length}` : "";
    throw new Error(`${path}${line} failed in database ${database}: ${message}`, { cause });
  }
}

interface Passwords {
  readonly admin: string;
  readonly users: Readonly<Record<string, string>>;
}

interface KeptInstance {
  readonly dataDirectory: string;
  /** Undefined when the instance is still to be filled. */
  readonly passwords: Passwords | undefined;
  /** Says that the instance is complete. */
  finish(passwords: Passwords): Promise<void>;
}

/** A kept instance counts only from when it was filled to the end: what a crash left half done starts afresh. */
async function openKeptInstance(directory: string): Promise<KeptInstance> {
  const dataDirectory = join(directory, "data");
  const passwordFile = join(directory, "passwords.json");
  const text = await readIfThere(passwordFile);
  if (text === undefined) await rm(dataDirectory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o711 });
  return {
    dataDirectory,
    passwords: text === undefined ? undefined : JSON.parse(text),
    finish: (passwords) => writeFile(passwordFile, JSON.stringify(passwords), { mode: 0o600 }),
  };
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
