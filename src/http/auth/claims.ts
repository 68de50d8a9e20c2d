import type { Caller } from "../caller.ts";
import { refuseCaller } from "./refusal.ts";

/** Clocks differ by so much at most. */
export const clockToleranceS = 10;
/** Google's tokens live for an hour; nobody needs one that lives for longer than this. */
const longestLifeS = 24 * 3600;

export type Claims = Readonly<Record<string, unknown>>;

export interface ExpectedClaims {
  readonly issuers: readonly string[];
  /** Empty: any one, but one there must be. */
  readonly audiences: readonly string[];
  /** Whether `email_verified` must be there; Identity-Aware Proxy does not say it, since it asked for the address itself. */
  readonly emailVerified: boolean;
}

export interface Identified {
  readonly caller: Caller;
  /** Seconds since 1970. */
  readonly expiresAtS: number;
}

/** What a token says of its caller, if it says all that is expected. `nowMs` as Date.now() has it. */
export function readIdentity(claims: Claims, expected: ExpectedClaims, nowMs: number): Identified {
  const { iss, aud } = claims;
  if (typeof iss !== "string" || !expected.issuers.includes(iss)) throw refuseCaller("invalid_token", "iss");
  const expiresAtS = checkTimes(claims, nowMs / 1000);
  // Google's tokens have one audience; a list would be for somebody else too.
  if (typeof aud !== "string" || aud === "") throw refuseCaller("wrong_audience", "aud is no text");
  if (expected.audiences.length > 0 && !expected.audiences.includes(aud)) {
    throw refuseCaller("wrong_audience", "aud");
  }
  if (expected.emailVerified && claims.email_verified !== true) {
    throw refuseCaller("unverified_email", "email_verified");
  }
  return { caller: readCaller(claims), expiresAtS };
}

function checkTimes({ iat, nbf, exp }: Claims, nowS: number): number {
  if (typeof exp !== "number" || typeof iat !== "number") throw refuseCaller("invalid_token", "exp or iat");
  if (exp + clockToleranceS <= nowS) throw refuseCaller("token_expired");
  const startsAtS = typeof nbf === "number" ? Math.max(iat, nbf) : iat;
  if (nbf !== undefined && typeof nbf !== "number") throw refuseCaller("invalid_token", "nbf");
  if (startsAtS - clockToleranceS > nowS) throw refuseCaller("token_not_yet_valid");
  if (!(exp - iat <= longestLifeS)) throw refuseCaller("invalid_token", "exp is too late");
  return exp;
}

const emailForm =
  /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/i;

/** Only what Google makes itself has such an address. */
const serviceAccount = /\.gserviceaccount\.com$/;

const domainForm = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/i;

function readCaller({ email, hd }: Claims): Caller {
  if (typeof email !== "string" || email.length > 254 || !emailForm.test(email)) {
    throw refuseCaller("unverified_email", "email");
  }
  const name = email.toLowerCase();
  const kind = serviceAccount.test(name) ? "service_account" : "user";
  if (hd === undefined) return Object.freeze({ name, kind });
  if (typeof hd !== "string" || hd.length > 253 || !domainForm.test(hd))
    throw refuseCaller("invalid_token", "hd");
  return Object.freeze({ name, kind, domain: hd.toLowerCase() });
}
