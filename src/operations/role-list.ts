import { iamKind } from "../domain/iam-user.ts";
import { isSystemRole } from "../domain/names.ts";
import type { Target } from "../domain/target.ts";
import { readGroupRoles, readGroupRolesInSchema } from "../postgres/reads/roles.ts";
import type { Session } from "../postgres/session.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import type { Call, Context } from "./context.ts";
import { findSchema } from "./schema-lookup.ts";

/**
 * Names of the instance's roles, sorted, without system roles, logins and IAM groups (those are users). With a
 * schema, only the roles that own or hold something in it, directly or by inheritance; `not_found` (schema) when
 * there is no such schema.
 */
export async function listRoles(
  context: Context,
  call: Call,
  target: Target,
  input: { readonly schema?: string },
): Promise<string[]> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  const rows = await context.pools.withSession(target, call, (session) => readRoles(session, input.schema));
  return rows
    .filter((row) => !isSystemRole(row.name) && row.name !== context.settings.adminUser)
    .filter((row) => iamKind(row.directMemberOf) === undefined)
    .map((row) => row.name);
}

async function readRoles(session: Session, schema: string | undefined) {
  if (schema === undefined) return readGroupRoles(session);
  return readGroupRolesInSchema(session, await findSchema(session, schema));
}
