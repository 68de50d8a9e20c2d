import type { LogLevel } from "./log.ts";
import {
  choice,
  flag,
  integer,
  integerOrZero,
  list,
  optional,
  optionalInteger,
  type Setting,
  seconds,
  text,
} from "./setting-kinds.ts";

const day = 86_400;

function matching(pattern: RegExp): (value: string) => boolean {
  return (value) => pattern.test(value);
}

const line = { matches: matching(/^\P{Cc}{1,200}$/u), expected: "one line of at most 200 characters" };
const host = { matches: matching(/^[0-9A-Za-z.:_-]{1,253}$/), expected: "a host name or an IP address" };
const projectId = {
  matches: matching(/^([a-z0-9.-]{1,60}:)?[a-z]([a-z0-9-]{0,28}[a-z0-9])?$/),
  expected: "a Google Cloud project id",
};
const hostAndPort = {
  matches: matching(/^([0-9A-Za-z._-]{1,253}|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$/),
  expected: "host:port, without http://",
};
const origin = {
  matches: (value: string) => value === "*" || (URL.canParse(value) && new URL(value).origin === value),
  expected: "origins such as https://admin.example.com (no path, no trailing slash), or *",
};
const endpoint = {
  matches: (value: string) => /^https?:$/.test(parseUrl(value)?.protocol ?? "") && isBareUrl(value),
  expected: "a URL such as https://sqladmin.googleapis.com, without a path or credentials",
};

const filePath = {
  matches: matching(/^\P{Cc}{1,4096}$/u),
  expected: "the path of a file",
};
const documentPath = {
  matches: (value: string) =>
    /^(?!\.{1,2}\/|__)[^/\p{Cc}]{1,200}\/(?!\.{1,2}$|__)[^/\p{Cc}]{1,200}$/u.test(value),
  expected: "collection/document, such as policies/main",
};

const cloudRunService = {
  matches: matching(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/),
  expected: "the name of a Cloud Run service",
};
const loopbackUrl = {
  matches: (value: string) => {
    const url = parseUrl(value);
    return (
      url !== undefined &&
      /^https?:$/.test(url.protocol) &&
      isLoopback(url.hostname) &&
      url.username + url.password + url.hash === ""
    );
  },
  expected: "a URL on this machine, such as http://127.0.0.1:9000/certs; it is for local clouds only",
};

/** Whether only this machine can reach what listens at an address of that name. */
export function isLoopback(name: string): boolean {
  return /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|\[::1\])$/i.test(name);
}

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}

function isBareUrl(value: string): boolean {
  const url = parseUrl(value);
  return (
    url !== undefined && url.username + url.password + url.search + url.hash === "" && url.pathname === "/"
  );
}

const logLevels: Record<string, LogLevel> = {
  DEBUG: "debug",
  INFO: "info",
  WARNING: "warning",
  WARN: "warning",
  ERROR: "error",
  CRITICAL: "error",
};

/**
 * Every environment variable that the service reads. The README's table of settings is checked against this one.
 * Upper bounds are there to catch a unit mistaken (milliseconds for seconds), not to limit anyone.
 */
export const settings = {
  APP_NAME: text("Cloud SQL PostgreSQL Manager", line),
  APP_VERSION: text("1.0.0", line),
  DEBUG: flag(false),
  LOG_LEVEL: choice("INFO", logLevels),
  LOG_FORMAT: choice("json", { json: "json", text: "text" } as const),
  LOG_CORRELATION_IDS: flag(true),
  LOG_PERFORMANCE_METRICS: flag(true),

  API_HOST: text("0.0.0.0", host),
  API_PORT: integer(8080, { min: 0, max: 65_535 }),
  PORT: optionalInteger({ min: 0, max: 65_535 }),
  API_WORKERS: optionalInteger({ min: 1, max: 1024 }),
  REQUEST_TIMEOUT: seconds(120, { min: 1, max: 3600 }),
  OPERATION_WAIT: seconds(20, { min: 0.01, max: 600 }),
  OPERATION_LEASE: seconds(9, { min: 0.5, max: 3600 }),
  OPERATION_SWEEP_INTERVAL: seconds(60, { min: 0, max: day }),
  SHUTDOWN_TIMEOUT: seconds(8, { min: 0.1, max: 600 }),
  CORS_ORIGINS: list("", origin),
  CORS_METHODS: list("GET,POST", {
    matches: matching(/^(\*|[A-Za-z]{1,20})$/),
    expected: "HTTP methods",
  }),
  CORS_HEADERS: list("Content-Type,Authorization", {
    matches: matching(/^(\*|[0-9A-Za-z!#$%&'+.^_`|~-]{1,100})$/),
    expected: "names of HTTP headers",
  }),

  POLICY_FILE: optional(text("", filePath)),
  POLICY_DOCUMENT: optional(text("", documentPath)),
  POLICY_REFRESH_INTERVAL: seconds(5, { min: 0, max: 3600 }),
  CLOUD_IDENTITY_GROUPS: flag(false),
  CLOUD_IDENTITY_ENDPOINT: optional(text("", endpoint)),
  AUTH_MODE: choice("id-token", {
    "id-token": "id-token",
    iap: "iap",
    "cloud-run": "cloud-run",
    none: "none",
  } as const),
  AUTH_AUDIENCES: list("", {
    matches: matching(/^[!-+\--~]{1,500}$/),
    expected: "audiences of tokens, such as https://manager.example.com or /projects/NUMBER/...",
  }),
  AUTH_IAM_ONLY_SERVICE: optional(text("", cloudRunService)),
  AUTH_JWKS_URL: optional(text("", loopbackUrl)),
  K_SERVICE: optional(text("", cloudRunService)),

  RATE_LIMIT_PER_PRINCIPAL: integer(6000, { min: 0, max: 100_000_000 }),
  RATE_LIMIT_TOTAL: integer(60_000, { min: 0, max: 100_000_000 }),
  RATE_LIMIT_UNAUTHENTICATED: integer(60, { min: 0, max: 100_000_000 }),
  TRUSTED_PROXY_HOPS: optionalInteger({ min: 0, max: 10 }),

  ALLOWED_REGIONS: list("", {
    matches: matching(/^[a-z]+-[a-z]+[0-9]+$/),
    expected: "regions such as europe-west1",
  }),
  MAX_USERS_PER_REQUEST: integer(100, { min: 1, max: 10_000 }),
  VALIDATE_IAM_USERS: flag(true),

  DB_ADMIN_USER: text("postgres", {
    matches: (value) => /^\P{Cc}+$/u.test(value) && Buffer.byteLength(value) <= 63,
    expected: "the name of a PostgreSQL role, at most 63 bytes",
  }),
  CONNECTION_POOL_SIZE: integer(10, { min: 1, max: 10_000 }),
  CONNECTION_POOL_MAX_OVERFLOW: integer(20, { min: 0, max: 10_000 }),
  CONNECTION_POOL_MIN_SIZE: integer(0, { min: 0, max: 1000 }),
  CONNECTION_MAX_READS: integer(4, { min: 1, max: 100 }),
  CONNECTION_TIMEOUT: seconds(30, { min: 0.1, max: 3600 }),
  CONNECTION_RETRY_ATTEMPTS: integer(3, { min: 0, max: 100 }),
  CONNECTION_IDLE_TIMEOUT: seconds(300, { min: 0.1, max: day }),
  CONNECTION_MAX_LIFETIME: seconds(3600, { min: 1, max: 30 * day }),
  STATEMENT_TIMEOUT: seconds(60, { min: 0.1, max: day }),
  LOCK_TIMEOUT: seconds(10, { min: 0.1, max: day }),
  IDLE_IN_TRANSACTION_TIMEOUT: seconds(60, { min: 0.1, max: day }),
  INSTANCE_CONNECTION_LIMIT: integerOrZero(0, { min: 3, max: 100_000 }),
  TOTAL_CONNECTION_LIMIT: integer(500, { min: 3, max: 100_000 }),
  CLOUD_RUN_MAX_INSTANCES: integer(1, { min: 1, max: 10_000 }),
  SETTINGS_FILE: optional(
    text("", {
      matches: (value) => /^\/\P{Cc}{1,1000}$/u.test(value),
      expected: "the path of a file, beginning with /",
    }),
  ),
  MAX_POOLS: integer(5000, { min: 1, max: 1_000_000 }),
  BREAKER_FAILURE_THRESHOLD: integer(5, { min: 1, max: 10_000 }),
  BREAKER_RESET_TIMEOUT: seconds(60, { min: 0.1, max: day }),
  BREAKER_RECOVERY_TIMEOUT: seconds(5, { min: 0.1, max: day }),
  SHARED_READS: flag(true),
  HEALTH_CHECK_TIMEOUT: seconds(30, { min: 0.1, max: 3600 }),
  HEALTH_CHECK_INTERVAL: seconds(60, { min: 1, max: day }),

  CLOUDSQL_IP_TYPE: choice("PRIVATE", { PRIVATE: "PRIVATE", PUBLIC: "PUBLIC", PSC: "PSC" } as const),
  SQL_ADMIN_ENDPOINT: optional(text("", endpoint)),
  SECRET_NAME_SUFFIX: text("postgres-password", {
    matches: matching(/^[0-9A-Za-z_-]{1,150}$/),
    expected: "letters, digits, - and _ (it is part of the secret's name)",
  }),
  SECRET_PROJECT_ID: optional(text("", projectId)),
  SECRET_MANAGER_ENDPOINT: optional(text("", hostAndPort)),
  GOOGLE_CLOUD_PROJECT: optional(text("", projectId)),
  FIRESTORE_PROJECT_ID: optional(text("", projectId)),
  FIRESTORE_DATABASE: text("(default)", {
    matches: matching(/^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$/),
    expected: "(default) or the id of a Firestore database",
  }),
  FIRESTORE_COLLECTION: text("role_registries", {
    matches: (value) => /^(?!\.{1,2}$|__.*__$)[^/\p{Cc}]+$/u.test(value) && Buffer.byteLength(value) <= 1500,
    expected: "the id of a Firestore collection, without a slash",
  }),
  FIRESTORE_TEMPLATE_COLLECTION: text("role_templates", {
    matches: (value) => /^(?!\.{1,2}$|__.*__$)[^/\p{Cc}]+$/u.test(value) && Buffer.byteLength(value) <= 1500,
    expected: "the id of a Firestore collection, without a slash",
  }),
  FIRESTORE_CACHE_TTL: seconds(3600, { min: 0, max: 30 * day }),
  FIRESTORE_EMULATOR_HOST: optional(text("", hostAndPort)),
} satisfies Record<string, Setting<unknown>>;

type Settings = typeof settings;
export type SettingName = keyof Settings;
export type Values = { readonly [Name in SettingName]: Settings[Name] extends Setting<infer T> ? T : never };
