import { parseIdentifier, parseSchemaName, parseTarget } from "../../domain/names.ts";
import type { Target } from "../../domain/target.ts";
import type { Call } from "../../operations/context.ts";
import type { MembershipInput, MembershipResult } from "../../operations/memberships.ts";
import type { RegistryStatus } from "../../operations/registry.ts";
import { counted, planFields } from "../plan-answer.ts";
import type { Answer, Handlers, Input } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type RoleHandlers = Pick<
  Handlers,
  "initializeRoles" | "getRolesStatus" | "assignRole" | "revokeRole" | "listUsers" | "listRoles"
>;

export function roleHandlers(handlerContext: HandlerContext): RoleHandlers {
  const { context, operations } = handlerContext;
  return {
    async initializeRoles(input, call) {
      const schema = parseSchemaName("schema_name", input.schema_name);
      const result = await operations.initializeRoles(context, call, call.target, {
        schema,
        forceUpdate: input.force_update ?? false,
        dryRun: input.dry_run ?? false,
        ...(input.template === undefined ? {} : { template: input.template }),
        ...(input.template_version === undefined ? {} : { templateVersion: input.template_version }),
      });
      const { created, updated, skipped } = result;
      const would = result.plan === undefined ? "" : "would be ";
      return {
        message: `${counted(created.length, "role")} ${would}created, ${updated.length} ${would}updated, ${skipped.length} skipped`,
        schema_name: schema,
        roles_created: created,
        roles_updated: updated,
        roles_skipped: skipped,
        total_roles: result.total,
        firebase_document_id: result.documentId,
        template: result.template,
        template_version: result.templateVersion,
        ...planFields(result.plan),
        warnings: result.warnings,
      };
    },

    async getRolesStatus(input, call) {
      const found = await findStatus(handlerContext, input, call);
      return statusAnswer(input, found);
    },

    async assignRole(input, call) {
      const membership = parseMembership(input);
      const result = await operations.assignRole(context, call, call.target, membership);
      return membershipAnswer(membership, result, ["now holds", "would hold", "holds", "already"]);
    },

    async revokeRole(input, call) {
      const membership = parseMembership(input);
      const result = await operations.revokeRole(context, call, call.target, membership);
      return membershipAnswer(membership, result, ["no longer holds", "would lose", "does not hold", ""]);
    },

    async listUsers(input, call) {
      const schema = parseIdentifier("schema_name", input.schema_name);
      const { users, systemUsersExcluded } = await operations.listUsers(context, call, call.target, {
        schema,
      });
      return {
        message: `Found ${counted(users.length, "user")}`,
        schema_name: schema,
        users: users.map((user) => ({
          username: user.username,
          roles: user.roles,
          is_iam_user: user.isIamUser,
          user_type: user.userType,
          permissions: user.permissions,
          privileges: {
            can_login: user.privileges.canLogin,
            is_superuser: user.privileges.isSuperuser,
            can_create_db: user.privileges.canCreateDb,
            can_create_role: user.privileges.canCreateRole,
          },
        })),
        system_users_excluded: systemUsersExcluded,
      };
    },

    async listRoles(input, call) {
      const schema =
        input.schema_name === undefined ? undefined : parseIdentifier("schema_name", input.schema_name);
      const scope = schema === undefined ? {} : { schema };
      const roles = await operations.listRoles(context, call, call.target, scope);
      return { message: `Found ${counted(roles.length, "role")}`, schema_name: schema ?? null, roles };
    },
  };
}

function parseMembership(input: Input<"assignRole">): MembershipInput {
  return {
    schema: parseIdentifier("schema_name", input.schema_name),
    username: input.username,
    role: parseIdentifier("role_name", input.role_name),
    dryRun: input.dry_run ?? false,
  };
}

type Phrases = readonly [changed: string, planned: string, unchanged: string, suffix: string];

function membershipAnswer(
  { schema, username }: MembershipInput,
  { normalizedUsername, role, changed, plan, warnings }: MembershipResult,
  [done, planned, unchanged, suffix]: Phrases,
): Answer<"assignRole"> {
  const verb = changed ? (plan === undefined ? done : planned) : unchanged;
  const message = `${normalizedUsername} ${verb} ${role}${changed ? "" : ` ${suffix}`}`.trimEnd();
  return {
    message,
    schema_name: schema,
    username,
    normalized_username: normalizedUsername,
    role_name: role,
    changed,
    ...planFields(plan),
    warnings,
  };
}

interface FoundStatus {
  readonly target: Target;
  readonly status: RegistryStatus;
}

/** Existing clients leave the region out: then the record of an allowed region that changed last counts. */
async function findStatus(
  { context, operations, allowedRegions }: HandlerContext,
  input: Input<"getRolesStatus">,
  call: Call,
): Promise<FoundStatus | undefined> {
  const recordedRegions = async (): Promise<readonly string[]> => {
    const database = parseIdentifier("database_name", input.database_name);
    const place = { project: input.project_id, instance: input.instance_name, database };
    const regions = await operations.findRecordedRegions(context, call, place);
    const allowed = regions.filter(
      (region) => allowedRegions.length === 0 || allowedRegions.includes(region),
    );
    const permitted: string[] = [];
    for (const region of allowed) {
      if (call.permits === undefined || (await call.permits({ ...place, region }))) permitted.push(region);
    }
    return permitted;
  };
  const regions = input.region === undefined ? await recordedRegions() : [input.region];
  const targets = regions.map((region) => parseTarget({ ...input, region }));
  const found: FoundStatus[] = [];
  for (const target of targets) {
    const status = await operations.readRolesStatus(context, call, target);
    if (status !== undefined) found.push({ target, status });
  }
  return found.sort((a, b) => b.status.lastUpdated.getTime() - a.status.lastUpdated.getTime())[0];
}

function statusAnswer(
  input: Input<"getRolesStatus">,
  found: FoundStatus | undefined,
): Answer<"getRolesStatus"> {
  const region = found?.target.region ?? input.region;
  const { project_id, instance_name, database_name } = input;
  const target = { project_id, ...(region === undefined ? {} : { region }), instance_name, database_name };
  if (found === undefined) {
    return {
      message: "No roles are recorded for this database",
      ...target,
      roles_initialized: false,
      created_at: null,
      created_by: null,
      last_updated: null,
      total_roles: 0,
      roles_definitions: {},
      total_history_entries: 0,
    };
  }
  const { status } = found;
  return {
    message: `${counted(status.roles.length, "role")} recorded`,
    ...target,
    roles_initialized: status.roles.length > 0,
    created_at: status.createdAt.toISOString(),
    created_by: status.createdBy,
    last_updated: status.lastUpdated.toISOString(),
    total_roles: status.roles.length,
    roles_definitions: Object.fromEntries(
      status.roles.map(({ name, version, status, checksum }) => [name, { version, status, checksum }]),
    ),
    total_history_entries: status.totalHistoryEntries,
    firebase_document_id: status.documentId,
  };
}
