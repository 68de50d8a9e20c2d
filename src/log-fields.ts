import { ServiceError } from "./errors.ts";
import { isSecretKey } from "./log-redaction.ts";

const maxDepth = 6;
const maxItems = 100;
/** Cloud Logging refuses entries over 256 KiB. */
const maxTextLength = 16_384;

/** A copy of any value that can become JSON: bounded in depth and length, secrets hidden, errors spelled out. */
export function loggable(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return shorten(value);
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "function") return undefined;
  if (typeof value !== "object") return value === undefined ? undefined : shorten(String(value));
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= maxDepth) return "[too deep]";
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => loggable(item, depth + 1));
  if (value instanceof Map || value instanceof Set) return loggable([...value], depth);
  return loggableObject(value, depth);
}

function loggableObject(object: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    const value: unknown = object[key as keyof typeof object];
    copy[key] = isSecretKey(key) && value !== undefined ? "[redacted]" : loggable(value, depth + 1);
  }
  return copy;
}

function shorten(text: string): string {
  return text.length <= maxTextLength
    ? text
    : `${text.slice(0, maxTextLength)}... (${text.length} characters)`;
}

/** Whether somebody should look at the code: not a failure that the service foresees or that a server reports. */
export function isUnexpected(error: unknown): boolean {
  if (error instanceof ServiceError) return error.kind === "internal_error";
  return !(error instanceof Error && "code" in error);
}

/**
 * Name, message, SQLSTATE or code, and the chain of causes. The stack comes with unexpected errors only, and the
 * server's DETAIL never does: it holds data of the database.
 */
export function describeError(error: Error, depth = 0): Record<string, unknown> {
  const described: Record<string, unknown> = { name: error.name, message: shorten(error.message) };
  if (error instanceof ServiceError) {
    described.kind = error.kind;
    if (Object.keys(error.details).length > 0) described.details = loggable(error.details, depth + 1);
  }
  const code = "code" in error ? error.code : undefined;
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && "severity" in error)
    described.sqlstate = code;
  else if (typeof code === "string" || typeof code === "number") described.code = code;
  if (isUnexpected(error) && error.stack !== undefined) described.stack = shorten(error.stack);
  if (error instanceof AggregateError && depth < maxDepth)
    described.errors = loggable(error.errors, depth + 1);
  if (error.cause !== undefined && depth < maxDepth) described.cause = loggable(error.cause, depth + 1);
  return described;
}
