import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import request from "supertest";
import { rawProblem } from "../../src/http/raw-problem.ts";
import { assertContract, assertProblem, contractOperations } from "../support/contract.ts";
import { demoTarget, httpRequestOf, startTestServer, type TestServer } from "../support/http.ts";

let service: TestServer;
before(async () => {
  service = await startTestServer();
});
after(() => service.close());

/** What Helmet 8 sets by default (https://helmetjs.github.io), and that nothing is kept. */
const protection: Readonly<Record<string, RegExp>> = {
  "cache-control": /^no-store$/,
  "content-security-policy": /^default-src 'none'/,
  "cross-origin-opener-policy": /^same-origin$/,
  "cross-origin-resource-policy": /^same-origin$/,
  "origin-agent-cluster": /^\?1$/,
  "referrer-policy": /^no-referrer$/,
  "strict-transport-security": /^max-age=31536000; includeSubDomains$/,
  "x-content-type-options": /^nosniff$/,
  "x-dns-prefetch-control": /^off$/,
  "x-download-options": /^noopen$/,
  "x-frame-options": /^DENY$/,
  "x-permitted-cross-domain-policies": /^none$/,
  "x-xss-protection": /^0$/,
};

function assertProtected(headers: Readonly<Record<string, unknown>>): void {
  for (const [name, expected] of Object.entries(protection))
    assert.match(String(headers[name]), expected, name);
}

test("what is no HTTP request is answered with them too", async () => {
  const text = rawProblem("HPE_INVALID_METHOD");
  const lines = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n").slice(1);
  assertProtected(
    Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
      }),
    ),
  );
});

test("every answer, good or bad, has the headers that protect it", async () => {
  const answers = await Promise.all([
    request(service.url).get("/health"),
    request(service.url).get("/docs"),
    request(service.url).get("/nowhere"),
    request(service.url).post("/database/schemas").send({}),
    request(service.url).put("/database/schemas"),
  ]);
  for (const { headers } of answers) {
    assertProtected(headers);
    assert.equal(headers["x-powered-by"], undefined);
    assert.equal(headers.etag, undefined);
    assert.equal(headers["access-control-allow-origin"], undefined);
  }
});

test("the reference page uses its own styles only and lists every operation", async () => {
  const response = await request(service.url).get("/docs");
  assertContract("getDocs", response);
  const styles = /<style>([\s\S]*?)<\/style>/.exec(response.text)?.[1] ?? "";
  const hash = createHash("sha256").update(styles).digest("base64");
  assert.ok(String(response.headers["content-security-policy"]).includes(`style-src 'sha256-${hash}'`));
  assert.ok(!/<script|<link|<img|\bstyle=|\son[a-z]+=|https?:\/\//i.test(response.text));
  for (const { operationId, path } of contractOperations) {
    assert.ok(response.text.includes(`<section id="${operationId}">`), operationId);
    assert.ok(response.text.includes(`<code>${path}</code>`), path);
  }
  const links = [...response.text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  for (const id of links) assert.ok(response.text.includes(`id="${id}"`), `nothing has the id ${id}`);
});

test("the description that a problem's type leads to exists", async () => {
  const { text } = await request(service.url).get("/docs");
  const { body } = await request(service.url).get("/nowhere");
  const [path, id] = String(body.type).split("#");
  assert.equal(path, "/docs");
  assert.ok(text.includes(`id="${id}"`));
});

test("HEAD is answered as GET, without the body", async () => {
  const get = await request(service.url).get("/openapi.json");
  const head = await request(service.url).head("/openapi.json");
  assert.equal(head.status, 200);
  assert.equal(head.headers["content-length"], get.headers["content-length"]);
  assert.equal(head.text, undefined);
});

test("slashes at the end of a path do not matter", async () => {
  assertContract("getServiceHealth", await request(service.url).get("/health/"));
  assertContract("listSchemas", await request(service.url).post("/database/schemas//").send(demoTarget));
});

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const ids: readonly [what: string, headers: Record<string, string>, expected: object][] = [
  [
    "Cloud Trace's header",
    { "X-Cloud-Trace-Context": `${trace}/255;o=1` },
    { requestId: trace, traceId: trace, spanId: "00000000000000ff", sampled: true },
  ],
  [
    "a traceparent",
    { traceparent: `00-${trace}-00f067aa0ba902b7-00` },
    { requestId: trace, traceId: trace, spanId: "00f067aa0ba902b7", sampled: false },
  ],
  ["X-Request-Id", { "X-Request-Id": "job-17.a_b" }, { requestId: "job-17.a_b" }],
];

for (const [what, headers, expected] of ids) {
  test(`the request's id is taken from ${what}, for the answer and the log`, async () => {
    const response = await request(service.url).get("/nowhere").set(headers);
    const { requestId } = expected as { requestId: string };
    assert.equal(response.headers["x-request-id"], requestId);
    assert.equal(response.body.request_id, requestId);
    const { fields } = service.requestLines().at(-1) ?? assert.fail("no line");
    for (const [name, value] of Object.entries(expected)) assert.equal(fields[name], value, name);
  });
}

test("an id that is not sane is not taken", async () => {
  for (const headers of [
    { "X-Request-Id": "a b" },
    { "X-Request-Id": "x".repeat(129) },
    { "X-Request-Id": '"><script>' },
    { traceparent: `00-${"0".repeat(32)}-00f067aa0ba902b7-01` },
    { traceparent: `ff-${trace}-00f067aa0ba902b7-01` },
    { "X-Cloud-Trace-Context": "not-a-trace/1;o=1" },
  ]) {
    const response = await request(service.url)
      .get("/health")
      .set(headers as Record<string, string>);
    assert.match(String(response.headers["x-request-id"]), /^[0-9a-f]{32}$/);
    assert.notEqual(response.headers["x-request-id"], "0".repeat(32));
  }
});

test("one line is logged for each request, with what it was about and without the query", async () => {
  const before = service.requestLines().length;
  await request(service.url).post("/database/schemas").set("User-Agent", "the-client/1").send(demoTarget);
  await request(service.url)
    .get("/roles/status")
    .query({ ...demoTarget, database_name: "private" });
  const [line, status] = service.requestLines().slice(before);
  assert.equal(service.requestLines().length, before + 2);
  const { httpRequest, timings, ...fields } = line?.fields ?? {};
  const { latency, remoteIp, ...http } = httpRequest as Record<string, unknown>;
  assert.deepEqual(http, {
    requestMethod: "POST",
    requestUrl: "/database/schemas",
    status: 200,
    userAgent: "the-client/1",
  });
  assert.match(String(latency), /^[0-9]+\.[0-9]{6}s$/);
  assert.match(String(remoteIp), /127\.0\.0\.1/);
  assert.deepEqual(Object.keys(timings as object), ["read_ms", "operation_ms", "total_ms"]);
  const { requestId: _id, ...rest } = fields;
  assert.deepEqual(rest, {
    operation: "listSchemas",
    target: { instance: "demo-project:europe-west1:orders-db", database: "orders" },
    caller: "anonymous",
    outcome: "success",
  });
  assert.equal(httpRequestOf(status).requestUrl, "/roles/status");
  assert.ok(!status?.message.includes("private"));
});

test("timings are logged only when they are asked for", async () => {
  const quiet = await startTestServer({ settings: { logPerformanceMetrics: false } });
  await request(quiet.url).get("/health");
  await quiet.close();
  assert.equal(quiet.requestLines()[0]?.fields.timings, undefined);
});

const admin = "https://admin.example.com";

function preflight(url: string, origin: string) {
  return request(url).options("/database/schemas").set({
    Origin: origin,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
  });
}

test("a page of an allowed origin may call, and no other", async () => {
  const cors = { origins: [admin], methods: ["GET", "POST"], headers: ["Content-Type", "Authorization"] };
  const open = await startTestServer({ settings: { cors } });
  const asked = await preflight(open.url, admin);
  const answered = await request(open.url).post("/database/schemas").set("Origin", admin).send(demoTarget);
  const refused = await request(open.url).post("/database/schemas").set("Origin", admin).send({});
  const other = await preflight(open.url, "https://evil.example");
  const otherAnswer = await request(open.url)
    .get("/health")
    .set("Origin", "https://admin.example.com.evil.example");
  await open.close();
  assert.equal(asked.status, 204);
  assert.equal(asked.text, "");
  assert.equal(asked.headers["access-control-allow-origin"], admin);
  assert.equal(asked.headers["access-control-allow-methods"], "GET, POST");
  assert.equal(asked.headers["access-control-allow-headers"], "Content-Type, Authorization");
  for (const response of [asked, answered, refused]) {
    assert.equal(response.headers["access-control-allow-origin"], admin);
    assert.equal(response.headers.vary, "Origin");
    assert.equal(response.headers["access-control-allow-credentials"], undefined);
  }
  assertProblem(other, 405, "method_not_allowed");
  for (const response of [other, otherAnswer]) {
    assert.equal(response.headers["access-control-allow-origin"], undefined);
    assert.equal(response.headers.vary, "Origin");
  }
});

test("every origin may call only when the settings say so", async () => {
  const closed = await preflight(service.url, admin);
  assertProblem(closed, 405, "method_not_allowed");
  const open = await startTestServer({
    settings: { cors: { origins: ["*"], methods: ["*"], headers: ["*"] } },
  });
  const response = await preflight(open.url, admin);
  await open.close();
  assert.equal(response.status, 204);
  assert.equal(response.headers["access-control-allow-origin"], "*");
});
