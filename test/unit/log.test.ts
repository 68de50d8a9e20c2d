import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ServiceError } from "../../src/errors.ts";
import { createLog, type Log, type LogFields, type LogOptions } from "../../src/log.ts";

function linesOf(options: Partial<LogOptions>, use: (log: Log) => void): string[] {
  let written = "";
  const log = createLog({
    level: "debug",
    format: "json",
    correlationIds: true,
    now: () => Date.UTC(2026, 10, 21, 12),
    write: (lines) => {
      written += lines;
    },
    ...options,
  });
  use(log);
  log.flush();
  return written.split("\n").slice(0, -1);
}

function entryOf(fields: LogFields, options: Partial<LogOptions> = {}): Record<string, unknown> {
  const [line = ""] = linesOf(options, (log) => log.error("it happened", fields));
  return JSON.parse(line);
}

describe("the log", () => {
  it("writes one JSON object a line in Cloud Logging's shape", () => {
    const lines = linesOf({}, (log) => {
      log.debug("one");
      log.warning("two\nlines", { httpRequest: { status: 200, latency: "0.1s" } });
    });
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [
        { severity: "DEBUG", time: "2026-11-21T12:00:00.000Z", message: "one" },
        {
          severity: "WARNING",
          time: "2026-11-21T12:00:00.000Z",
          message: "two\nlines",
          httpRequest: { status: 200, latency: "0.1s" },
        },
      ],
    );
  });

  it("leaves out what is below its level, without looking at it", () => {
    const trap = {
      get field(): never {
        throw new Error("read");
      },
    };
    const lines = linesOf({ level: "warning" }, (log) => {
      log.debug("no", trap);
      log.info("no");
      log.child({ a: 1 }).info("no");
      log.warning("yes");
      log.error("yes");
    });
    assert.equal(lines.length, 2);
  });

  it("writes a notice whatever its level is, under the name that Cloud Logging has for it", () => {
    const [line = ""] = linesOf({ level: "error" }, (log) => {
      log.info("no");
      log.child({ a: 1 }).notice("audited", { labels: { log: "audit" } });
    });
    const { severity, message, a, "logging.googleapis.com/labels": labels } = JSON.parse(line);
    assert.deepEqual(
      { severity, message, a, labels },
      { severity: "NOTICE", message: "audited", a: 1, labels: { log: "audit" } },
    );
  });

  it("adds a child's fields to each of its lines", () => {
    const [line = ""] = linesOf({}, (log) =>
      log.child({ requestId: "r1" }).child({ a: 1 }).info("x", { b: 2 }),
    );
    const { requestId, a, b } = JSON.parse(line);
    assert.deepEqual({ requestId, a, b }, { requestId: "r1", a: 1, b: 2 });
  });

  it("names trace and span as Cloud Logging wants them", () => {
    const entry = entryOf(
      { traceId: "ab".repeat(16), spanId: "cd", sampled: true },
      { project: "demo-project" },
    );
    assert.equal(entry["logging.googleapis.com/trace"], `projects/demo-project/traces/${"ab".repeat(16)}`);
    assert.equal(entry["logging.googleapis.com/spanId"], "cd");
    assert.equal(entry["logging.googleapis.com/trace_sampled"], true);
    assert.ok(!("traceId" in entry));
  });

  it("leaves the correlation out when it is not wanted", () => {
    const fields = { traceId: "ab", spanId: "cd", requestId: "r1", other: 1 };
    for (const format of ["json", "text"] as const) {
      const [line = ""] = linesOf({ correlationIds: false, format }, (log) => log.info("x", fields));
      assert.ok(!/ab|cd|r1/.test(line), line);
      assert.match(line, /other/);
    }
  });

  it("does not let a field replace the line's own severity, time or message", () => {
    const entry = entryOf({ severity: "DEBUG", time: "never", message: "other" });
    assert.equal(entry.severity, "ERROR");
    assert.equal(entry.time, "2026-11-21T12:00:00.000Z");
    assert.equal(entry.message, "it happened");
  });

  it("writes the lines of one turn together, and the rest on flush", async () => {
    const writes: string[] = [];
    const log = createLog({
      level: "info",
      format: "text",
      correlationIds: true,
      write: (text) => writes.push(text),
    });
    log.info("one");
    log.info("two");
    assert.equal(writes.length, 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(writes.length, 1);
    log.info("three");
    log.flush();
    log.flush();
    assert.equal(writes.length, 2);
  });

  it("writes one line for people, whatever the message holds", () => {
    const [line, ...others] = linesOf({ format: "text" }, (log) =>
      log.info("a\nb", { n: 1, text: "two words" }),
    );
    assert.equal(line, '2026-11-21T12:00:00.000Z INFO    a\\nb n=1 text="two words"');
    assert.equal(others.length, 0);
  });

  it("survives what cannot be logged", () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const trap = {
      get field(): never {
        throw new Error("no");
      },
    };
    assert.equal(entryOf({ circle }).message, "it happened");
    assert.match(String(entryOf({ trap }).unloggable), /no/);
    assert.deepEqual(entryOf({ big: 12n, at: new Date(0), bytes: Buffer.from("abc"), none: undefined }), {
      severity: "ERROR",
      time: "2026-11-21T12:00:00.000Z",
      message: "it happened",
      big: "12",
      at: "1970-01-01T00:00:00.000Z",
      bytes: "[3 bytes]",
    });
    assert.ok(JSON.stringify(entryOf({ long: "x".repeat(1_000_000) })).length < 20_000);
  });
});

describe("an error in the log", () => {
  it("comes with its chain of causes, the SQLSTATE, and no stack when it was expected", () => {
    const database = Object.assign(new Error("permission denied"), {
      name: "error",
      code: "42501",
      severity: "ERROR",
      detail: "Key (email)=(alice) exists",
    });
    const error = new ServiceError("database_error", "The database refused it.", {
      cause: database,
      details: { sqlstate: "42501" },
    });
    const entry = entryOf({ error });
    assert.deepEqual(entry.error, {
      name: "ServiceError",
      message: "The database refused it.",
      kind: "database_error",
      details: { sqlstate: "42501" },
      cause: { name: "error", message: "permission denied", sqlstate: "42501" },
    });
    assert.ok(!("stack_trace" in entry));
  });

  it("comes with its stack when it was not expected, for Error Reporting too", () => {
    const entry = entryOf(
      { error: new TypeError("undefined is not a function") },
      { service: { name: "s", version: "1" } },
    );
    assert.match(String((entry.error as { stack: string }).stack), /log\.test\.ts/);
    assert.match(String(entry.stack_trace), /log\.test\.ts/);
    assert.deepEqual(entry.serviceContext, { service: "s", version: "1" });
  });

  it("may be its own cause", () => {
    const error = new Error("loop");
    error.cause = error;
    assert.ok(JSON.stringify(entryOf({ error })).length < 50_000);
  });

  it("tells each error of several", () => {
    const error = new AggregateError(
      [Object.assign(new Error("refused"), { code: "ECONNREFUSED" })],
      "all failed",
    );
    assert.match(JSON.stringify(entryOf({ error })), /ECONNREFUSED/);
  });
});

describe("secrets in the log", () => {
  const verifier = "SCRAM-SHA-256$4096:c2FsdHNhbHQ=$c3RvcmVk:c2VydmVyLWtleQ==";
  const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";

  it("are hidden by the name of the field", () => {
    const names = ["password", "PGPASSWORD", "adminPassword", "access_token", "idToken", "Authorization"];
    names.push(
      "secret",
      "client_secret",
      "verifier",
      "set-cookie",
      "apiKey",
      "private_key",
      "proxy-authorization",
    );
    for (const name of names) {
      const text = JSON.stringify(entryOf({ nested: [{ [name]: "hunter2" }] }));
      assert.ok(!text.includes("hunter2"), name);
    }
    assert.equal(entryOf({ secretName: "projects/p/secrets/s" }).secretName, "projects/p/secrets/s");
  });

  it("are hidden by their form, wherever they stand", () => {
    const texts: [text: string, secret: string][] = [
      [`ALTER ROLE x PASSWORD '${verifier}'`, "c2VydmVyLWtleQ"],
      [`refused ${verifier}.`, "c3RvcmVk"],
      ["authorization: Bearer abc.def-123", "abc.def-123"],
      ["got ya29.a0AfH6SMBx-y_z", "a0AfH6SMBx"],
      [`token ${jwt}`, "eyJzdWIiOiJhbGljZSJ9"],
      ["postgres://admin:hunter2@127.0.0.1:5432/x", "hunter2"],
      ["CREATE USER x WITH PASSWORD 'it''s \"hunter2\"\\' ;", "hunter2"],
      ["ALTER USER x\nPASSWORD\nE'hunter2'", "hunter2"],
      ["host=x password=hunter2 user=y", "hunter2"],
      [`md5${"0123456789abcdef".repeat(2)}`, "0123456789abcdef"],
      ["-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n", "MIIEvQ"],
    ];
    for (const [text, secret] of texts) {
      for (const format of ["json", "text"] as const) {
        const error = new ServiceError("internal_error", text, { cause: new Error(text) });
        const [line = ""] = linesOf({ format }, (log) => log.error(text, { text, deep: { text }, error }));
        assert.ok(!line.includes(secret), line);
        if (format === "json") assert.doesNotThrow(() => JSON.parse(line), line);
      }
    }
  });

  it("hides nothing else", () => {
    const text = 'the password of "orders-db" does not match; see https://example.com:8080/a and eyJ.';
    assert.equal(entryOf({ text }).text, text);
  });
});
