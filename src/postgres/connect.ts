import pg from "pg";
import type { Target } from "../domain/target.ts";
import { type Clock, never, pause, unlessAborted } from "./clock.ts";
import type { BackendKey, Connection } from "./connection.ts";
import type { InstanceAccess } from "./instance-access.ts";
import { wrapClient } from "./pipelined-connection.ts";
import type { PoolSettings } from "./pool-settings.ts";
import { settleMs } from "./retire.ts";

export interface ConnectOptions {
  readonly target: Target;
  readonly access: InstanceAccess;
  readonly settings: PoolSettings;
  readonly clock: Clock;
  readonly password: string;
  /** When the password was asked for. */
  readonly begunAt: number;
  readonly timeoutMs: number;
  /** Gives up soon. */
  readonly signal: AbortSignal;
}

/** Connecting took longer than it may. */
export class ConnectTimeout extends Error {
  override readonly name = "ConnectTimeout";
}

/**
 * Opens one connection, once: stream, start-up, password. Rejects with the ServiceError of `access`, pg's
 * DatabaseError when the server refused, `ConnectTimeout`, or the error of the stream.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { target, access, settings, clock, timeoutMs } = options;
  const startedAt = clock.now();
  // Nothing is open yet when it is given up: a stream comes with the call of what this answers.
  const openStream = await unlessAborted(access.openStream(target, { timeoutMs }), options.signal);
  const remainingMs = timeoutMs - (clock.now() - startedAt);
  if (remainingMs <= 0) throw new ConnectTimeout(`no connection within ${timeoutMs} ms`);
  const client = new pg.Client({
    stream: openStream,
    user: settings.adminUser,
    password: options.password,
    database: target.database,
    host: "cloudsql",
    port: 5432,
    ssl: false,
    keepAlive: true,
    pipeline: true,
    application_name: settings.applicationName,
    statement_timeout: settings.statementTimeoutMs,
    lock_timeout: settings.lockTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
    options: startupOptions,
  });
  const greeting = listenToGreeting(client);
  await withDeadline(client, remainingMs, options);
  for (const message of greetings) client.connection.removeAllListeners(message);
  return wrapClient({
    client,
    target,
    versionNum: greeting.versionNum(),
    user: settings.adminUser,
    backendKey: greeting.backendKey(),
    applicationName: settings.applicationName,
    statementTimeoutMs: settings.statementTimeoutMs,
    now: clock.now,
    begunAt: options.begunAt,
    openedAt: clock.now(),
    expiresAt: clock.now() + lifetimeMs(settings.maxLifetimeMs, clock),
  });
}

/**
 * Objects in a user's schema must not stand in for the catalogue's while the admin's rights are in use. And a server
 * looks whether its client is still there only between statements, unless it is told how often (it is of 14).
 */
const startupOptions = "-c search_path=pg_catalog -c client_connection_check_interval=1s";

/** Shortened by up to a tenth, so that connections opened together do not end together. */
export function lifetimeMs(maxLifetimeMs: number, clock: Pick<Clock, "random">): number {
  return maxLifetimeMs * (1 - clock.random() / 10);
}

/** When it is given up, a session may have begun: if it is lent to us that soon, it can be ended properly. */
const givenUpMs = 500;

async function withDeadline(client: pg.Client, timeoutMs: number, options: ConnectOptions): Promise<void> {
  const { clock, signal } = options;
  let timedOut = false;
  const cut = () => {
    timedOut = true;
    client.connection.stream.destroy();
  };
  let cancel = clock.after(timeoutMs, cut);
  const giveUp = () => {
    cancel();
    cancel = clock.after(givenUpMs, cut);
  };
  signal.addEventListener("abort", giveUp, { once: true });
  // The server may end the session in the very write that says it is ready.
  let ended: Error | undefined;
  const noteEnd = (error: Error): void => {
    ended ??= error;
  };
  client.on("error", noteEnd);
  try {
    await client.connect();
    if (ended !== undefined) throw ended;
  } catch (error) {
    client.connection.stream.destroy();
    if (!timedOut) throw error;
    // What it takes a session that had begun to notice, and to end.
    await pause(clock, settleMs, never);
    throw new ConnectTimeout(`no connection within ${timeoutMs} ms`, { cause: error });
  } finally {
    cancel();
    signal.removeEventListener("abort", giveUp);
  }
  // Whoever takes the client over listens in the same turn.
  client.off("error", noteEnd);
}

/** What is only heard while a session starts. pg listens for as long as the connection lives, which costs 1 KiB each. */
const greetings = [
  "connect",
  "sslconnect",
  "authenticationCleartextPassword",
  "authenticationMD5Password",
  "authenticationSASL",
  "authenticationSASLContinue",
  "authenticationSASLFinal",
  "backendKeyData",
  "parameterStatus",
];

/** What the server tells while a session starts, before any query. */
function listenToGreeting(client: pg.Client) {
  let version = "";
  let key: BackendKey | undefined;
  client.connection.on("parameterStatus", (message: { parameterName: string; parameterValue: string }) => {
    if (message.parameterName === "server_version") version = message.parameterValue;
  });
  client.connection.on("backendKeyData", (message: { processID: number; secretKey: number }) => {
    key = { processId: message.processID, secretKey: message.secretKey };
  });
  return { versionNum: () => parseServerVersion(version), backendKey: () => key };
}

/** `17.10 (Debian 17.10-1)` is 170010 and `18beta1` is 180000; 0 when it cannot be read. */
export function parseServerVersion(text: string): number {
  const match = /^(\d+)(?:\.(\d+))?/.exec(text);
  return match === null ? 0 : Number(match[1]) * 10_000 + Number(match[2] ?? 0);
}
