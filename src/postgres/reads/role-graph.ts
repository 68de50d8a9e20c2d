/**
 * SQL for the memberships that count: a query that yields `(role, member, inherits)`, one row per membership
 * through which the member may use the role, at once (`inherits`) or after SET ROLE. From PostgreSQL 16 on both are
 * options of the membership, and one with neither (what CREATE ROLE leaves its creator) is no use of the role;
 * before, INHERIT is an attribute of the member. The owner of the database is a member of pg_database_owner without
 * a row that says so.
 */
export function membershipsInUse(versionNum: number): string {
  if (versionNum >= 160000) {
    return `
      SELECT m.roleid AS role, m.member, bool_or(m.inherit_option) AS inherits
      FROM pg_catalog.pg_auth_members m
      WHERE m.inherit_option OR m.set_option
      GROUP BY m.roleid, m.member
      UNION ALL
      SELECT 'pg_database_owner'::pg_catalog.regrole::oid, d.datdba, true
      FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`;
  }
  return `
      SELECT g.role, g.member, r.rolinherit AS inherits
      FROM (
        SELECT m.roleid AS role, m.member FROM pg_catalog.pg_auth_members m
        UNION ALL
        SELECT 'pg_database_owner'::pg_catalog.regrole::oid, d.datdba
        FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
      ) g
      JOIN pg_catalog.pg_roles r ON r.oid = g.member`;
}

/** SQL for the names of the roles that a role is a direct member of, as `text[]`. */
export function directMemberships(roleOid: string): string {
  return `ARRAY(
    SELECT DISTINCT g.rolname::text
    FROM pg_catalog.pg_auth_members d JOIN pg_catalog.pg_roles g ON g.oid = d.roleid
    WHERE d.member = ${roleOid})`;
}
