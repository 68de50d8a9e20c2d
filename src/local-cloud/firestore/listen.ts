import { status } from "@grpc/grpc-js";
import { type BidiStream, invalidArgument, RpcError } from "../grpc-server.ts";
import type { Database } from "./database.ts";
import { parseDocumentName } from "./names.ts";
import { compileQuery } from "./query.ts";
import type { Clock, StoredDocument } from "./storage.ts";
import { parseReadTime } from "./transactions.ts";
import type { Micros, StructuredQuery, WireTimestamp } from "./wire.ts";
import { wireTime } from "./wire.ts";
import { wireDocument } from "./wire-document.ts";

const HEARTBEAT_MS = 30_000;

interface WireTarget {
  readonly query?: { readonly parent: string; readonly structuredQuery?: StructuredQuery };
  readonly documents?: { readonly documents: readonly string[] };
  readonly resumeToken?: Buffer;
  readonly readTime?: WireTimestamp;
  readonly targetId: number;
  readonly once: boolean;
}

interface ListenRequest {
  readonly database: string;
  readonly addTarget?: WireTarget;
  readonly removeTarget?: number;
}

type Documents = ReadonlyMap<string, StoredDocument>;

interface Target {
  inScope(name: string): boolean;
  read(at: Micros | undefined): Documents;
  /** Named documents: one that is missing is to be said so at the start. */
  readonly names: readonly string[];
  shown: Documents;
}

/**
 * One Listen call. A target starts with what it has now, or what has changed since its resume token; each commit
 * that touches it follows in order, closed by a NO_CHANGE with the time up to which the client is then complete.
 */
export function listen(stream: BidiStream, databaseOf: (name: string) => Database, clock: Clock): void {
  const targets = new Map<number, Target>();
  let database: Database | undefined;
  let unsubscribe = () => {};

  function complete(time: Micros): void {
    const resumeToken = Buffer.from(String(time));
    stream.write({ targetChange: { targetChangeType: "NO_CHANGE", readTime: wireTime(time), resumeToken } });
  }

  function onCommit(time: Micros, names: readonly string[]): void {
    let changed = false;
    for (const [id, target] of targets) {
      if (!names.some((name) => target.inScope(name))) continue;
      const now = target.read(undefined);
      for (const message of differences(id, target.shown, now, database, time)) {
        stream.write(message);
        changed = true;
      }
      target.shown = now;
    }
    if (changed) complete(time);
  }

  function add(database: Database, wire: WireTarget): void {
    const id = wire.targetId;
    if (targets.has(id)) throw invalidArgument(`The target ${id} exists already.`);
    const target = createTarget(database, wire);
    const time = clock.forRead();
    stream.write({ targetChange: { targetChangeType: "ADD", targetIds: [id] } });
    const resumed = resumedDocuments(target, wire, clock);
    if (resumed === "too old") stream.write({ targetChange: { targetChangeType: "RESET", targetIds: [id] } });
    const before = resumed instanceof Map ? resumed : new Map();
    target.shown = target.read(undefined);
    for (const message of differences(id, before, target.shown, database, time)) stream.write(message);
    for (const name of target.names) {
      if (!target.shown.has(name) && !before.has(name)) stream.write(deletion(id, name, time));
    }
    const resumeToken = Buffer.from(String(time));
    const readTime = wireTime(time);
    stream.write({ targetChange: { targetChangeType: "CURRENT", targetIds: [id], resumeToken, readTime } });
    complete(time);
    if (wire.once) stream.write({ targetChange: { targetChangeType: "REMOVE", targetIds: [id] } });
    else targets.set(id, target);
  }

  const heartbeat = setInterval(() => complete(clock.forRead()), HEARTBEAT_MS).unref();
  stream.onClose(() => {
    clearInterval(heartbeat);
    unsubscribe();
  });
  stream.onMessage((request: ListenRequest) => {
    try {
      if (database === undefined) {
        database = databaseOf(request.database);
        unsubscribe = database.storage.onCommit(onCommit);
      }
      if (request.addTarget !== undefined) add(database, request.addTarget);
      if (request.removeTarget !== undefined && targets.delete(request.removeTarget)) {
        stream.write({ targetChange: { targetChangeType: "REMOVE", targetIds: [request.removeTarget] } });
      }
    } catch (error) {
      stream.fail(error);
    }
  });
}

function createTarget(database: Database, wire: WireTarget): Target {
  if (wire.documents !== undefined) {
    const names = wire.documents.documents.map((name) => parseDocumentName(name, database.name));
    return {
      inScope: (name) => names.includes(name),
      read: (at) => byName(names.flatMap((name) => database.storage.get(name, at) ?? [])),
      names,
      shown: new Map(),
    };
  }
  if (wire.query?.structuredQuery === undefined)
    throw invalidArgument("A target needs documents or a query.");
  const query = compileQuery(wire.query.parent, wire.query.structuredQuery);
  return {
    inScope: query.inScope,
    read: (at) => byName(query.run(database.storage, at).map(query.project)),
    names: [],
    shown: new Map(),
  };
}

function byName(documents: readonly StoredDocument[]): Documents {
  return new Map(documents.map((document) => [document.name, document]));
}

/** What the client still knows of the target; "too old" when that can't be told any more. */
function resumedDocuments(target: Target, wire: WireTarget, clock: Clock): Documents | "too old" | undefined {
  const token = wire.resumeToken?.toString() ?? "";
  if (token === "" && wire.readTime === undefined) return undefined;
  if (token !== "" && !/^\d+$/.test(token)) throw invalidArgument("The resume token is not valid.");
  try {
    return target.read(parseReadTime(token === "" ? wire.readTime : wireTime(BigInt(token)), clock));
  } catch (error) {
    if (error instanceof RpcError && error.code === status.FAILED_PRECONDITION) return "too old";
    throw error;
  }
}

function differences(
  id: number,
  before: Documents,
  now: Documents,
  database: Database | undefined,
  time: Micros,
): object[] {
  const messages: object[] = [];
  for (const name of before.keys()) {
    if (now.has(name)) continue;
    const readTime = wireTime(time);
    if (database?.storage.get(name) === undefined) messages.push(deletion(id, name, time));
    else messages.push({ documentRemove: { document: name, removedTargetIds: [id], readTime } });
  }
  for (const [name, document] of now) {
    if (before.get(name)?.updateTime === document.updateTime) continue;
    messages.push({ documentChange: { document: wireDocument(document), targetIds: [id] } });
  }
  return messages;
}

function deletion(id: number, name: string, time: Micros): object {
  return { documentDelete: { document: name, removedTargetIds: [id], readTime: wireTime(time) } };
}
