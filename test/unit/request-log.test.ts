import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { ServiceError } from "../../src/errors.ts";
import { createDeadlines } from "../../src/http/deadlines.ts";
import { newRequestId, type RequestIds, readRequestIds } from "../../src/http/request-id.ts";
import { logRequest, type RequestRecord } from "../../src/http/request-log.ts";
import { createLog, type Log, type LogOptions } from "../../src/log.ts";
import { anyCharacter } from "../support/any-character.ts";
import { until } from "../support/until.ts";

function lineOf(options: Partial<LogOptions>, isQuick: boolean, ids: RequestIds, record: RequestRecord) {
  let written = "";
  const real = createLog({
    ...{ level: "info", format: "json", correlationIds: true, now: () => Date.UTC(2026, 10, 21) },
    write: (lines) => {
      written += lines;
    },
    ...options,
  });
  const slow: Log = {
    debug: (message, fields) => real.debug(message, fields),
    info: (message, fields) => real.info(message, fields),
    warning: (message, fields) => real.warning(message, fields),
    error: (message, fields) => real.error(message, fields),
    notice: (message, fields) => real.notice(message, fields),
    child: (fields) => real.child(fields),
  };
  logRequest(isQuick ? real : slow, ids, record);
  real.flush();
  return written;
}

const secrets = fc.constantFrom(
  ...["SCRAM-SHA-256$4096:abc$def:ghi", "ya29.abcdef", "eyJhbGciOi.eyJzdWIi.c2ln", "Bearer abc.def"],
  ...["postgres://me:hunter2@host/db", "password=hunter2", "PASSWORD 'it''s'", `md5${"0a".repeat(16)}`],
  ...["-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", 'a"b\\c\u2028\n\u0000', "\ud800"],
);
const texts = fc.oneof(fc.string({ unit: anyCharacter, maxLength: 40 }), secrets);
const hex = (length: number) => fc.stringMatching(new RegExp(`^[1-9a-f]{${length}}$`));
const ids: fc.Arbitrary<RequestIds> = fc.oneof(
  fc.stringMatching(/^[0-9A-Za-z._-]{1,128}$/).map((given) => readRequestIds({ "x-request-id": given })),
  fc.constantFrom("ya29.abcdef", "eyJhbGciOi.eyJzdWIi.c2ln").map((requestId) => ({ requestId })),
  hex(32).map((trace) => readRequestIds({ "x-cloud-trace-context": trace })),
  fc
    .tuple(hex(32), hex(16), fc.constantFrom("00", "01"))
    .map(([trace, span, flags]) => readRequestIds({ traceparent: `00-${trace}-${span}-${flags}` })),
);
const targets = fc.record({ project: texts, region: texts, instance: texts, database: texts });
const records: fc.Arbitrary<RequestRecord> = fc
  .record({
    method: fc.constantFrom("GET", "POST", "HEAD", "DELETE"),
    path: fc.oneof(texts, fc.string({ minLength: 495, maxLength: 505 })).map((path) => `/${path}`),
    userAgent: fc.option(fc.oneof(texts, fc.string({ minLength: 190, maxLength: 210 })), { nil: undefined }),
    remoteAddress: fc.constantFrom(undefined, "127.0.0.1", "::ffff:10.0.0.1"),
    status: fc.constantFrom(200, 204, 404, 503),
    seconds: fc.double({ min: 0, max: 700, noNaN: true }),
    operation: fc.constantFrom(undefined, "listSchemas"),
    target: fc.option(targets, { nil: undefined }),
    caller: fc.option(texts, { nil: undefined }),
    timings: fc.constantFrom(undefined, { total_ms: 1.5 }),
    error: fc.constantFrom(
      undefined,
      new ServiceError("not_found", "no"),
      new ServiceError("timeout", "late"),
    ),
  })
  .map(({ method, userAgent, remoteAddress, ...record }) => ({
    ...record,
    request: {
      ...{ method, socket: { remoteAddress } },
      headers: userAgent === undefined ? {} : { "user-agent": userAgent },
    } as unknown as IncomingMessage,
  }));

test("a request's line is the same, whether it is put together quickly or by the log itself", () => {
  const options = fc.record({
    correlationIds: fc.boolean(),
    project: fc.constantFrom(undefined, "demo-project"),
    format: fc.constantFrom("json", "text"),
    level: fc.constantFrom("debug", "info", "warning"),
  });
  const property = fc.property(options, ids, records, (chosen, given, record) => {
    const quick = lineOf(chosen, true, given, record);
    const slow = lineOf(chosen, false, given, record);
    assert.equal(quick.split("\n").length, slow.split("\n").length);
    if (chosen.format === "text" || slow === "") assert.equal(quick, slow);
    else assert.deepEqual(JSON.parse(quick), JSON.parse(slow));
  });
  fc.assert(property, { numRuns: 3_000 });
});

test("ids of requests are 32 hexadecimal digits, and no two are alike", () => {
  const made = Array.from({ length: 1_000 }, newRequestId);
  assert.equal(new Set(made).size, made.length);
  for (const id of made) assert.match(id, /^[0-9a-f]{32}$/);
});

test("deadlines are reached in order, each in its time, and not when they were cancelled", async () => {
  const deadlines = createDeadlines(500);
  const reached: string[] = [];
  const startedAt = performance.now();
  const at: number[] = [];
  const add = (name: string) =>
    deadlines.add(performance.now(), () => {
      reached.push(name);
      at.push(performance.now() - startedAt);
    });
  add("first");
  const cancel = add("cancelled");
  await new Promise((resolve) => setTimeout(resolve, 30));
  add("second");
  cancel();
  await until(() => reached.length === 2, { what: "both are reached" });
  assert.deepEqual(reached, ["first", "second"]);
  assert.ok((at[0] ?? 0) >= 499 && (at[1] ?? 0) >= 528, `at ${at}`);
  add("third");
  await until(() => reached.length === 3, { what: "a later one is reached too" });
});
