import { type HistoryRecord, type HistoryVerdict, verifyHistory } from "../domain/history.ts";
import type { Target } from "../domain/target.ts";
import { ident } from "../postgres/sql.ts";
import type { Call, Context } from "./context.ts";
import type { HistoryPage } from "./registry.ts";

export interface HistoryFilter {
  /** Entries that are about this role, or one of whose statements names it. */
  readonly role?: string;
  /** Entries that are about this user, by the name that it has in PostgreSQL. */
  readonly username?: string;
  /** Entries of what this caller did. */
  readonly actor?: string;
  /** Entries of this operation, by its operationId. */
  readonly action?: string;
  /** Not before. */
  readonly since?: Date;
  /** Not after. */
  readonly until?: Date;
}

export interface HistoryInput extends HistoryFilter {
  /** Only entries with a smaller sequence number: `nextBefore` of the page before. */
  readonly before?: number;
  /** At most so many entries. */
  readonly limit: number;
}

export interface HistoryResult {
  /** Newest first. */
  readonly entries: readonly HistoryRecord[];
  /** Of the whole history, without the filter. */
  readonly totalEntries: number;
  /** Where the next page begins; null when there is none. A page may be short, or empty, and not be the last. */
  readonly nextBefore: number | null;
}

/** What one call reads of the registry at most, so that a filter that hits nothing ends too. */
const mostRead = 2_000;
const readAtOnce = 200;
/** An entry's statements may take most of a mebibyte. */
const pageBytes = 1024 * 1024;

/** A page of a target's history, newest first. A target that nothing was recorded of has an empty one. */
export async function listHistory(
  context: Context,
  call: Call,
  target: Target,
  { before, limit, ...filter }: HistoryInput,
): Promise<HistoryResult> {
  const entries: HistoryRecord[] = [];
  let next = before;
  let bytes = 0;
  for (let read = 0; ; ) {
    const page = await readPage(context, call, target, next);
    if (page === undefined) return { entries, totalEntries: 0, nextBefore: null };
    const { totalEntries } = page.head;
    for (const record of page.records) {
      if (matches(record, filter)) {
        bytes += JSON.stringify(record).length;
        if (entries.length === limit || (bytes > pageBytes && entries.length > 0))
          return { entries, totalEntries, nextBefore: record.sequence + 1 };
        entries.push(record);
      }
      next = record.sequence;
    }
    read += page.records.length;
    if (page.records.length < readAtOnce || next === 1) return { entries, totalEntries, nextBefore: null };
    if (read >= mostRead) return { entries, totalEntries, nextBefore: next ?? null };
  }
}

async function readPage(
  context: Context,
  call: Call,
  target: Target,
  before: number | undefined,
): Promise<HistoryPage | undefined> {
  call.signal.throwIfAborted();
  const range = { limit: readAtOnce, newestFirst: true };
  return context.registry.readHistory(target, before === undefined ? range : { ...range, before });
}

function matches(record: HistoryRecord, filter: HistoryFilter): boolean {
  const { role, username, actor, action, since, until } = filter;
  const at = Date.parse(record.at);
  return (
    (username === undefined || record.username === username || isNamed(record, username)) &&
    (actor === undefined || record.actor === actor) &&
    (action === undefined || record.action === action) &&
    (since === undefined || at >= since.getTime()) &&
    (until === undefined || at <= until.getTime()) &&
    (role === undefined || isAbout(record, role))
  );
}

function isAbout(record: HistoryRecord, role: string): boolean {
  return record.role_name === role || isNamed(record, role);
}

/** All identifiers in statements are quoted. */
function isNamed({ statements }: HistoryRecord, name: string): boolean {
  return statements.some(({ sql }) => sql.includes(ident(name)));
}

/** How a history was found. `entries` is how many were checked and are in order. */
export type HistoryCheck = HistoryVerdict & { readonly entries: number };

/**
 * Checks the whole history of a target: the hash of each entry, that each follows the one before, and that none is
 * missing at the beginning or the end. Entries that are recorded meanwhile are checked too.
 */
export async function checkHistory(context: Context, call: Call, target: Target): Promise<HistoryCheck> {
  let last: HistoryRecord | undefined;
  for (;;) {
    call.signal.throwIfAborted();
    const entries = last?.sequence ?? 0;
    const page = await context.registry.readHistory(target, { after: entries, limit: readAtOnce });
    if (page === undefined) return { intact: true, entries: 0 };
    const documentId = context.registry.documentId(target);
    const verdict = checkPage(page, last, documentId);
    if (!verdict.intact) {
      const inOrder = page.records.findIndex(({ sequence }) => sequence === verdict.sequence);
      return { ...verdict, entries: entries + Math.max(0, inOrder) };
    }
    const end = page.records.at(-1);
    if (end === undefined || end.sequence === page.head.totalEntries) return atEnd(page, end ?? last);
    last = end;
  }
}

function checkPage(
  { records }: HistoryPage,
  last: HistoryRecord | undefined,
  documentId: string,
): HistoryVerdict {
  const [first] = records;
  if (last === undefined && first !== undefined) {
    if (first.sequence !== 1) return broken(first.sequence, "entries are missing before it");
    if (first.document_id !== documentId) return broken(first.sequence, "it belongs to another target");
  }
  return verifyHistory(last === undefined ? records : [last, ...records]);
}

function atEnd({ head }: HistoryPage, last: HistoryRecord | undefined): HistoryCheck {
  const entries = last?.sequence ?? 0;
  const verdict = verifyHistory(last === undefined ? [] : [last], head);
  return { ...verdict, entries };
}

function broken(sequence: number, problem: string): HistoryVerdict {
  return { intact: false, sequence, problem };
}
