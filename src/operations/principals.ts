import { type IamKind, iamKind, parseUsername, type Username } from "../domain/iam-user.ts";
import { parseRoleMark } from "../domain/managed-role.ts";
import { invalidField, notFound, ServiceError } from "../errors.ts";
import { type RoleRow, readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { Context } from "./context.ts";

/** A user that an operation may be about: it exists, and is neither the admin nor the system's. */
export interface Principal extends RoleRow {
  readonly iamKind: IamKind | undefined;
}

/** A username as PostgreSQL knows it; refuses the service's own admin. */
export function parsePrincipalName(context: Context, username: string): Username {
  const parsed = parseUsername("username", username);
  if (parsed.normalized === context.settings.adminUser) {
    throw invalidField("username", "is the admin that this service works as; name another user");
  }
  return parsed;
}

/**
 * Finds a user. `not_found` (user) when there is no such role; `conflict` when it is a superuser, one of the managed
 * group roles, or (with VALIDATE_IAM_USERS) an e-mail address that is no Cloud SQL IAM principal.
 */
export async function findPrincipal(
  session: Session,
  context: Context,
  username: Username,
): Promise<Principal> {
  const name = username.normalized;
  const row = (await readRoles(session, [name])).get(name);
  if (row === undefined) {
    throw notFound("user", `There is no user ${JSON.stringify(name)} on this instance.`, { username: name });
  }
  const refuse = (because: string): never => {
    throw new ServiceError("conflict", `${JSON.stringify(name)} ${because}.`, {
      details: { username: name, because, administrator_sql: [] },
    });
  };
  if (row.isSuperuser) refuse("is a superuser, which this service does not manage");
  if (parseRoleMark(row.comment) !== undefined) refuse("is a role that this service manages, not a user");
  const kind = iamKind(row.memberOf);
  if (context.settings.validateIamUsers && username.kind !== "role" && kind === undefined) {
    refuse("is not a Cloud SQL IAM user; add it through the Cloud SQL Admin API");
  }
  return { ...row, iamKind: kind };
}
