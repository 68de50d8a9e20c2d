/**
 * The one enumeration of what can go wrong. It knows nothing of HTTP: `http/problem.ts` holds the only table
 * from kind to status.
 */
export type ErrorKind =
  | "validation_error"
  | "authentication_error"
  | "permission_error"
  | "not_found"
  | "method_not_allowed"
  | "conflict"
  | "payload_too_large"
  | "unsupported_media_type"
  | "too_many_requests"
  | "database_error"
  | "internal_error"
  | "unavailable"
  | "timeout";

/** What a `not_found` was about. */
export type Resource =
  | "schema"
  | "role"
  | "user"
  | "database"
  | "instance"
  | "secret"
  | "object"
  | "template"
  | "operation"
  | "path"
  | "access";

/** One fault of an input: where (an RFC 6901 JSON pointer such as `/schema_name`) and what to do about it. */
export interface FieldFault {
  readonly pointer: string;
  readonly detail: string;
}

export interface ServiceErrorOptions {
  /** The error that led here; stays inside the process (logged, never answered). */
  readonly cause?: unknown;
  /** Shown to the caller: must hold no password, token, verifier or stack trace. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly faults?: readonly FieldFault[];
  /** Seconds after which the caller may try again. */
  readonly retryAfterS?: number;
}

/** An expected failure. `message` is written for the caller; anything secret or internal belongs in `cause`. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly kind: ErrorKind;
  readonly details: Readonly<Record<string, unknown>>;
  readonly faults: readonly FieldFault[];
  readonly retryAfterS: number | undefined;

  constructor(kind: ErrorKind, message: string, options: ServiceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.details = options.details ?? {};
    this.faults = options.faults ?? [];
    this.retryAfterS = options.retryAfterS;
  }
}

/** A single bad field, found before anything was touched. */
export function invalidField(field: string, detail: string): ServiceError {
  return new ServiceError("validation_error", `${field}: ${detail}`, {
    faults: [{ pointer: `/${field.replaceAll("~", "~0").replaceAll("/", "~1")}`, detail }],
  });
}

/** Something the caller named does not exist. */
export function notFound(
  resource: Resource,
  message: string,
  details: Record<string, unknown> = {},
): ServiceError {
  return new ServiceError("not_found", message, { details: { resource, ...details } });
}
