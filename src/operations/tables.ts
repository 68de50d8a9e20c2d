import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";

export interface TableInfo {
  readonly name: string;
  readonly type: "BASE TABLE" | "PARTITIONED TABLE" | "VIEW" | "MATERIALIZED VIEW" | "FOREIGN TABLE";
  /** The planner's estimate; null when never analysed, and for views. */
  readonly rowCount: number | null;
  readonly sizeBytes: number;
}

/** The tables and views of a schema, sorted by name; `not_found` (schema) when there is no such schema. */
export async function listTables(
  _context: Context,
  _call: Call,
  _target: Target,
  _input: { readonly schema: string },
): Promise<TableInfo[]> {
  throw new Error("to come");
}
