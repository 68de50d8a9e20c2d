import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { request } from "node:http";
import { after, afterEach, before, describe, it } from "node:test";
import { createIdentifyCaller } from "../../src/http/auth/identify.ts";
import type { IdentifyCaller } from "../../src/http/caller.ts";
import type { Call } from "../../src/operations/context.ts";
import { assertProblem } from "../support/contract.ts";
import {
  collectingLog,
  demoTarget,
  type LogLine,
  startTestServer,
  type TestServer,
} from "../support/http.ts";
import { encodePart, type KeyServer, makeTestKey, signWith, startKeyServer } from "../support/key-server.ts";
import { until } from "../support/until.ts";

type Json = Readonly<Record<string, unknown>>;
type Headers = Readonly<Record<string, string | readonly string[]>>;

const audience = "https://manager.example.com";
const removed = "SIGNATURE_REMOVED_BY_GOOGLE";
const key = makeTestKey("first");
const stranger = makeTestKey("first");
const elliptic = makeTestKey("elliptic", "ES256");
const head = { alg: "RS256", kid: "first", typ: "JWT" };
const nowS = () => Math.floor(Date.now() / 1000);

function claims(other: Json = {}): Json {
  return {
    iss: "https://accounts.google.com",
    aud: audience,
    sub: "1234567890",
    email: "Alice@Example.com",
    email_verified: true,
    iat: nowS() - 5,
    exp: nowS() + 3600,
    ...other,
  };
}

const good = (other: Json = {}) => signWith(key, head, claims(other));
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const removedFrom = (token: string) => token.replace(/[^.]+$/, removed);

/** The service with pretended operations, and who called the last one. */
interface Asked {
  readonly server: TestServer;
  readonly callers: string[];
  readonly lines: LogLine[];
}

let asked: Asked;

async function startWith(identifyCaller: IdentifyCaller, lines: LogLine[] = []): Promise<Asked> {
  const callers: string[] = [];
  const listSchemas = async (_context: unknown, call: Call) => {
    callers.push(call.actor);
    return ["public"];
  };
  return { server: await startTestServer({ identifyCaller, operations: { listSchemas } }), callers, lines };
}

interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** With node:http, which sends a header as often as its list has values. */
function send(headers: Headers, path = "/database/schemas", method = "POST"): Promise<Sent> {
  const { promise, resolve, reject } = Promise.withResolvers<Sent>();
  const own = method === "POST" ? { "Content-Type": "application/json" } : {};
  const all = { ...own, ...headers } as Record<string, string | string[]>;
  const outgoing = request(`${asked.server.url}${path}`, { method, headers: all }, (incoming) => {
    let text = "";
    incoming.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
  });
  outgoing.on("error", reject);
  outgoing.end(method === "POST" ? JSON.stringify(demoTarget) : undefined);
  return promise;
}

async function succeeds(headers: Headers, caller = "alice@example.com"): Promise<void> {
  const before = asked.callers.length;
  const answer = await send(headers);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(asked.callers.slice(before), [caller]);
}

/** 401 for that reason, before any operation, and with nothing of the token in the answer or the log. */
async function isRefused(headers: Headers, reason: string): Promise<void> {
  const before = asked.callers.length;
  const answer = await send(headers);
  assertProblem(answer, 401, "authentication_error");
  assert.equal(answer.headers["www-authenticate"], "Bearer");
  assert.equal(JSON.parse(answer.text).details.reason, reason);
  assert.equal(asked.callers.length, before);
  const said = answer.text + JSON.stringify(asked.server.lines) + JSON.stringify(asked.lines);
  assert.ok(!said.includes(audience), "an audience was said");
  for (const value of Object.values(headers).flat()) {
    for (const part of value.replace(/^Bearer +/i, "").split(".")) {
      assert.ok(part.length < 9 || part === removed || !said.includes(part), "a part of a token was said");
    }
  }
}

describe("a caller with an ID token", () => {
  let keys: KeyServer;
  before(async () => {
    keys = await startKeyServer(key, elliptic);
    const lines: LogLine[] = [];
    const settings = { mode: "id-token", audiences: ["https://other", audience], jwksUrl: keys.url } as const;
    asked = await startWith(createIdentifyCaller({ settings, log: collectingLog(lines) }), lines);
  });
  after(async () => {
    await asked.server.close();
    await keys.stop();
  });

  it("is known by its e-mail address in lower case, in answers to operations and in the log", async () => {
    await succeeds(bearer(good()));
    assert.match(JSON.stringify(asked.server.requestLines().at(-1)), /"alice@example\.com"/);
    await succeeds(bearer(good({ iss: "accounts.google.com", aud: "https://other" })));
    await succeeds({ authorization: `bearer  ${good()}` });
  });

  it("is a service account, or not, by what Google alone can give it", async () => {
    const settings = { mode: "id-token", audiences: [audience], jwksUrl: keys.url } as const;
    const identify = createIdentifyCaller({ settings, log: collectingLog([]) });
    const kindOf = async (email: string, other: Json = {}) => {
      const authorization = `Bearer ${good({ email, ...other })}`;
      return identify({ headers: { authorization }, rawHeaders: ["Authorization", authorization] });
    };
    assert.deepEqual(await kindOf("ci@project.iam.gserviceaccount.com"), {
      name: "ci@project.iam.gserviceaccount.com",
      kind: "service_account",
    });
    assert.equal((await kindOf("1-compute@developer.gserviceaccount.com")).kind, "service_account");
    assert.equal((await kindOf("eve@evilgserviceaccount.com")).kind, "user");
    assert.equal((await kindOf("eve@gserviceaccount.com.example.com")).kind, "user");
    assert.equal((await kindOf("a@b.com", { hd: "Example.COM" })).domain, "example.com");
  });

  const twoParts = good().split(".").slice(0, 2).join(".");
  const [, payload = "", signature = ""] = good().split(".");
  const publicPem = key.publicKey.export({ format: "pem", type: "spki" });
  const hmac = (secret: string | Buffer): string => {
    const input = `${encodePart({ ...head, alg: "HS256" })}.${encodePart(claims())}`;
    return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
  };

  const refused: Readonly<Record<string, readonly [headers: Headers, reason: string]>> = {
    "no header": [{}, "missing_token"],
    "an empty header": [{ Authorization: "" }, "missing_token"],
    "another scheme": [{ Authorization: "Basic YWxpY2U6cHc=" }, "missing_token"],
    "no token": [{ Authorization: "Bearer " }, "missing_token"],
    "two tokens in one header": [{ Authorization: `Bearer ${good()}, Bearer ${good()}` }, "missing_token"],
    "two headers": [{ Authorization: [`Bearer ${good()}`, `Bearer ${good()}`] }, "ambiguous_token"],
    "the token in the header of the platform": [
      { "X-Serverless-Authorization": `Bearer ${good()}` },
      "missing_token",
    ],
    "the token in the header of the proxy": [{ "X-Goog-IAP-JWT-Assertion": good() }, "missing_token"],
    "a token longer than any": [bearer(`${good()}${"A".repeat(8192)}`), "token_too_large"],
    "what is no token": [bearer("opaque"), "invalid_token"],
    "two parts": [bearer(twoParts), "invalid_token"],
    "four parts": [bearer(`${good()}.AAAA`), "invalid_token"],
    "no signature": [bearer(`${twoParts}.`), "invalid_token"],
    "alg none": [bearer(`${encodePart({ alg: "none" })}.${payload}.`), "invalid_token"],
    "alg none and a key id": [bearer(`${encodePart({ ...head, alg: "none" })}.${payload}.`), "invalid_token"],
    "HS256 with the public key in PEM": [bearer(hmac(String(publicPem))), "invalid_token"],
    "HS256 with the public key in DER": [
      bearer(hmac(key.publicKey.export({ format: "der", type: "spki" }))),
      "invalid_token",
    ],
    "HS256 with the modulus": [bearer(hmac(Buffer.from(key.jwk.n ?? "", "base64url"))), "invalid_token"],
    "another algorithm that its issuer has a key for": [
      bearer(signWith(elliptic, { alg: "ES256", kid: "elliptic" }, claims())),
      "invalid_token",
    ],
    "RS256 said of another key": [
      bearer(signWith(elliptic, { ...head, kid: "elliptic" }, claims())),
      "invalid_token",
    ],
    "an unknown key id": [bearer(signWith(key, { ...head, kid: "nobody's" }, claims())), "invalid_token"],
    "no key id": [bearer(signWith(key, { alg: "RS256" }, claims())), "invalid_token"],
    "a key id that is no text": [
      bearer(signWith(key, { ...head, kid: ["first"] }, claims())),
      "invalid_token",
    ],
    "a key of its own in the head": [
      bearer(signWith(stranger, { ...head, jwk: stranger.jwk, jku: "https://evil.example.com" }, claims())),
      "invalid_token",
    ],
    "something critical in the head": [
      bearer(signWith(key, { ...head, crit: ["b64"], b64: false }, claims())),
      "invalid_token",
    ],
    "another's signature": [bearer(signWith(stranger, head, claims())), "invalid_token"],
    "a changed payload": [
      bearer(`${encodePart(head)}.${encodePart(claims({ email: "root@example.com" }))}.${signature}`),
      "invalid_token",
    ],
    "a signature that the platform took away": [bearer(removedFrom(good())), "signature_removed"],
    "an end in the past": [bearer(good({ iat: nowS() - 3700, exp: nowS() - 60 })), "token_expired"],
    "a beginning in the future": [bearer(good({ iat: nowS() + 60 })), "token_not_yet_valid"],
    "a not-before in the future": [bearer(good({ nbf: nowS() + 60 })), "token_not_yet_valid"],
    "no end": [bearer(good({ exp: undefined })), "invalid_token"],
    "an end that is no number": [bearer(good({ exp: String(nowS() + 60) })), "invalid_token"],
    "an end in a hundred years": [bearer(good({ exp: nowS() + 100 * 365 * 86_400 })), "invalid_token"],
    "no beginning": [bearer(good({ iat: undefined })), "invalid_token"],
    "another issuer": [bearer(good({ iss: "https://accounts.google.com.evil.example" })), "invalid_token"],
    "a list of issuers": [bearer(good({ iss: ["https://accounts.google.com"] })), "invalid_token"],
    "no issuer": [bearer(good({ iss: undefined })), "invalid_token"],
    "another audience": [bearer(good({ aud: "https://another.example.com" })), "wrong_audience"],
    "an audience of which ours is a part": [bearer(good({ aud: `${audience}/x` })), "wrong_audience"],
    "a list of audiences": [bearer(good({ aud: [audience] })), "wrong_audience"],
    "no audience": [bearer(good({ aud: undefined })), "wrong_audience"],
    "an e-mail address that was not verified": [bearer(good({ email_verified: false })), "unverified_email"],
    "the word true for verified": [bearer(good({ email_verified: "true" })), "unverified_email"],
    "no word on verified": [bearer(good({ email_verified: undefined })), "unverified_email"],
    "no e-mail address": [bearer(good({ email: undefined })), "unverified_email"],
    "a list of addresses": [bearer(good({ email: ["alice@example.com"] })), "unverified_email"],
    "an address with a line feed": [bearer(good({ email: "alice@example.com\nroot" })), "unverified_email"],
    "an address in letters that only look alike": [
      bearer(good({ email: "alice@example.\u212aom" })),
      "unverified_email",
    ],
    "a domain that is none": [bearer(good({ hd: "example.com/x" })), "invalid_token"],
    "a claim that is there twice": [
      bearer(
        signWith(key, head, `${JSON.stringify(claims()).slice(0, -1)},"em\\u0061il":"root@example.com"}`),
      ),
      "invalid_token",
    ],
    "claims that are a list": [bearer(signWith(key, head, "[]")), "invalid_token"],
    "claims that are no JSON": [bearer(signWith(key, head, "{")), "invalid_token"],
    "a name that every object has": [
      bearer(signWith(key, '{"alg":"RS256","__proto__":{"kid":"first"}}', claims())),
      "invalid_token",
    ],
  };

  for (const [what, [headers, reason]] of Object.entries(refused)) {
    it(`is refused with ${what}`, () => isRefused(headers, reason));
  }

  it("may be off by a few seconds, as clocks are", async () => {
    await succeeds(bearer(good({ iat: nowS() + 5 })));
    await succeeds(bearer(good({ exp: nowS() - 5 })));
  });

  it("may carry the platform's own token beside, which is not looked at", async () => {
    for (const platform of [removedFrom(good({ email: "root@example.com" })), "anything"]) {
      await succeeds({ ...bearer(good()), "X-Serverless-Authorization": `Bearer ${platform}` });
    }
  });

  it("is not asked for what is open to everybody, whatever token comes along", async () => {
    for (const path of ["/health", "/openapi.json", "/docs"]) {
      assert.equal((await send({}, path, "GET")).status, 200, path);
      assert.equal((await send(bearer("nonsense"), path, "GET")).status, 200, path);
    }
  });

  it("is asked for before the body is looked at", async () => {
    const answer = await send({ "Content-Type": "text/plain" });
    assert.equal(answer.status, 401);
  });
});

describe("a page of another origin", () => {
  afterEach(() => asked.server.close());

  it("may ask what it may send without a token, and has none of the answers without one", async () => {
    const origin = "https://admin.example.com";
    const settings = { mode: "id-token", audiences: [audience], jwksUrl: "http://127.0.0.1:1/" } as const;
    const identifyCaller = createIdentifyCaller({ settings, log: collectingLog([]) });
    const cors = { origins: [origin], methods: ["POST"], headers: ["Content-Type", "Authorization"] };
    asked = { server: await startTestServer({ identifyCaller, settings: { cors } }), callers: [], lines: [] };
    const preflight = await send(
      {
        Origin: origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
      },
      "/database/schemas",
      "OPTIONS",
    );
    assert.equal(preflight.status, 204);
    assert.match(String(preflight.headers["access-control-allow-headers"]), /Authorization/);
    const answer = await send({ Origin: origin });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers["access-control-allow-origin"], origin);
  });
});

describe("the keys of the tokens", () => {
  const second = makeTestKey("second");
  const bySecond = () => bearer(signWith(second, { ...head, kid: "second" }, claims()));
  let keys: KeyServer;
  let skewMs = 0;

  async function start(timings: Readonly<Record<string, number>> = {}): Promise<void> {
    skewMs = 0;
    keys = await startKeyServer(key);
    const lines: LogLine[] = [];
    const settings = { mode: "id-token", audiences: [audience], jwksUrl: keys.url } as const;
    const now = () => Date.now() + skewMs;
    const identify = createIdentifyCaller({ settings, log: collectingLog(lines), now, keyTimings: timings });
    asked = await startWith(identify, lines);
  }
  afterEach(async () => {
    await asked.server.close();
    await keys.stop();
  });

  /** A token of which nothing is remembered, good for a day from now on. */
  const fresh = (other: Json = {}) =>
    bearer(good({ iat: nowS(), exp: nowS() + 86_400, jti: String(Math.random()), ...other }));

  async function isUnavailable(headers: Headers): Promise<void> {
    const answer = await send(headers);
    assertProblem(answer, 503, "unavailable");
    assert.ok(Number(answer.headers["retry-after"]) > 0);
    assert.equal(answer.headers["www-authenticate"], undefined);
    assert.equal(JSON.parse(answer.text).details.reason, "signing_keys");
  }

  it("are fetched once for all who come first, and then kept", async () => {
    await start();
    assert.equal(keys.requests(), 0, "nothing is fetched before it is needed");
    await Promise.all(Array.from({ length: 20 }, () => succeeds2(fresh())));
    await succeeds(fresh());
    assert.equal(keys.requests(), 1);
  });

  it("may be replaced: a new key id has them fetched again, but not as often as somebody asks", async () => {
    await start({ unknownKeyPauseMs: 120_000 });
    await succeeds(fresh());
    keys.publish(second);
    await isRefused(bySecond(), "invalid_token");
    assert.equal(keys.requests(), 1);
    skewMs = 120_001;
    await succeeds(bySecond());
    assert.equal(keys.requests(), 2);
    await isRefused(fresh(), "invalid_token");
    for (let n = 0; n < 20; n += 1)
      await isRefused(bearer(signWith(key, { ...head, kid: `k${n}` }, claims())), "invalid_token");
    assert.equal(keys.requests(), 2);
  });

  it("go on working while their server is down, but not for ever", async () => {
    await start();
    await succeeds(fresh());
    await keys.pause();
    await succeeds(fresh());
    skewMs = 3600_000;
    await succeeds(fresh());
    await until(() => asked.lines.some(({ level }) => level === "warning"));
    skewMs = 25 * 3600_000;
    await isUnavailable(fresh({ exp: nowS() + 26 * 3600, iat: nowS() + 3 * 3600 }));
    await keys.resume();
    skewMs += 2_000;
    await succeeds(fresh({ exp: nowS() + 26 * 3600, iat: nowS() + 3 * 3600 }));
  });

  it("are fetched again in the background when they are old", async () => {
    await start({ freshMs: 1_000 });
    await succeeds(fresh());
    skewMs = 2_000;
    await succeeds(fresh());
    await until(() => keys.requests() === 2);
  });

  it("make a 503 of every token when their server was down from the start, and work as soon as it is up", async () => {
    await start({ failurePauseMs: 500 });
    await keys.pause();
    await isUnavailable(fresh());
    await isUnavailable(fresh());
    await isUnavailable(bySecond());
    // What is no token at all is none with any key.
    await isRefused(bearer("opaque"), "invalid_token");
    await keys.resume();
    skewMs = 600;
    await succeeds(fresh());
  });

  it("make a 503 of a token by a key that cannot be asked for", async () => {
    await start();
    await succeeds(fresh());
    await keys.pause();
    skewMs = 20_000;
    await isUnavailable(bySecond());
    await succeeds(fresh());
  });

  it("are not waited for longer than a deadline", async () => {
    await start({ timeoutMs: 50 });
    const never = Promise.withResolvers<{ status: number }>();
    keys.answerWith(() => never.promise);
    await isUnavailable(fresh());
    never.resolve({ status: 500 });
  });

  const broken = {
    "an error": { status: 500, body: "down" },
    "something else": { status: 200, body: "<html>" },
    "no keys": { status: 200, body: { keys: [] } },
    "keys that are none": { status: 200, body: { keys: ["first"] } },
    "a way to somewhere else": { status: 302, headers: { Location: "/certs" } },
    "more than there can be": { status: 200, body: { keys: [key.jwk], padding: "x".repeat(300_000) } },
  };
  for (const [what, answer] of Object.entries(broken)) {
    it(`make a 503 when their server answers with ${what}`, async () => {
      await start();
      keys.answerWith(() => {
        // Whoever follows, finds the keys.
        if (answer.status === 302) keys.answerWith(undefined);
        return answer;
      });
      await isUnavailable(fresh());
    });
  }

  async function succeeds2(headers: Headers): Promise<void> {
    assert.equal((await send(headers)).status, 200);
  }
});

describe("a token that was verified", () => {
  it("is remembered, but neither beyond its end nor for long", async () => {
    const keys = await startKeyServer(key);
    let skewMs = 0;
    const now = () => Date.now() + skewMs;
    const settings = { mode: "id-token", audiences: [audience], jwksUrl: keys.url } as const;
    const identify = createIdentifyCaller({ settings, log: collectingLog([]), now });
    const evidence = (token: string) => ({
      headers: { authorization: `Bearer ${token}` },
      rawHeaders: ["Authorization", `Bearer ${token}`],
    });
    const long = evidence(good());
    const short = evidence(good({ exp: nowS() + 60 }));
    for (const one of [long, short]) {
      assert.ok(identify(one) instanceof Promise, "the first time it is verified");
      const caller = await identify(one);
      assert.deepEqual(identify(one), caller, "then it is known at once");
    }
    assert.throws(() => identify({ ...long, rawHeaders: [...long.rawHeaders, ...long.rawHeaders] }), {
      kind: "authentication_error",
    });
    const value = `Bearer   ${good({ jti: "spaced" })}`;
    const spaced = { headers: { authorization: value }, rawHeaders: ["Authorization", value] };
    assert.deepEqual(await identify(spaced), await identify(spaced));
    assert.ok(identify(spaced) instanceof Promise, "one token in many spellings fills no memory");
    skewMs = 80_000;
    assert.ok(!(identify(long) instanceof Promise));
    await assert.rejects(async () => identify(short), { details: { reason: "token_expired" } });
    skewMs = 301_000;
    assert.ok(identify(long) instanceof Promise, "it is verified again after five minutes");
    await identify(long);
    await keys.stop();
  });
});

describe("a caller behind Identity-Aware Proxy", () => {
  const backend = "/projects/123456789/global/backendServices/987654321";
  const iapHead = { alg: "ES256", kid: "elliptic", typ: "JWT" };
  const iapClaims = (other: Json = {}) =>
    claims({
      iss: "https://cloud.google.com/iap",
      aud: backend,
      email_verified: undefined,
      exp: nowS() + 600,
      ...other,
    });
  const assertion = (other: Json = {}) => signWith(elliptic, iapHead, iapClaims(other));
  const header = (token: string) => ({ "X-Goog-IAP-JWT-Assertion": token });
  let keys: KeyServer;

  before(async () => {
    keys = await startKeyServer(elliptic, key);
    const lines: LogLine[] = [];
    const settings = { mode: "iap", audiences: [backend], jwksUrl: keys.url } as const;
    asked = await startWith(createIdentifyCaller({ settings, log: collectingLog(lines) }), lines);
  });
  after(async () => {
    await asked.server.close();
    await keys.stop();
  });

  it("is known by the proxy's signed header, whatever stands in Authorization", async () => {
    await succeeds(header(assertion()));
    await succeeds({ ...header(assertion()), ...bearer(good({ email: "root@example.com" })) });
  });

  const refused: Readonly<Record<string, readonly [headers: Headers, reason: string]>> = {
    "no header": [{}, "missing_assertion"],
    "an ID token in its place": [bearer(good()), "missing_assertion"],
    "the address in plain text": [
      { "X-Goog-Authenticated-User-Email": "accounts.google.com:root@example.com" },
      "missing_assertion",
    ],
    "the header twice": [{ "X-Goog-IAP-JWT-Assertion": [assertion(), assertion()] }, "ambiguous_token"],
    "an ID token in the header": [header(good()), "invalid_token"],
    "the proxy's claims signed as an ID token": [header(signWith(key, head, iapClaims())), "invalid_token"],
    "another issuer": [header(assertion({ iss: "https://accounts.google.com" })), "invalid_token"],
    "another service's audience": [header(assertion({ aud: `${backend}1` })), "wrong_audience"],
    "an end in the past": [header(assertion({ iat: nowS() - 700, exp: nowS() - 60 })), "token_expired"],
    "another's signature": [
      header(signWith(makeTestKey("elliptic", "ES256"), iapHead, iapClaims())),
      "invalid_token",
    ],
    "an address of another kind of account": [
      header(assertion({ email: "securetoken.google.com/project:alice@example.com" })),
      "unverified_email",
    ],
    "a removed signature": [header(removedFrom(assertion())), "signature_removed"],
  };
  for (const [what, [headers, reason]] of Object.entries(refused)) {
    it(`is refused with ${what}`, () => isRefused(headers, reason));
  }
});

describe("a caller whom Cloud Run has checked", () => {
  before(async () => {
    const settings = { mode: "cloud-run", audiences: [audience] } as const;
    asked = await startWith(createIdentifyCaller({ settings, log: collectingLog([]) }));
  });
  after(() => asked.server.close());

  it("is known by what the platform left of the token, in either header", async () => {
    await succeeds(bearer(removedFrom(good())));
    await succeeds({ "X-Serverless-Authorization": `Bearer ${removedFrom(good())}` });
  });

  const refused: Readonly<Record<string, readonly [headers: Headers, reason: string]>> = {
    "no header": [{}, "missing_token"],
    "a token as it was signed, which nobody has checked": [bearer(good()), "invalid_token"],
    "no signature": [bearer(`${good().split(".").slice(0, 2).join(".")}.`), "invalid_token"],
    "both headers, of which the platform checks one": [
      {
        ...bearer(removedFrom(good({ email: "root@example.com" }))),
        "X-Serverless-Authorization": `Bearer ${removedFrom(good())}`,
      },
      "ambiguous_token",
    ],
    "a header twice": [
      { Authorization: [`Bearer ${removedFrom(good())}`, `Bearer ${removedFrom(good())}`] },
      "ambiguous_token",
    ],
    "an end in the past": [
      bearer(removedFrom(good({ iat: nowS() - 3700, exp: nowS() - 60 }))),
      "token_expired",
    ],
    "another issuer": [bearer(removedFrom(good({ iss: "https://evil.example" }))), "invalid_token"],
    "another audience": [bearer(removedFrom(good({ aud: "https://evil.example" }))), "wrong_audience"],
    "an address that was not verified": [
      bearer(removedFrom(good({ email_verified: false }))),
      "unverified_email",
    ],
  };
  for (const [what, [headers, reason]] of Object.entries(refused)) {
    it(`is refused with ${what}`, () => isRefused(headers, reason));
  }
});

describe("a service that asks nobody who they are", () => {
  before(async () => {
    asked = await startWith(createIdentifyCaller({ settings: { mode: "none" }, log: collectingLog([]) }));
  });
  after(() => asked.server.close());

  it("believes nobody either: a token changes nothing", async () => {
    await succeeds({}, "anonymous");
    await succeeds(bearer(good({ email: "root@example.com" })), "anonymous");
    await succeeds({ Host: "localhost:1" }, "anonymous");
  });

  for (const host of [
    "evil.example.com",
    "127.0.0.1.evil.example.com",
    "localhost.evil.example.com:8080",
    "10.0.0.1",
  ]) {
    it(`does not answer a page of ${host} that a browser believes to be here`, async () => {
      const answer = await send({ Host: host });
      assertProblem(answer, 401, "authentication_error");
      assert.deepEqual(
        asked.callers.filter((caller) => caller !== "anonymous"),
        [],
      );
    });
  }
});
