import type { ManagedRole } from "../domain/managed-role.ts";
import { ServiceError } from "../errors.ts";
import { readGrantable, readUngrantable } from "../postgres/authority.ts";
import type { Session } from "../postgres/session.ts";
import { asAdmin, letGrant } from "../postgres/statements/administrator.ts";
import { changePrivileges } from "../postgres/statements/privileges.ts";
import { createManagedRole } from "../postgres/statements/roles.ts";
import type { RoleState } from "./role-state.ts";

/** A role that the admin does not administer cannot be brought to any definition: say so before touching anything. */
export async function assertAdministered(session: Session, names: readonly string[]): Promise<void> {
  const grantable = await readGrantable(session, names);
  const foreign = names.filter((name) => !grantable.has(name));
  if (foreign.length === 0) return;
  const because = `${session.user} does not administer ${foreign.join(", ")}`;
  throw new ServiceError("conflict", `The roles cannot be updated: ${because}.`, {
    details: {
      because,
      roles: foreign,
      needed: "ADMIN OPTION on each of them (PostgreSQL 16 and later)",
      administrator_sql: foreign.map((role) => letGrant(role, session.user)),
    },
  });
}

/** Roles that could not even be let into the schema would look initialized and be of no use. */
export async function assertSchemaReachable(
  session: Session,
  state: RoleState,
  acting: readonly ManagedRole[],
): Promise<void> {
  const names = new Set(acting.map((role) => role.name));
  const gaps = state.gaps.filter(
    (one) =>
      one.objectType === "schema" &&
      one.action === "grant" &&
      names.has(one.role) &&
      state.authority.get(one.owner) === "refused" &&
      !one.publicHolds,
  );
  const owner = gaps[0]?.owner;
  if (owner === undefined) return;
  const { database, schema, admin } = state;
  const because = `the schema belongs to ${owner}, for whom ${admin} may not act on this instance`;
  const grants = gaps.flatMap((gap) =>
    changePrivileges({ ...gap, database, schema, grantee: gap.role }).map((statement) => statement.preview),
  );
  const ungrantable = await readUngrantable(session, [owner]);
  const creations = acting
    .filter((role) => !state.roles.has(role.name) && gaps.some((gap) => gap.role === role.name))
    .flatMap((role) => createManagedRole(role).map((statement) => statement.preview));
  const own = creations.length === 0 ? [] : asAdmin(admin, creations);
  const details = { because, schema_name: schema, owner, database_name: database, run_as_owner: grants };
  const administrator_sql = ungrantable.has(owner) ? [...own, ...grants] : [letGrant(owner, admin)];
  throw new ServiceError(
    "conflict",
    `The roles of schema ${schema} cannot be given rights on it: ${because}.`,
    {
      details: { ...details, administrator_sql },
    },
  );
}
