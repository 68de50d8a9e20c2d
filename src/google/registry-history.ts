import {
  firstPreviousHash,
  type HistoryAdditions,
  type HistoryRecord,
  hashHistoryRecord,
  type RecordedStatement,
} from "../domain/history.ts";
import type { HistoryEntry } from "../operations/registry.ts";
import type { TargetDocument } from "./registry-documents.ts";

/** A document may have 1 MiB, with the names of its fields (https://docs.cloud.google.com/firestore/quotas#limits). */
const statementsBudgetBytes = 800 * 1024;
const longestSqlBytes = 128 * 1024;
const longestTextBytes = 8 * 1024;
/** What the names of a statement's fields, and its flags, take. */
const overheadBytes = 300;

/** The next entry of a target's history, cut to what a document holds, with its hash. */
export function nextHistoryRecord(
  documentId: string,
  before: TargetDocument | undefined,
  entry: HistoryEntry,
  at: Date,
): HistoryRecord {
  const record = {
    document_id: documentId,
    sequence: (before?.totalEntries ?? 0) + 1,
    at: at.toISOString(),
    actor: cutText(entry.actor, longestTextBytes),
    request_id: cutText(entry.requestId, longestTextBytes),
    action: cutText(entry.action, longestTextBytes),
    outcome: entry.outcome,
    summary: cutText(entry.summary, longestTextBytes),
    sqlstate: entry.sqlstate ?? null,
    username: textOrNull(entry.username),
    role_name: textOrNull(entry.roleName),
    schema_name: textOrNull(entry.schema),
    statements: cutStatements(entry.statements),
    statements_total: entry.statements.length,
    previous_hash: before?.lastHash ?? firstPreviousHash,
    ...additions(before, entry),
  };
  return { ...record, hash: hashHistoryRecord(record) };
}

function additions(before: TargetDocument | undefined, entry: HistoryEntry): HistoryAdditions {
  const revision = before?.revision ?? 0;
  return {
    revision_before: revision,
    revision_after: revision + 1,
    ...(entry.planId === undefined ? {} : { plan_id: entry.planId }),
    ...(entry.templatesBefore === undefined ? {} : { templates_before: entry.templatesBefore }),
    ...(entry.templatesAfter === undefined ? {} : { templates_after: entry.templatesAfter }),
    ...(entry.stateAfter === undefined ? {} : { state_after: entry.stateAfter }),
  };
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined ? null : cutText(text, longestTextBytes);
}

function cutStatements(statements: readonly RecordedStatement[]): RecordedStatement[] {
  const kept: RecordedStatement[] = [];
  let leftBytes = statementsBudgetBytes;
  for (const statement of statements) {
    const cut = {
      description: cutText(statement.description, longestTextBytes),
      sql: cutText(statement.sql, longestSqlBytes),
      database: cutText(statement.database, longestTextBytes),
      optional: statement.optional,
      destructive: statement.destructive,
      ...outcomeOf(statement),
    };
    leftBytes -= overheadBytes + [cut.description, cut.sql, cut.database].reduce(sumBytes, 0);
    if (leftBytes < 0) break;
    kept.push(cut);
  }
  return kept;
}

/** More notices than these say nothing new. */
const mostNotices = 10;

function outcomeOf({ outcome, sqlstate, rows, notices }: RecordedStatement): Partial<RecordedStatement> {
  return {
    ...(outcome === undefined ? {} : { outcome }),
    ...(sqlstate === undefined ? {} : { sqlstate }),
    ...(rows === undefined ? {} : { rows }),
    ...(notices === undefined || notices.length === 0 ? {} : { notices: notices.slice(0, mostNotices) }),
  };
}

function sumBytes(total: number, text: string): number {
  return total + Buffer.byteLength(text, "utf8");
}

const cutMark = " [cut]";

/** The text in no more bytes of UTF-8, with a mark where it was cut. Lone surrogates, which Firestore cannot store, are replaced. */
function cutText(text: string, maxBytes: number): string {
  const wellFormed = text.toWellFormed();
  if (Buffer.byteLength(wellFormed, "utf8") <= maxBytes) return wellFormed;
  const room = maxBytes - cutMark.length;
  const { read } = new TextEncoder().encodeInto(wellFormed, new Uint8Array(room));
  return wellFormed.slice(0, read) + cutMark;
}
