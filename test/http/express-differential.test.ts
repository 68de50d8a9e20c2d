import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import express, { type ErrorRequestHandler } from "express";
import fc from "fast-check";
import { ServiceError } from "../../src/errors.ts";
import type { Outcome } from "../../src/http/api.ts";
import { maxBodyBytes, readJsonBody } from "../../src/http/body.ts";
import { problems } from "../../src/http/problem.ts";
import { sendReply, successReply } from "../../src/http/reply.ts";
import { anyCharacter } from "../support/any-character.ts";

interface Sent {
  readonly body: string | Buffer;
  /** `application/json` when absent; null for none. */
  readonly type?: string | null;
  readonly encoding?: string;
  /** Without Content-Length. */
  readonly chunked?: boolean;
}

interface Received {
  readonly status: number;
  readonly text: string;
  readonly type: string | undefined;
  readonly length: string | undefined;
}

const servers: Server[] = [];
const someObject = fc.dictionary(
  fc.string({ unit: anyCharacter }),
  fc.jsonValue({ stringUnit: anyCharacter }),
);

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

function post(port: number, { body, type = "application/json", encoding, chunked }: Sent): Promise<Received> {
  const bytes = Buffer.from(body);
  const headers = {
    ...(type === null ? {} : { "Content-Type": type }),
    ...(encoding === undefined ? {} : { "Content-Encoding": encoding }),
    ...(chunked === true ? { "Transfer-Encoding": "chunked" } : { "Content-Length": bytes.length }),
  };
  return new Promise((resolve, reject) => {
    const sent = send({ host: "127.0.0.1", port, method: "POST", headers }, async (response) => {
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      const { "content-type": answered, "content-length": length } = response.headers;
      resolve({ status: response.statusCode ?? 0, text, type: answered, length });
    });
    sent.on("error", reject);
    const step = chunked === true ? 1_000 : bytes.length + 1;
    for (let at = 0; at < bytes.length; at += step) sent.write(bytes.subarray(at, at + step));
    sent.end();
  });
}

describe("the reader of bodies, beside express.json", () => {
  let ours: number;
  let theirs: number;

  before(async () => {
    ours = await listen((request, response) => {
      readJsonBody(request).then(
        (value) => response.end(JSON.stringify({ value })),
        (error: unknown) => {
          response.statusCode = error instanceof ServiceError ? problems[error.kind].status : 500;
          response.end();
        },
      );
    });
    const app = express();
    app.use(express.json({ limit: maxBodyBytes }));
    app.use((request, response) => {
      response.end(JSON.stringify({ value: request.body }));
    });
    const answerStatus: ErrorRequestHandler = (error, _request, response, _next) => {
      response.status(error.status ?? 500).end();
    };
    app.use(answerStatus);
    theirs = await listen(app);
  });

  const both = async (sent: Sent) => {
    const [own, other] = await Promise.all([post(ours, sent), post(theirs, sent)]);
    return { own, other };
  };

  async function assertSame(sent: Sent, status: number): Promise<void> {
    const { own, other } = await both(sent);
    const what = `${String(sent.body).slice(0, 80)} (${sent.type})`;
    assert.deepEqual([own.status, other.status], [status, status], what);
    assert.equal(own.text, other.text, what);
  }

  it("accepts the same, with the same value", async () => {
    const accepted = [
      "{}",
      ' \r\n\t{"a" : [1, -0, 1e400, 0.1, true, null, {"b": ""}]} ',
      "\ufeff{}",
      '{"__proto__": {"x": 1}, "constructor": 2, "": 3}',
      String.raw`{"\ud800": "\u2028 \\ \" \u0000", "é😀": "\udc00\ud800"}`,
      `{"deep": ${"[".repeat(1_000)}${"]".repeat(1_000)}}`,
      `{"long": "${"x".repeat(maxBodyBytes - 12)}"}`,
    ];
    for (const body of accepted)
      for (const chunked of [false, true]) await assertSame({ body, chunked }, 200);
    for (const type of [
      "APPLICATION/JSON",
      "application/json; charset=UTF-8",
      'application/json;charset="utf-8"',
    ])
      await assertSame({ body: '{"a": "é"}', type }, 200);
  });

  it("accepts the same of what is made at random", async () => {
    const accepts = (value: object) => assertSame({ body: JSON.stringify(value) }, 200);
    await fc.assert(fc.asyncProperty(someObject, accepts), { numRuns: 200 });
  });

  it("refuses the same, with the same status", async () => {
    const whole = String.raw`{"a": [1, {"b": "c\u00e9"}, null, -1.5e3]}`;
    for (let length = 1; length < whole.length; length++)
      await assertSame({ body: whole.slice(0, length) }, 400);
    for (const body of [
      "{'a': 1}",
      "{a: 1}",
      '{"a": 1,}',
      '{"a": 01}',
      "null",
      "1",
      '"{}"',
      "{}{}",
      '{"a": "\n"}',
    ])
      await assertSame({ body }, 400);
    for (const chunked of [false, true])
      await assertSame({ body: `{"long": "${"x".repeat(maxBodyBytes)}"}`, chunked }, 413);
    await assertSame({ body: "{}", encoding: "unknown" }, 415);
    await assertSame({ body: "{}", type: "application/json; charset=klingon" }, 415);
  });

  /** Where it is stricter: what Express lets through here would be another body than the one that was sent, or none. */
  const stricter: readonly (Sent & { readonly what: string; readonly status: number })[] = [
    { what: "no body", body: "", status: 400 },
    { what: "a list", body: "[]", status: 400 },
    { what: "a key that is there twice", body: '{"a": 1, "a": 2}', status: 400 },
    {
      what: "bytes that are no UTF-8",
      body: Buffer.from([...Buffer.from('{"a": "'), 0xff, 0x22, 0x7d]),
      status: 400,
    },
    { what: "no media type", body: "{}", type: null, status: 415 },
    { what: "another media type", body: "{}", type: "text/plain", status: 415 },
    {
      what: "UTF-16",
      body: Buffer.from("{}", "utf16le"),
      type: "application/json; charset=utf-16le",
      status: 415,
    },
    { what: "a compressed body", body: gzipSync("{}"), encoding: "gzip", status: 415 },
  ];
  for (const { what, status, ...sent } of stricter) {
    it(`refuses ${what}, which express.json takes or passes over`, async () => {
      const { own, other } = await both(sent);
      assert.deepEqual([own.status, other.status], [status, 200]);
    });
  }
});

describe("the sender of answers, beside response.json", () => {
  const outcomes: Outcome[] = [];
  let ours: number;
  let theirs: number;

  before(async () => {
    const read = (url: string | undefined) => outcomes[Number(url?.slice(1))] as Outcome;
    ours = await listen((request, response) => {
      sendReply(response, successReply(read(request.url), 0.25), {});
    });
    const app = express();
    app.use((request, response) => {
      const { answer, enveloped } = read(request.url);
      const fields = { success: true, message: (answer as { message?: string }).message };
      response.json(enveloped ? { ...fields, ...(answer as object), execution_time_seconds: 0.25 } : answer);
    });
    theirs = await listen(app);
  });

  const get = async (port: number, number: number) => {
    const response = await fetch(`http://127.0.0.1:${port}/${number}`);
    const headers = ["content-type", "content-length"].map((name) => response.headers.get(name));
    return { status: response.status, headers, bytes: Buffer.from(await response.arrayBuffer()) };
  };

  it("sends the same bytes, with the same type and length", async () => {
    const answers: object[] = [
      { message: "" },
      { message: "ü \u2028 \ud800 😀 </script> &", list: [], nothing: null, left_out: undefined },
      { message: "m", at: new Date(0), number: Number.NaN, zero: -0, big: 1e21, success: false },
      ...fc.sample(someObject, 100).map((fields) => ({ ...fields, message: "m" })),
    ];
    for (const answer of answers)
      for (const enveloped of [true, false])
        outcomes.push({ answer, enveloped, target: undefined } as unknown as Outcome);
    for (let number = 0; number < outcomes.length; number++)
      assert.deepEqual(await get(ours, number), await get(theirs, number), JSON.stringify(outcomes[number]));
  });
});
