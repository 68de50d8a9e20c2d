import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { type CallContext, type Handlers, invalidArgument, RpcError } from "../grpc-server.ts";
import { aggregate } from "./aggregate.ts";
import type { CommitOutcome, Database, ReadOutcome } from "./database.ts";
import { parseMask } from "./field-paths.ts";
import { MAX_REQUEST_BYTES } from "./limits.ts";
import { collectionIds, documentNames, pageAfter } from "./listing.ts";
import { assertId, databaseOf, parseDatabase, parseDocumentName, parseParentName } from "./names.ts";
import { compileQuery } from "./query.ts";
import type {
  Aggregation,
  Consistency,
  DocumentMask,
  Precondition,
  StructuredQuery,
  TransactionOptions,
  WireDocument,
  Write,
} from "./wire.ts";
import { wireTime } from "./wire.ts";
import { wireDocument } from "./wire-document.ts";

/** `find` gives a database by its checked name. `beforeCommit` may refuse a commit. */
export function firestoreHandlers(find: (name: string) => Database, beforeCommit: () => void): Handlers {
  return {
    unary: { ...writeHandlers(find, beforeCommit), ...documentHandlers(find), ...listHandlers(find) },
    serverStream: readHandlers(find),
  };
}

type Find = (name: string) => Database;

interface CommitRequest {
  readonly database: string;
  readonly writes: readonly Write[];
  readonly transaction: Buffer;
}

function writeHandlers(find: Find, beforeCommit: () => void) {
  return {
    BeginTransaction(request: { database: string; options: TransactionOptions | null }) {
      return { transaction: find(parseDatabase(request.database)).begin(request.options ?? {}).id };
    },
    async Commit(request: CommitRequest, { requestBytes, signal }: CallContext) {
      assertRequestSize(requestBytes);
      const database = find(parseDatabase(request.database));
      beforeCommit();
      const { results, time } = await database.commit(request.writes, request.transaction, signal);
      return { writeResults: results, commitTime: wireTime(time) };
    },
    Rollback(request: { database: string; transaction: Buffer }) {
      find(parseDatabase(request.database)).rollback(request.transaction);
      return {};
    },
    async BatchWrite(request: { database: string; writes: readonly Write[] }, context: CallContext) {
      assertRequestSize(context.requestBytes);
      const database = find(parseDatabase(request.database));
      const names = request.writes.map(
        (write) => write.update?.name ?? write.delete ?? write.transform?.document,
      );
      if (new Set(names).size < names.length)
        throw invalidArgument("A batch may write a document only once.");
      const outcomes = await Promise.allSettled(
        request.writes.map((write) => database.commit([write], undefined, context.signal)),
      );
      return { writeResults: outcomes.map(batchResult), status: outcomes.map(batchStatus) };
    },
  };
}

function batchResult(outcome: PromiseSettledResult<CommitOutcome>): object {
  return outcome.status === "fulfilled" ? (outcome.value.results[0] ?? {}) : {};
}

function batchStatus(outcome: PromiseSettledResult<CommitOutcome>): object {
  if (outcome.status === "fulfilled") return { code: status.OK, message: "", details: [] };
  if (!(outcome.reason instanceof RpcError)) throw outcome.reason;
  return { code: outcome.reason.code, message: outcome.reason.message, details: [] };
}

function assertRequestSize(bytes: number): void {
  if (bytes > MAX_REQUEST_BYTES) {
    throw invalidArgument(`Request payload size exceeds the limit: ${MAX_REQUEST_BYTES} bytes.`);
  }
}

interface QueryRequest extends Consistency {
  readonly parent: string;
  readonly structuredQuery?: StructuredQuery;
  readonly structuredAggregationQuery?: {
    readonly structuredQuery?: StructuredQuery;
    readonly aggregations: readonly Aggregation[];
  };
}

function readHandlers(find: Find) {
  async function runQuery(request: QueryRequest, query: StructuredQuery | undefined, signal: AbortSignal) {
    if (query === undefined) throw invalidArgument("A query is required.");
    const compiled = compileQuery(request.parent, query);
    const database = find(databaseOf(request.parent));
    const key = JSON.stringify([request.parent, query]);
    const read = await database.read(
      { query: compiled, key },
      request,
      (at) => compiled.run(database.storage, at),
      signal,
    );
    return { compiled, read };
  }

  return {
    async BatchGetDocuments(
      request: Consistency & { database: string; documents: string[]; mask: DocumentMask | null },
      { signal }: CallContext,
    ) {
      const database = find(parseDatabase(request.database));
      const names = [...new Set(request.documents.map((name) => parseDocumentName(name, database.name)))];
      const mask = parseMask(request.mask);
      const read = await database.read(
        { documents: names },
        request,
        (at) => names.map((name) => database.storage.get(name, at)),
        signal,
      );
      const results = read.result.map((document, at) =>
        document === undefined ? { missing: names[at] } : { found: wireDocument(document, mask) },
      );
      return withReadTime(results, read);
    },
    async RunQuery(request: QueryRequest, { signal }: CallContext) {
      const { compiled, read } = await runQuery(request, request.structuredQuery, signal);
      return withReadTime(
        read.result.map((document) => ({ document: wireDocument(compiled.project(document)) })),
        read,
      );
    },
    async RunAggregationQuery(request: QueryRequest, { signal }: CallContext) {
      const wanted = request.structuredAggregationQuery;
      const { read } = await runQuery(request, wanted?.structuredQuery, signal);
      return withReadTime(
        [{ result: { aggregateFields: aggregate(read.result, wanted?.aggregations ?? []) } }],
        read,
      );
    },
  };
}

/** Adds the read time to each message and a new transaction to the first; an empty answer is one message of these. */
function withReadTime(messages: readonly object[], read: ReadOutcome<unknown>): object[] {
  const readTime = wireTime(read.readTime);
  const first = read.begun === undefined ? {} : { transaction: read.begun };
  if (messages.length === 0) return [{ ...first, readTime }];
  return messages.map((message, at) => ({ ...message, ...(at === 0 ? first : {}), readTime }));
}

function documentHandlers(find: Find) {
  async function write(name: string, write: Partial<Write>, mask: DocumentMask | null, signal: AbortSignal) {
    const database = find(databaseOf(name));
    const whole: Write = { updateMask: null, updateTransforms: [], currentDocument: null, ...write };
    await database.commit([whole], undefined, signal);
    const document = database.storage.get(name);
    return document === undefined ? {} : wireDocument(document, parseMask(mask));
  }

  return {
    async GetDocument(
      request: Consistency & { name: string; mask: DocumentMask | null },
      { signal }: CallContext,
    ) {
      const database = find(databaseOf(request.name));
      const name = parseDocumentName(request.name, database.name);
      const read = await database.read(
        { documents: [name] },
        request,
        (at) => database.storage.get(name, at),
        signal,
      );
      if (read.result === undefined) throw new RpcError(status.NOT_FOUND, `Document "${name}" not found.`);
      return wireDocument(read.result, parseMask(request.mask));
    },
    CreateDocument(
      request: {
        parent: string;
        collectionId: string;
        documentId: string;
        document: WireDocument | null;
        mask: DocumentMask | null;
      },
      { signal }: CallContext,
    ) {
      const id =
        request.documentId === "" ? randomUUID().replaceAll("-", "").slice(0, 20) : request.documentId;
      const name = `${parseParentName(request.parent)}/${request.collectionId}/${id}`;
      const update = { fields: {}, createTime: null, updateTime: null, ...request.document, name };
      return write(name, { update, currentDocument: { exists: false } }, request.mask, signal);
    },
    UpdateDocument(
      request: {
        document: WireDocument | null;
        updateMask: DocumentMask | null;
        mask: DocumentMask | null;
        currentDocument: Precondition | null;
      },
      { signal }: CallContext,
    ) {
      const { document: update, updateMask, currentDocument } = request;
      if (update === null) throw invalidArgument("A document is required.");
      return write(update.name, { update, updateMask, currentDocument }, request.mask, signal);
    },
    async DeleteDocument(
      request: { name: string; currentDocument: Precondition | null },
      { signal }: CallContext,
    ) {
      await write(
        request.name,
        { delete: request.name, currentDocument: request.currentDocument },
        null,
        signal,
      );
      return {};
    },
  };
}

interface ListRequest extends Consistency {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

function listHandlers(find: Find) {
  return {
    async ListDocuments(
      request: ListRequest & { collectionId: string; mask: DocumentMask | null; showMissing: boolean },
      { signal }: CallContext,
    ) {
      const parent = parseParentName(request.parent);
      assertId(request.collectionId);
      const database = find(databaseOf(parent));
      const mask = parseMask(request.mask);
      const list = (at: bigint | undefined) => {
        const names = documentNames(
          database.storage,
          `${parent}/${request.collectionId}`,
          request.showMissing,
          at,
        );
        const { page, nextPageToken } = pageAfter(names, request.pageSize, request.pageToken);
        const documents = page.map((name) => {
          const document = database.storage.get(name, at);
          return document === undefined ? { name } : wireDocument(document, mask);
        });
        return { documents, nextPageToken };
      };
      return (await database.read({ documents: [] }, request, list, signal)).result;
    },
    async ListCollectionIds(request: ListRequest, { signal }: CallContext) {
      const parent = parseParentName(request.parent);
      const database = find(databaseOf(parent));
      const ids = (at: bigint | undefined) => collectionIds(database.storage, parent, at);
      const { result } = await database.read({ documents: [] }, request, ids, signal);
      const { page, nextPageToken } = pageAfter(result, request.pageSize, request.pageToken);
      return { collectionIds: page, nextPageToken };
    },
    /** No split: the client then reads the whole collection group as one partition. */
    PartitionQuery: () => ({ partitions: [], nextPageToken: "" }),
  };
}
