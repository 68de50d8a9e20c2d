import type { Session } from "../session.ts";
import { directMemberships, membershipsInUse } from "./role-graph.ts";

export interface GroupRoleRow {
  readonly name: string;
  readonly directMemberOf: readonly string[];
}

/** The roles that cannot log in and are no superusers, system roles included, in byte order of their names. */
export async function readGroupRoles(session: Session): Promise<GroupRoleRow[]> {
  const { rows } = await session.query<GroupRoleRow>(groupRoles(""), [], { name: "group_roles", read: true });
  return rows;
}

/**
 * Of these roles, those that own the schema or something in it, or hold a privilege there, themselves or as members
 * that inherit. What everybody holds (PUBLIC) does not count.
 */
export async function readGroupRolesInSchema(session: Session, schemaOid: number): Promise<GroupRoleRow[]> {
  const text = `WITH RECURSIVE ${holdersOf(session.versionNum)}
    ${groupRoles("AND r.oid IN (SELECT h.role FROM holders h)")}`;
  const { rows } = await session.query<GroupRoleRow>(text, [schemaOid], { read: true });
  return rows;
}

const groupRoles = (condition: string): string => `
SELECT r.rolname AS name, ${directMemberships("r.oid")} AS "directMemberOf"
FROM pg_catalog.pg_roles r
WHERE NOT r.rolcanlogin AND NOT r.rolsuper ${condition}
ORDER BY r.rolname COLLATE "C"`;

/*
 * Not a named statement: from its sixth run on it would get a generic plan, which takes eight times as long.
 *
 * pg_shdepend names every owner and grantee of every kind of object in the database, and pg_depend every object of
 * the schema. Neither holds the predefined roles, which are pinned: the schema itself is read in full, and
 * pg_read_all_data and pg_write_all_data hold privileges everywhere. Default privileges are not held yet.
 */
const holdersOf = (versionNum: number): string => `
memberships AS MATERIALIZED (${membershipsInUse(versionNum)}
), objects (classid, objid) AS (
  SELECT 'pg_catalog.pg_namespace'::regclass::oid, $1::oid
  UNION
  SELECT d.classid, d.objid
  FROM pg_catalog.pg_depend d
  WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = $1::oid
    AND d.classid <> 'pg_catalog.pg_default_acl'::regclass
), holders (role) AS (
  SELECT s.refobjid
  FROM pg_catalog.pg_shdepend s
  JOIN objects o ON o.classid = s.classid AND o.objid = s.objid
  WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
    AND s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.deptype IN ('o', 'a')
  UNION
  SELECT a.grantee
  FROM pg_catalog.pg_namespace n
  CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a
  WHERE n.oid = $1::oid AND a.grantee <> 0
  UNION
  SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.oid = $1::oid
  UNION
  SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname IN ('pg_read_all_data', 'pg_write_all_data')
  UNION
  SELECT m.member FROM holders h JOIN memberships m ON m.role = h.role AND m.inherits
)`;
