import { parseDuration } from "../../domain/duration.ts";
import { planId } from "../../domain/plan.ts";
import type { StepReport, StoredOperation } from "../../operations/operation-store.ts";
import type { UserChangeResult } from "../../operations/user-create.ts";
import type { UserPlan } from "../../operations/user-plan.ts";
import { accepted } from "../accepted.ts";
import type { components } from "../contract.d.ts";
import { counted } from "../plan-answer.ts";
import type { Answer, Handlers } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type AccountHandlers = Pick<
  Handlers,
  | "listAccounts"
  | "reconcileUsers"
  | "createUser"
  | "deleteUser"
  | "offboardUser"
  | "rotatePassword"
  | "readOperation"
>;

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

    async reconcileUsers(_input, call) {
      const { users, findings } = await operations.reconcileUsers(context, call, call.target);
      return {
        message: `Found ${counted(findings.length, "fault")} among ${counted(users, "user")}`,
        total_users: users,
        findings: findings.map((finding) => ({ ...finding })),
      };
    },

    async createUser(input, call) {
      const result = await operations.createUser(context, call, call.target, {
        username: input.username,
        type: input.user_type,
        initialRoles: (input.initial_roles ?? []).map((one) => ({
          schema: one.schema_name,
          role: one.role_name,
        })),
        dryRun: input.dry_run ?? false,
      });
      const user = result.normalizedUsername;
      const done = result.created ? `Created ${user}` : `Gave ${user} its first roles`;
      const planned = result.created ? `Would create ${user}` : `Would give ${user} its first roles`;
      return changeAnswer(result, {
        message: messageOf(result, [done, planned, `${user} exists already`]),
        username: input.username,
        user_type: input.user_type,
        created: result.created,
        secret_id: result.secretId,
      });
    },

    async deleteUser(input, call) {
      const result = await operations.deleteUser(context, call, call.target, {
        username: input.username,
        force: input.force ?? false,
        ...(input.new_owner === undefined ? {} : { newOwner: input.new_owner }),
        dryRun: input.dry_run ?? false,
      });
      const user = result.normalizedUsername;
      const message = messageOf(result, [
        `Deleted ${user}`,
        `Would delete ${user}`,
        `There is no user ${user}`,
      ]);
      return changeAnswer(result, { message, username: input.username, existed: result.existed });
    },

    async offboardUser(input, call) {
      const result = await operations.offboardUser(context, call, call.target, {
        username: input.username,
        ...(input.new_owner === undefined ? {} : { newOwner: input.new_owner }),
        dryRun: input.dry_run ?? false,
      });
      const user = result.normalizedUsername;
      const message = messageOf(result, [
        `Offboarded ${user}`,
        `Would offboard ${user}`,
        `There is no user ${user}`,
      ]);
      return changeAnswer(result, { message, username: input.username, existed: result.existed });
    },

    async rotatePassword(input, call) {
      const { username, if_older_than: age } = input;
      const result = await operations.rotatePassword(context, call, call.target, {
        ...(username === undefined ? {} : { username }),
        ...(age === undefined ? {} : { ifOlderThanMs: parseDuration("if_older_than", age) }),
        dryRun: input.dry_run ?? false,
      });
      const user = result.normalizedUsername;
      const since = result.passwordSince?.toISOString() ?? null;
      const message = messageOf(result, [
        `Rotated the password of ${user}`,
        `Would rotate the password of ${user}`,
        `The password of ${user} is since ${since}`,
      ]);
      return changeAnswer(result, {
        message,
        username: username ?? user,
        is_admin: result.isAdmin,
        secret_id: result.secretId,
        password_since: since,
      });
    },

    async readOperation(input, call) {
      const waitMs = Number(input.wait_seconds ?? 0) * 1000;
      return operationAnswer(
        await operations.readOperation(context, call, { id: input.operation_id, waitMs }),
      );
    },
  };
}

type Phrases = readonly [done: string, planned: string, nothing: string];

function messageOf(result: UserChangeResult, [done, planned, nothing]: Phrases): string {
  if (!result.changed) return nothing;
  if (result.plan !== undefined) return planned;
  return result.state === "running" ? `It goes on: see operation ${result.operationId}` : done;
}

function changeAnswer<T extends object>(result: UserChangeResult, own: T) {
  const answer = {
    ...own,
    normalized_username: result.normalizedUsername,
    changed: result.changed,
    state: result.state,
    operation_id: result.operationId,
    steps: result.steps.map(stepAnswer),
    ...planAnswer(result.plan),
    warnings: [...result.warnings],
  };
  const { state, operationId } = result;
  return state === "running" && operationId !== null ? accepted(answer, operationId) : answer;
}

function planAnswer(plan: UserPlan | undefined): { plan?: components["schemas"]["UserPlan"] } {
  if (plan === undefined) return {};
  const steps = plan.steps.map((step) => ({ ...step }));
  return { plan: { plan_id: planId(plan.statements), statements: [...plan.statements], steps } };
}

function stepAnswer({ kind, description, database, outcome }: StepReport) {
  return { kind, description, database_name: database ?? null, outcome };
}

function operationAnswer(operation: StoredOperation): Answer<"readOperation"> {
  const { target, failure, action, username, state } = operation;
  return {
    message: `${action} of ${username} ${state === "running" ? "is running" : state}`,
    operation_id: operation.id,
    action,
    project_id: target.project,
    region: target.region,
    instance_name: target.instance,
    database_name: target.database,
    normalized_username: username,
    actor: operation.actor,
    state,
    changed: operation.changed,
    created_at: operation.createdAt.toISOString(),
    updated_at: operation.updatedAt.toISOString(),
    steps: operation.steps.map(stepAnswer),
    warnings: [...operation.warnings],
    failure: failure === null ? null : { error_type: failure.kind, message: failure.message },
  };
}
