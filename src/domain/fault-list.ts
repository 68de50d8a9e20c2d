import type { FieldFault } from "../errors.ts";

/** Collects every fault of an input, each with its JSON pointer, while values that hold are read. */
export interface FaultList {
  readonly faults: readonly FieldFault[];
  add(pointer: string, detail: string): void;
  /** The members of an object; of anything else none, and a fault. Members that are not `known` are faults. */
  object(pointer: string, value: unknown, known: readonly string[]): Readonly<Record<string, unknown>>;
  /** A missing list is empty, unless it is needed. */
  list(
    pointer: string,
    value: unknown,
    bounds: { readonly least?: number; readonly most: number },
  ): unknown[];
  text(pointer: string, value: unknown, fault: (text: string) => string | undefined): string;
  flag(pointer: string, value: unknown, fallback: boolean): boolean;
}

export function createFaultList(): FaultList {
  const faults: FieldFault[] = [];
  const add = (pointer: string, detail: string): void => void faults.push({ pointer, detail });
  return {
    faults,
    add,
    object(pointer, value, known) {
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        add(pointer, "must be an object");
        return {};
      }
      for (const key of Object.keys(value)) {
        if (!known.includes(key)) add(at(pointer, key), `is not a field here; there are ${known.join(", ")}`);
      }
      return value as Record<string, unknown>;
    },
    list(pointer, value, { least = 0, most }) {
      if (value === undefined && least === 0) return [];
      if (!Array.isArray(value)) add(pointer, "must be a list");
      else if (value.length < least || value.length > most)
        add(pointer, `must have ${least === 0 ? "at most" : `${least} to`} ${most} entries`);
      else return value;
      return [];
    },
    text(pointer, value, fault) {
      if (typeof value !== "string") {
        add(pointer, "must be a text");
        return "";
      }
      const found = fault(value);
      if (found !== undefined) add(pointer, found);
      return value;
    },
    flag(pointer, value, fallback) {
      if (value === undefined) return fallback;
      if (typeof value === "boolean") return value;
      add(pointer, "must be true or false");
      return fallback;
    },
  };
}

/** The pointer of a member (RFC 6901). */
export function at(pointer: string, member: string | number): string {
  return `${pointer}/${String(member).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
