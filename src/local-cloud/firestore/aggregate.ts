import { invalidArgument } from "../grpc-server.ts";
import { parseFieldPath, readField } from "./field-paths.ts";
import type { StoredDocument } from "./storage.ts";
import { NULL, numberOf } from "./values.ts";
import type { Aggregation, FieldReference, Fields, Value } from "./wire.ts";

const MAX_AGGREGATIONS = 5;
const INT64 = 2n ** 63n;

/** One value for each aggregation, by its alias. */
export function aggregate(
  documents: readonly StoredDocument[],
  aggregations: readonly Aggregation[],
): Fields {
  if (aggregations.length === 0 || aggregations.length > MAX_AGGREGATIONS) {
    throw invalidArgument(`A query has from 1 to ${MAX_AGGREGATIONS} aggregations.`);
  }
  const results: Record<string, Value> = {};
  for (const [at, aggregation] of aggregations.entries()) {
    const alias = aggregation.alias === "" ? `field_${at + 1}` : aggregation.alias;
    if (Object.hasOwn(results, alias)) throw invalidArgument(`The alias "${alias}" is used twice.`);
    results[alias] = aggregateOne(documents, aggregation);
  }
  return results;
}

function aggregateOne(documents: readonly StoredDocument[], aggregation: Aggregation): Value {
  if (aggregation.count !== undefined) {
    const most = Number(aggregation.count.upTo?.value ?? Number.POSITIVE_INFINITY);
    return { integerValue: String(Math.min(documents.length, most)) };
  }
  if (aggregation.sum !== undefined) return sumOf(numbersOf(documents, aggregation.sum.field));
  if (aggregation.avg !== undefined) {
    const numbers = numbersOf(documents, aggregation.avg.field);
    if (numbers.length === 0) return NULL;
    const sum = sumOf(numbers);
    return { doubleValue: Number(numberOf(sum)) / numbers.length };
  }
  throw invalidArgument("An aggregation says nothing to do.");
}

function numbersOf(documents: readonly StoredDocument[], field: FieldReference): (bigint | number)[] {
  const path = parseFieldPath(field.fieldPath);
  return documents.flatMap((document) => {
    const value = readField(document.fields, path);
    return (value && numberOf(value)) ?? [];
  });
}

/** An integer while all are and it fits, else a double. */
function sumOf(numbers: readonly (bigint | number)[]): Value {
  const integers = numbers.filter((number) => typeof number === "bigint");
  const exact = integers.reduce((sum, number) => sum + number, 0n);
  if (integers.length === numbers.length && exact < INT64 && exact >= -INT64)
    return { integerValue: String(exact) };
  const rest = numbers.filter((number) => typeof number === "number");
  return { doubleValue: rest.reduce((sum, number) => sum + number, Number(exact)) };
}
