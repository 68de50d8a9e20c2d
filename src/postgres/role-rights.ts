import type { RoleInSchema } from "./schema-catalog.ts";
import type { Session } from "./session.ts";

/** One entry of an ACL that concerns a managed role beside what its schemas' owners granted it in its schemas. */
export interface RoleRight {
  /** The catalog of what it is on, such as pg_class. */
  readonly catalog: string;
  /** pg_identify_object's type, such as `table` or `default acl`, and quoted name, such as `app."Order Lines"`. */
  readonly type: string;
  readonly identity: string;
  /** null for what lies in no schema: also for default privileges that hold in every schema. */
  readonly schema: string | null;
  /** Who owns that schema. */
  readonly schemaOwner: string | null;
  /** As the catalog has it; `arguments` of routines only. */
  readonly name: string | null;
  readonly arguments: string | null;
  readonly column: string | null;
  /** Of default privileges: pg_default_acl.defaclobjtype. */
  readonly futureType: string | null;
  /** The owner, or the creator of future objects. */
  readonly owner: string;
  /** The extension that it belongs to. */
  readonly extension: string | null;
  /** It is the database that the session is in. */
  readonly isDatabase: boolean;
  /** In a schema in which the grantee has its definition. */
  readonly inside: boolean;
  /** `public` for PUBLIC. */
  readonly grantee: string;
  readonly grantor: string;
  readonly privilege: string;
  readonly grantable: boolean;
  /** Whether the grantor may use the schema: else it can revoke nothing there by name. */
  readonly grantorReaches: boolean;
  readonly ownerReaches: boolean;
  /** Whether others than the owner may grant on all of it or on a column of it. */
  readonly shared: boolean;
}

/** From this server_version_num on, settings have ACLs. */
export const parameterAclsSince = 150000;

const inherited = (alias: string): string => `h.classid = '${alias}'::regclass AND h.objsubid = 0`;

/** Catalogs with ACLs: (nsp, name, arguments, col, future, owner, acl) of what some role holds something on. */
function aclsOf(versionNum: number): string {
  const of = (columns: string, from: string): string =>
    `SELECT h.classid, h.objid, h.objsubid, ${columns} FROM held h JOIN ${from}`;
  const parts = [
    of(
      "c.relnamespace AS nsp, c.relname::text AS name, NULL::text AS arguments, NULL::text AS col, NULL::text AS future, c.relowner AS owner, c.relacl AS acl",
      `pg_class c ON c.oid = h.objid AND ${inherited("pg_class")}`,
    ),
    of(
      "c.relnamespace, c.relname::text, NULL, t.attname::text, NULL, c.relowner, t.attacl",
      `pg_class c ON c.oid = h.objid AND h.classid = 'pg_class'::regclass AND h.objsubid > 0
       JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum = h.objsubid AND NOT t.attisdropped`,
    ),
    of(
      "p.pronamespace, p.proname::text, pg_get_function_identity_arguments(p.oid), NULL, NULL, p.proowner, p.proacl",
      `pg_proc p ON p.oid = h.objid AND ${inherited("pg_proc")}`,
    ),
    of(
      "y.typnamespace, y.typname::text, NULL, NULL, NULL, y.typowner, y.typacl",
      `pg_type y ON y.oid = h.objid AND ${inherited("pg_type")}`,
    ),
    of(
      "n.oid, NULL, NULL, NULL, NULL, n.nspowner, n.nspacl",
      `pg_namespace n ON n.oid = h.objid AND ${inherited("pg_namespace")}`,
    ),
    of(
      "d.defaclnamespace, NULL, NULL, NULL, d.defaclobjtype::text, d.defaclrole, d.defaclacl",
      `pg_default_acl d ON d.oid = h.objid AND ${inherited("pg_default_acl")}`,
    ),
    of(
      "0::oid, d.datname::text, NULL, NULL, NULL, d.datdba, d.datacl",
      `pg_database d ON d.oid = h.objid AND ${inherited("pg_database")}`,
    ),
    of(
      "0::oid, NULL, NULL, NULL, NULL, l.lomowner, l.lomacl",
      `pg_largeobject_metadata l ON l.oid = h.objid AND ${inherited("pg_largeobject")}`,
    ),
    of(
      "0::oid, NULL, NULL, NULL, NULL, l.lanowner, l.lanacl",
      `pg_language l ON l.oid = h.objid AND ${inherited("pg_language")}`,
    ),
    of(
      "0::oid, NULL, NULL, NULL, NULL, f.fdwowner, f.fdwacl",
      `pg_foreign_data_wrapper f ON f.oid = h.objid AND ${inherited("pg_foreign_data_wrapper")}`,
    ),
    of(
      "0::oid, NULL, NULL, NULL, NULL, v.srvowner, v.srvacl",
      `pg_foreign_server v ON v.oid = h.objid AND ${inherited("pg_foreign_server")}`,
    ),
    of(
      "0::oid, NULL, NULL, NULL, NULL, s.spcowner, s.spcacl",
      `pg_tablespace s ON s.oid = h.objid AND ${inherited("pg_tablespace")}`,
    ),
  ];
  if (versionNum >= parameterAclsSince) {
    // Settings belong to the bootstrap superuser.
    parts.push(
      of(
        "0::oid, NULL, NULL, NULL, NULL, 10::oid, q.paracl",
        `pg_parameter_acl q ON q.oid = h.objid AND ${inherited("pg_parameter_acl")}`,
      ),
    );
  }
  return parts.join("\nUNION ALL\n");
}

/**
 * What managed roles hold anywhere outside their schemas, what they hold anywhere with the right to grant it on, and what
 * they granted on to others. One query: pg_shdepend knows on what a role holds anything.
 */
export async function readRoleRights(session: Session, pairs: readonly RoleInSchema[]): Promise<RoleRight[]> {
  const { rows } = await session.query<RoleRight>(
    `WITH roles AS MATERIALIZED (
       SELECT r.oid FROM pg_roles r JOIN (SELECT DISTINCT role FROM unnest($1::text[]) AS w (role)) w ON w.role = r.rolname::text),
     inside AS MATERIALIZED (
       SELECT DISTINCT r.oid AS role, n.oid AS nsp
         FROM unnest($1::text[], $2::text[]) AS w (role, schema)
         JOIN pg_roles r ON r.rolname::text = w.role JOIN pg_namespace n ON n.nspname::text = w.schema),
     held AS MATERIALIZED (
       SELECT DISTINCT s.classid, s.objid, s.objsubid
         FROM pg_shdepend s JOIN roles r ON r.oid = s.refobjid
        WHERE s.refclassid = 'pg_authid'::regclass AND s.deptype = 'a'
          AND s.dbid IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))),
     acls AS MATERIALIZED (${aclsOf(session.versionNum)}),
     entries AS MATERIALIZED (
       SELECT a.classid, a.objid, a.objsubid, a.nsp, a.name, a.arguments, a.col, a.future, a.owner,
              e.grantee, e.grantor, e.privilege_type, e.is_grantable, i.role IS NOT NULL AS inside,
              EXISTS (SELECT FROM aclexplode(a.acl) s WHERE s.is_grantable AND s.grantee <> a.owner) AS shared
         FROM acls a CROSS JOIN aclexplode(a.acl) e
         LEFT JOIN roles g ON g.oid = e.grantee
         LEFT JOIN roles b ON b.oid = e.grantor
         LEFT JOIN inside i ON i.role = e.grantee AND i.nsp = a.nsp
        WHERE e.grantee <> a.owner
          AND ((g.oid IS NOT NULL AND (i.role IS NULL OR e.is_grantable))
               OR (b.oid IS NOT NULL AND e.grantor <> a.owner)))
     SELECT e.classid::regclass::text AS catalog, o.type, o.identity, n.nspname::text AS schema,
            pg_get_userbyid(n.nspowner)::text AS "schemaOwner", e.name, e.arguments, e.col AS "column",
            e.future AS "futureType", pg_get_userbyid(e.owner)::text AS owner, x.extname::text AS extension,
            e.classid = 'pg_database'::regclass AND e.name = current_database() AS "isDatabase", e.inside,
            CASE e.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(e.grantee)::text END AS grantee,
            pg_get_userbyid(e.grantor)::text AS grantor, e.privilege_type AS privilege, e.is_grantable AS grantable,
            n.oid IS NULL OR e.grantor = e.owner OR has_schema_privilege(e.grantor, n.oid, 'USAGE') AS "grantorReaches",
            n.oid IS NULL OR e.name IS NULL OR has_schema_privilege(e.owner, n.oid, 'USAGE') AS "ownerReaches",
            e.shared OR EXISTS (
              SELECT FROM pg_class c
               CROSS JOIN LATERAL (SELECT c.relacl AS acl UNION ALL
                                   SELECT t.attacl FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attacl IS NOT NULL) l
               CROSS JOIN aclexplode(l.acl) s
               WHERE e.classid = 'pg_class'::regclass AND c.oid = e.objid AND s.is_grantable AND s.grantee <> c.relowner) AS shared
       FROM entries e
      CROSS JOIN LATERAL pg_identify_object(e.classid, e.objid, 0) o
       LEFT JOIN pg_namespace n ON n.oid = e.nsp
       LEFT JOIN pg_depend d ON d.classid = e.classid AND d.objid = e.objid AND d.deptype = 'e'
       LEFT JOIN pg_extension x ON d.refclassid = 'pg_extension'::regclass AND x.oid = d.refobjid
      ORDER BY 1, o.identity, e.col, e.future, 14, 15, 16`,
    [pairs.map(({ role }) => role.name), pairs.map(({ schema }) => schema)],
    { keep: true },
  );
  return rows;
}
