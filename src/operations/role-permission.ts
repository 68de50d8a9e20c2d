import { standardTemplate } from "../domain/builtin-templates.ts";
import { managedRoleName, parseRoleMark } from "../domain/managed-role.ts";
import { guardedNativeRoles } from "../domain/native-roles.ts";
import type { Template } from "../domain/role-template.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { RoleRow } from "../postgres/role-catalog.ts";
import type { Call } from "./context.ts";

/** Who gives and takes roles and rights, and what the policy lets them. */
export type RoleGiver = Pick<Call, "actor" | "permits" | "allowedRoleKinds" | "allowedNativeRoles">;

/**
 * Refuses a role of a kind that the caller may not give and take at the target, before anything is contacted. A role whose
 * kind its name does not tell is of none that could be allowed.
 */
export function assertAllowedKind(giver: RoleGiver, target: Target, schema: string, roleName: string): void {
  const { allowedRoleKinds } = giver;
  if (allowedRoleKinds === undefined) return;
  const isAllowed = standardTemplate.roles.some(
    (role) =>
      allowedRoleKinds.includes(role.kind) &&
      managedRoleName(standardTemplate, role, target.database, schema) === roleName,
  );
  if (!isAllowed) throw otherKind(giver, allowedRoleKinds, roleName);
}

/**
 * Refuses a role that the caller may not give and take at the target: one of a kind that is not allowed, by its mark, and
 * one without a mark, which belongs to no schema and may mean something in every database, so that it takes the
 * permission on all of them.
 */
export async function assertMayGive(giver: RoleGiver, target: Target, role: RoleRow): Promise<void> {
  const { actor, permits, allowedRoleKinds } = giver;
  const mark = parseRoleMark(role.comment);
  if (allowedRoleKinds !== undefined) {
    const isAllowed =
      mark?.database === target.database &&
      mark.template === standardTemplate.name &&
      allowedRoleKinds.includes(mark.kind);
    if (!isAllowed) throw otherKind(giver, allowedRoleKinds, role.name);
  }
  if (permits === undefined || mark !== undefined) return;
  const { project, region, instance } = target;
  if (await permits({ project, region, instance })) return;
  throw new ServiceError(
    "permission_error",
    `${actor} may give and take roles of this database only: others take the permission on ${project}/${region}/${instance}/*`,
    { details: { role_name: role.name } },
  );
}

function otherKind({ actor }: RoleGiver, allowed: readonly string[], roleName: string): ServiceError {
  return new ServiceError(
    "permission_error",
    `${actor} may give and take roles of these kinds only: ${allowed.join(", ") || "none"}`,
    { details: { role_name: roleName, allowed_role_kinds: allowed } },
  );
}

/** Who may give roles of some kinds only could otherwise give by hand what other kinds have. */
export function assertMayGiveRights({ actor, allowedRoleKinds }: RoleGiver, what: string): void {
  if (allowedRoleKinds === undefined) return;
  throw new ServiceError(
    "permission_error",
    `${actor} may give and take roles of these kinds only: ${allowedRoleKinds.join(", ") || "none"}; ` +
      `this state ${what}`,
    { details: { allowed_role_kinds: allowedRoleKinds } },
  );
}

/** Refuses a guarded predefined role that the caller's policy does not name. */
export function assertMayGiveNative(
  { actor, allowedNativeRoles }: RoleGiver,
  native: string,
  how: string,
): void {
  if (allowedNativeRoles === undefined || allowedNativeRoles.includes(native)) return;
  throw new ServiceError(
    "permission_error",
    `${actor} may not give ${native}, which ${how}: the policy does not allow it by name (native_roles)`,
    { details: { native_role: native, allowed_native_roles: allowedNativeRoles } },
  );
}

/** A template may have been written by somebody who may do more than the one who uses it. */
export function assertMayUseTemplate(giver: RoleGiver, template: Template): void {
  for (const role of template.roles) {
    for (const native of role.nativeRoles.filter((one) => guardedNativeRoles.includes(one)))
      assertMayGiveNative(giver, native, `the role ${role.kind} of template ${template.name} has`);
  }
}
