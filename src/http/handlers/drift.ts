import { parseSchemaName } from "../../domain/names.ts";
import { counted } from "../plan-answer.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

export function driftHandlers({ context, operations }: HandlerContext): Pick<Handlers, "readDrift"> {
  return {
    async readDrift(input, call) {
      const schema =
        input.schema_name === undefined ? undefined : parseSchemaName("schema_name", input.schema_name);
      const report = await operations.readDrift(context, call, call.target, {
        ...(schema === undefined ? {} : { schema }),
        forceFull: input.force_full ?? false,
      });
      const { schemas, drift, warnings, checked } = report;
      return {
        message: `${counted(drift.length, "difference")} in ${counted(schemas.length, "schema")}`,
        schema_name: schema ?? null,
        schemas,
        in_sync: drift.length === 0,
        drift,
        warnings,
        checked,
      };
    },
  };
}
