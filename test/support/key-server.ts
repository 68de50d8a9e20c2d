import { generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from "node:crypto";
import { type HttpAnswer, startLoopbackHttp } from "../../src/local-cloud/loopback-http.ts";

type Json = Readonly<Record<string, unknown>>;

export interface TestKey {
  readonly id: string;
  readonly algorithm: "RS256" | "ES256";
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As it is published. */
  readonly jwk: JsonWebKey & Json;
}

export function makeTestKey(id: string, algorithm: TestKey["algorithm"] = "RS256"): TestKey {
  const { publicKey, privateKey } =
    algorithm === "RS256"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: id, alg: algorithm, use: "sig" };
  return { id, algorithm, privateKey, publicKey, jwk };
}

export function encodePart(value: Json | string): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

/** A token of any head and any claims (a text goes as it is), signed with the key. */
export function signWith(
  { algorithm, privateKey }: TestKey,
  head: Json | string,
  claims: Json | string,
): string {
  const input = `${encodePart(head)}.${encodePart(claims)}`;
  const key = algorithm === "ES256" ? { key: privateKey, dsaEncoding: "ieee-p1363" as const } : privateKey;
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

/** A server of keys, whose answers a test decides. */
export interface KeyServer {
  readonly url: string;
  readonly requests: () => number;
  publish(...keys: readonly TestKey[]): void;
  /** Every answer is what this makes; undefined: the keys again. */
  answerWith(answer: (() => HttpAnswer | Promise<HttpAnswer>) | undefined): void;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

export async function startKeyServer(...first: readonly TestKey[]): Promise<KeyServer> {
  let keys = first;
  let other: (() => HttpAnswer | Promise<HttpAnswer>) | undefined;
  let requests = 0;
  const http = await startLoopbackHttp(async () => {
    requests += 1;
    return other?.() ?? { status: 200, body: { keys: keys.map(({ jwk }) => jwk) } };
  });
  return {
    url: `${http.url}/certs`,
    requests: () => requests,
    publish(...next) {
      keys = next;
    },
    answerWith(answer) {
      other = answer;
    },
    ...{ pause: http.pause, resume: http.resume, stop: http.stop },
  };
}
