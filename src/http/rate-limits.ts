import { RateLimiterMemory, type RateLimiterRes } from "rate-limiter-flexible";
import { ServiceError } from "../errors.ts";
import type { Caller } from "./caller.ts";
import type { Headers } from "./cors.ts";

/** Requests a minute; 0: no limit. */
export interface RateLimitSettings {
  readonly perPrincipal: number;
  /** Of all principals together, in this process. */
  readonly total: number;
  /** Of one address, of requests whose caller is not known. */
  readonly unauthenticated: number;
}

export interface RateLimits {
  /**
   * Counts a request of a caller who is known. Rejects with `too_many_requests`. Gives the headers that tell how much is
   * left, also in what it rejects with.
   */
  take(caller: Caller): Promise<Headers> | undefined;
  /** Counts a request whose caller is not known: the failure to answer, or `too_many_requests` in its place. */
  refuse(failure: ServiceError, address: string | undefined): Promise<ServiceError>;
}

const windowSeconds = 60;
/** Addresses share so many counters, so that there is an end to what a flood can make the service remember. */
const addressBuckets = 65_536;

interface Limit {
  readonly name: string;
  readonly quota: number;
  readonly limiter: RateLimiterMemory;
}

/**
 * Limits in the memory of this process: of several instances of the service each has its own. The headers are those of
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers.
 *
 * Who is not known is counted after that was found out, and apart: a flood of bad tokens takes nothing from callers with
 * good ones, even from the same address.
 */
export function createRateLimits(settings: RateLimitSettings): RateLimits {
  const principal = limitOf("principal", settings.perPrincipal);
  const total = limitOf("total", settings.total);
  const unknown = limitOf("unauthenticated", settings.unauthenticated);
  const limits = [principal, total].filter((limit) => limit !== undefined);
  const policy = limits.map(({ name, quota }) => `"${name}";q=${quota};w=${windowSeconds}`).join(", ");

  async function count(caller: Caller): Promise<Headers> {
    const left: string[] = [];
    // A caller over its own limit takes nothing from the others'.
    for (const limit of limits) {
      const key = limit === principal ? `${caller.kind} ${caller.name}` : "all";
      const result = await consume(limit, key);
      left.push(`"${limit.name}";r=${result.remainingPoints};t=${Math.ceil(result.msBeforeNext / 1000)}`);
    }
    return { "RateLimit-Policy": policy, RateLimit: left.join(", ") };
  }

  return {
    // Who is anonymous is on this machine.
    take: (caller) => (caller.kind === "anonymous" || limits.length === 0 ? undefined : count(caller)),
    async refuse(failure, address = "") {
      if (unknown === undefined || failure.kind !== "authentication_error") return failure;
      try {
        await consume(unknown, String(bucketOf(address)));
        return failure;
      } catch (error) {
        if (error instanceof ServiceError) return error;
        throw error;
      }
    },
  };
}

function limitOf(name: string, quota: number): Limit | undefined {
  if (quota === 0) return undefined;
  return { name, quota, limiter: new RateLimiterMemory({ points: quota, duration: windowSeconds }) };
}

async function consume({ name, quota, limiter }: Limit, key: string): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key);
  } catch (exceeded) {
    if (exceeded instanceof Error) throw exceeded;
    const { msBeforeNext } = exceeded as RateLimiterRes;
    const who = {
      principal: "this caller",
      total: "all callers together",
      unauthenticated: "an unknown caller",
    }[name];
    throw new ServiceError(
      "too_many_requests",
      `There is a limit of ${quota} requests in ${windowSeconds} seconds for ${who}`,
      {
        retryAfterS: Math.ceil(msBeforeNext / 1000),
        details: { limit: name, quota, window_seconds: windowSeconds },
      },
    );
  }
}

/** The headers of a failure of a limit. */
export function limitHeaders(error: ServiceError): Headers {
  const { limit, quota } = error.details;
  if (error.kind !== "too_many_requests" || typeof limit !== "string") return {};
  return {
    "RateLimit-Policy": `"${limit}";q=${quota};w=${windowSeconds}`,
    RateLimit: `"${limit}";r=0;t=${error.retryAfterS ?? windowSeconds}`,
  };
}

/** FNV-1a. Of an IPv6 address the first half counts, since everybody has all the addresses of the second half. */
function bucketOf(address: string): number {
  const counted = address.includes(":") && !address.includes(".") ? networkOf(address) : address;
  let hash = 0x811c9dc5;
  for (let at = 0; at < counted.length; at += 1) hash = Math.imul(hash ^ counted.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % addressBuckets;
}

/** The first 64 bits, as text. */
function networkOf(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("::");
  const front = head === "" ? [] : head.split(":");
  if (tail === undefined) return front.slice(0, 4).join(":");
  const back = tail === "" ? [] : tail.split(":");
  const zeros = Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...zeros, ...back].slice(0, 4).join(":");
}
