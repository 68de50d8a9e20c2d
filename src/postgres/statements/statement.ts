import type { Statement } from "../../domain/plan.ts";

export interface StatementOptions {
  readonly description: string;
  readonly database: string;
  readonly text: string;
  readonly optional?: boolean;
  readonly destructive?: boolean;
  readonly role?: string;
}

/** A statement without secrets that runs in its plan's transaction. */
export function sharedStatement(options: StatementOptions): Statement {
  return Object.freeze({ ...options, preview: options.text, transaction: "shared" as const });
}
