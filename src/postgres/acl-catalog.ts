import type { FutureObjectType, GrantObjectType } from "../domain/grant-privileges.ts";
import type { Session } from "./session.ts";

/** An object that takes privileges. `schema` is null for the database. */
export interface AclObject {
  readonly type: GrantObjectType;
  readonly schema: string | null;
  /** null for a schema and the database. */
  readonly name: string | null;
  /** Routines only: pg_get_function_identity_arguments. */
  readonly arguments: string | null;
  readonly owner: string;
}

/** One privilege of somebody who does not own the object. */
export interface AclRow extends AclObject {
  readonly column: string | null;
  /** `public` for PUBLIC. */
  readonly grantee: string;
  readonly grantor: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

const notOfExtension = (catalog: string, oid: string): string => `NOT EXISTS (
  SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass AND e.objid = ${oid} AND e.deptype = 'e')`;

/** Relations, sequences, routines, types and schemas of `$1`, and the database; without what belongs to extensions. */
const aclObjects = `
  SELECT 'database' AS type, d.oid, NULL::text AS schema, NULL::text AS name, NULL::text AS arguments,
         d.datdba AS owner, coalesce(d.datacl, acldefault('d', d.datdba)) AS acl
    FROM pg_database d WHERE d.datname = current_database()
  UNION ALL
  SELECT 'schema', n.oid, n.nspname::text, NULL, NULL, n.nspowner, n.nspacl
    FROM pg_namespace n WHERE n.nspname::text = ANY ($1::text[])
  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, c.oid, n.nspname::text, c.relname::text, NULL,
         c.relowner, c.relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     AND ${notOfExtension("pg_class", "c.oid")}
  UNION ALL
  SELECT 'routine', p.oid, n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid), p.proowner,
         coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname::text = ANY ($1::text[]) AND ${notOfExtension("pg_proc", "p.oid")}
  UNION ALL
  SELECT 'type', t.oid, n.nspname::text, t.typname::text, NULL, t.typowner,
         coalesce(t.typacl, acldefault('T', t.typowner))
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE n.nspname::text = ANY ($1::text[]) AND t.typtype IN ('b', 'c', 'd', 'e', 'r') AND t.typelem = 0
     AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
     AND ${notOfExtension("pg_type", "t.oid")}`;

/** What schemas hold, and the database itself. */
export async function readAclObjects(session: Session, schemas: readonly string[]): Promise<AclObject[]> {
  const { rows } = await session.query<AclObject>(
    `SELECT o.type, o.schema, o.name, o.arguments, pg_get_userbyid(o.owner)::text AS owner
       FROM (${aclObjects}) o ORDER BY 1, 2, 3, 4`,
    [schemas],
    { keep: true },
  );
  return rows;
}

/**
 * All privileges on them and on columns but the owners' own, as they are granted, whoever granted them; without those of
 * the roles that are not asked for.
 */
export async function readAclRows(
  session: Session,
  schemas: readonly string[],
  without: readonly string[] = [],
): Promise<AclRow[]> {
  const { rows } = await session.query<AclRow>(
    `WITH objects AS (${aclObjects}),
     acls AS (
       SELECT o.type, o.schema, o.name, o.arguments, o.owner, NULL::text AS column, o.acl FROM objects o
       UNION ALL
       SELECT 'table', n.nspname::text, c.relname::text, NULL, c.relowner, a.attname::text, a.attacl
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname::text = ANY ($1::text[]) AND a.attacl IS NOT NULL AND NOT a.attisdropped
          AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ${notOfExtension("pg_class", "c.oid")})
     SELECT o.type, o.schema, o.name, o.arguments, o.column, pg_get_userbyid(o.owner)::text AS owner,
            CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END AS grantee,
            pg_get_userbyid(a.grantor)::text AS grantor, a.privilege_type AS privilege, a.is_grantable AS grantable
       FROM acls o CROSS JOIN aclexplode(o.acl) a
      WHERE a.grantee <> o.owner
        AND NOT EXISTS (SELECT FROM pg_roles w WHERE w.oid = a.grantee AND w.rolname::text = ANY ($2::text[]))
      ORDER BY 1, 2, 3, 4, 5, 7, 8, 9`,
    [schemas, without],
    { keep: true },
  );
  return rows;
}

/** One default privilege of somebody other than the creator. `schema` is null where it holds in every schema. */
export interface DefaultAclRow {
  readonly creator: string;
  readonly schema: string | null;
  readonly type: FutureObjectType;
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** What PUBLIC would hold on new objects of a creator, and does not. */
export interface DefaultRevocationRow {
  readonly creator: string;
  readonly type: FutureObjectType;
  readonly privilege: string;
}

const defaultType = `CASE d.defaclobjtype WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'routine' ELSE 'type' END`;

/** Default privileges on tables, sequences, routines and types, those of superusers' objects left out. */
export async function readDefaultAclRows(session: Session): Promise<DefaultAclRow[]> {
  const { rows } = await session.query<DefaultAclRow>(
    `SELECT r.rolname::text AS creator, n.nspname::text AS schema, ${defaultType} AS type,
            CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END AS grantee,
            a.privilege_type AS privilege, a.is_grantable AS grantable
       FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole
       LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
      CROSS JOIN aclexplode(d.defaclacl) a
      WHERE a.grantee <> d.defaclrole AND d.defaclobjtype IN ('r', 'S', 'f', 'T') AND NOT r.rolsuper
      ORDER BY 1, 2, 3, 4, 5`,
    [],
    { keep: true },
  );
  return rows;
}

export async function readDefaultRevocations(session: Session): Promise<DefaultRevocationRow[]> {
  const { rows } = await session.query<DefaultRevocationRow>(
    `SELECT r.rolname::text AS creator, ${defaultType} AS type,
            CASE d.defaclobjtype WHEN 'f' THEN 'EXECUTE' ELSE 'USAGE' END AS privilege
       FROM pg_default_acl d JOIN pg_roles r ON r.oid = d.defaclrole
      WHERE d.defaclnamespace = 0 AND d.defaclobjtype IN ('f', 'T') AND NOT r.rolsuper
        AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) a WHERE a.grantee = 0)
      ORDER BY 1, 2`,
    [],
    { keep: true },
  );
  return rows;
}

/** The schemas of the database that are nobody's but its users', with their owners. */
export async function readUserSchemas(session: Session): Promise<Map<string, string>> {
  const { rows } = await session.query<{ name: string; owner: string }>(
    `SELECT n.nspname::text AS name, pg_get_userbyid(n.nspowner)::text AS owner FROM pg_namespace n
      WHERE NOT starts_with(n.nspname::text, 'pg_') AND n.nspname <> 'information_schema'
        AND ${notOfExtension("pg_namespace", "n.oid")}
      ORDER BY n.nspname::text COLLATE "C"`,
    [],
    { keep: true },
  );
  return new Map(rows.map(({ name, owner }) => [name, owner]));
}

/** Those of the columns named that exist, as JSON of `[schema, table, column]`. */
export async function readColumns(
  session: Session,
  tables: readonly { readonly schema: string; readonly name: string }[],
): Promise<Set<string>> {
  const { rows } = await session.query<{ schema: string; name: string; column: string }>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name, a.attname::text AS column
       FROM unnest($1::text[], $2::text[]) AS w (schema, name)
       JOIN pg_namespace n ON n.nspname::text = w.schema
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname::text = w.name
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped`,
    [tables.map((one) => one.schema), tables.map((one) => one.name)],
    { keep: true },
  );
  return new Set(rows.map((row) => JSON.stringify([row.schema, row.name, row.column])));
}
