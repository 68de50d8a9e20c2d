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

/**
 * The owner of what a row of pg_shdepend is about. Looked up where it is, rather than by a join of each catalog: the order
 * of so many joins takes PostgreSQL several times as long to find as the query takes.
 */
const ownerOf = `CASE s.classid
              WHEN 'pg_class'::regclass THEN (SELECT c.relowner FROM pg_class c WHERE c.oid = s.objid)
              WHEN 'pg_proc'::regclass THEN (SELECT p.proowner FROM pg_proc p WHERE p.oid = s.objid)
              WHEN 'pg_type'::regclass THEN (SELECT t.typowner FROM pg_type t WHERE t.oid = s.objid)
              WHEN 'pg_namespace'::regclass THEN n.nspowner
              WHEN 'pg_default_acl'::regclass THEN (SELECT d.defaclrole FROM pg_default_acl d WHERE d.oid = s.objid)
              WHEN 'pg_database'::regclass THEN (SELECT d.datdba FROM pg_database d WHERE d.oid = s.objid)
              WHEN 'pg_language'::regclass THEN (SELECT l.lanowner FROM pg_language l WHERE l.oid = s.objid)
              WHEN 'pg_foreign_data_wrapper'::regclass
              THEN (SELECT f.fdwowner FROM pg_foreign_data_wrapper f WHERE f.oid = s.objid)
              WHEN 'pg_foreign_server'::regclass THEN (SELECT v.srvowner FROM pg_foreign_server v WHERE v.oid = s.objid)
              WHEN 'pg_largeobject'::regclass THEN (SELECT l.lomowner FROM pg_largeobject_metadata l WHERE l.oid = s.objid)
              WHEN 'pg_tablespace'::regclass THEN (SELECT t.spcowner FROM pg_tablespace t WHERE t.oid = s.objid) END`;

async function readHoldingsOf(
  session: Session,
  roles: readonly string[],
  kinds: readonly ("o" | "a" | "r")[],
): Promise<HoldingOf[]> {
  const { rows } = await session.query<HoldingOf>(
    `SELECT DISTINCT CASE s.deptype WHEN 'o' THEN 'owner' WHEN 'a' THEN 'acl' ELSE 'policy' END AS kind,
            s.classid::regclass::text AS catalog, i.type, i.identity, coalesce(n.nspname, sn.nspname)::text AS schema,
            coalesce(pg_get_userbyid(${ownerOf})::text, '') AS owner,
            pg_get_userbyid(coalesce(sn.nspowner, n.nspowner))::text AS "schemaOwner",
            s.classid = 'pg_class'::regclass AND EXISTS (
              SELECT FROM pg_class c JOIN pg_depend q ON q.objid = c.oid AND q.classid = 'pg_class'::regclass
               WHERE c.oid = s.objid AND c.relkind = 'S' AND q.refclassid = 'pg_class'::regclass
                 AND q.deptype IN ('a', 'i')) AS follows,
            s.dbid = 0 AS shared, r.rolname::text AS role
       FROM pg_shdepend s
       JOIN pg_roles r ON r.oid = s.refobjid AND r.rolname::text = ANY ($1::text[])
      CROSS JOIN LATERAL pg_identify_object(s.classid, s.objid, 0) i
       LEFT JOIN pg_namespace n ON n.oid = CASE s.classid
             WHEN 'pg_namespace'::regclass THEN s.objid
             WHEN 'pg_default_acl'::regclass THEN (SELECT d.defaclnamespace FROM pg_default_acl d WHERE d.oid = s.objid) END
       LEFT JOIN pg_namespace sn ON quote_ident(sn.nspname::text) = i.schema
      WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = ANY ($2::"char"[])
        AND s.classid <> 'pg_auth_members'::regclass
        AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
      ORDER BY 1, 2, 4`,
    [roles, kinds],
    { keep: true },
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
    { keep: true },
  );
  return rows;
}

/** The databases of the instance that accept connections, but for templates. */
export async function readDatabaseNames(session: Session): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(
    `SELECT datname::text AS name FROM pg_database WHERE datallowconn AND NOT datistemplate
        AND has_database_privilege(oid, 'CONNECT') ORDER BY datname::text COLLATE "C"`,
    [],
    { keep: true },
  );
  return rows.map((row) => row.name);
}
