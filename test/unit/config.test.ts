import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError, type Environment, parseConfig as parse } from "../../src/config.ts";

/** The least that is needed. */
const audience = { AUTH_AUDIENCES: "https://manager.example.com" };

function parseConfig(env: Environment, settingsFile = "") {
  return parse({ ...audience, ...env }, settingsFile);
}

function faultsOf(env: Environment): Record<string, string> {
  try {
    parseConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return Object.fromEntries(error.faults.map((fault) => [fault.name, fault.problem]));
  }
  return {};
}

describe("the configuration", () => {
  it("needs no setting but the audience of its callers", () => {
    const config = parseConfig({});
    assert.equal(config.http.port, 8080);
    assert.equal(config.http.host, "0.0.0.0");
    assert.equal(config.pools.size, 10);
    assert.equal(config.pools.maxOverflow, 20);
    assert.equal(config.pools.connectionTimeoutMs, 30_000);
    assert.equal(config.pools.retryAttempts, 3);
    assert.equal(config.secrets.suffix, "postgres-password");
    assert.equal(config.secrets.project, undefined);
    assert.equal(config.registry.collection, "role_registries");
    assert.equal(config.registry.cacheTtlMs, 3_600_000);
    assert.equal(config.sqlAdmin.ipType, "PRIVATE");
    assert.equal(config.operations.adminUser, "postgres");
    assert.deepEqual(config.http.allowedRegions, []);
    assert.deepEqual(config.http.cors.origins, []);
    assert.equal(config.log.level, "info");
  });

  it("takes the values of the deployment guide as they are written there", () => {
    const config = parseConfig({
      APP_NAME: "Cloud SQL PostgreSQL Manager",
      APP_VERSION: "0.1.0",
      DEBUG: "false",
      LOG_LEVEL: "INFO",
      API_HOST: "0.0.0.0",
      API_PORT: "8080",
      API_WORKERS: "4",
      SECRET_PROJECT_ID: "your-project-id",
      ALLOWED_REGIONS: "europe-west1,us-central1,asia-southeast1",
      MAX_USERS_PER_REQUEST: "100",
      VALIDATE_IAM_USERS: "true",
      CORS_ORIGINS: "https://your-domain.com,https://admin.your-domain.com",
      CORS_METHODS: "GET,POST,PUT,DELETE",
      CORS_HEADERS: "Content-Type,Authorization",
      FIRESTORE_PROJECT_ID: "your-project-id",
      LOG_FORMAT: "json",
      HEALTH_CHECK_TIMEOUT: "30",
      HEALTH_CHECK_INTERVAL: "60",
    });
    assert.deepEqual(config.http.allowedRegions, ["europe-west1", "us-central1", "asia-southeast1"]);
    assert.equal(config.http.cors.origins.length, 2);
    assert.equal(config.operations.healthCheckTimeoutMs, 30_000);
  });

  it("lets the settings file win over the environment", () => {
    const file =
      "\uFEFF# pools\r\nCONNECTION_POOL_SIZE = 25\r\n\nexport STATEMENT_TIMEOUT='7.5'\nMAX_POOLS=\n";
    const config = parseConfig({ CONNECTION_POOL_SIZE: "3", CONNECTION_POOL_MAX_OVERFLOW: "4" }, file);
    const { size, maxOverflow, statementTimeoutMs, maxPools } = config.pools;
    assert.deepEqual([size, maxOverflow, statementTimeoutMs, maxPools], [25, 4, 7_500, 5_000]);
    assert.equal(config.settings.CONNECTION_POOL_SIZE, "25");
  });

  it("says that API_WORKERS has no meaning, when it was set", () => {
    assert.deepEqual(parseConfig({}).notes, []);
    assert.match(parseConfig({ API_WORKERS: "4" }).notes.join(), /API_WORKERS/);
  });

  it("lets PORT win over API_PORT, and be 0", () => {
    assert.equal(parseConfig({ API_PORT: "9000" }).http.port, 9000);
    assert.equal(parseConfig({ API_PORT: "9000", PORT: "9001" }).http.port, 9001);
    assert.equal(parseConfig({ API_PORT: "9000", PORT: "0" }).http.port, 0);
    assert.equal(parseConfig({ API_PORT: "9000", PORT: "" }).http.port, 9000);
  });

  it("reads booleans in any of their six spellings", () => {
    for (const yes of ["true", "1", "yes", "TRUE", " Yes "]) {
      assert.equal(parseConfig({ LOG_CORRELATION_IDS: yes }).log.correlationIds, true, yes);
    }
    for (const no of ["false", "0", "no", "FALSE"]) {
      assert.equal(parseConfig({ LOG_CORRELATION_IDS: no }).log.correlationIds, false, no);
    }
    assert.match(faultsOf({ DEBUG: "on" }).DEBUG ?? "", /true or false.*"on"/);
    assert.ok(faultsOf({ DEBUG: "constructor" }).DEBUG);
  });

  it("takes an empty or blank variable for one that is not set", () => {
    const config = parseConfig({ CONNECTION_POOL_SIZE: "", LOG_LEVEL: "  ", SECRET_PROJECT_ID: "" });
    assert.equal(config.pools.size, 10);
    assert.equal(config.log.level, "info");
    assert.equal(config.secrets.project, undefined);
  });

  it("drops blanks, empty items and repetitions from lists", () => {
    const { allowedRegions } = parseConfig({
      ALLOWED_REGIONS: " us-central1 ,, europe-west1,us-central1 ",
    }).http;
    assert.deepEqual(allowedRegions, ["us-central1", "europe-west1"]);
  });

  it("turns DEBUG into the debug level", () => {
    assert.equal(parseConfig({ DEBUG: "true", LOG_LEVEL: "ERROR" }).log.level, "debug");
    assert.equal(parseConfig({ LOG_LEVEL: "warning" }).log.level, "warning");
    assert.equal(parseConfig({ LOG_LEVEL: "CRITICAL" }).log.level, "error");
  });

  it("reads fractions of a second, and an unlimited instance as no limit", () => {
    const { pools } = parseConfig({ CONNECTION_TIMEOUT: "0.25", INSTANCE_CONNECTION_LIMIT: "0" });
    assert.equal(pools.connectionTimeoutMs, 250);
    assert.equal(pools.instanceLimit, undefined);
    assert.equal(parseConfig({ INSTANCE_CONNECTION_LIMIT: "40" }).pools.instanceLimit, 40);
  });

  it("refuses a limit that leaves no room for a change, which needs up to three connections", () => {
    assert.throws(
      () => parseConfig({ INSTANCE_CONNECTION_LIMIT: "1", TOTAL_CONNECTION_LIMIT: "1" }),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.deepEqual(error.faults, [
          {
            name: "INSTANCE_CONNECTION_LIMIT",
            problem: 'expected 0 or a whole number from 3 to 100000, found "1"',
          },
          { name: "TOTAL_CONNECTION_LIMIT", problem: 'expected a whole number from 3 to 100000, found "1"' },
        ]);
        return true;
      },
    );
    assert.equal(parseConfig({ INSTANCE_CONNECTION_LIMIT: "3" }).pools.instanceLimit, 3);
  });

  it("uses the project that Google Cloud names when Firestore has none of its own", () => {
    assert.equal(parseConfig({ GOOGLE_CLOUD_PROJECT: "demo-project" }).registry.project, "demo-project");
    const own = parseConfig({
      GOOGLE_CLOUD_PROJECT: "demo-project",
      FIRESTORE_PROJECT_ID: "registry-project",
    });
    assert.equal(own.registry.project, "registry-project");
    assert.equal(own.log.project, "demo-project");
  });
});

describe("wrong settings", () => {
  it("are reported all at once, by name, with what is expected", () => {
    const faults = faultsOf({
      PORT: "80800",
      CONNECTION_POOL_SIZE: "0",
      CONNECTION_TIMEOUT: "30s",
      LOG_LEVEL: "LOUD",
      LOG_FORMAT: "xml",
      ALLOWED_REGIONS: "europe-west1,Europe",
      CORS_ORIGINS: "https://a.example.com/",
      CORS_METHODS: "GET POST",
      CORS_HEADERS: "Content Type",
      CLOUDSQL_IP_TYPE: "SECRET",
      SQL_ADMIN_ENDPOINT: "sqladmin.googleapis.com",
      SECRET_MANAGER_ENDPOINT: "http://127.0.0.1:1",
      FIRESTORE_EMULATOR_HOST: "localhost",
      FIRESTORE_COLLECTION: "a/b",
      FIRESTORE_DATABASE: "X",
      SECRET_PROJECT_ID: "X",
      SECRET_NAME_SUFFIX: "a b",
      DB_ADMIN_USER: "x".repeat(64),
      VALIDATE_IAM_USERS: "perhaps",
    });
    assert.equal(Object.keys(faults).length, 19);
    assert.match(faults.PORT ?? "", /from 0 to 65535, found "80800"/);
    assert.match(faults.CONNECTION_POOL_SIZE ?? "", /from 1 to/);
    assert.match(faults.CONNECTION_TIMEOUT ?? "", /number of seconds.*"30s"/);
    assert.match(faults.LOG_LEVEL ?? "", /DEBUG, INFO, WARNING.*"LOUD"/);
    assert.match(faults.ALLOWED_REGIONS ?? "", /"Europe"/);
  });

  it("of the settings file are reported with those of the environment, by line, and repeat nothing of it", () => {
    const file =
      "PORT=1\nCONNECTION_POOL_SIZE=0\nhunter2 is the password\nMAX_POOLS=1\nMAX_POOLS=2\nhunter3=1";
    let faults: readonly { name: string; problem: string }[] = [];
    try {
      parseConfig({ PORT: "http" }, file);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      faults = error.faults;
    }
    const lines = faults.filter(({ name }) => name === "SETTINGS_FILE").map(({ problem }) => problem);
    assert.match(lines[0] ?? "", /^line 1 sets PORT, which is not one of CONNECTION_POOL_SIZE, /);
    assert.deepEqual(lines.slice(1), [
      "line 3 is not of the form NAME=VALUE",
      "line 5 sets MAX_POOLS for a second time",
      "line 6 is not of the form NAME=VALUE",
    ]);
    const others = faults.map(({ name }) => name).filter((name) => name !== "SETTINGS_FILE");
    assert.deepEqual(others.sort(), ["CONNECTION_POOL_SIZE", "PORT"]);
    assert.ok(!JSON.stringify(faults).includes("hunter"));
  });

  it("are not repeated where they could be a secret", () => {
    const secret = "Tr0ub4dor&3-horse";
    const names = [
      ...["SQL_ADMIN_ENDPOINT", "FIRESTORE_EMULATOR_HOST", "CONNECTION_TIMEOUT", "CONNECTION_POOL_SIZE"],
      ...["DEBUG", "LOG_LEVEL", "SECRET_PROJECT_ID", "SECRET_NAME_SUFFIX", "ALLOWED_REGIONS", "CORS_ORIGINS"],
    ];
    const faults = faultsOf(Object.fromEntries(names.map((name) => [name, secret])));
    assert.deepEqual(Object.keys(faults).sort(), [...names].sort());
    assert.ok(!JSON.stringify(faults).includes(secret));
    assert.match(faults.DEBUG ?? "", /a value of 17 characters/);
  });

  it("include numbers that only look like ones", () => {
    for (const text of ["1e3", "0x10", "-1", "1.5", "NaN", "Infinity", "1 0", "9".repeat(30), "١"]) {
      assert.ok(faultsOf({ CONNECTION_POOL_SIZE: text }).CONNECTION_POOL_SIZE, text);
    }
  });

  it("include endpoints with credentials or a path", () => {
    for (const text of ["http://user:pw@host", "http://host/path", "ftp://host", "http://host/?a=b"]) {
      assert.ok(faultsOf({ SQL_ADMIN_ENDPOINT: text }).SQL_ADMIN_ENDPOINT, text);
    }
    assert.equal(
      parseConfig({ SQL_ADMIN_ENDPOINT: "http://127.0.0.1:8123" }).sqlAdmin.endpoint,
      "http://127.0.0.1:8123",
    );
  });
});

describe("how callers are identified", () => {
  const onlyThis = { API_HOST: "127.0.0.1" };
  const cloudRun = { AUTH_MODE: "cloud-run", K_SERVICE: "manager", AUTH_IAM_ONLY_SERVICE: "manager" };
  const backend = "/projects/123456789/global/backendServices/987654321";
  const keys = "http://127.0.0.1:9000/oauth2/v3/certs";

  it("is by ID tokens unless told, for at least one audience", () => {
    const auth = parse({ AUTH_AUDIENCES: "https://a.example.com, b" }).auth;
    assert.deepEqual(auth, {
      mode: "id-token",
      audiences: ["https://a.example.com", "b"],
      jwksUrl: undefined,
    });
    const faults = faultsOf({ AUTH_AUDIENCES: "" });
    assert.deepEqual(Object.keys(faults), ["AUTH_AUDIENCES"]);
    assert.match(faults.AUTH_AUDIENCES ?? "", /at least one audience.*id-token/);
    for (const empty of [" ", ",", " , "])
      assert.ok(faultsOf({ AUTH_AUDIENCES: empty }).AUTH_AUDIENCES, empty);
  });

  it("is by Identity-Aware Proxy for audiences of its form only", () => {
    assert.equal(parseConfig({ AUTH_MODE: "IAP", AUTH_AUDIENCES: backend }).auth.mode, "iap");
    const wrong = [
      "",
      "https://manager.example.com",
      `${backend},https://b`,
      "/projects/name/apps/a",
      "/projects/1/",
    ];
    for (const text of wrong) {
      const faults = faultsOf({ AUTH_MODE: "iap", AUTH_AUDIENCES: text });
      assert.match(faults.AUTH_AUDIENCES ?? "", /\/projects\/NUMBER/, text);
    }
  });

  it("is by what Cloud Run checked only on Cloud Run, and only when the service is named as one that asks for IAM", () => {
    assert.deepEqual(parse(cloudRun).auth, { mode: "cloud-run", audiences: [] });
    const elsewhere = faultsOf({ ...cloudRun, K_SERVICE: "" });
    assert.match(elsewhere.AUTH_MODE ?? "", /K_SERVICE/);
    assert.ok(elsewhere.AUTH_IAM_ONLY_SERVICE);
    for (const named of ["", "another", "Manager"]) {
      const faults = faultsOf({ ...cloudRun, AUTH_IAM_ONLY_SERVICE: named });
      assert.deepEqual(Object.keys(faults), ["AUTH_IAM_ONLY_SERVICE"], named);
    }
    const neither = faultsOf({ AUTH_MODE: "cloud-run" });
    assert.deepEqual(Object.keys(neither).sort(), ["AUTH_IAM_ONLY_SERVICE", "AUTH_MODE"]);
  });

  it("is not asked for only where nobody else can call", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
      assert.deepEqual(parse({ AUTH_MODE: "none", API_HOST: host }).auth, { mode: "none" }, host);
    }
    for (const host of ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "127.0.0.1.nip.io"]) {
      assert.match(faultsOf({ AUTH_MODE: "none", API_HOST: host }).AUTH_MODE ?? "", /API_HOST/, host);
    }
  });

  it("takes keys from this machine only, and never on Cloud Run", () => {
    const { auth } = parseConfig({ AUTH_JWKS_URL: keys });
    assert.equal("jwksUrl" in auth ? auth.jwksUrl : "", keys);
    const elsewhere = [
      "https://keys.example.com/certs",
      "http://127.0.0.1@example.com/",
      "ftp://127.0.0.1/",
      "127.0.0.1",
    ];
    for (const url of elsewhere) assert.ok(faultsOf({ AUTH_JWKS_URL: url }).AUTH_JWKS_URL, url);
    assert.match(faultsOf({ AUTH_JWKS_URL: keys, K_SERVICE: "manager" }).AUTH_JWKS_URL ?? "", /local clouds/);
  });

  it("is reported together with what else is wrong", () => {
    const faults = faultsOf({
      ...onlyThis,
      PORT: "x",
      AUTH_AUDIENCES: "",
      AUTH_JWKS_URL: "x",
      AUTH_MODE: "id-token",
    });
    assert.deepEqual(Object.keys(faults).sort(), ["AUTH_AUDIENCES", "AUTH_JWKS_URL", "PORT"]);
    assert.deepEqual(Object.keys(faultsOf({ AUTH_MODE: "token" })), ["AUTH_MODE"]);
  });
});
