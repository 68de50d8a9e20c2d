import { createHash, generateKeyPair, type JsonWebKey, type KeyObject, randomUUID, sign } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { LoadedFleet } from "./fleet.ts";
import { type HttpAnswer, type HttpRequest, startLoopbackHttp } from "./loopback-http.ts";

export interface Principal {
  readonly email: string;
  readonly kind: "user" | "service_account";
}

export interface IdTokenOptions {
  /** The local service's unless told. */
  readonly audience?: string;
  /** An hour unless told. */
  readonly lifetimeS?: number;
  /** Instead of, or beside, the usual claims. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Who signs ID tokens in Google's place: nobody but a service that is pointed at its keys believes them. */
export interface Issuer {
  readonly url: string;
  /** For AUTH_JWKS_URL. */
  readonly jwksUrl: string;
  /** GET with `?email=`: a token as JSON. */
  readonly tokenUrl: string;
  /** For AUTH_AUDIENCES. */
  readonly audience: string;
  readonly principals: readonly Principal[];
  /** Throws when there is no such principal. */
  issue(email: string, options?: IdTokenOptions): string;
  /** Signs with a new key from now on, and publishes that one alone; the answer takes it back. */
  rotateKey(): Promise<() => void>;
  readonly faults: IssuerFaults;
  /** How often its keys were asked for. */
  keyRequests(): number;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

export interface IssuerFaults {
  /** Its keys come so much later. */
  delayMs: number;
}

export interface IssuerOptions {
  readonly principals: readonly Principal[];
  readonly audience?: string;
}

interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JsonWebKey;
}

const usualAudience = "https://cloudsql-postgres-manager.local";
const hourS = 3_600;
const makeKeyPair = promisify(generateKeyPair);

export async function startIssuer({ principals, audience = usualAudience }: IssuerOptions): Promise<Issuer> {
  const faults: IssuerFaults = { delayMs: 0 };
  let key = await makeKey();
  let asked = 0;
  const find = (email: string) => principals.find((principal) => principal.email === email.toLowerCase());

  function issue(email: string, options: IdTokenOptions = {}): string {
    const principal = find(email);
    if (principal === undefined) throw new Error(`there is no principal ${email}`);
    return signToken(key, claimsOf(principal, audience, options));
  }

  async function answerKeys(): Promise<HttpAnswer> {
    asked += 1;
    if (faults.delayMs > 0) await pause(faults.delayMs, undefined, { ref: false });
    const { publicJwk, id } = key;
    const keys = [{ ...publicJwk, kid: id, alg: "RS256", use: "sig" }];
    return { status: 200, headers: { "Cache-Control": "public, max-age=600" }, body: { keys } };
  }

  function answerToken({ searchParams }: URL): HttpAnswer {
    const email = searchParams.get("email") ?? "";
    const wanted = searchParams.get("audience");
    if (find(email) === undefined) return { status: 404, body: { principals } };
    const options = wanted === null ? {} : { audience: wanted };
    return { status: 200, body: { id_token: issue(email, options), expires_in: hourS } };
  }

  const http = await startLoopbackHttp(async (request) => {
    if (!isFromProgram(request)) return { status: 403, body: "Only for programs on this machine.\n" };
    if (request.url.pathname === "/oauth2/v3/certs") return answerKeys();
    if (request.url.pathname === "/token") return answerToken(request.url);
    return { status: 404, body: "There are only /oauth2/v3/certs and /token.\n" };
  });
  return {
    url: http.url,
    jwksUrl: `${http.url}/oauth2/v3/certs`,
    tokenUrl: `${http.url}/token`,
    ...{ audience, principals, issue, faults },
    async rotateKey() {
      const before = key;
      key = await makeKey();
      return () => {
        key = before;
      };
    },
    keyRequests: () => asked,
    ...{ pause: http.pause, resume: http.resume, stop: http.stop },
  };
}

/** A page in a browser could ask too: it cannot forge the Host, and cannot hide its Origin. */
function isFromProgram({ headers }: HttpRequest): boolean {
  return headers.origin === undefined && /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? "");
}

async function makeKey(): Promise<SigningKey> {
  const { publicKey, privateKey } = await makeKeyPair("rsa", { modulusLength: 2048 });
  return { id: randomUUID(), privateKey, publicJwk: publicKey.export({ format: "jwk" }) };
}

/** As Google's own: https://docs.cloud.google.com/docs/authentication/token-types#id-contents */
function claimsOf({ email, kind }: Principal, audience: string, options: IdTokenOptions): object {
  const nowS = Math.floor(Date.now() / 1000);
  const id = createHash("sha256").update(email).digest().readBigUInt64BE().toString();
  return {
    iss: "https://accounts.google.com",
    azp: kind === "user" ? "local.apps.googleusercontent.com" : id,
    aud: options.audience ?? audience,
    sub: id,
    ...(kind === "user" ? { hd: email.slice(email.indexOf("@") + 1) } : {}),
    email,
    email_verified: true,
    iat: nowS,
    exp: nowS + (options.lifetimeS ?? hourS),
    ...options.claims,
  };
}

function signToken({ id, privateKey }: SigningKey, claims: object): string {
  const head = encode({ alg: "RS256", kid: id, typ: "JWT" });
  const input = `${head}.${encode(claims)}`;
  return `${input}.${sign("sha256", Buffer.from(input), privateKey).toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** Those of a fleet's users who can have a token: people and service accounts, and the machine itself. */
export function principalsOf(fleet: LoadedFleet, machine: string): Principal[] {
  const kinds = new Map<string, Principal["kind"]>();
  for (const { name, type } of fleet.instances.flatMap(({ users }) => users)) {
    if (type === "CLOUD_IAM_USER") kinds.set(name.toLowerCase(), "user");
    if (type === "CLOUD_IAM_SERVICE_ACCOUNT") kinds.set(name.toLowerCase(), "service_account");
  }
  kinds.set(machine, "service_account");
  return [...kinds].map(([email, kind]) => ({ email, kind }));
}
