import type { Session } from "../session.ts";
import { directMemberships, membershipsInUse } from "./role-graph.ts";

export interface UserRow {
  readonly name: string;
  readonly canLogin: boolean;
  readonly isSuperuser: boolean;
  readonly canCreateDb: boolean;
  readonly canCreateRole: boolean;
  readonly directMemberOf: readonly string[];
  /** Every role that it may use, directly or through others, by inheritance or SET ROLE; in byte order. */
  readonly roles: readonly string[];
}

/** The roles that can log in, and those that are direct members of one of `groups`; in byte order of their names. */
export async function readUsers(session: Session, groups: readonly string[]): Promise<UserRow[]> {
  const { rows } = await session.query<UserRow>(users(session.versionNum), [groups], { read: true });
  return rows;
}

const users = (versionNum: number): string => `
WITH RECURSIVE memberships AS MATERIALIZED (${membershipsInUse(versionNum)}
), subjects AS MATERIALIZED (${subjects}
), held (subject, role) AS (
  SELECT s.oid, m.role FROM subjects s JOIN memberships m ON m.member = s.oid
  UNION
  SELECT h.subject, m.role FROM held h JOIN memberships m ON m.member = h.role
), roles AS (
  SELECT h.subject, pg_catalog.array_agg(r.rolname::text ORDER BY r.rolname COLLATE "C") AS names
  FROM held h JOIN pg_catalog.pg_roles r ON r.oid = h.role
  GROUP BY h.subject
)
SELECT u.rolname AS name, u.rolcanlogin AS "canLogin", u.rolsuper AS "isSuperuser",
  u.rolcreatedb AS "canCreateDb", u.rolcreaterole AS "canCreateRole",
  ${directMemberships("u.oid")} AS "directMemberOf",
  COALESCE(r.names, '{}') AS roles
FROM subjects s
JOIN pg_catalog.pg_roles u ON u.oid = s.oid
LEFT JOIN roles r ON r.subject = s.oid
ORDER BY u.rolname COLLATE "C"`;

const subjects = `
  SELECT r.oid
  FROM pg_catalog.pg_roles r
  WHERE r.rolcanlogin OR EXISTS (
    SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
    WHERE m.member = r.oid AND g.rolname::text = ANY ($1::text[])
  )`;

/**
 * Effective privileges by user: USAGE and CREATE on the schema, and SELECT, INSERT, UPDATE, DELETE where it holds on
 * every table and view of the schema (and there is one). They may come from the user's own grants and ownership,
 * from roles that it inherits, and from PUBLIC. Users are as in `readUsers`; one without any is not in the map.
 */
export async function readSchemaPermissions(
  session: Session,
  schemaOid: number,
  groups: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const { rows } = await session.query<{ name: string; permissions: string[] }>(
    schemaPermissions(session.versionNum),
    [groups, schemaOid],
    { read: true },
  );
  return new Map(rows.map((row) => [row.name, row.permissions]));
}

/*
 * Not a named statement: from its sixth run on it would get a generic plan, which takes twice the time.
 *
 * has_table_privilege() for each user and table would be millions of calls. Instead: the grants of the schema and
 * its tables as rows, object 0 being the schema; for each user the set of its roles that occur among the grantees
 * (the holding), of which there are few different ones; and for each holding the privileges that reach all objects,
 * by one of its roles alone, or else by several together.
 */
const schemaPermissions = (versionNum: number): string => `
WITH RECURSIVE memberships AS MATERIALIZED (${membershipsInUse(versionNum)}
), subjects AS MATERIALIZED (${subjects}
), tables AS MATERIALIZED (
  SELECT c.oid, c.relowner, c.relacl
  FROM pg_catalog.pg_class c
  WHERE c.relnamespace = $2::oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
), grants (object, grantee, privilege) AS MATERIALIZED (
  SELECT 0::oid, a.grantee, a.privilege_type
  FROM pg_catalog.pg_namespace n
  CROSS JOIN LATERAL pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
  WHERE n.oid = $2::oid
  UNION
  SELECT t.oid, a.grantee, a.privilege_type
  FROM tables t
  CROSS JOIN LATERAL pg_catalog.aclexplode(COALESCE(t.relacl, pg_catalog.acldefault('r', t.relowner))) a
  WHERE a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  UNION
  SELECT o.object, r.oid, p.privilege
  FROM (
    VALUES ('pg_read_all_data', 'SELECT'), ('pg_write_all_data', 'INSERT'), ('pg_write_all_data', 'UPDATE'),
      ('pg_write_all_data', 'DELETE'), ('pg_read_all_data', 'USAGE'), ('pg_write_all_data', 'USAGE')
  ) p (role, privilege)
  JOIN pg_catalog.pg_roles r ON r.rolname = p.role
  JOIN (SELECT 0::oid UNION ALL SELECT t.oid FROM tables t) o (object)
    ON (o.object = 0) = (p.privilege = 'USAGE')
), used (subject, role) AS (
  SELECT s.oid, s.oid FROM subjects s
  UNION
  SELECT u.subject, m.role FROM used u JOIN memberships m ON m.member = u.role AND m.inherits
), holdings AS MATERIALIZED (
  SELECT h.subject, pg_catalog.array_agg(h.role ORDER BY h.role) AS roles
  FROM (
    SELECT u.subject, u.role FROM used u WHERE u.role IN (SELECT g.grantee FROM grants g)
    UNION ALL
    SELECT s.oid, 0::oid FROM subjects s
  ) h
  GROUP BY h.subject
), reach AS MATERIALIZED (
  SELECT g.grantee, g.privilege, count(*) AS objects,
    CASE WHEN g.privilege IN ('USAGE', 'CREATE') THEN 1 ELSE (SELECT count(*) FROM tables) END AS needed
  FROM grants g
  GROUP BY g.grantee, g.privilege
), permissions AS (
  SELECT c.roles, pg_catalog.array_agg(c.privilege ORDER BY c.privilege COLLATE "C") AS names
  FROM (
    SELECT d.roles, a.privilege, a.needed, bool_or(a.objects = a.needed) AS by_one, sum(a.objects) AS at_most
    FROM (SELECT DISTINCT h.roles FROM holdings h) d
    CROSS JOIN LATERAL pg_catalog.unnest(d.roles) k (role)
    JOIN reach a ON a.grantee = k.role
    GROUP BY d.roles, a.privilege, a.needed
  ) c
  WHERE c.by_one OR (c.at_most >= c.needed AND c.needed = (
    SELECT count(DISTINCT g.object) FROM grants g WHERE g.privilege = c.privilege AND g.grantee = ANY (c.roles)
  ))
  GROUP BY c.roles
)
SELECT r.rolname AS name, p.names AS permissions
FROM holdings h
JOIN permissions p ON p.roles = h.roles
JOIN pg_catalog.pg_roles r ON r.oid = h.subject`;
