import type { Log } from "../../log.ts";
import { type Caller, type CallerEvidence, type IdentifyCaller, identifyNobody } from "../caller.ts";
import { boundToken, parseBearer, readOnce } from "./bearer.ts";
import { clockToleranceS, type ExpectedClaims, type Identified, readIdentity } from "./claims.ts";
import { createKnownTokens, type KnownTokens } from "./known-tokens.ts";
import { refuseCaller } from "./refusal.ts";
import { createSigningKeys, type SigningKeys, type SigningKeysOptions } from "./signing-keys.ts";
import { parseTokenPart } from "./token-json.ts";

/** AUTH_MODE, and what goes with it. */
export type AuthSettings =
  | { readonly mode: "none" }
  | {
      readonly mode: "id-token" | "iap";
      readonly audiences: readonly string[];
      /** Undefined: Google's. */
      readonly jwksUrl: string | undefined;
    }
  | { readonly mode: "cloud-run"; readonly audiences: readonly string[] };

export interface IdentifyOptions {
  readonly settings: AuthSettings;
  readonly log: Log;
  /** As Date.now. */
  readonly now?: () => number;
  readonly keyTimings?: SigningKeysOptions["timings"];
  readonly known?: KnownTokens;
}

const google = ["https://accounts.google.com", "accounts.google.com"];
const removed = "SIGNATURE_REMOVED_BY_GOOGLE";

/** What signs the tokens of a mode (https://cloud.google.com/iap/docs/signed-headers-howto for iap). */
const signers = {
  "id-token": {
    algorithm: "RS256",
    jwksUrl: "https://www.googleapis.com/oauth2/v3/certs",
    issuers: google,
    emailVerified: true,
  },
  iap: {
    algorithm: "ES256",
    jwksUrl: "https://www.gstatic.com/iap/verify/public_key-jwk",
    issuers: ["https://cloud.google.com/iap"],
    emailVerified: false,
  },
} as const;

/** The way of AUTH_MODE to find out who calls. Nothing is contacted before the first token. */
export function createIdentifyCaller(options: IdentifyOptions): IdentifyCaller {
  const { settings, log, now = Date.now } = options;
  if (settings.mode === "none") return identifyNobody;
  const { mode, audiences } = settings;
  const known = options.known ?? createKnownTokens({ maxEntries: 10_000, maxAgeMs: 5 * 60_000 });
  if (mode === "cloud-run") {
    const expected = { issuers: google, audiences, emailVerified: true };
    return remembering(known, now, readPlatformHeader, (header) => believe(header, expected, now()));
  }
  const { algorithm, jwksUrl, ...claims } = signers[mode];
  const url = settings.jwksUrl ?? jwksUrl;
  const keys = createSigningKeys({ url, log, now, timings: options.keyTimings ?? {} });
  const verifier: Verifier = { keys, algorithm, expected: { ...claims, audiences }, now };
  if (mode === "iap") {
    return remembering(known, now, readAssertion, (header) => verify(boundToken(header), verifier));
  }
  return remembering(known, now, readAuthorization, (header) => verify(parseBearer(header), verifier));
}

/** A header that was found good stays so for a while, so that most requests cost no more than finding it again. */
function remembering(
  known: KnownTokens,
  now: () => number,
  readHeader: (evidence: CallerEvidence) => string,
  identify: (header: string) => Identified | Promise<Identified>,
): IdentifyCaller {
  const remember = (header: string, { caller, expiresAtS }: Identified): Caller => {
    // Of the many ways to write one token down, the usual one: else one good token could fill the memory.
    if (isUsual(header)) known.add(header, caller, (expiresAtS + clockToleranceS) * 1000, now());
    return caller;
  };
  return (evidence) => {
    const header = readHeader(evidence);
    const caller = known.find(header, now());
    if (caller !== undefined) return caller;
    const identified = identify(header);
    return identified instanceof Promise
      ? identified.then((result) => remember(header, result))
      : remember(header, identified);
  };
}

function isUsual(header: string): boolean {
  return /^(?:[Bb]earer )?[^ ]+$/.test(header);
}

function readAuthorization(evidence: CallerEvidence): string {
  const value = readOnce(evidence, "authorization");
  if (value === undefined) throw refuseCaller("missing_token");
  return value;
}

function readAssertion(evidence: CallerEvidence): string {
  const value = readOnce(evidence, "x-goog-iap-jwt-assertion");
  if (value === undefined) throw refuseCaller("missing_assertion");
  return value;
}

/**
 * The one header that Cloud Run has checked: of two, only X-Serverless-Authorization, and then the other one may hold
 * whatever its sender made up.
 */
function readPlatformHeader(evidence: CallerEvidence): string {
  const platform = readOnce(evidence, "x-serverless-authorization");
  const authorization = readOnce(evidence, "authorization");
  if (platform !== undefined && authorization !== undefined) {
    throw refuseCaller("ambiguous_token", "x-serverless-authorization and authorization");
  }
  const value = platform ?? authorization;
  if (value === undefined) throw refuseCaller("missing_token");
  return value;
}

interface Verifier {
  readonly keys: SigningKeys;
  readonly algorithm: string;
  readonly expected: ExpectedClaims;
  readonly now: () => number;
}

/** What costs nothing is checked first; nothing of it is believed before the signature is. */
async function verify(token: string, { keys, algorithm, expected, now }: Verifier): Promise<Identified> {
  const [head, payload, signature] = splitToken(token);
  const { alg, kid, crit } = parseTokenPart(head);
  if (alg !== algorithm) throw refuseCaller("invalid_token", "alg");
  if (crit !== undefined) throw refuseCaller("invalid_token", "crit");
  if (typeof kid !== "string" || kid === "") throw refuseCaller("invalid_token", "kid");
  if (signature === removed) throw refuseCaller("signature_removed");
  const identified = readIdentity(parseTokenPart(payload), expected, now());
  const getKey = await keys.withKey(kid);
  const { compactVerify } = await import("jose");
  try {
    await compactVerify(token, getKey, { algorithms: [algorithm] });
  } catch {
    throw refuseCaller("invalid_token", "signature");
  }
  return identified;
}

/** Takes a token whose signature Cloud Run has checked and replaced; a token in any other form it has not checked. */
function believe(header: string, expected: ExpectedClaims, nowMs: number): Identified {
  const [head, payload, signature] = splitToken(parseBearer(header));
  if (signature !== removed) throw refuseCaller("invalid_token", "a signature");
  parseTokenPart(head);
  return readIdentity(parseTokenPart(payload), expected, nowMs);
}

function splitToken(token: string): readonly [head: string, payload: string, signature: string] {
  const [head, payload, signature, ...more] = token.split(".");
  if (head === undefined || payload === undefined || signature === undefined || more.length > 0) {
    throw refuseCaller("invalid_token", "no three parts");
  }
  return [head, payload, signature];
}
