import { createHash } from "node:crypto";

/**
 * One SQL statement as data. `text` is what runs; `preview` is what may be shown, stored and pasted into psql
 * (secrets hidden). They are the same unless the statement carries a secret.
 */
export interface Statement {
  readonly description: string;
  readonly database: string;
  readonly text: string;
  readonly preview: string;
  /** `shared`: in the plan's one transaction for that database. `none`: cannot run in a transaction (25001). */
  readonly transaction: "shared" | "none";
  /** Runs under a SAVEPOINT; its failure is reported and not fatal. */
  readonly optional?: boolean;
  /** Takes away a privilege, a membership or an object. */
  readonly destructive?: boolean;
  /** The managed role whose definition this statement serves, where there is one. */
  readonly role?: string;
}

/** An ordered list of statements; empty when there is nothing to do. */
export interface Plan {
  readonly statements: readonly Statement[];
  /** What cannot be reached from here, each with its reason; for the caller. */
  readonly warnings: readonly string[];
}

/** A statement as a caller may see it. */
export interface StatementPreview {
  readonly description: string;
  readonly sql: string;
  readonly database: string;
  readonly optional: boolean;
  readonly destructive: boolean;
}

export const emptyPlan: Plan = Object.freeze({ statements: [], warnings: [] });

/** What identifies a plan: SHA-256, in lower-case hex, of its statements. The same plan has the same, whoever makes it. */
export function planId(plan: readonly StatementPreview[]): string {
  const identity = JSON.stringify(plan.map(({ database, sql, optional }) => [database, sql, optional]));
  return createHash("sha256").update(identity).digest("hex");
}

/** What became of a statement. */
export interface StatementOutcome {
  /**
   * `rolled_back`: it ran, and a later failure undid it; `not_run`: an earlier one failed; `unknown`: the connection
   * was lost while it was committed.
   */
  readonly outcome: "succeeded" | "failed" | "rolled_back" | "not_run" | "unknown";
  readonly sqlstate?: string;
  /** How many rows it changed, where it changed some. */
  readonly rows?: number;
  /** SQLSTATEs of the server's notices; their words may quote data. */
  readonly notices?: readonly string[];
}

/** What may be shown and stored of a plan. */
export function previewStatements(statements: readonly Statement[]): StatementPreview[] {
  return statements.map((statement) => ({
    description: statement.description,
    sql: statement.preview,
    database: statement.database,
    optional: statement.optional ?? false,
    destructive: statement.destructive ?? false,
  }));
}
