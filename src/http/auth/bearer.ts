import type { CallerEvidence } from "../caller.ts";
import { refuseCaller } from "./refusal.ts";

/** Google's ID tokens have about one KiB; more than this is no token but work. */
const maxTokenLength = 8_192;

/**
 * The value of a header that must not come twice: Node would take the first `Authorization`, and what stands before
 * the service may have checked another one. Undefined when it is not there.
 */
export function readOnce({ headers, rawHeaders }: CallerEvidence, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at];
    if (raw?.length === name.length && raw.toLowerCase() === name) count += 1;
  }
  if (count !== 1 || typeof value !== "string") throw refuseCaller("ambiguous_token", `${count} of ${name}`);
  return value;
}

/** The token of `Bearer TOKEN`. */
export function parseBearer(value: string): string {
  const token = /^Bearer +([^\s,]+) *$/i.exec(value)?.[1];
  if (token === undefined) throw refuseCaller("missing_token", "no Bearer");
  return boundToken(token);
}

export function boundToken(token: string): string {
  if (token.length > maxTokenLength) throw refuseCaller("token_too_large");
  return token;
}
