import { hasUnreadable } from "../domain/names.ts";
import { type FieldFault, ServiceError } from "../errors.ts";

const maxFaults = 20;
const detail = "must not hold control, invisible or bidirectional characters";

/**
 * Refuses an input with a string, at whatever depth, that holds what people cannot see: it would be read as something
 * else in a log, a plan or a grant. Throws a `validation_error` that names each of them.
 */
export function assertReadable(input: unknown): void {
  if (typeof input !== "object" || input === null) return;
  const faults: FieldFault[] = [];
  const open: [value: object, pointer: string][] = [[input, ""]];
  for (let next = open.pop(); next !== undefined && faults.length < maxFaults; next = open.pop()) {
    const [parent, at] = next;
    for (const key in parent) {
      const value: unknown = (parent as Record<string, unknown>)[key];
      if (typeof value === "string") {
        if (hasUnreadable(value)) faults.push({ pointer: pointerTo(at, key), detail });
      } else if (typeof value === "object" && value !== null) open.push([value, pointerTo(at, key)]);
    }
  }
  if (faults.length === 0) return;
  const message = faults.map(({ pointer }) => `${pointer.slice(1)}: ${detail}`).join("; ");
  throw new ServiceError("validation_error", message, { faults });
}

/** A name may be the caller's own where an object takes any. */
function pointerTo(at: string, key: string): string {
  const shown = hasUnreadable(key) ? "\ufffd" : key.slice(0, 100);
  return `${at}/${shown.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Refuses names that every object has, which the parser of queries drops or lets pass in silence. */
export function assertQueryKeys(query: string): void {
  for (const key of new URLSearchParams(query).keys()) {
    const name = key.split("[", 1)[0] ?? "";
    if (!(name in Object.prototype)) continue;
    const fault = "is not a known field";
    throw new ServiceError("validation_error", `${name}: ${fault}`, {
      faults: [{ pointer: `/${name}`, detail: fault }],
    });
  }
}
