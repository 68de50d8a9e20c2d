import { status } from "@grpc/grpc-js";
import { invalidArgument, RpcError } from "../grpc-server.ts";
import { type FieldPath, maskFields, parseFieldPath } from "./field-paths.ts";
import { compileFilter, inequalityFields, isNamePath, type Predicate, valueAt } from "./filters.ts";
import { assertId, collectionOf, parseParentName } from "./names.ts";
import type { Storage, StoredDocument } from "./storage.ts";
import { compareValues, NULL } from "./values.ts";
import type { Cursor, Micros, StructuredQuery } from "./wire.ts";

interface Order {
  readonly path: FieldPath;
  readonly sign: 1 | -1;
}

/** A query, checked and ready to run as often as wanted. */
export interface Query {
  /** Whether a document is in the range that the query reads, whatever limit and offset leave of it. */
  readonly matches: Predicate;
  /** Whether a document of this name could ever be in the range. */
  inScope(name: string): boolean;
  /** The documents in order, from cursor to cursor, within offset and limit. */
  run(storage: Storage, at?: Micros): StoredDocument[];
  project(document: StoredDocument): StoredDocument;
}

/** `parent` is a document, or the root of all documents. */
export function compileQuery(parent: string, query: StructuredQuery): Query {
  parseParentName(parent);
  if (query.findNearest !== null) {
    throw new RpcError(status.UNIMPLEMENTED, "Vector search is not part of the stand-in.");
  }
  if (query.offset < 0) throw invalidArgument("The offset must not be negative.");
  if (query.limit !== null && query.limit.value < 0) throw invalidArgument("The limit must not be negative.");
  const scope = scopeOf(parent, query);
  const filter = compileFilter(query.where);
  const orders = ordersOf(query);
  const fields = orders.map(({ path }) => path);
  const starts = cursorTest(query.startAt, orders, (order, before) => (before ? order <= 0 : order < 0));
  const ends = cursorTest(query.endAt, orders, (order, before) => (before ? order > 0 : order >= 0));
  const matches: Predicate = (document) =>
    scope.includes(document.name) &&
    filter(document) &&
    // A document without a field is not in an index of that field.
    fields.every((path) => valueAt(document, path) !== undefined) &&
    starts(document) &&
    ends(document);
  const mask = query.select?.fields
    .filter(({ fieldPath }) => fieldPath !== "__name__")
    .map(({ fieldPath }) => parseFieldPath(fieldPath));
  return {
    matches,
    inScope: scope.includes,
    run(storage, at) {
      const found = [...scope.candidates(storage, at)].filter(matches);
      found.sort((a, b) => compareDocuments(a, b, orders));
      const end = query.limit === null ? undefined : query.offset + query.limit.value;
      return found.slice(query.offset, end);
    },
    project: (document) =>
      mask === undefined ? document : { ...document, fields: maskFields(document.fields, mask) },
  };
}

interface Scope {
  includes(name: string): boolean;
  candidates(storage: Storage, at?: Micros): Iterable<StoredDocument>;
}

function scopeOf(parent: string, query: StructuredQuery): Scope {
  const [from, second] = query.from;
  if (from === undefined || second !== undefined) {
    throw invalidArgument("A query must be from exactly one collection.");
  }
  const { collectionId, allDescendants } = from;
  if (collectionId !== "") assertId(collectionId);
  if (!allDescendants && collectionId !== "") {
    const collection = `${parent}/${collectionId}`;
    return {
      includes: (name) => collectionOf(name) === collection,
      candidates: (storage, at) => storage.ofCollection(collection, at),
    };
  }
  const depth = parent.split("/").length + 2;
  return {
    includes: (name) =>
      name.startsWith(`${parent}/`) &&
      (collectionId === "" || collectionOf(name).endsWith(`/${collectionId}`)) &&
      (allDescendants || name.split("/").length === depth),
    candidates: (storage, at) => storage.below(parent, at),
  };
}

/** The orders as given, then one for each inequality, then the name, in the direction of the last that was given. */
function ordersOf(query: StructuredQuery): Order[] {
  const orders: Order[] = query.orderBy.map(({ field, direction }) => ({
    path: parseFieldPath(field.fieldPath),
    sign: direction === "DESCENDING" ? -1 : 1,
  }));
  const sign = orders.at(-1)?.sign ?? 1;
  const given = new Set(orders.map(({ path }) => JSON.stringify(path)));
  for (const field of inequalityFields(query.where)) {
    const path = parseFieldPath(field);
    if (!isNamePath(path) && !given.has(JSON.stringify(path))) orders.push({ path, sign });
  }
  if (!orders.some(({ path }) => isNamePath(path))) orders.push({ path: ["__name__"], sign });
  return orders;
}

function compareDocuments(a: StoredDocument, b: StoredDocument, orders: readonly Order[]): number {
  for (const { path, sign } of orders) {
    const order = compareValues(valueAt(a, path) ?? NULL, valueAt(b, path) ?? NULL);
    if (order !== 0) return order * sign;
  }
  return 0;
}

/** `accepts` gets how the cursor compares with the document: negative when the cursor comes first. */
function cursorTest(
  cursor: Cursor | null,
  orders: readonly Order[],
  accepts: (order: number, before: boolean) => boolean,
): Predicate {
  if (cursor === null) return () => true;
  if (cursor.values.length > orders.length)
    throw invalidArgument("A cursor has more values than the query has orders.");
  return (document) => {
    let order = 0;
    for (const [at, value] of cursor.values.entries()) {
      const { path, sign } = orders[at] as Order;
      order = compareValues(value, valueAt(document, path) ?? NULL) * sign;
      if (order !== 0) break;
    }
    return accepts(order, cursor.before);
  };
}
