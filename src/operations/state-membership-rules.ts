import type { DesiredMembership } from "../domain/desired-state.ts";
import { parseRoleMark } from "../domain/managed-role.ts";
import { notFound, ServiceError } from "../errors.ts";
import { type RoleRow, readRoles, readRolesAbove } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { describePlace, unsafeAttributes } from "./role-names.ts";
import { assertMayGive } from "./role-permission.ts";
import { findReach } from "./role-reach.ts";
import type { StateScope } from "./state-scope.ts";

/** Refuses what no state may declare, whether it is so already or not. */
export function assertDeclarable(
  scope: StateScope,
  roles: ReadonlyMap<string, RoleRow>,
  { role, member }: DesiredMembership,
): void {
  const [of, who] = [roles.get(role), roles.get(member)];
  if (of === undefined && !scope.managedRoles.has(role)) {
    throw notFound("role", `There is no role ${JSON.stringify(role)}, and the state does not create it.`, {
      role_name: role,
    });
  }
  if (who === undefined && !scope.managedRoles.has(member)) {
    throw notFound("user", `There is no user or role ${JSON.stringify(member)} on this instance.`, {
      username: member,
    });
  }
  const refuse = (because: string): never => {
    throw untouched(role, member, because);
  };
  if (of?.canLogin === true) refuse(`${role} is a login, and only group roles are granted`);
  if (of?.isSuperuser || of?.canReplicate || of?.bypassesRls) refuse(`${role} has rights beyond any grant`);
  const unsafe = of === undefined ? [] : unsafeAttributes(of);
  if (unsafe.length > 0) refuse(`${role} has the attribute ${unsafe.join(", ")}`);
  if (of?.memberOf.some((group) => group.startsWith("cloudsql"))) refuse(`${role} belongs to Cloud SQL`);
  if (member === scope.admin) refuse(`${member} is the admin that this service works as`);
  if (who?.isSuperuser) refuse(`${member} is a superuser`);
}

function untouched(role: string, member: string, because: string): ServiceError {
  return new ServiceError("conflict", `The membership of ${member} in ${role} is not touched: ${because}.`, {
    details: { role_name: role, username: member, because },
  });
}

/** Whether a role is another database's. Its members are that one's affair, whatever a state says of them. */
export function isElsewhere(session: Session, row: RoleRow | undefined): boolean {
  const mark = parseRoleMark(row?.comment ?? null);
  return mark !== undefined && mark.database !== session.target.database;
}

type Pair = Pick<DesiredMembership, "role" | "member">;

/**
 * Refuses memberships that are to be granted: those in another database's roles and in what leads beyond any grant
 * (`conflict`), and those that are not the caller's to give (`permission_error`).
 */
export async function assertMayBeGranted(
  session: Session,
  scope: StateScope,
  granted: readonly Pair[],
): Promise<void> {
  if (granted.length === 0) return;
  const { database } = session.target;
  const above = await readRolesAbove(
    session,
    granted.map(({ role }) => role),
  );
  for (const { role, member } of granted) {
    const row = above.get(role);
    const mark = parseRoleMark(row?.comment ?? null);
    if (mark !== undefined && isElsewhere(session, row))
      throw untouched(role, member, `${role} belongs to ${describePlace(mark)}`);
    await assertMayChange(session, scope, row);
    const reach = findReach(above, role, database, scope.giver);
    if (reach !== undefined) throw untouched(role, member, `${role} ${reach}`);
  }
}

/** Refuses the end of memberships that are not the caller's to take (`permission_error`). */
export async function assertMayBeTaken(
  session: Session,
  scope: StateScope,
  taken: readonly Pair[],
): Promise<void> {
  if (taken.length === 0 || scope.giver === undefined) return;
  const rows = await readRoles(
    session,
    taken.map(({ role }) => role),
  );
  for (const row of rows.values()) await assertMayChange(session, scope, row);
}

async function assertMayChange(
  session: Session,
  { giver, created }: StateScope,
  row: RoleRow | undefined,
): Promise<void> {
  if (giver === undefined || row === undefined) return;
  // Nobody else can have use of a role that the same state makes, but who may give kinds only may not give that.
  const isNew = created.has(row.name) && giver.allowedRoleKinds === undefined;
  if (!isNew) await assertMayGive(giver, session.target, row);
}
