import { parseIdentifier } from "../../domain/names.ts";
import type { BulkInput, BulkResult } from "../../operations/bulk-memberships.ts";
import { planFields } from "../plan-answer.ts";
import type { Answer, Handlers, Input } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

export function bulkHandlers({
  context,
  operations,
}: HandlerContext): Pick<Handlers, "assignRoles" | "revokeRoles"> {
  return {
    async assignRoles(input, call) {
      return bulkAnswer(
        await operations.assignMany(context, call, call.target, parseBulk(input)),
        "assigned",
        input.dry_run,
      );
    },
    async revokeRoles(input, call) {
      return bulkAnswer(
        await operations.revokeMany(context, call, call.target, parseBulk(input)),
        "revoked",
        input.dry_run,
      );
    },
  };
}

function parseBulk(input: Input<"assignRoles">): BulkInput {
  const memberships = input.memberships.map(({ schema_name, username, role_name }) => ({
    schema: parseIdentifier("schema_name", schema_name),
    username,
    role: parseIdentifier("role_name", role_name),
  }));
  return { memberships, dryRun: input.dry_run ?? false };
}

function bulkAnswer(
  results: readonly BulkResult[],
  verb: string,
  dryRun: boolean | undefined,
): Answer<"assignRoles"> {
  const count = (outcome: BulkResult["outcome"]): number =>
    results.filter((result) => result.outcome === outcome).length;
  const [changed, unchanged, failed] = [count("changed"), count("unchanged"), count("failed")];
  const planned = results.flatMap(({ done }) => done?.plan ?? []);
  return {
    ...planFields(dryRun ? planned : undefined),
    message: `${changed} ${verb}, ${unchanged} unchanged, ${failed} failed`,
    changed,
    unchanged,
    failed,
    results: results.map(({ input, outcome, done, failure }) => ({
      schema_name: input.schema,
      username: input.username,
      role_name: done?.role ?? input.role,
      outcome,
      error: failure === undefined ? null : { error_type: failure.kind, message: failure.message },
      warnings: [...(done?.warnings ?? [])],
    })),
  };
}
