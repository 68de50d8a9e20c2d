import type { Fields, Value, WireTimestamp } from "./wire.ts";
import { microsOf } from "./wire.ts";

/** The order of the types, https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering */
const TYPE_ORDER = {
  nullValue: 0,
  booleanValue: 1,
  integerValue: 2,
  doubleValue: 2,
  timestampValue: 3,
  stringValue: 4,
  bytesValue: 5,
  referenceValue: 6,
  geoPointValue: 7,
  arrayValue: 8,
  mapValue: 10,
} as const;
const VECTOR_ORDER = 9;

export const NULL: Value = { nullValue: "NULL_VALUE" };

export function typeOrder(value: Value): number {
  if (isVector(value)) return VECTOR_ORDER;
  const type = Object.keys(value)[0] as keyof typeof TYPE_ORDER;
  return TYPE_ORDER[type] ?? -1;
}

export function isVector(value: Value): boolean {
  return ownValue(value.mapValue?.fields, "__type__")?.stringValue === "__vector__";
}

/** Reads a field by its name; not from the prototype. */
export function ownValue(fields: Fields | undefined, name: string): Value | undefined {
  return fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
}

export function isNaNValue(value: Value): boolean {
  return value.doubleValue !== undefined && Number.isNaN(value.doubleValue);
}

/** The number as JavaScript compares it exactly: bigint with number too. */
export function numberOf(value: Value): bigint | number | undefined {
  return value.integerValue === undefined ? value.doubleValue : BigInt(value.integerValue);
}

/** Orders any two values; negative, zero or positive. Integers and doubles of one value are equal, and NaN is least. */
export function compareValues(a: Value, b: Value): number {
  const order = typeOrder(a) - typeOrder(b);
  if (order !== 0) return order;
  if (a.nullValue !== undefined) return 0;
  if (a.booleanValue !== undefined) return Number(a.booleanValue) - Number(b.booleanValue);
  if (a.timestampValue !== undefined) return compareTimes(a.timestampValue, b.timestampValue);
  if (a.stringValue !== undefined) return compareStrings(a.stringValue, b.stringValue ?? "");
  if (a.bytesValue !== undefined) return Buffer.compare(a.bytesValue, b.bytesValue ?? Buffer.alloc(0));
  if (a.referenceValue !== undefined) return compareNames(a.referenceValue, b.referenceValue ?? "");
  if (a.geoPointValue !== undefined) {
    const [one, other] = [a.geoPointValue, b.geoPointValue ?? a.geoPointValue];
    return one.latitude - other.latitude || one.longitude - other.longitude;
  }
  if (a.arrayValue !== undefined) return compareLists(a.arrayValue.values, b.arrayValue?.values ?? []);
  if (isVector(a)) return compareVectors(a, b);
  if (a.mapValue !== undefined) return compareMaps(a.mapValue.fields, b.mapValue?.fields ?? {});
  return compareNumbers(numberOf(a) ?? 0, numberOf(b) ?? 0);
}

export function equalValues(a: Value, b: Value): boolean {
  return compareValues(a, b) === 0;
}

function compareNumbers(a: bigint | number, b: bigint | number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(b)) - Number(Number.isNaN(a));
}

function compareTimes(a: WireTimestamp, b: WireTimestamp | undefined): number {
  return b === undefined ? 1 : compareNumbers(microsOf(a), microsOf(b));
}

/** By code point, which is the order of the UTF-8 bytes and not that of JavaScript. */
export function compareStrings(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) {
      const surrogates = Number(isSurrogate(one)) - Number(isSurrogate(other));
      return surrogates !== 0 ? surrogates : one - other;
    }
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Orders resource names segment by segment; the numeric ids of Datastore (`__id7__`) come before all others. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  const [one, other] = [a.split("/"), b.split("/")];
  for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
    const order = compareSegments(one[at] ?? "", other[at] ?? "");
    if (order !== 0) return order;
  }
  return one.length - other.length;
}

function compareSegments(a: string, b: string): number {
  const [one, other] = [numericId(a), numericId(b)];
  if (one !== undefined && other !== undefined) return compareNumbers(one, other);
  if (one !== undefined) return -1;
  if (other !== undefined) return 1;
  return compareStrings(a, b);
}

function numericId(segment: string): bigint | undefined {
  const match = /^__id(-?\d+)__$/.exec(segment);
  return match?.[1] === undefined ? undefined : BigInt(match[1]);
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const order = compareValues(a[at] ?? NULL, b[at] ?? NULL);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareVectors(a: Value, b: Value): number {
  const numbers = (value: Value) => ownValue(value.mapValue?.fields, "value")?.arrayValue?.values ?? [];
  return numbers(a).length - numbers(b).length || compareLists(numbers(a), numbers(b));
}

function compareMaps(a: Fields, b: Fields): number {
  const [ones, others] = [Object.keys(a).sort(compareStrings), Object.keys(b).sort(compareStrings)];
  for (let at = 0; at < Math.min(ones.length, others.length); at += 1) {
    const [one, other] = [ones[at] ?? "", others[at] ?? ""];
    const order = compareStrings(one, other) || compareValues(a[one] ?? NULL, b[other] ?? NULL);
    if (order !== 0) return order;
  }
  return ones.length - others.length;
}
