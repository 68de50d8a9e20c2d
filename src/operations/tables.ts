import type { Target } from "../domain/target.ts";
import { readTables, type TableKind, type TableRow } from "../postgres/reads/tables.ts";
import type { Call, Context } from "./context.ts";
import { findSchema } from "./schema-lookup.ts";
import { withSharedRead } from "./shared-reads.ts";

export interface TableInfo {
  readonly name: string;
  /** A partitioned table is a BASE TABLE with `partitioned`. */
  readonly type: "BASE TABLE" | "VIEW" | "MATERIALIZED VIEW" | "FOREIGN TABLE";
  readonly partitioned: boolean;
  /** Leaf partitions, at any depth; 0 unless partitioned. */
  readonly partitionCount: number;
  /** The planner's estimate, of all partitions together; null when never analysed, and for views. */
  readonly rowCount: number | null;
  /** With indexes, TOAST and partitions. */
  readonly sizeBytes: number;
}

/**
 * The tables and views of a schema, sorted by name; `not_found` (schema) when there is no such schema.
 * Partitions are part of their partitioned table and not listed, so that sizes and rows may be summed. A partition in
 * another schema than its parent is listed there.
 */
export async function listTables(
  context: Context,
  call: Call,
  target: Target,
  input: { readonly schema: string },
): Promise<TableInfo[]> {
  return withSharedRead(context, call, target, [input.schema], async (session) => {
    const schemaOid = await findSchema(session, input.schema);
    return (await readTables(session, schemaOid)).map(toTableInfo);
  });
}

function toTableInfo(row: TableRow): TableInfo {
  return {
    name: row.name,
    type: tableTypes[row.kind],
    partitioned: row.kind === "p",
    partitionCount: row.partitions,
    rowCount: row.estimatedRows === null ? null : Math.round(row.estimatedRows),
    sizeBytes: row.sizeBytes,
  };
}

const tableTypes: Readonly<Record<TableKind, TableInfo["type"]>> = {
  r: "BASE TABLE",
  p: "BASE TABLE",
  v: "VIEW",
  m: "MATERIALIZED VIEW",
  f: "FOREIGN TABLE",
};
