import type { Session } from "./session.ts";

/** Something that a role owns, was granted or is named in, as pg_shdepend knows it. */
export interface Holding {
  /** `owner`: owns it. `acl`: holds privileges on it. `policy`: a row security policy names it. */
  readonly kind: "owner" | "acl" | "policy";
  /** The catalog, such as pg_class. */
  readonly catalog: string;
  /** pg_identify_object's type, such as `table`, and quoted name, such as `app."Order Lines"`. */
  readonly type: string;
  readonly identity: string;
  /** null for what lies in no schema. */
  readonly schema: string | null;
  readonly owner: string;
  /** The owner of its schema; null for what lies in no schema. */
  readonly schemaOwner: string | null;
  /** It follows the owner of a table (a serial column's sequence), and can't be given away by itself. */
  readonly follows: boolean;
  /** It belongs to the instance (a database, a tablespace), not to the session's database. */
  readonly shared: boolean;
}

/**
 * What a role holds in the session's database and in the instance's shared objects. pg_shdepend knows it for all
 * databases, but only this one's objects can be named here.
 */
export async function readHoldings(session: Session, role: string): Promise<Holding[]> {
  const found = await readHoldingsOf(session, [role], ["o", "a", "r"]);
  return found.map(({ role: _, ...holding }) => holding);
}

/** What roles own there. */
export function readOwned(session: Session, roles: readonly string[]): Promise<HoldingOf[]> {
  return readHoldingsOf(session, roles, ["o"]);
}

export interface HoldingOf extends Holding {
  readonly role: string;
}

async function readHoldingsOf(
  session: Session,
  roles: readonly string[],
  kinds: readonly ("o" | "a" | "r")[],
): Promise<HoldingOf[]> {
  const { rows } = await session.query<HoldingOf>(
    `SELECT DISTINCT CASE s.deptype WHEN 'o' THEN 'owner' WHEN 'a' THEN 'acl' ELSE 'policy' END AS kind,
            s.classid::regclass::text AS catalog, i.type, i.identity,
            coalesce(n.nspname, dn.nspname, sn.nspname)::text AS schema,
            coalesce(pg_get_userbyid(coalesce(c.relowner, p.proowner, n.nspowner, d.datdba, t.typowner, l.lanowner,
              f.fdwowner, v.srvowner, lo.lomowner, da.defaclrole, ts.spcowner))::text, '') AS owner,
            pg_get_userbyid(coalesce(sn.nspowner, n.nspowner, dn.nspowner))::text AS "schemaOwner",
            EXISTS (SELECT FROM pg_depend q
                     WHERE c.relkind = 'S' AND q.classid = s.classid AND q.objid = s.objid
                       AND q.refclassid = 'pg_class'::regclass AND q.deptype IN ('a', 'i')) AS follows,
            s.dbid = 0 AS shared, r.rolname::text AS role
       FROM pg_shdepend s
       JOIN pg_roles r ON r.oid = s.refobjid AND r.rolname::text = ANY ($1::text[])
      CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, 0) i
       LEFT JOIN pg_class c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid
       LEFT JOIN pg_proc p ON s.classid = 'pg_proc'::regclass AND p.oid = s.objid
       LEFT JOIN pg_namespace n ON s.classid = 'pg_namespace'::regclass AND n.oid = s.objid
       LEFT JOIN pg_database d ON s.classid = 'pg_database'::regclass AND d.oid = s.objid
       LEFT JOIN pg_type t ON s.classid = 'pg_type'::regclass AND t.oid = s.objid
       LEFT JOIN pg_language l ON s.classid = 'pg_language'::regclass AND l.oid = s.objid
       LEFT JOIN pg_foreign_data_wrapper f ON s.classid = 'pg_foreign_data_wrapper'::regclass AND f.oid = s.objid
       LEFT JOIN pg_foreign_server v ON s.classid = 'pg_foreign_server'::regclass AND v.oid = s.objid
       LEFT JOIN pg_largeobject_metadata lo ON s.classid = 'pg_largeobject'::regclass AND lo.oid = s.objid
       LEFT JOIN pg_default_acl da ON s.classid = 'pg_default_acl'::regclass AND da.oid = s.objid
       LEFT JOIN pg_namespace dn ON dn.oid = da.defaclnamespace
       LEFT JOIN pg_tablespace ts ON s.classid = 'pg_tablespace'::regclass AND ts.oid = s.objid
       LEFT JOIN pg_namespace sn ON quote_ident(sn.nspname::text) = i.schema
      WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = ANY ($2::"char"[])
        AND s.classid <> 'pg_auth_members'::regclass
        AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      ORDER BY 1, 2, 4`,
    [roles, kinds],
  );
  return rows;
}

/** One entry of pg_default_acl in which a role is the creator or the grantee. */
export interface DefaultAclEntry {
  readonly creator: string;
  /** null for a default that holds in every schema. */
  readonly schema: string | null;
  readonly objects: "TABLES" | "SEQUENCES" | "ROUTINES" | "TYPES" | "SCHEMAS" | "LARGE OBJECTS";
  /** null for PUBLIC. */
  readonly grantee: string | null;
}

export async function readDefaultAclEntries(session: Session, role: string): Promise<DefaultAclEntry[]> {
  const { rows } = await session.query<DefaultAclEntry>(
    `SELECT DISTINCT pg_get_userbyid(d.defaclrole)::text AS creator, n.nspname::text AS schema,
            CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
                 WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS objects,
            g.rolname::text AS grantee
       FROM pg_default_acl d
       LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
      CROSS JOIN aclexplode(d.defaclacl) a
       LEFT JOIN pg_roles g ON g.oid = a.grantee
      WHERE $1::text IN (pg_get_userbyid(d.defaclrole)::text, g.rolname::text)
      ORDER BY 1, 2, 3, 4`,
    [role],
  );
  return rows;
}

/** The databases of the instance that accept connections, but for templates. */
export async function readDatabaseNames(session: Session): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    `SELECT datname::text AS name FROM pg_database WHERE datallowconn AND NOT datistemplate
        AND has_database_privilege(oid, 'CONNECT') ORDER BY datname::text COLLATE "C"`,
  );
  return rows.map((row) => row.name);
}
