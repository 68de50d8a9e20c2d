import type { HttpAnswer } from "./loopback-http.ts";

const statuses: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
};

/** A refusal of the Cloud SQL Admin API. `reason` is what Google puts in `errors[0].reason`. */
export class AdminApiError extends Error {
  override readonly name = "AdminApiError";
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = reason;
  }
}

export function invalidRequest(message: string): AdminApiError {
  return new AdminApiError(400, "invalid", `Invalid request: ${message}.`);
}

/** The answer in Google's JSON shape. */
export function errorAnswer({ code, reason, message }: AdminApiError): HttpAnswer {
  return {
    status: code,
    ...(code === 429 || code === 503 ? { headers: { "Retry-After": "1" } } : {}),
    body: {
      error: {
        code,
        message,
        errors: [{ message, domain: "global", reason }],
        status: reason === "alreadyExists" ? "ALREADY_EXISTS" : (statuses[code] ?? "UNKNOWN"),
      },
    },
  };
}
