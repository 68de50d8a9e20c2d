import { parseIdentifier } from "../../domain/names.ts";
import { counted, planFields } from "../plan-answer.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type UserHandlers = Pick<Handlers, "grantPostgresInheritance" | "revokePostgresInheritance" | "cleanupUser">;

export function userHandlers({ context, operations }: HandlerContext): UserHandlers {
  return {
    async grantPostgresInheritance(input, call) {
      const result = await operations.grantInheritance(context, call, call.target, {
        username: input.username,
        standing: input.standing ?? false,
        acknowledgeAdminLockout: input.acknowledge_admin_lockout ?? false,
        dryRun: input.dry_run ?? false,
      });
      return {
        message: `The admin can manage ${result.normalizedUsername}`,
        username: input.username,
        normalized_username: result.normalizedUsername,
        already_granted: result.alreadyGranted,
        mode: result.mode,
        ...planFields(result.plan),
        warnings: result.warnings,
      };
    },

    async revokePostgresInheritance(input, call) {
      const result = await operations.revokeInheritance(context, call, call.target, {
        username: input.username,
        dryRun: input.dry_run ?? false,
      });
      const user = result.normalizedUsername;
      const done = result.plan === undefined ? "no longer holds" : "would no longer hold";
      return {
        message: result.alreadyRevoked
          ? `The admin held no standing membership in ${user}`
          : `The admin ${done} a standing membership in ${user}`,
        username: input.username,
        normalized_username: user,
        already_revoked: result.alreadyRevoked,
        ...planFields(result.plan),
        warnings: result.warnings,
      };
    },

    async cleanupUser(input, call) {
      const schema =
        input.schema_name === undefined ? undefined : parseIdentifier("schema_name", input.schema_name);
      const result = await operations.cleanupUser(context, call, call.target, {
        username: input.username,
        ...(schema === undefined ? {} : { schema }),
        dryRun: input.dry_run ?? false,
      });
      const touched = result.databases.filter(
        ({ outcome }) => outcome === "done" || outcome === "planned",
      ).length;
      const done = result.plan === undefined ? "Cleaned up" : "Would clean up";
      return {
        message: `${done} ${result.normalizedUsername} in ${touched} of ${counted(result.databases.length, "database")}`,
        username: input.username,
        normalized_username: result.normalizedUsername,
        schema_name: schema ?? null,
        ownership_transferred: result.ownershipTransferred,
        permissions_revoked: result.permissionsRevoked,
        objects_dropped: result.objectsDropped,
        databases: result.databases.map((entry) => ({
          database_name: entry.database,
          outcome: entry.outcome,
          ownership_transferred: entry.ownershipTransferred,
          permissions_revoked: entry.permissionsRevoked,
          objects_dropped: entry.objectsDropped,
          ...(entry.sqlstate === undefined ? {} : { sqlstate: entry.sqlstate }),
          ...(entry.detail === undefined ? {} : { detail: entry.detail }),
        })),
        ...planFields(result.plan),
        warnings: result.warnings,
      };
    },
  };
}
