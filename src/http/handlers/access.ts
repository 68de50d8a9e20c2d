import { dueAt, type StoredAccess } from "../../domain/temporary-access.ts";
import type { AccessChoice, AccessResult } from "../../operations/access.ts";
import { toIso } from "../../operations/access-grant.ts";
import { counted, planFields } from "../plan-answer.ts";
import type { Handlers, Input } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type AccessHandlers = Pick<
  Handlers,
  "requestAccess" | "approveAccess" | "denyAccess" | "revokeAccess" | "listAccess" | "expireAccess"
>;

export function accessHandlers({ context, operations, now }: HandlerContext): AccessHandlers {
  const answer = ({ access, changed, alreadyMember, plan }: AccessResult) => ({
    message: `${plan === undefined ? "The" : "Nothing was done: the"} access of ${access.username} to ${access.roleName} is ${access.state}`,
    changed,
    already_member: alreadyMember,
    access: accessFields(access, now()),
    warnings: [...access.warnings],
    ...planFields(plan),
  });
  return {
    async requestAccess(input, call) {
      const { username } = input;
      return answer(
        await operations.requestAccess(context, call, call.target, {
          schema: input.schema_name,
          role: input.role_name,
          ...(username === undefined ? {} : { username }),
          durationMs: input.duration_seconds * 1000,
          reason: input.reason,
          dryRun: input.dry_run ?? false,
        }),
      );
    },
    approveAccess: async (input, call) =>
      answer(await operations.approveAccess(context, call, call.target, parseChoice(input))),
    denyAccess: async (input, call) =>
      answer(await operations.denyAccess(context, call, call.target, parseChoice(input))),
    revokeAccess: async (input, call) =>
      answer(await operations.revokeAccess(context, call, call.target, parseChoice(input))),
    async listAccess(_input, call) {
      const accesses = await operations.listAccesses(context, call, call.target);
      return {
        message: `Found ${accesses.length} temporary ${accesses.length === 1 ? "access" : "accesses"}`,
        accesses: accesses.map((access) => accessFields(access, now())),
      };
    },
    async expireAccess({ dry_run: dryRun = false }, call) {
      const swept = await operations.expireAccesses(context, call, { dryRun });
      const failed = swept.filter(({ outcome }) => outcome === "failed").length;
      return {
        message: `${dryRun ? "Would look" : "Looked"} after ${counted(swept.length, "due entry").replace("entrys", "entries")}, ${failed} failed`,
        ...planFields(dryRun ? swept.flatMap(({ plan = [] }) => plan) : undefined),
        results: swept.map(({ access, outcome, problem }) => ({
          access: accessFields(access, now()),
          outcome,
          ...(problem === undefined ? {} : { problem }),
        })),
      };
    },
  };
}

function parseChoice({ access_id: id, dry_run: dryRun = false }: Input<"approveAccess">): AccessChoice {
  return { id, dryRun };
}

function accessFields(access: StoredAccess, now: number) {
  const { target } = access;
  const due = dueAt(access);
  return {
    access_id: access.id,
    project_id: target.project,
    region: target.region,
    instance_name: target.instance,
    database_name: target.database,
    schema_name: access.schema,
    role_name: access.roleName,
    normalized_username: access.username,
    requested_by: access.requester.name,
    reason: access.reason,
    duration_seconds: access.durationMs / 1000,
    state: access.state,
    requested_at: new Date(access.createdAt).toISOString(),
    decided_by: access.decidedBy,
    starts_at: toIso(access.startsAt),
    expires_at: toIso(access.expiresAt),
    ended_by: access.endedBy,
    ended_at: toIso(access.endedAt),
    overdue: due !== null && due <= now,
  };
}
