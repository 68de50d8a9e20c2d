import { parseSchemaName } from "../../domain/names.ts";
import { counted, planFields } from "../plan-answer.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

export function schemaHandlers({
  context,
  operations,
}: HandlerContext): Pick<Handlers, "listSchemas" | "createSchema"> {
  return {
    async listSchemas(_input, call) {
      const schemas = await operations.listSchemas(context, call, call.target);
      return { message: `Found ${counted(schemas.length, "schema")}`, schemas };
    },

    async createSchema(input, call) {
      const schema = parseSchemaName("schema_name", input.schema_name);
      const { owner, created, plan, warnings } = await operations.createSchema(context, call, call.target, {
        schema,
        ...(input.owner === undefined ? {} : { owner: input.owner }),
        dryRun: input.dry_run ?? false,
      });
      const done = plan === undefined ? "Created" : "Would create";
      return {
        message: created ? `${done} schema ${schema}` : `Schema ${schema} exists already`,
        schema_name: schema,
        owner,
        created,
        ...planFields(plan),
        warnings,
      };
    },
  };
}
