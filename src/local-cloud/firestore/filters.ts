import { invalidArgument } from "../grpc-server.ts";
import { type FieldPath, parseFieldPath, readField } from "./field-paths.ts";
import type { StoredDocument } from "./storage.ts";
import { compareValues, equalValues, isNaNValue, numberOf, typeOrder } from "./values.ts";
import type { Filter, Value } from "./wire.ts";

const MAX_DISJUNCTIONS = 30;
const MAX_NOT_IN = 10;
const INEQUALITIES = [
  "LESS_THAN",
  "LESS_THAN_OR_EQUAL",
  "GREATER_THAN",
  "GREATER_THAN_OR_EQUAL",
  "NOT_EQUAL",
  "NOT_IN",
  "IS_NOT_NULL",
  "IS_NOT_NAN",
];

export type Predicate = (document: StoredDocument) => boolean;

/** A document's value at a path; `__name__` is its reference. */
export function valueAt(document: StoredDocument, path: FieldPath): Value | undefined {
  return isNamePath(path) ? { referenceValue: document.name } : readField(document.fields, path);
}

export function isNamePath(path: FieldPath): boolean {
  return path.length === 1 && path[0] === "__name__";
}

export function compileFilter(filter: Filter | null): Predicate {
  if (filter === null) return () => true;
  const { compositeFilter, fieldFilter, unaryFilter } = filter;
  if (compositeFilter !== undefined) {
    const parts = compositeFilter.filters.map(compileFilter);
    if (parts.length === 0) throw invalidArgument("A composite filter must have at least one filter.");
    if (compositeFilter.op === "AND") return (document) => parts.every((part) => part(document));
    if (compositeFilter.op === "OR") return (document) => parts.some((part) => part(document));
    throw invalidArgument(`Unknown composite operator ${compositeFilter.op}.`);
  }
  if (fieldFilter !== undefined) {
    const path = parseFieldPath(fieldFilter.field.fieldPath);
    const test = fieldTest(fieldFilter.op, fieldFilter.value);
    return (document) => testValue(valueAt(document, path), test);
  }
  if (unaryFilter?.field !== undefined) {
    const path = parseFieldPath(unaryFilter.field.fieldPath);
    const test = unaryTest(unaryFilter.op);
    return (document) => testValue(valueAt(document, path), test);
  }
  throw invalidArgument("A filter says nothing.");
}

/** The fields that inequalities are about, sorted: each is an implicit order of the query. */
export function inequalityFields(filter: Filter | null): string[] {
  const fields = new Set<string>();
  const collect = (each: Filter): void => {
    const { op, field } = each.fieldFilter ?? each.unaryFilter ?? { op: "" };
    if (field !== undefined && INEQUALITIES.includes(op)) fields.add(field.fieldPath);
    for (const part of each.compositeFilter?.filters ?? []) collect(part);
  };
  if (filter !== null) collect(filter);
  return [...fields].sort();
}

type ValueTest = (value: Value) => boolean;

function testValue(value: Value | undefined, test: ValueTest): boolean {
  return value !== undefined && test(value);
}

function fieldTest(op: string, wanted: Value): ValueTest {
  const ofOneType = (test: (order: number) => boolean): ValueTest => {
    const type = typeOrder(wanted);
    return (value) => typeOrder(value) === type && test(compareValues(value, wanted));
  };
  switch (op) {
    case "LESS_THAN":
      return ofOneType((order) => order < 0);
    case "LESS_THAN_OR_EQUAL":
      return ofOneType((order) => order <= 0);
    case "GREATER_THAN":
      return ofOneType((order) => order > 0);
    case "GREATER_THAN_OR_EQUAL":
      return ofOneType((order) => order >= 0);
    case "EQUAL":
      return ofOneType((order) => order === 0);
    case "NOT_EQUAL":
      return (value) => value.nullValue === undefined && !equalValues(value, wanted);
    case "ARRAY_CONTAINS":
      return (value) => contains(value.arrayValue?.values, wanted);
    case "ARRAY_CONTAINS_ANY": {
      const candidates = candidatesOf(op, wanted, MAX_DISJUNCTIONS);
      return (value) => candidates.some((candidate) => contains(value.arrayValue?.values, candidate));
    }
    case "IN": {
      const candidates = candidatesOf(op, wanted, MAX_DISJUNCTIONS);
      return (value) => contains(candidates, value);
    }
    case "NOT_IN": {
      const candidates = candidatesOf(op, wanted, MAX_NOT_IN);
      if (candidates.some((each) => each.nullValue !== undefined)) return () => false;
      return (value) => value.nullValue === undefined && !contains(candidates, value);
    }
    default:
      throw invalidArgument(`Unknown operator ${op}.`);
  }
}

function unaryTest(op: string): ValueTest {
  switch (op) {
    case "IS_NULL":
      return (value) => value.nullValue !== undefined;
    case "IS_NOT_NULL":
      return (value) => value.nullValue === undefined;
    case "IS_NAN":
      return isNaNValue;
    case "IS_NOT_NAN":
      return (value) =>
        value.nullValue === undefined && !(numberOf(value) !== undefined && isNaNValue(value));
    default:
      throw invalidArgument(`Unknown operator ${op}.`);
  }
}

function contains(values: readonly Value[] | undefined, wanted: Value): boolean {
  return values?.some((value) => equalValues(value, wanted)) ?? false;
}

function candidatesOf(op: string, value: Value, most: number): readonly Value[] {
  const values = value.arrayValue?.values ?? [];
  if (values.length === 0) throw invalidArgument(`'${op}' requires a non-empty array.`);
  if (values.length > most) throw invalidArgument(`'${op}' supports up to ${most} comparison values.`);
  return values;
}
