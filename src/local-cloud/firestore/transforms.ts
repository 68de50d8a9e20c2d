import { invalidArgument } from "../grpc-server.ts";
import { parseFieldPath, readField, withField } from "./field-paths.ts";
import { parseValue } from "./limits.ts";
import { compareValues, equalValues, isNaNValue, NULL, numberOf } from "./values.ts";
import type { Fields, FieldTransform, Micros, Value } from "./wire.ts";
import { wireTime } from "./wire.ts";

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** Applies transforms in order; `results` has one value for each, as the protocol wants it. */
export function applyTransforms(
  fields: Fields,
  transforms: readonly FieldTransform[],
  time: Micros,
): { fields: Fields; results: Value[] } {
  const results: Value[] = [];
  let transformed = fields;
  for (const transform of transforms) {
    const path = parseFieldPath(transform.fieldPath);
    const { stored, result } = applyTransform(readField(transformed, path), transform, time);
    transformed = withField(transformed, path, stored);
    results.push(result ?? stored);
  }
  return { fields: transformed, results };
}

function applyTransform(
  current: Value | undefined,
  transform: FieldTransform,
  time: Micros,
): { stored: Value; result?: Value } {
  if (transform.setToServerValue === "REQUEST_TIME") {
    // Server timestamps have the precision of milliseconds.
    return { stored: { timestampValue: wireTime(time - (time % 1000n)) } };
  }
  if (transform.increment !== undefined) return { stored: add(current, operandOf(transform.increment)) };
  if (transform.maximum !== undefined) return { stored: extreme(current, operandOf(transform.maximum), 1) };
  if (transform.minimum !== undefined) return { stored: extreme(current, operandOf(transform.minimum), -1) };
  const list = current?.arrayValue?.values ?? [];
  if (transform.appendMissingElements !== undefined) {
    const values = [...list];
    for (const value of elementsOf(transform.appendMissingElements)) {
      if (!values.some((each) => equalValues(each, value))) values.push(value);
    }
    return { stored: { arrayValue: { values } }, result: NULL };
  }
  if (transform.removeAllFromArray !== undefined) {
    const removed = elementsOf(transform.removeAllFromArray);
    const values = list.filter((each) => !removed.some((value) => equalValues(each, value)));
    return { stored: { arrayValue: { values } }, result: NULL };
  }
  throw invalidArgument(`The transform of "${transform.fieldPath}" says nothing to do.`);
}

function operandOf(value: Value): Value {
  if (numberOf(value) === undefined)
    throw invalidArgument("The operand of a numeric transform must be a number.");
  return value;
}

function elementsOf(list: { readonly values: readonly Value[] }): Value[] {
  return list.values.map((value) => {
    if (value.arrayValue !== undefined)
      throw invalidArgument("Cannot convert an array value in an array value.");
    return parseValue(value, 2);
  });
}

function add(current: Value | undefined, operand: Value): Value {
  const [a, b] = [current && numberOf(current), numberOf(operand)];
  if (a === undefined || b === undefined) return operand;
  if (typeof a === "bigint" && typeof b === "bigint") {
    const sum = a + b;
    return { integerValue: String(sum > MAX_INT64 ? MAX_INT64 : sum < MIN_INT64 ? MIN_INT64 : sum) };
  }
  return { doubleValue: Number(a) + Number(b) };
}

function extreme(current: Value | undefined, operand: Value, sign: 1 | -1): Value {
  if (current === undefined || numberOf(current) === undefined || isNaNValue(operand)) return operand;
  if (isNaNValue(current)) return current;
  return compareValues(operand, current) * sign > 0 ? operand : current;
}
