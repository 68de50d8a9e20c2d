import type { IncomingMessage } from "node:http";

export interface CorsSettings {
  /** Origins such as https://admin.example.com, or `*`. Empty: closed. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
}

export type Headers = Readonly<Record<string, string>>;

const none: Headers = Object.freeze({});
const maxAgeS = 600;

/** The headers that let a page of an allowed origin read the answer; none for any other. */
export function corsHeaders(request: IncomingMessage, settings: CorsSettings): Headers {
  if (settings.origins.length === 0) return none;
  if (settings.origins.includes("*")) return { "Access-Control-Allow-Origin": "*", ...exposed };
  const { origin } = request.headers;
  if (origin === undefined || !settings.origins.includes(origin)) return { Vary: "Origin" };
  return { "Access-Control-Allow-Origin": origin, Vary: "Origin", ...exposed };
}

const exposed = { "Access-Control-Expose-Headers": "RateLimit, RateLimit-Policy, Retry-After, X-Request-Id" };

/** The answer to a preflight request of an allowed origin; undefined when it is none, or is not allowed. */
export function preflightHeaders(request: IncomingMessage, settings: CorsSettings): Headers | undefined {
  if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return;
  const headers = corsHeaders(request, settings);
  if (headers["Access-Control-Allow-Origin"] === undefined) return undefined;
  return {
    ...headers,
    "Access-Control-Allow-Methods": settings.methods.join(", "),
    "Access-Control-Allow-Headers": settings.headers.join(", "),
    "Access-Control-Max-Age": String(maxAgeS),
  };
}
