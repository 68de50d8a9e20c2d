import { parseIdentifier } from "../../domain/names.ts";
import { counted } from "../plan-answer.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

export function tableHandlers({ context, operations }: HandlerContext): Pick<Handlers, "listTables"> {
  return {
    async listTables(input, call) {
      const schema = parseIdentifier("schema_name", input.schema_name);
      const tables = await operations.listTables(context, call, call.target, { schema });
      return {
        message: `Found ${counted(tables.length, "table")} in schema ${schema}`,
        schema_name: schema,
        tables: tables.map((table) => ({
          table_name: table.name,
          table_type: table.type,
          row_count: table.rowCount,
          size_bytes: table.sizeBytes,
          partitioned: table.partitioned,
          partition_count: table.partitionCount,
        })),
      };
    },
  };
}
