import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { findAuthFaults, parseAuth } from "./auth-settings.ts";
import type { Setting } from "./setting-kinds.ts";
import { type SettingName, settings, type Values } from "./settings.ts";
import { parseSettingsFile } from "./settings-file.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingFault {
  readonly name: string;
  /** What is wrong and what is expected. It never repeats a value that could be a secret. */
  readonly problem: string;
}

/** All that is wrong with the settings, in one error. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly SettingFault[];

  constructor(faults: readonly SettingFault[]) {
    super(`Wrong settings: ${faults.map((fault) => fault.name).join(", ")}`);
    this.faults = faults;
  }
}

/** The text that counts: an empty or blank variable is one that is not set. */
function effectiveText(name: SettingName, env: Environment): string {
  return env[name]?.trim() || settings[name].fallback;
}

function parseValues(env: Environment, faults: SettingFault[]): Values {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(settings) as [SettingName, Setting<unknown>][]) {
    const parsed = setting.parse(effectiveText(name, env));
    if ("problem" in parsed) faults.push({ name, problem: parsed.problem });
    else values[name] = parsed.value;
  }
  faults.push(...findAuthFaults(values));
  if (faults.length > 0) throw new ConfigError(faults);
  return values as Values;
}

export type Config = ReturnType<typeof parseConfig>;

/**
 * Reads all settings, in milliseconds where the environment has seconds. What stands in the settings file goes before
 * the environment. Throws one ConfigError with every fault.
 */
export function parseConfig(environment: Environment, settingsFile = "") {
  const file = parseSettingsFile(settingsFile);
  const env = { ...environment, ...file.values };
  const values = parseValues(
    env,
    file.problems.map((problem) => ({ name: "SETTINGS_FILE", problem })),
  );
  return {
    service: { name: values.APP_NAME, version: values.APP_VERSION },
    log: {
      level: values.DEBUG ? ("debug" as const) : values.LOG_LEVEL,
      format: values.LOG_FORMAT,
      correlationIds: values.LOG_CORRELATION_IDS,
      project: values.GOOGLE_CLOUD_PROJECT ?? values.FIRESTORE_PROJECT_ID,
    },
    http: {
      host: values.API_HOST,
      port: values.PORT ?? values.API_PORT,
      requestTimeoutMs: values.REQUEST_TIMEOUT,
      logPerformanceMetrics: values.LOG_PERFORMANCE_METRICS,
      allowedRegions: values.ALLOWED_REGIONS,
      maxUsersPerRequest: values.MAX_USERS_PER_REQUEST,
      rateLimits: {
        perPrincipal: values.RATE_LIMIT_PER_PRINCIPAL,
        total: values.RATE_LIMIT_TOTAL,
        unauthenticated: values.RATE_LIMIT_UNAUTHENTICATED,
      },
      // Cloud Run's front end adds whom it saw.
      trustedHops: values.TRUSTED_PROXY_HOPS ?? (values.K_SERVICE === undefined ? 0 : 1),
      cors: { origins: values.CORS_ORIGINS, methods: values.CORS_METHODS, headers: values.CORS_HEADERS },
    },
    policy: {
      file: values.POLICY_FILE,
      document: values.POLICY_DOCUMENT,
      refreshIntervalMs: values.POLICY_REFRESH_INTERVAL,
      groups: values.CLOUD_IDENTITY_GROUPS,
      groupsEndpoint: values.CLOUD_IDENTITY_ENDPOINT,
    },
    auth: parseAuth(values),
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT,
    operationWaitMs: values.OPERATION_WAIT,
    operationLeaseMs: values.OPERATION_LEASE,
    operationSweepMs: values.OPERATION_SWEEP_INTERVAL,
    operations: {
      adminUser: values.DB_ADMIN_USER,
      validateIamUsers: values.VALIDATE_IAM_USERS,
      maxUsersPerRequest: values.MAX_USERS_PER_REQUEST,
      healthCheckTimeoutMs: values.HEALTH_CHECK_TIMEOUT,
    },
    sharedReads: values.SHARED_READS,
    pools: poolSettings(values),
    sqlAdmin: { endpoint: values.SQL_ADMIN_ENDPOINT, ipType: values.CLOUDSQL_IP_TYPE },
    secrets: {
      endpoint: values.SECRET_MANAGER_ENDPOINT,
      project: values.SECRET_PROJECT_ID,
      suffix: values.SECRET_NAME_SUFFIX,
      timeoutMs: values.CONNECTION_TIMEOUT,
    },
    registry: {
      project: values.FIRESTORE_PROJECT_ID ?? values.GOOGLE_CLOUD_PROJECT,
      database: values.FIRESTORE_DATABASE,
      collection: values.FIRESTORE_COLLECTION,
      templateCollection: values.FIRESTORE_TEMPLATE_COLLECTION,
      cacheTtlMs: values.FIRESTORE_CACHE_TTL,
      emulatorHost: values.FIRESTORE_EMULATOR_HOST,
    },
    notes: notesOn(values),
    /** For the log, by name, as written. No setting can hold a secret. */
    settings: effectiveSettings(env),
  };
}

function poolSettings(values: Values) {
  return {
    adminUser: values.DB_ADMIN_USER,
    applicationName: "cloudsql-postgres-manager",
    size: values.CONNECTION_POOL_SIZE,
    maxOverflow: values.CONNECTION_POOL_MAX_OVERFLOW,
    minSize: values.CONNECTION_POOL_MIN_SIZE,
    maxReads: values.CONNECTION_MAX_READS,
    connectionTimeoutMs: values.CONNECTION_TIMEOUT,
    retryAttempts: values.CONNECTION_RETRY_ATTEMPTS,
    idleTimeoutMs: values.CONNECTION_IDLE_TIMEOUT,
    maxLifetimeMs: values.CONNECTION_MAX_LIFETIME,
    checkAfterIdleMs: values.HEALTH_CHECK_INTERVAL,
    statementTimeoutMs: values.STATEMENT_TIMEOUT,
    lockTimeoutMs: values.LOCK_TIMEOUT,
    idleInTransactionTimeoutMs: values.IDLE_IN_TRANSACTION_TIMEOUT,
    ...(values.INSTANCE_CONNECTION_LIMIT === 0 ? {} : { instanceLimit: values.INSTANCE_CONNECTION_LIMIT }),
    totalLimit: values.TOTAL_CONNECTION_LIMIT,
    cloudRunMaxInstances: values.CLOUD_RUN_MAX_INSTANCES,
    maxPools: values.MAX_POOLS,
    breakerThreshold: values.BREAKER_FAILURE_THRESHOLD,
    breakerResetMs: values.BREAKER_RESET_TIMEOUT,
    breakerRecoveryMs: values.BREAKER_RECOVERY_TIMEOUT,
  };
}

/** Settings that are accepted but have nothing to do here; logged at start, since somebody set them on purpose. */
function notesOn(values: Values): readonly string[] {
  if (values.API_WORKERS === undefined || values.API_WORKERS === 1) return [];
  return [
    "API_WORKERS has no meaning here: one process serves all requests. Scale with the number of Cloud Run instances.",
  ];
}

/** The configuration of this process. The only place of the service that reads its environment. */
export function readConfig(): Config {
  const { env } = process;
  const path = settingsFileOf(env);
  if (path === undefined) return parseConfig(env);
  return parseConfig(
    env,
    readOrRefuse(() => readFileSync(path, "utf8")),
  );
}

/** The same while the process runs: of the sources, only the settings file can have changed. Rejects with ConfigError. */
export async function readConfigAgain(): Promise<Config> {
  const { env } = process;
  const path = settingsFileOf(env);
  if (path === undefined) return parseConfig(env);
  return parseConfig(env, await readFile(path, "utf8").catch(refuseFile));
}

/** Undefined for none, and for one that parsing refuses anyway. */
function settingsFileOf(env: Environment): string | undefined {
  const parsed = settings.SETTINGS_FILE.parse(effectiveText("SETTINGS_FILE", env));
  return "value" in parsed ? parsed.value : undefined;
}

function readOrRefuse(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return refuseFile(error as NodeJS.ErrnoException);
  }
}

function refuseFile({ code }: NodeJS.ErrnoException): never {
  throw new ConfigError([
    { name: "SETTINGS_FILE", problem: `expected a file that can be read, found ${code ?? "none"}` },
  ]);
}

function effectiveSettings(env: Environment): Readonly<Record<string, string>> {
  const names = Object.keys(settings) as SettingName[];
  return Object.fromEntries(names.map((name) => [name, effectiveText(name, env)]).filter(([, text]) => text));
}
