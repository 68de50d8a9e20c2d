import type { ErrorObject } from "ajv";
import { type FieldFault, ServiceError } from "../errors.ts";

/** The most faults that one answer lists. */
const maxFaults = 20;
const maxShownName = 100;

/** What the validator found, as one error that names each field. Values are never repeated: they may be secrets. */
export function validationError(errors: readonly ErrorObject[]): ServiceError {
  const faults = uniqueFaults(errors).slice(0, maxFaults);
  const more = errors.length > maxFaults ? `; and ${errors.length - maxFaults} more` : "";
  const message = faults
    .map(({ pointer, detail }) => `${pointer.slice(1) || "The request"}: ${detail}`)
    .join("; ");
  return new ServiceError("validation_error", message + more, { faults });
}

function uniqueFaults(errors: readonly ErrorObject[]): FieldFault[] {
  const faults = errors.slice(0, maxFaults).map(toFault);
  const seen = new Set<string>();
  return faults.filter(({ pointer, detail }) => {
    const key = `${pointer} ${detail}`;
    return !seen.has(key) && seen.add(key);
  });
}

function toFault(error: ErrorObject): FieldFault {
  // The validator sees {requestBody, query, ...}; the caller sees the body's or the query's fields.
  const pointer = error.instancePath.replace(/^\/(requestBody|query|path|header|cookie)(?=\/|$)/, "");
  const { params, keyword } = error;
  if (keyword === "required")
    return { pointer: `${pointer}/${escaped(params.missingProperty)}`, detail: "is required" };
  if (keyword === "additionalProperties") {
    return { pointer: `${pointer}/${escaped(params.additionalProperty)}`, detail: "is not a known field" };
  }
  return { pointer, detail: detailOf(error) };
}

function detailOf({ keyword, params, message, parentSchema }: ErrorObject): string {
  if (keyword === "pattern") {
    const rule: unknown = parentSchema?.["x-rule"];
    return typeof rule === "string" ? rule : "is not in the required form";
  }
  if (keyword === "minLength") return "must not be empty";
  if (keyword === "maxLength") return `must not be longer than ${params.limit} characters`;
  return message ?? "is not valid";
}

/** A field's name as a part of a JSON pointer (RFC 6901), short and readable whatever it was. */
function escaped(name: unknown): string {
  const text = String(name);
  const short = text.length > maxShownName ? `${text.slice(0, maxShownName)}...` : text;
  return short
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd")
    .replaceAll("~", "~0")
    .replaceAll("/", "~1");
}
