import type { Session } from "./session.ts";
import { membershipOptionsSince } from "./statements/memberships.ts";

/** A role as pg_roles has it. */
export interface RoleRow {
  readonly name: string;
  readonly canLogin: boolean;
  readonly isSuperuser: boolean;
  readonly canCreateRole: boolean;
  readonly canCreateDb: boolean;
  readonly canReplicate: boolean;
  readonly bypassesRls: boolean;
  readonly inherits: boolean;
  readonly comment: string | null;
  /** The roles that it is a direct member of: what tells an IAM principal (see `iamKind`). */
  readonly memberOf: readonly string[];
}

const roleColumns = `
  r.rolname::text AS name, r.rolcanlogin AS "canLogin", r.rolsuper AS "isSuperuser",
  r.rolcreaterole AS "canCreateRole", r.rolcreatedb AS "canCreateDb", r.rolreplication AS "canReplicate",
  r.rolbypassrls AS "bypassesRls", r.rolinherit AS inherits,
  (SELECT c.description FROM pg_shdescription c WHERE c.objoid = r.oid AND c.classoid = 'pg_authid'::regclass) AS comment,
  ARRAY (SELECT pg_get_userbyid(m.roleid)::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1) AS "memberOf"`;

/** The roles of these names that exist, by name. */
export async function readRoles(session: Session, names: readonly string[]): Promise<Map<string, RoleRow>> {
  const { rows } = await session.query<RoleRow>(
    `SELECT ${roleColumns} FROM pg_roles r WHERE r.rolname::text = ANY ($1::text[])`,
    [names],
    { keep: true },
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** The roles of these names and all that they are members of, directly or not, by name. */
export async function readRolesAbove(
  session: Session,
  names: readonly string[],
): Promise<Map<string, RoleRow>> {
  const { rows } = await session.query<RoleRow>(
    `WITH RECURSIVE above AS (
       SELECT s.oid FROM pg_roles s WHERE s.rolname::text = ANY ($1::text[])
       UNION
       SELECT m.roleid FROM above JOIN pg_auth_members m ON m.member = above.oid)
     SELECT ${roleColumns} FROM above JOIN pg_roles r ON r.oid = above.oid`,
    [names],
    { keep: true },
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** All roles whose comment starts with a prefix. */
export async function readRolesByComment(session: Session, prefix: string): Promise<RoleRow[]> {
  const { rows } = await session.query<RoleRow>(
    `SELECT ${roleColumns} FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid
      WHERE d.classoid = 'pg_authid'::regclass AND starts_with(d.description, $1::text)
      ORDER BY r.rolname`,
    [prefix],
    { keep: true },
  );
  return rows;
}

/** A row of pg_auth_members. Before 16 a membership has one row, whoever granted it. */
export interface Membership {
  readonly role: string;
  readonly member: string;
  readonly grantor: string;
  readonly admin: boolean;
  readonly inherit: boolean;
  readonly set: boolean;
}

/** The memberships whose role or whose member is one of the names given (an empty list matches nothing). */
export async function readMemberships(
  session: Session,
  by: { readonly roles?: readonly string[]; readonly members?: readonly string[] },
): Promise<Membership[]> {
  const options =
    session.versionNum >= membershipOptionsSince
      ? "m.inherit_option AS inherit, m.set_option AS set"
      : "u.rolinherit AS inherit, true AS set";
  // A text for each case: whether a list was given at all would not be known to a plan that is kept.
  const given = [
    { column: "g.rolname", names: by.roles },
    { column: "u.rolname", names: by.members },
  ];
  const lists = given.filter(({ names }) => names !== undefined);
  const conditions = lists.map(({ column }, at) => `${column}::text = ANY ($${at + 1}::text[])`);
  const { rows } = await session.query<Membership>(
    `SELECT g.rolname::text AS role, u.rolname::text AS member, coalesce(b.rolname::text, '') AS grantor,
            m.admin_option AS admin, ${options}
       FROM pg_auth_members m
       JOIN pg_roles g ON g.oid = m.roleid
       JOIN pg_roles u ON u.oid = m.member
       LEFT JOIN pg_roles b ON b.oid = m.grantor
      ${conditions.length > 0 ? "WHERE" : ""} ${conditions.join(" AND ")}
      ORDER BY 1, 2, 3`,
    lists.map(({ names }) => names),
    { keep: true },
  );
  return rows;
}

/** Whether a role is a member of another, directly or through others; false when there is no such role. */
export async function readIsMember(session: Session, member: string, role: string): Promise<boolean> {
  const { rows } = await session.query(
    `SELECT FROM pg_roles m, pg_roles r
      WHERE m.rolname::text = $1::text AND r.rolname::text = $2::text AND pg_has_role(m.oid, r.oid, 'MEMBER')`,
    [member, role],
    { keep: true },
  );
  return rows.length > 0;
}
