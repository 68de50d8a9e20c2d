import type { Target } from "./target.ts";

/**
 * The id of a target's document, such as `demo-project~europe-west1~orders-db~orders`. Two targets never share one:
 * the encoding of a part never emits the `~` that joins them.
 */
export function targetDocumentId({ project, region, instance, database }: Target): string {
  return [project, region, instance, database].map(encodePart).join("~");
}

/** The id of a role's document. */
export function roleDocumentId(name: string): string {
  return encodePart(name);
}

/** The id of a history entry: sorts as the numbers do. */
export function historyDocumentId(sequence: number): string {
  return String(sequence).padStart(12, "0");
}

/**
 * Percent-encodes the UTF-8 bytes of everything but letters, digits, `_`, `-` and `.`, and of a `_` or `.` in front:
 * Firestore refuses `/`, `.`, `..` and `__.*__` (https://docs.cloud.google.com/firestore/quotas#limits). A name of
 * 63 bytes stays below 200, of the 1,500 that an id may have.
 */
function encodePart(part: string): string {
  return Buffer.from(part, "utf8").reduce((encoded, byte, index) => {
    const char = String.fromCharCode(byte);
    const plain = index === 0 ? /[A-Za-z0-9-]/ : /[A-Za-z0-9_.-]/;
    return encoded + (plain.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`);
  }, "");
}
