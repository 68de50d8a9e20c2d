import { counted } from "../plan-answer.ts";
import type { Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type AccountHandlers = Pick<Handlers, "listAccounts">;

export function accountHandlers({ context, operations }: HandlerContext): AccountHandlers {
  return {
    async listAccounts(_input, call) {
      const accounts = await operations.listAccounts(context, call, call.target);
      return {
        message: `Found ${counted(accounts.length, "user")}`,
        users: accounts.map((account) => ({
          username: account.username,
          user_type: account.type,
          status: account.status,
          memberships: account.memberships.map(({ database, roles }) => ({ database_name: database, roles })),
          other_roles: account.otherRoles,
          sessions: account.sessions,
          last_activity: account.lastActivity?.toISOString() ?? null,
        })),
      };
    },
  };
}
