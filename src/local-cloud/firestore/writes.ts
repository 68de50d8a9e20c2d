import { isDeepStrictEqual } from "node:util";
import { status } from "@grpc/grpc-js";
import { invalidArgument, RpcError } from "../grpc-server.ts";
import { parseMask, readField, withField } from "./field-paths.ts";
import { assertDocumentSize, parseFields } from "./limits.ts";
import { parseDocumentName } from "./names.ts";
import type { Change, Storage, StoredDocument } from "./storage.ts";
import { applyTransforms } from "./transforms.ts";
import type { Fields, Micros, Precondition, Write, WriteResult } from "./wire.ts";
import { microsOf, wireTime } from "./wire.ts";

/** What writes would do at a time; nothing is changed yet. */
export interface PlannedWrites {
  readonly changes: readonly Change[];
  readonly results: readonly WriteResult[];
}

/** The document that a write is about. */
export function writtenName(write: Write, database: string): string {
  return parseDocumentName(write.update?.name ?? write.delete ?? write.transform?.document ?? "", database);
}

/** Plans writes in order, each on top of those before. Throws as the first that is refused would. */
export function planWrites(
  storage: Storage,
  database: string,
  writes: readonly Write[],
  time: Micros,
): PlannedWrites {
  const after = new Map<string, StoredDocument | undefined>();
  const results: WriteResult[] = [];
  for (const write of writes) {
    const name = writtenName(write, database);
    const before = after.has(name) ? after.get(name) : storage.get(name);
    assertPrecondition(name, before, write.currentDocument);
    if (write.delete !== undefined) {
      after.set(name, undefined);
      results.push({ updateTime: null, transformResults: [] });
      continue;
    }
    const transforms = write.transform?.fieldTransforms ?? write.updateTransforms;
    const transformed = applyTransforms(updatedFields(before, write), transforms, time);
    assertDocumentSize(name, transformed.fields);
    const document = changedDocument(before, name, transformed.fields, time);
    after.set(name, document);
    results.push({ updateTime: wireTime(document.updateTime), transformResults: transformed.results });
  }
  const changes = [...after].filter(([name, document]) => document !== storage.get(name));
  return { changes, results };
}

function updatedFields(before: StoredDocument | undefined, write: Write): Fields {
  if (write.update === undefined) return before?.fields ?? {};
  const given = parseFields(write.update.fields);
  const mask = parseMask(write.updateMask);
  if (mask === undefined) return given;
  return mask.reduce((fields, path) => withField(fields, path, readField(given, path)), before?.fields ?? {});
}

/** A write that changes nothing leaves the update time as it is. */
function changedDocument(
  before: StoredDocument | undefined,
  name: string,
  fields: Fields,
  time: Micros,
): StoredDocument {
  if (before !== undefined && isDeepStrictEqual(before.fields, fields)) return before;
  return { name, fields, createTime: before?.createTime ?? time, updateTime: time };
}

function assertPrecondition(
  name: string,
  before: StoredDocument | undefined,
  precondition: Precondition | null,
): void {
  if (precondition === null) return;
  if (precondition.exists === true && before === undefined) {
    throw new RpcError(status.NOT_FOUND, `No document to update: ${name}`);
  }
  if (precondition.exists === false && before !== undefined) {
    throw new RpcError(status.ALREADY_EXISTS, `Document already exists: ${name}`);
  }
  if (precondition.updateTime === undefined) return;
  if (precondition.updateTime.nanos % 1000 !== 0) {
    throw invalidArgument("The update time of a precondition has whole microseconds only.");
  }
  const required = microsOf(precondition.updateTime);
  if (before?.updateTime !== required) {
    throw new RpcError(
      status.FAILED_PRECONDITION,
      `the stored version (${before?.updateTime ?? 0n}) does not match the required base version (${required})`,
    );
  }
}
