import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * Where a request came from. Each proxy adds to the end of X-Forwarded-For whom it saw, so that only the entries of the
 * last `trustedHops` proxies can be believed: what is left of them is the caller's to invent. Without trusted proxies,
 * and when the header is shorter than they make it, it is who holds the connection.
 */
export function clientAddress(request: IncomingMessage, trustedHops: number): string | undefined {
  if (trustedHops > 0) {
    const { "x-forwarded-for": forwarded = "" } = request.headers;
    const hops = (Array.isArray(forwarded) ? forwarded.join(",") : forwarded).split(",");
    const seen = hops[hops.length - trustedHops]?.trim() ?? "";
    if (isIP(seen) !== 0) return seen;
  }
  return request.socket.remoteAddress;
}
