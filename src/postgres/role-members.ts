import { roleMarkPrefix } from "../domain/managed-role.ts";
import type { Membership } from "./role-catalog.ts";
import type { Session } from "./session.ts";
import { membershipOptionsSince } from "./statements/memberships.ts";

/** A membership in a managed role, with what of the member it depends on. */
export interface MemberRow extends Membership {
  /** The member's own attribute, which decides before 16. */
  readonly inherits: boolean;
  readonly isSuperuser: boolean;
  /** The member bears the mark of a managed role itself. */
  readonly isManaged: boolean;
}

/** Who is a member of roles, by whose grants. From 16 on a membership has a row for each grantor. */
export async function readRoleMembers(session: Session, roles: readonly string[]): Promise<MemberRow[]> {
  const options =
    session.versionNum >= membershipOptionsSince
      ? "m.inherit_option AS inherit, m.set_option AS set"
      : "u.rolinherit AS inherit, true AS set";
  const { rows } = await session.query<MemberRow>(
    `SELECT g.rolname::text AS role, u.rolname::text AS member, coalesce(b.rolname::text, '') AS grantor,
            m.admin_option AS admin, ${options}, u.rolinherit AS inherits, u.rolsuper AS "isSuperuser",
            coalesce(starts_with(d.description, $2::text), false) AS "isManaged"
       FROM pg_auth_members m
       JOIN pg_roles g ON g.oid = m.roleid
       JOIN pg_roles u ON u.oid = m.member
       LEFT JOIN pg_roles b ON b.oid = m.grantor
       LEFT JOIN pg_shdescription d ON d.classoid = 'pg_authid'::regclass AND d.objoid = u.oid
      WHERE g.rolname::text = ANY ($1::text[])
      ORDER BY 1, 2, 3`,
    [roles, roleMarkPrefix],
    { keep: true },
  );
  return rows;
}
