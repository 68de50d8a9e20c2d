import { roleMarkPrefix } from "../domain/managed-role.ts";
import { parameterAclsSince } from "./role-rights.ts";
import type { Session } from "./session.ts";
import { literal } from "./sql.ts";

/**
 * Rows that are not the system's own, nor a session's temporary ones. Of the system's schemas there are few: a list of
 * them is hashed, and needs no join to be planned.
 */
const own = (oid: string): string =>
  `${oid} NOT IN (SELECT n.oid FROM pg_namespace n WHERE starts_with(n.nspname::text, 'pg_') OR n.nspname = 'information_schema')`;

/** FirstNormalObjectId: what initdb made lies in the system's schemas alone. Spares reading it. */
const made = (oid: string): string => `${oid} >= 16384`;

/** What drift can show in, each as rows of text. The sum of their hashes depends on no order. */
const parts: readonly string[] = [
  `SELECT (r.oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
           r.rolbypassrls)::text AS line FROM pg_roles r`,
  "SELECT m::text FROM pg_auth_members m",
  "SELECT (d.objoid, d.description)::text FROM pg_shdescription d WHERE d.classoid = 'pg_authid'::regclass",
  "SELECT (d.oid, d.datname, d.datdba, d.datacl)::text FROM pg_database d",
  `SELECT (n.oid, n.nspname, n.nspowner, n.nspacl)::text FROM pg_namespace n WHERE ${own("n.oid")}`,
  `SELECT (c.oid, c.relname, c.relnamespace, c.relowner, c.relkind, c.relacl)::text FROM pg_class c
    WHERE ${own("c.relnamespace")} AND ${made("c.oid")} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')`,
  `SELECT (a.attrelid, a.attname, a.attacl)::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND ${made("c.oid")} AND ${own("c.relnamespace")} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
  `SELECT (p.oid, p.proname, p.pronamespace, p.proowner, p.prokind, p.proacl)::text FROM pg_proc p
    WHERE ${own("p.pronamespace")} AND ${made("p.oid")}`,
  `SELECT (t.oid, t.typname, t.typnamespace, t.typowner, t.typacl)::text FROM pg_type t
    WHERE ${own("t.typnamespace")} AND ${made("t.oid")}`,
  "SELECT (d.defaclrole, d.defaclnamespace, d.defaclobjtype, d.defaclacl)::text FROM pg_default_acl d",
  "SELECT (e.oid, e.extname, e.extnamespace)::text FROM pg_extension e",
  "SELECT (d.classid, d.objid, d.refobjid)::text FROM pg_depend d WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'",
  "SELECT (l.oid, l.lanowner, l.lanacl)::text FROM pg_language l",
  "SELECT (f.oid, f.fdwowner, f.fdwacl)::text FROM pg_foreign_data_wrapper f",
  "SELECT (v.oid, v.srvowner, v.srvacl)::text FROM pg_foreign_server v",
  "SELECT (t.oid, t.spcowner, t.spcacl)::text FROM pg_tablespace t",
  // What managed roles hold or own elsewhere. Relations and their types are above, but for sessions' temporary ones.
  `SELECT (s.classid, s.objid, s.objsubid, s.refobjid, s.deptype, l.lomacl)::text
     FROM pg_shdescription m
     JOIN pg_shdepend s ON s.refclassid = 'pg_authid'::regclass AND s.refobjid = m.objoid
     LEFT JOIN pg_largeobject_metadata l ON s.classid = 'pg_largeobject'::regclass AND l.oid = s.objid
    WHERE m.classoid = 'pg_authid'::regclass AND starts_with(m.description, ${literal(roleMarkPrefix)})
      AND s.dbid IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
      AND (s.deptype = 'a' OR (s.deptype = 'o' AND s.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass)))`,
];

const parameters = "SELECT (q.parname, q.paracl)::text FROM pg_parameter_acl q";

/** There may be very many of them, and most templates say nothing of them. */
const largeObjects = "SELECT (l.oid, l.lomowner, l.lomacl)::text FROM pg_largeobject_metadata l";

/**
 * A hash over all of the catalogs that drift of this database's roles can show in: the same as long as none of them has
 * changed. One query. Roles and memberships are those of the whole instance.
 */
export async function readFingerprint(
  session: Session,
  options: { readonly largeObjects: boolean },
): Promise<string> {
  const all = [
    ...parts,
    ...(session.versionNum >= parameterAclsSince ? [parameters] : []),
    ...(options.largeObjects ? [largeObjects] : []),
  ];
  const sums = all.map(
    (part) =>
      `(SELECT count(*) || ':' || coalesce(sum(hashtextextended(line, 0)), 0) FROM (${part}) AS p (line))`,
  );
  const { rows } = await session.query<{ fingerprint: string }>(
    `SELECT md5(concat_ws(',', current_user, current_setting('server_version_num'), ${sums.join(", ")})) AS fingerprint`,
    // Without parameters it is planned once: this is most of what looking for drift takes.
    [],
    { keep: true, read: true },
  );
  return rows[0]?.fingerprint ?? "";
}
