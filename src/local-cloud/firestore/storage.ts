import { status } from "@grpc/grpc-js";
import { RpcError } from "../grpc-server.ts";
import { collectionOf } from "./names.ts";
import type { Fields, Micros } from "./wire.ts";

const RETENTION: Micros = 3_600_000_000n;
const MAX_VERSIONS = 100;

export interface StoredDocument {
  readonly name: string;
  readonly fields: Fields;
  readonly createTime: Micros;
  readonly updateTime: Micros;
}

interface Version {
  readonly time: Micros;
  /** undefined: there is no such document from this time on. */
  readonly document: StoredDocument | undefined;
}

interface History {
  /** Oldest first, at least one. */
  versions: Version[];
  /** Versions before the first one were dropped. */
  cut: boolean;
}

export type Change = readonly [name: string, document: StoredDocument | undefined];

/** The documents of one database, with their versions of the last hour. `at` undefined means the present. */
export interface Storage {
  get(name: string, at?: Micros): StoredDocument | undefined;
  /** Existing documents, in no order, of one collection by its full name. */
  ofCollection(collection: string, at?: Micros): Iterable<StoredDocument>;
  /** Existing documents, in no order, below a document or the root, at any depth. */
  below(parent: string, at?: Micros): Iterable<StoredDocument>;
  put(time: Micros, changes: readonly Change[]): void;
  /** Is told of each commit after it is in place. */
  onCommit(listener: (time: Micros, names: readonly string[]) => void): () => void;
  /** Forgets documents that were deleted more than an hour ago. */
  forgetDeleted(now: Micros): void;
}

/** Throws FAILED_PRECONDITION for a time that is too long ago to be read. */
export function assertReadable(at: Micros, now: Micros): void {
  if (now - at > RETENTION) throw tooOld();
}

function tooOld(): RpcError {
  return new RpcError(status.FAILED_PRECONDITION, "The requested snapshot version is too old.");
}

export function createStorage(): Storage {
  const histories = new Map<string, History>();
  const collections = new Map<string, Set<string>>();
  const listeners = new Set<(time: Micros, names: readonly string[]) => void>();

  function get(name: string, at?: Micros): StoredDocument | undefined {
    const history = histories.get(name);
    if (history === undefined) return undefined;
    if (at === undefined) return history.versions.at(-1)?.document;
    const version = history.versions.findLast(({ time }) => time <= at);
    if (version === undefined && history.cut) throw tooOld();
    return version?.document;
  }

  function* existing(names: Iterable<string>, at?: Micros): Iterable<StoredDocument> {
    for (const name of names) {
      const document = get(name, at);
      if (document !== undefined) yield document;
    }
  }

  function putOne(time: Micros, [name, document]: Change): void {
    const history = histories.get(name);
    if (history === undefined) {
      histories.set(name, { versions: [{ time, document }], cut: false });
      const collection = collectionOf(name);
      const names = collections.get(collection);
      if (names === undefined) collections.set(collection, new Set([name]));
      else names.add(name);
      return;
    }
    history.versions.push({ time, document });
    const first = history.versions.findLastIndex((version) => version.time < time - RETENTION);
    const drop = Math.max(first, history.versions.length - MAX_VERSIONS);
    if (drop > 0) {
      history.versions = history.versions.slice(drop);
      history.cut = true;
    }
  }

  return {
    get,
    ofCollection: (collection, at) => existing(collections.get(collection) ?? [], at),
    *below(parent, at) {
      for (const [collection, names] of collections) {
        if (collection.startsWith(`${parent}/`)) yield* existing(names, at);
      }
    },
    put(time, changes) {
      for (const change of changes) putOne(time, change);
      const names = changes.map(([name]) => name);
      for (const listener of listeners) listener(time, names);
    },
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    forgetDeleted(now) {
      for (const [name, { versions }] of histories) {
        const last = versions.at(-1);
        if (last === undefined || last.document !== undefined || now - last.time < RETENTION) continue;
        histories.delete(name);
        const collection = collectionOf(name);
        collections.get(collection)?.delete(name);
        if (collections.get(collection)?.size === 0) collections.delete(collection);
      }
    },
  };
}

/** Times of commits rise strictly, and none is at or before a time that was read at. */
export interface Clock {
  forRead(): Micros;
  forCommit(): Micros;
  /** Makes sure that later times are after this one. */
  pass(time: Micros): void;
}

/** `nowMs` gives epoch milliseconds. */
export function createClock(nowMs: () => number): Clock {
  let last: Micros = 0n;
  const now = () => BigInt(Math.floor(nowMs() * 1000));
  const after = (least: Micros) => {
    const time = now();
    last = time > least ? time : least;
    return last;
  };
  return {
    forRead: () => after(last),
    forCommit: () => after(last + 1n),
    pass: (time) => {
      if (time > last) last = time;
    },
  };
}
