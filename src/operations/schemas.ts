import type { Target } from "../domain/target.ts";
import { readSchemaNames } from "../postgres/reads/schemas.ts";
import type { Call, Context } from "./context.ts";
import { withSharedRead } from "./shared-reads.ts";

/** Sorted names of the database's schemas, without pg_* and information_schema. */
export async function listSchemas(context: Context, call: Call, target: Target): Promise<string[]> {
  return withSharedRead(context, call, target, [], readSchemaNames);
}
