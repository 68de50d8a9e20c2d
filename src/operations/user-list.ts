import { iamKind, iamRoles } from "../domain/iam-user.ts";
import { isSystemRole } from "../domain/names.ts";
import type { Target } from "../domain/target.ts";
import { readSchemaPermissions, readUsers, type UserRow } from "../postgres/reads/users.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import type { Call, Context } from "./context.ts";
import { findSchema } from "./schema-lookup.ts";
import { withSharedRead } from "./shared-reads.ts";

export type UserType = "iam_user" | "iam_service_account" | "iam_group" | "built_in" | "system";

export interface UserInfo {
  readonly username: string;
  /** The roles that the user may use, directly or through another role, but for cloudsqliamuser and its like; sorted. */
  readonly roles: readonly string[];
  readonly isIamUser: boolean;
  readonly userType: UserType;
  /**
   * Effective privileges, sorted: USAGE and CREATE on the schema; SELECT, INSERT, UPDATE, DELETE where held on every
   * table and view of the schema, and there is one.
   */
  readonly permissions: readonly string[];
  readonly privileges: {
    readonly canLogin: boolean;
    readonly isSuperuser: boolean;
    readonly canCreateDb: boolean;
    readonly canCreateRole: boolean;
  };
}

export interface UserList {
  readonly users: readonly UserInfo[];
  /** Names of the system users that were left out, sorted. */
  readonly systemUsersExcluded: readonly string[];
}

/**
 * The instance's users as they stand to one schema: logins and IAM groups, sorted by name, without system users.
 * `not_found` (schema) when there is no such schema. The number of queries does not depend on the number of users.
 */
export async function listUsers(
  context: Context,
  call: Call,
  target: Target,
  input: { readonly schema: string },
): Promise<UserList> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  return withSharedRead(context, call, target, [input.schema], async (session) => {
    const schemaOid = await findSchema(session, input.schema);
    const rows = await readUsers(session, iamRoles);
    const permissions = await readSchemaPermissions(session, schemaOid, iamRoles);
    const isSystem = (row: UserRow): boolean => isSystemUser(row, context.settings.adminUser);
    return {
      users: rows
        .filter((row) => !isSystem(row))
        .map((row) => toUserInfo(row, permissions.get(row.name) ?? [])),
      systemUsersExcluded: rows.filter(isSystem).map((row) => row.name),
    };
  });
}

/** An IAM principal is never a system user, though a service account may be called `cloudsql-proxy@...`. */
function isSystemUser(row: UserRow, adminUser: string): boolean {
  if (row.isSuperuser || row.name === adminUser) return true;
  return isSystemRole(row.name) && iamKind(row.directMemberOf) === undefined;
}

function toUserInfo(row: UserRow, permissions: readonly string[]): UserInfo {
  const kind = iamKind(row.directMemberOf);
  return {
    username: row.name,
    roles: row.roles.filter((role) => !iamRoles.includes(role)),
    isIamUser: kind !== undefined,
    userType: kind ?? "built_in",
    permissions,
    privileges: {
      canLogin: row.canLogin,
      isSuperuser: row.isSuperuser,
      canCreateDb: row.canCreateDb,
      canCreateRole: row.canCreateRole,
    },
  };
}
