import type { AddressInfo } from "node:net";
import { type Config, ConfigError, readConfig, readConfigAgain } from "./config.ts";
import { installCrashGuards } from "./crash-guards.ts";
import { createAccessStore } from "./google/access-store.ts";
import { createCloudServices } from "./google/cloud-services.ts";
import { createInstanceAccess } from "./google/connector.ts";
import { createPasswordVersions } from "./google/password-versions.ts";
import { createRegistry } from "./google/registry.ts";
import { createAdminPasswords } from "./google/secrets.ts";
import { createTemplateStore } from "./google/template-store.ts";
import { createHttpServer } from "./http/app.ts";
import { createIdentifyCaller } from "./http/auth/identify.ts";
import { createLog, type Log } from "./log.ts";
import { sweepAccesses, sweepCall } from "./operations/access-sweep.ts";
import type { Context } from "./operations/context.ts";
import { sweepOperations } from "./operations/operation-sweep.ts";
import { createSharedReads } from "./operations/shared-reads.ts";
import { resumeOperations } from "./operations/user-operations.ts";
import { assertPolicy, createPolicyAccess, noPolicy } from "./policy-access.ts";
import { createPools } from "./postgres/pools.ts";
import { createSettingsReload } from "./settings-reload.ts";
import { createShutdown, type Shutdown } from "./shutdown.ts";

type FlushableLog = ReturnType<typeof createLog>;

/** Longer than the 600 s for which Google's front ends keep an idle connection: they close first, so none is reused while it closes here. */
const keepAliveTimeoutMs = 620_000;
/** A body has at most 100 KiB. */
const receiveTimeoutMs = 30_000;

/** Nothing is contacted here: the adapters load their Google client, and connect, when they are first used. */
async function createService(config: Config, log: Log) {
  const access = createInstanceAccess({
    sqlAdminEndpoint: config.sqlAdmin.endpoint,
    ipType: config.sqlAdmin.ipType,
    log,
  });
  const versions = createPasswordVersions({
    endpoint: config.secrets.endpoint,
    secretProject: config.secrets.project,
    suffix: config.secrets.suffix,
    timeoutMs: config.secrets.timeoutMs,
  });
  const passwords = createAdminPasswords({
    readPrevious: versions.readPrevious,
    endpoint: config.secrets.endpoint,
    secretProject: config.secrets.project,
    suffix: config.secrets.suffix,
    timeoutMs: config.secrets.timeoutMs,
    log,
  });
  const firestore = {
    projectId: config.registry.project,
    database: config.registry.database,
    emulatorHost: config.registry.emulatorHost,
    log,
  };
  const { collection, templateCollection, cacheTtlMs } = config.registry;
  const registry = createRegistry({ ...firestore, collection, cacheTtlMs });
  const templates = createTemplateStore({ ...firestore, collection: templateCollection });
  const policy = createPolicyAccess(config, log);
  const pools = createPools({ access, passwords, settings: config.pools, log });
  const reloadSettings = createSettingsReload({
    config,
    readAgain: readConfigAgain,
    apply: pools.applySettings,
  });
  const cloud = createCloudServices({
    sqlAdminEndpoint: config.sqlAdmin.endpoint,
    secrets: {
      endpoint: config.secrets.endpoint,
      secretProject: config.secrets.project,
      timeoutMs: config.secrets.timeoutMs,
    },
    firestore: {
      projectId: config.registry.project,
      database: config.registry.database,
      collection: config.registry.collection,
      emulatorHost: config.registry.emulatorHost,
    },
    versions,
    patienceMs: config.operationWaitMs,
    leaseMs: config.operationLeaseMs,
    log,
  });
  const accessStore = createAccessStore({ ...firestore, collection });
  const { allowedRegions } = config.http;
  const context: Context = {
    ...{ pools, registry, templates, reloadSettings, settings: config.operations, cloud },
    ...(config.sharedReads ? { sharedReads: createSharedReads() } : {}),
    accesses: {
      store: accessStore,
      now: Date.now,
      mayGrantIn: (region) => allowedRegions.length === 0 || allowedRegions.includes(region),
      ...(policy.groups === undefined ? {} : { groups: policy.groups }),
    },
  };
  const server = await createHttpServer({
    context,
    settings: config.http,
    identifyCaller: createIdentifyCaller({ settings: config.auth, log }),
    log,
    service: config.service,
    access: policy.access,
  });
  server.keepAliveTimeout = keepAliveTimeoutMs;
  server.requestTimeout = receiveTimeoutMs;
  server.headersTimeout = receiveTimeoutMs;
  const shutdown = createShutdown({
    server,
    log,
    timeoutMs: config.shutdownTimeoutMs,
    refuseWaiting: pools.stopWaiting,
    closePools: (deadlineMs) => {
      cloud.stop();
      return pools.close({ deadlineMs });
    },
    closeRest: [
      access.close,
      passwords.close,
      versions.close,
      registry.close,
      accessStore.close,
      templates.close,
      cloud.close,
      policy.close,
    ],
  });
  const sweep = (): void => {
    if (config.operationSweepMs > 0) {
      void sweepOperations({
        resume: (call) => resumeOperations(context, call),
        stopping: cloud.stopping,
        log,
        everyMs: config.operationSweepMs,
        leaseMs: config.operationLeaseMs,
      });
    }
    if (config.policy.file === undefined && config.policy.document === undefined) return;
    sweepAccesses(context, sweepCall(log)).catch((error: unknown) => {
      log.warning("Temporary accesses could not be looked at on start", { error });
    });
  };
  return { server, shutdown, sweep };
}

async function run(config: Config, log: FlushableLog): Promise<void> {
  const { server, shutdown, sweep } = await createService(config, log);
  endOnSignals(shutdown, log);
  installCrashGuards(log, () => void shutdown.drain("uncaughtException").then(() => exit(1, log)));
  server.on("error", (error: NodeJS.ErrnoException) => {
    if (server.listening) return log.error("The HTTP server failed", { error });
    log.error(explainListen(error, config), { error });
    exit(1, log);
  });
  server.listen(config.http.port, config.http.host, () => {
    const { port } = server.address() as AddressInfo;
    const { service, settings } = config;
    log.info(`${service.name} ${service.version} listens on ${config.http.host}:${port}`, { port, settings });
    if (config.policy.file === undefined && config.policy.document === undefined) log.warning(noPolicy);
    for (const note of config.notes) log.warning(note);
    sweep();
  });
}

function explainListen(error: NodeJS.ErrnoException, { http }: Config): string {
  if (error.code === "EADDRINUSE") {
    return `Port ${http.port} is taken: set PORT to another one, or PORT=0 for any that is free`;
  }
  if (error.code === "EACCES")
    return `Port ${http.port} is not allowed for this user: set PORT to one above 1023`;
  return `Cannot listen on ${http.host}:${http.port} (API_HOST and PORT): ${error.code ?? error.message}`;
}

/** The first signal drains; a second one ends the process at once. */
function endOnSignals(shutdown: Shutdown, log: FlushableLog): void {
  let signalled = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (signalled) {
        log.warning(`Second signal, ${signal}: not waiting any longer`);
        exit(1, log);
      }
      signalled = true;
      void shutdown.drain(signal).then((complete) => exit(complete ? 0 : 1, log));
    });
  }
}

function exit(code: number, log: FlushableLog): void {
  log.flush();
  process.exit(code);
}

/** One structured line for the log, and lines for whoever starts it by hand. */
function reportWrongSettings({ message, faults }: ConfigError): void {
  const entry = { severity: "CRITICAL", time: new Date().toISOString(), message, faults };
  const lines = faults.map((fault) => `  ${fault.name}: ${fault.problem}`);
  process.stderr.write(
    `${JSON.stringify(entry)}\nThese settings (environment variables) are wrong:\n${lines.join("\n")}\n`,
  );
}

try {
  const config = readConfig();
  // Whoever read the log may go away; that is no reason to end.
  process.stdout.on("error", () => {});
  const log = createLog({ ...config.log, service: config.service });
  process.on("exit", log.flush);
  await assertPolicy(config);
  await run(config, log);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  reportWrongSettings(error);
  process.exitCode = 1;
}
