import { invalidArgument } from "../grpc-server.ts";
import { ownValue } from "./values.ts";
import type { DocumentMask, Fields, Value } from "./wire.ts";

/** The names on the way to a field, outermost first. */
export type FieldPath = readonly string[];

const SEGMENT = /(?:`((?:[^`\\]|\\.)*)`|([^`.\\]+))(\.|$)/sy;

/** Splits a path as clients write it: names joined by dots, in backticks where they are not simple. */
export function parseFieldPath(text: string): FieldPath {
  const path: string[] = [];
  SEGMENT.lastIndex = 0;
  let separator: string | undefined = ".";
  while (separator === ".") {
    const match = SEGMENT.exec(text);
    if (match === null) throw invalidArgument(`Invalid property path "${text}".`);
    const [, quoted, simple, end] = match;
    path.push(quoted === undefined ? (simple ?? "") : quoted.replace(/\\(.)/gs, "$1"));
    separator = end;
  }
  if (path.includes("")) throw invalidArgument(`Invalid property path "${text}".`);
  return path;
}

export function parseMask(mask: DocumentMask | null): FieldPath[] | undefined {
  return mask?.fieldPaths.map(parseFieldPath);
}

export function readField(fields: Fields, path: FieldPath): Value | undefined {
  let value: Value | undefined = { mapValue: { fields } };
  for (const name of path) value = ownValue(value?.mapValue?.fields, name);
  return value;
}

/** A copy of `fields` with the field set, or taken away when `value` is undefined; maps on the way are made. */
export function withField(fields: Fields, path: FieldPath, value: Value | undefined): Fields {
  const [name, ...rest] = path;
  if (name === undefined) return fields;
  if (rest.length === 0) {
    if (value !== undefined) return { ...fields, [name]: value };
    const { [name]: _, ...others } = fields;
    return others;
  }
  const inner = ownValue(fields, name)?.mapValue?.fields;
  if (inner === undefined && value === undefined) return fields;
  return { ...fields, [name]: { mapValue: { fields: withField(inner ?? {}, rest, value) } } };
}

/** Only the fields that the mask names; all of them without a mask. */
export function maskFields(fields: Fields, mask: readonly FieldPath[] | undefined): Fields {
  if (mask === undefined) return fields;
  let masked: Fields = {};
  for (const path of mask) {
    const value = readField(fields, path);
    if (value !== undefined) masked = withField(masked, path, value);
  }
  return masked;
}
