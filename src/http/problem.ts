import { type ErrorKind, ServiceError } from "../errors.ts";
import { databaseError } from "../operations/database-errors.ts";

/** The one table from kind of error to status. The titles say what kind it is and nothing of the single case. */
export const problems: Readonly<Record<ErrorKind, { readonly status: number; readonly title: string }>> = {
  validation_error: { status: 400, title: "The request is not valid" },
  authentication_error: { status: 401, title: "The caller is not known" },
  permission_error: { status: 403, title: "This is not allowed" },
  not_found: { status: 404, title: "Not found" },
  method_not_allowed: { status: 405, title: "The path does not have this method" },
  conflict: { status: 409, title: "The present state does not allow this" },
  payload_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body is in a form that is not read here" },
  too_many_requests: { status: 429, title: "Too many requests" },
  database_error: { status: 500, title: "The database refused a statement" },
  internal_error: { status: 500, title: "The service has a fault" },
  unavailable: { status: 503, title: "Not available now" },
  timeout: { status: 504, title: "It took too long" },
};

const maxShownPath = 200;
const defaultRetryAfterS = 5;

/** The media type of every failure. */
export const problemType = "application/problem+json";

/**
 * What went wrong, as a ServiceError. What was thrown by PostgreSQL is told by its SQLSTATE; everything else that is
 * not a ServiceError is a fault of the service, and its text stays in `cause`.
 */
export function toServiceError(error: unknown): ServiceError {
  const known = databaseError(error, "a statement");
  if (known instanceof ServiceError) return known;
  return new ServiceError("internal_error", "The service could not do this because of a fault of its own", {
    cause: error,
  });
}

export interface Occurrence {
  readonly path: string;
  readonly requestId: string;
  readonly seconds: number;
}

/** A failure as RFC 9457 describes it, with the members that existing clients read beside. */
export function problemBody(error: ServiceError, occurrence: Occurrence): Record<string, unknown> {
  const { status, title } = problems[error.kind];
  return {
    type: `/docs#${error.kind}`,
    title,
    status,
    detail: error.message,
    instance: `${encodeURI(occurrence.path.slice(0, maxShownPath).toWellFormed())}#${occurrence.requestId}`,
    success: false,
    error_type: error.kind,
    message: error.message,
    details: error.details,
    ...(error.faults.length > 0 ? { errors: error.faults } : {}),
    execution_time_seconds: occurrence.seconds,
    request_id: occurrence.requestId,
  };
}

/** The headers that a kind of failure calls for. */
export function problemHeaders(error: ServiceError): Record<string, string> {
  const headers: Record<string, string> = {};
  if (error.retryAfterS !== undefined || error.kind === "unavailable" || error.kind === "too_many_requests") {
    headers["Retry-After"] = String(Math.max(1, Math.ceil(error.retryAfterS ?? defaultRetryAfterS)));
  }
  if (error.kind === "method_not_allowed" && Array.isArray(error.details.allow)) {
    headers.Allow = error.details.allow.join(", ");
  }
  if (error.kind === "authentication_error") headers["WWW-Authenticate"] = "Bearer";
  return headers;
}
