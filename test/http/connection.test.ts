import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import request from "supertest";
import { assertProblem } from "../support/contract.ts";
import { demoTarget, httpRequestOf, startTestServer, type TestServer } from "../support/http.ts";
import { until } from "../support/until.ts";

interface Gate {
  readonly signals: AbortSignal[];
  /** Lets all waiting operations finish. */
  open(): void;
  readonly listSchemas: (context: unknown, call: { readonly signal: AbortSignal }) => Promise<string[]>;
}

/** An operation that finishes when the test says so. */
function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  return {
    signals,
    open: resolve,
    async listSchemas(_context, call) {
      signals.push(call.signal);
      await promise;
      return [];
    },
  };
}

let service: TestServer;
before(async () => {
  service = await startTestServer();
});
after(() => service.close());

const body = JSON.stringify(demoTarget);
const head = "POST /database/schemas HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

function parseAnswers(bytes: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const [statusLine = "", ...lines] = rest.slice(0, end).split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(":")).toLowerCase(),
        line.slice(line.indexOf(":") + 2),
      ]),
    );
    const length = Number(headers["content-length"] ?? 0);
    answers.push({
      status: Number(statusLine.split(" ")[1]),
      headers,
      text: rest.slice(end + 4, end + 4 + length),
    });
    rest = rest.slice(end + 4 + length);
  }
  return answers;
}

/** Sends bytes as they are and takes what comes until the server closes. */
async function sendRaw(port: number, ...parts: readonly string[]): Promise<RawAnswer[]> {
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  for (const part of parts) socket.write(part);
  await once(socket, "close");
  return parseAnswers(Buffer.concat(chunks).toString("latin1"));
}

async function sendOne(...parts: readonly string[]): Promise<RawAnswer> {
  const [answer, ...more] = await sendRaw(service.port, ...parts);
  assert.ok(answer);
  assert.deepEqual(more, []);
  return answer;
}

test("a chunked body without a length is read", async () => {
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const answer = await sendOne(`${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${chunk}`);
  assert.equal(answer.status, 200, answer.text);
});

test("a chunked body that grows too large is refused", async () => {
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  const answer = await sendOne(
    `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
    chunk,
    chunk,
    "0\r\n\r\n",
  );
  assertProblem(answer, 413, "payload_too_large");
});

test("a body without length or chunks is no body", async () => {
  const answer = await sendOne(`${head}Connection: close\r\n\r\n`);
  assertProblem(answer, 400, "validation_error");
});

for (const [what, lines] of [
  ["both a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"],
  ["two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"],
  ["a length that is no number", "Content-Length: 5x\r\n"],
  ["an unknown transfer encoding", "Transfer-Encoding: xchunked\r\n"],
  ["a space before the colon", "Content-Length : 5\r\n"],
] as const) {
  test(`a request with ${what} is refused and its connection closed`, async () => {
    const smuggled = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const answers = await sendRaw(service.port, `${head}${lines}\r\n0\r\n\r\n${smuggled}`);
    assert.equal(answers.length, 1, JSON.stringify(answers));
    assertProblem(answers[0] ?? assert.fail(), 400, "validation_error");
    assert.equal(answers[0]?.headers.connection, "close");
  });
}

test("what is no HTTP is answered with a problem", async () => {
  const answer = await sendOne("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n");
  assertProblem(answer, 400, "validation_error");
});

test("headers that are too large are answered with a problem", async () => {
  const answer = await sendOne(`${head}X-Large: ${"x".repeat(20_000)}\r\n\r\n`);
  assertProblem(answer, 431, "validation_error");
});

test("a request target in absolute form is served", async () => {
  const answer = await sendOne(
    "GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  );
  assert.equal(answer.status, 200);
});

test("OPTIONS * is answered", async () => {
  const answer = await sendOne("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  assertProblem(answer, 404, "not_found");
});

test("requests that were sent at once are answered in their order", async () => {
  const one = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const two = "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const three = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const answers = await sendRaw(service.port, one + two + three);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 404, 200],
  );
});

test("who waits for leave to send a large body is refused before it is sent", async () => {
  const answer = await sendOne(`${head}Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n`);
  assertProblem(answer, 413, "payload_too_large");
  assert.equal(answer.headers.connection, "close");
});

test("who waits for leave to send a body gets it", async () => {
  const answers = await sendRaw(
    service.port,
    `${head}Content-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`,
    body,
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [100, 200],
  );
});

test("a body that never ends is cut off in the end", async () => {
  const socket = connect(service.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
  const chunk = Buffer.from(`10000\r\n${"x".repeat(65_536)}\r\n`);
  let sent = 0;
  while (!socket.destroyed && !socket.readableEnded && sent < 64 * 1024 * 1024) {
    if (!socket.write(chunk))
      await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
    sent += chunk.length;
  }
  socket.destroy();
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
});

async function openRequest(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  return socket;
}

test("an operation hears that its client has gone, and the log says so", async () => {
  const { listSchemas, signals, open } = gate();
  const gated = await startTestServer({ operations: { listSchemas } });
  const socket = await openRequest(gated.port);
  await until(() => signals.length === 1, { what: "the operation runs" });
  assert.equal(signals[0]?.aborted, false);
  socket.destroy();
  await until(() => gated.requestLines().length === 1, { what: "the request is logged" });
  assert.equal(signals[0]?.aborted, true);
  const [line] = gated.requestLines();
  assert.equal(line?.fields.outcome, "client_gone");
  assert.equal(httpRequestOf(line).status, 499);
  open();
  await gated.close();
});

test("a client that goes away in the middle of its body is no fault", async () => {
  const own = await startTestServer();
  const socket = connect(own.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write(`${head}Content-Length: 1000\r\n\r\n{`);
  await once(own.server, "request");
  socket.destroy();
  await until(() => own.requestLines().length === 1, { what: "the request is logged" });
  assert.equal(own.requestLines()[0]?.fields.outcome, "client_gone");
  assert.equal(own.lines.filter(({ level }) => level === "error").length, 0);
  await own.close();
});

test("a request that takes too long is answered, and its operation hears of it", async () => {
  const { listSchemas, signals, open } = gate();
  const gated = await startTestServer({ operations: { listSchemas }, settings: { requestTimeoutMs: 500 } });
  const response = await request(gated.url).post("/database/schemas").send(demoTarget);
  assertProblem(response, 504, "timeout");
  assert.equal(response.body.details.timeout_seconds, 0.5);
  assert.equal(signals[0]?.aborted, true);
  open();
  await gated.close();
});

test("what an operation throws after its request has ended is not lost, and harms nobody", async () => {
  const { promise, reject } = Promise.withResolvers<string[]>();
  const gated = await startTestServer({
    operations: { listSchemas: () => promise },
    settings: { requestTimeoutMs: 500 },
  });
  const response = await request(gated.url).post("/database/schemas").send(demoTarget);
  assert.equal(response.status, 504);
  reject(new Error("too late"));
  await until(() => gated.lines.some(({ message }) => message.includes("after its request")), {
    what: "it is logged",
  });
  assert.equal((await request(gated.url).get("/health")).status, 200);
  await gated.close();
});

test("the signal of a request that was answered does not abort later", async () => {
  const signals: AbortSignal[] = [];
  const listSchemas = async (
    _context: unknown,
    call: { readonly signal: AbortSignal },
  ): Promise<string[]> => {
    signals.push(call.signal);
    return signals.length === 1 ? [] : new Promise(() => {});
  };
  const own = await startTestServer({ operations: { listSchemas }, settings: { requestTimeoutMs: 1_000 } });
  const socket = await openRequest(own.port);
  await once(socket, "data");
  socket.destroy();
  // One that began later runs out of time: so would the first one have.
  assert.equal((await request(own.url).post("/database/schemas").send(demoTarget)).status, 504);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, true],
  );
  await own.close();
});
