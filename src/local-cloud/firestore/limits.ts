import { invalidArgument } from "../grpc-server.ts";
import { pathOf } from "./names.ts";
import { isVector } from "./values.ts";
import type { Fields, Value } from "./wire.ts";
import { microsOf, wireTime } from "./wire.ts";

/** https://firebase.google.com/docs/firestore/quotas */
const MAX_DOCUMENT_BYTES = 1_048_576;
const MAX_FIELD_NAME_BYTES = 1500;
const MAX_DEPTH = 20;
export const MAX_REQUEST_BYTES = 10 * 1024 * 1024;

/** The fields as they are stored: checked, and times cut to microseconds. */
export function parseFields(fields: Fields): Fields {
  return parseMap(fields, 1);
}

function parseMap(fields: Fields, depth: number): Fields {
  if (depth > MAX_DEPTH) throw invalidArgument(`Maps and arrays are nested more than ${MAX_DEPTH} deep.`);
  const parsed: Record<string, Value> = {};
  for (const [name, value] of Object.entries(fields)) {
    assertFieldName(name);
    parsed[name] = parseValue(value, depth);
  }
  return parsed;
}

/** `depth` counts the maps and arrays around the value. */
export function parseValue(value: Value, depth: number): Value {
  if (value.timestampValue !== undefined) return { timestampValue: wireTime(microsOf(value.timestampValue)) };
  if (value.mapValue !== undefined) {
    return isVector(value) ? value : { mapValue: { fields: parseMap(value.mapValue.fields, depth + 1) } };
  }
  if (value.arrayValue !== undefined) {
    if (depth + 1 > MAX_DEPTH)
      throw invalidArgument(`Maps and arrays are nested more than ${MAX_DEPTH} deep.`);
    const values = value.arrayValue.values.map((element) => {
      if (element.arrayValue) throw invalidArgument("Cannot convert an array value in an array value.");
      return parseValue(element, depth + 1);
    });
    return { arrayValue: { values } };
  }
  if (Object.keys(value).length === 0) throw invalidArgument("A value without a type.");
  return value;
}

function assertFieldName(name: string): void {
  if (name === "") throw invalidArgument("A field name must not be empty.");
  if (/^__.*__$/s.test(name)) throw invalidArgument(`The field name "${name}" is reserved.`);
  if (Buffer.byteLength(name) > MAX_FIELD_NAME_BYTES) {
    throw invalidArgument(`A field name is over ${MAX_FIELD_NAME_BYTES} bytes.`);
  }
}

/** Throws INVALID_ARGUMENT for a document of more than 1 MiB. */
export function assertDocumentSize(name: string, fields: Fields): void {
  const bytes = nameBytes(name) + mapBytes(fields) + 32;
  if (bytes > MAX_DOCUMENT_BYTES) {
    throw invalidArgument(
      `Document '${name}' cannot be written because its size (${bytes} bytes) exceeds the maximum allowed size of ${MAX_DOCUMENT_BYTES} bytes.`,
    );
  }
}

/** https://firebase.google.com/docs/firestore/storage-size */
function valueBytes(value: Value): number {
  if (value.stringValue !== undefined) return stringBytes(value.stringValue);
  if (value.mapValue !== undefined) return mapBytes(value.mapValue.fields);
  if (value.arrayValue !== undefined)
    return value.arrayValue.values.reduce((sum, each) => sum + valueBytes(each), 0);
  if (value.bytesValue !== undefined) return value.bytesValue.length;
  if (value.referenceValue !== undefined) return stringBytes(value.referenceValue);
  if (value.geoPointValue !== undefined) return 16;
  return value.nullValue !== undefined || value.booleanValue !== undefined ? 1 : 8;
}

function mapBytes(fields: Fields): number {
  return Object.entries(fields).reduce(
    (sum, [name, value]) => sum + stringBytes(name) + valueBytes(value),
    0,
  );
}

function nameBytes(name: string): number {
  return pathOf(name).reduce((sum, id) => sum + stringBytes(id), 16);
}

function stringBytes(text: string): number {
  return Buffer.byteLength(text) + 1;
}
