import type { HistoryHead, HistoryRecord, RecordedStatement } from "../domain/history.ts";
import type { Target } from "../domain/target.ts";

/** What the registry holds of one managed role. */
export interface RoleRecord {
  readonly name: string;
  readonly kind: string;
  readonly scope: "schema" | "database";
  /** null for a database-wide role. */
  readonly schema: string | null;
  readonly template: string;
  readonly version: string;
  /** SHA-256 (hex) of the role's definition in the template. */
  readonly checksum: string;
  /** `degraded`: it exists, but something of its definition could not be granted here. */
  readonly status: "active" | "degraded";
  readonly inherits: readonly string[];
  readonly nativeRoles: readonly string[];
  /** Who owned the schema when this was recorded; absent for database-wide roles and in older records. */
  readonly schemaOwner?: string;
  /**
   * Of a database-wide role with privileges on objects: the schemas to which its template was applied. What is recorded
   * is added to what was.
   */
  readonly schemas?: readonly string[];
}

/** That a database was as it should be, and what has to be unchanged for that to hold still. */
export interface InSyncNote {
  readonly fingerprint: string;
  readonly templates: string;
  /** The revision of the target's document. */
  readonly revision: number;
  readonly schemas: readonly string[];
  readonly warnings: readonly string[];
}

export interface RegistryStatus {
  readonly documentId: string;
  readonly revision: number;
  readonly createdAt: Date;
  readonly createdBy: string;
  readonly lastUpdated: Date;
  readonly roles: readonly RoleRecord[];
  readonly totalHistoryEntries: number;
  /** Absent when nobody found it in sync since the last change. */
  readonly inSync?: InSyncNote;
}

/** One thing that happened; the registry adds time, id, and the hash that chains it to the entry before. */
export interface HistoryEntry {
  /** Who: the caller's identity, or `anonymous`. */
  readonly actor: string;
  readonly requestId: string;
  /** The operationId of the contract, such as `initializeRoles`. */
  readonly action: string;
  readonly outcome: "succeeded" | "failed";
  readonly statements: readonly RecordedStatement[];
  /** For people: what was changed, or why it failed. Holds no secret. */
  readonly summary: string;
  readonly sqlstate?: string;
  /** The user, the role and the schema that it was about, where there is one. */
  readonly username?: string;
  readonly roleName?: string;
  readonly schema?: string;
  readonly planId?: string;
  /** The templates of the target's roles before and after, such as `standard 1.0.0`. */
  readonly templatesBefore?: readonly string[];
  readonly templatesAfter?: readonly string[];
  /** SHA-256 (hex) of the state that the target has after the change, for who can read it. */
  readonly stateAfter?: string;
}

export interface RegistryChange {
  readonly upsertRoles?: readonly RoleRecord[];
  readonly removeRoles?: readonly string[];
}

/** Which part of a history to read; all of it when nothing is said. */
export interface HistoryRange {
  /** Only entries with a greater sequence number. */
  readonly after?: number;
  /** Only entries with a smaller sequence number. */
  readonly before?: number;
  /** At most so many, 100 when missing. */
  readonly limit?: number;
  /** From the last entry backwards. */
  readonly newestFirst?: boolean;
}

export interface HistoryPage {
  readonly records: readonly HistoryRecord[];
  /** For `verifyHistory`. */
  readonly head: HistoryHead;
}

/** A text below a target. */
export interface KeptText {
  readonly kind: "plans" | "states";
  /** SHA-256, in lower-case hex. */
  readonly id: string;
  readonly text: string;
}

/**
 * The role registry and its history, one document per target. A failed read or write throws a `ServiceError`
 * of kind `unavailable` (or `timeout`); it is never answered as "empty".
 */
export interface Registry {
  /** The id of the target's document: encoded so that two targets never share one. Needs no I/O. */
  documentId(target: Target): string;
  read(target: Target): Promise<RegistryStatus | undefined>;
  /** The regions in which something is recorded of a database of that instance, sorted. */
  findRegions(database: Omit<Target, "region">): Promise<readonly string[]>;
  /** A part of a target's history, in order; undefined when nothing was ever recorded. */
  readHistory(target: Target, range?: HistoryRange): Promise<HistoryPage | undefined>;
  /**
   * Keeps a text of any length below a target, such as the statements of a plan or a state. It is kept under the hash of its
   * content, or of what leads to it: what is kept already is not written again.
   */
  keepText(target: Target, text: KeptText): Promise<void>;
  /** A text that was kept; undefined when there is none of that id. */
  readText(target: Target, key: Omit<KeptText, "text">): Promise<string | undefined>;
  /** Keeps the note until the next change of the target's document; not when its revision is another by now. */
  noteInSync?(target: Target, note: InSyncNote): Promise<void>;
  /** Appends to the history and changes the roles, in one transaction. */
  record(target: Target, entry: HistoryEntry, change?: RegistryChange): Promise<void>;
}
