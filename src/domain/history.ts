import { createHash } from "node:crypto";
import type { StatementOutcome, StatementPreview } from "./plan.ts";

/** A statement, with what became of it; entries of before that was kept have the statement alone. */
export type RecordedStatement = StatementPreview & Partial<StatementOutcome>;

/**
 * What later versions of the service added to entries. The hash is over the members that an entry has, so that earlier
 * entries, which lack them, verify as ever.
 */
export interface HistoryAdditions {
  /** The id of the plan that was run, as its dry run answers it. */
  readonly plan_id?: string;
  /** The revision of the target's document before and after the entry. */
  readonly revision_before?: number;
  readonly revision_after?: number;
  /** The templates of the target's roles before and after, such as `standard 1.0.0`, sorted. */
  readonly templates_before?: readonly string[];
  readonly templates_after?: readonly string[];
  /** SHA-256 (hex) of the state that the target had after the change, where that was read. */
  readonly state_after?: string;
}

/**
 * One entry of a target's history, with the names under which it is stored, since its hash is over them.
 * Entries are never changed: each holds the hash of the one before, so that a change or a gap shows.
 */
export interface HistoryRecord extends HistoryAdditions {
  /** The registry document of the target, so that an entry cannot be moved to another. */
  readonly document_id: string;
  /** 1, 2, 3, ... without gaps. */
  readonly sequence: number;
  /** ISO 8601 in UTC with milliseconds, such as `2026-11-21T08:30:00.000Z`. */
  readonly at: string;
  readonly actor: string;
  readonly request_id: string;
  readonly action: string;
  readonly outcome: "succeeded" | "failed";
  readonly summary: string;
  readonly sqlstate: string | null;
  readonly username: string | null;
  readonly role_name: string | null;
  readonly schema_name: string | null;
  /** The first of them, when all together would not fit; see `statements_total`. */
  readonly statements: readonly RecordedStatement[];
  readonly statements_total: number;
  /** The hash of the entry before; 64 zeros in the first one. */
  readonly previous_hash: string;
  readonly hash: string;
}

export const firstPreviousHash = "0".repeat(64);

/**
 * The hash of an entry: SHA-256, in lower-case hex, of the UTF-8 bytes of its canonical JSON. That is the JSON of all
 * its fields but `hash`: no white space, the keys of every object sorted by UTF-16 code unit, arrays in order, strings
 * escaped as JSON.stringify does (RFC 8785, of which only strings, integers, booleans and null occur).
 */
export function hashHistoryRecord(record: Omit<HistoryRecord, "hash">): string {
  const { hash: _, ...hashed } = record as HistoryRecord;
  return createHash("sha256").update(canonicalJson(hashed), "utf8").digest("hex");
}

/** JSON with sorted keys and without white space. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}

export type HistoryVerdict =
  | { readonly intact: true; readonly entries: number }
  | { readonly intact: false; readonly sequence: number; readonly problem: string };

/** What the target's document says of its history. */
export interface HistoryHead {
  readonly totalEntries: number;
  readonly lastHash: string;
}

/**
 * Checks a history, in order, from the first entry on, or a part of it without gaps. With the head, also that
 * nothing is missing at its end.
 */
export function verifyHistory(records: readonly HistoryRecord[], head?: HistoryHead): HistoryVerdict {
  let previous: HistoryRecord | undefined;
  for (const record of records) {
    const problem = findProblem(record, previous);
    if (problem !== undefined) return { intact: false, sequence: record.sequence, problem };
    previous = record;
  }
  const sequence = previous?.sequence ?? 0;
  const lastHash = previous?.hash ?? firstPreviousHash;
  if (head !== undefined && (head.totalEntries !== sequence || head.lastHash !== lastHash)) {
    return { intact: false, sequence, problem: "it does not end where the target's document says" };
  }
  return { intact: true, entries: records.length };
}

function findProblem(record: HistoryRecord, previous: HistoryRecord | undefined): string | undefined {
  if (record.hash !== hashHistoryRecord(record)) return "its hash is not that of its content";
  if (previous === undefined) {
    const startsWrong = record.sequence === 1 && record.previous_hash !== firstPreviousHash;
    return startsWrong ? "it is the first entry and names one before" : undefined;
  }
  if (record.document_id !== previous.document_id) return "it belongs to another target";
  if (record.sequence !== previous.sequence + 1) return "entries are missing before it";
  return record.previous_hash === previous.hash ? undefined : "it does not follow the entry before";
}
