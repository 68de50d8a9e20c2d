import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isCode } from "./postgres-directories.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ServiceProcess {
  readonly url: string;
  readonly pid: number;
  /** Resolves with the exit code (or the signal) when it has ended. */
  readonly ended: Promise<string>;
  /** SIGTERM, then force. */
  stop(): Promise<void>;
  /** Ends it without waiting, for a process that is about to exit itself. */
  abandon(): void;
}

/** The service cannot be started; the message is for whoever started it. */
export class ServiceStartError extends Error {
  override readonly name = "ServiceStartError";
}

const startMs = 60_000;
const drainMs = 12_000;
const main = fileURLToPath(new URL("../main.ts", import.meta.url));

// Google's libraries, pg and proxies read these; a developer's own must not lead out of the local cloud.
const foreign =
  /^(GOOGLE_|GCLOUD_|GCE_|GCP_|CLOUDSDK_|CLOUDSQL_|FIREBASE_|FIRESTORE_|SECRET_|SQL_ADMIN_|DB_ADMIN_|METADATA_SERVER_|AUTH_AUDIENCES|AUTH_IAM_|AUTH_JWKS_|K_|DETECT_GCP_|DATASTORE_|PG|GRPC_)|_proxy$/i;

/** The user's environment without what points elsewhere, then the local run's defaults, then the cloud's settings. */
export function serviceEnvironment(
  user: Environment,
  cloudSettings: Readonly<Record<string, string>>,
  port: number,
): Record<string, string> {
  const own = Object.entries(user).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !foreign.test(entry[0]),
  );
  return {
    API_HOST: "127.0.0.1",
    LOG_LEVEL: "WARNING",
    LOG_FORMAT: "text",
    ...Object.fromEntries(own),
    ...cloudSettings,
    PORT: String(port),
  };
}

/** Finds a free port for 0, and makes sure that any other is free. Rejects with a ServiceStartError that says what to do. */
export async function reservePort(port: number, host: string): Promise<number> {
  const probe = createServer();
  try {
    probe.listen({ port, host });
    await once(probe, "listening");
    const address = probe.address();
    return typeof address === "object" && address ? address.port : port;
  } catch (cause) {
    if (!isCode(cause, "EADDRINUSE")) throw cause;
    throw new ServiceStartError(
      `Port ${port} is taken. Stop what uses it, or choose another one: PORT=0 npm run local picks a free one.`,
      { cause },
    );
  } finally {
    probe.close();
  }
}

/**
 * Starts the service as a process of its own and waits until it answers GET /health. It has its own process group, so
 * that Ctrl-C in a terminal reaches the parent alone, which then stops everything in order.
 */
export async function startServiceProcess(
  environment: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const watch = new URL("parent-watch.ts", import.meta.url).href;
  const child = spawn(process.execPath, ["--import", watch, main], {
    env: environment,
    stdio: ["pipe", "inherit", "inherit"],
    detached: true,
  });
  child.stdin.on("error", () => {});
  const ended = once(child, "exit").then(([code, signal]) => String(signal ?? code));
  const url = `http://127.0.0.1:${environment.PORT}`;
  const service: ServiceProcess = {
    url,
    pid: child.pid ?? 0,
    ended,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), drainMs);
      await ended.finally(() => clearTimeout(timer));
    },
    abandon: () => void child.kill("SIGKILL"),
  };
  try {
    await waitUntilHealthy(url, child);
    return service;
  } catch (error) {
    service.abandon();
    await ended;
    throw error;
  }
}

async function waitUntilHealthy(url: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + startMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new ServiceStartError(`The service ended at its start (${child.signalCode ?? child.exitCode}).`);
    }
    if (await answersHealth(url)) return;
    await pause(25);
  }
  throw new ServiceStartError(`The service did not answer ${url}/health within ${startMs / 1000} seconds.`);
}

async function answersHealth(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
