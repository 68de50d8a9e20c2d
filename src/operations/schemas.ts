import type { StatementPreview } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { readSchemaNames } from "../postgres/reads/schemas.ts";
import type { Call, Context } from "./context.ts";

export interface CreateSchemaInput {
  readonly schema: string;
  readonly owner?: string;
  readonly dryRun?: boolean;
}

export interface CreateSchemaResult {
  readonly owner: string;
  /** false when it was there already with that owner. */
  readonly created: boolean;
  readonly plan?: readonly StatementPreview[];
  readonly warnings: readonly string[];
}

/** Sorted names of the database's schemas, without pg_* and information_schema. */
export async function listSchemas(context: Context, call: Call, target: Target): Promise<string[]> {
  return context.pools.withSession(target, call, readSchemaNames);
}

/** Creates a schema; 409 (`conflict`) when it exists with another owner. */
export async function createSchema(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: CreateSchemaInput,
): Promise<CreateSchemaResult> {
  throw new Error("to come");
}
