import type { Statement } from "../../domain/plan.ts";
import { ident } from "../sql.ts";
import { sharedStatement } from "./statement.ts";

/** CREATE SCHEMA without IF NOT EXISTS: that would keep another owner and only say so in a NOTICE (42P06). */
export function createSchemaStatement(database: string, schema: string, owner: string): Statement {
  return sharedStatement({
    description: `Create schema ${schema} owned by ${owner}`,
    database,
    text: `CREATE SCHEMA ${ident(schema)} AUTHORIZATION ${ident(owner)}`,
  });
}
