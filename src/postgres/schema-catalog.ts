import type { ManagedRole } from "../domain/managed-role.ts";
import { type DefaultType, type ObjectType, objectKinds } from "../domain/role-template.ts";
import { readColumnGaps } from "./column-gaps.ts";
import type { Session } from "./session.ts";
import type { GrantObject } from "./statements/privileges.ts";

export interface SchemaRow {
  readonly name: string;
  readonly owner: string;
}

/** A schema; undefined when there is none of that name. */
export async function readSchema(session: Session, name: string): Promise<SchemaRow | undefined> {
  return (await readSchemaRows(session, [name])).get(name);
}

/** The schemas of these names that exist, by name. */
export async function readSchemaRows(
  session: Session,
  names: readonly string[],
): Promise<Map<string, SchemaRow>> {
  const { rows } = await session.query<SchemaRow>(
    `SELECT n.nspname::text AS name, pg_get_userbyid(n.nspowner)::text AS owner
       FROM pg_namespace n WHERE n.nspname::text = ANY ($1::text[])`,
    [names],
    { keep: true },
  );
  return new Map(rows.map((row) => [row.name, row]));
}

/** The schemas on which roles hold something that was granted to themselves, by role. */
export async function readGrantedSchemas(
  session: Session,
  roles: readonly string[],
): Promise<Map<string, string[]>> {
  const { rows } = await session.query<{ role: string; schemas: string[] }>(
    `SELECT r.rolname::text AS role, array_agg(DISTINCT n.nspname::text) AS schemas
       FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) a JOIN pg_roles r ON r.oid = a.grantee
      WHERE r.rolname::text = ANY ($1::text[])
      GROUP BY 1`,
    [roles],
    { keep: true },
  );
  return new Map(rows.map((row) => [row.role, row.schemas]));
}

/** Objects of one type on which one role lacks the same privileges, or holds the same ones beyond its definition. */
export interface PrivilegeGap {
  /** null for what is in no schema: the database itself, and large objects. */
  readonly schema: string | null;
  readonly action: "grant" | "revoke";
  readonly role: string;
  readonly objectType: ObjectType;
  readonly privileges: readonly string[];
  readonly owner: string;
  /** PUBLIC holds all of them, or others than the owner granted them: the role has them in effect. */
  readonly publicHolds: boolean;
  readonly objects: readonly GrantObject[];
}

interface GapRow extends Omit<PrivilegeGap, "objects"> {
  readonly names: string[];
  readonly arguments: (string | null)[];
}

/**
 * What schemas hold, by type and kind: relations, sequences, routines and types with owner and ACL, the schemas
 * themselves and the database. Left out: what belongs to an extension, row types of tables, arrays and multiranges (which take no
 * privileges). `$1` are the schemas' names.
 */
export const schemaObjects = `
  SELECT 'database' AS type, 'database' AS kind, NULL::text AS schema, d.oid, d.datname::text AS name, NULL::text AS arguments, d.datdba AS owner,
         coalesce(d.datacl, acldefault('d', d.datdba)) AS acl
    FROM pg_database d WHERE d.datname = current_database()
  UNION ALL
  SELECT 'schema', 'schema', n.nspname::text, n.oid, n.nspname::text, NULL, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
    FROM pg_namespace n WHERE n.nspname::text = ANY ($1::text[])
  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
         CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' ELSE 'table' END,
         n.nspname::text, c.oid, c.relname::text, NULL, c.relowner,
         coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     AND NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  UNION ALL
  SELECT 'routine', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, n.nspname::text, p.oid, p.proname::text,
         pg_get_function_identity_arguments(p.oid), p.proowner,
         coalesce(p.proacl, acldefault('f', p.proowner))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
   WHERE n.nspname::text = ANY ($1::text[])
     AND NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
  UNION ALL
  SELECT 'type', 'type', n.nspname::text, t.oid, t.typname::text, NULL, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE n.nspname::text = ANY ($1::text[]) AND t.typtype IN ('b', 'c', 'd', 'e', 'r') AND t.typelem = 0
     AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
     AND NOT EXISTS (SELECT FROM pg_depend e
                      WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')`;

/** Large objects belong to the database, and there may be very many of them: they come after `schemaObjects`. */
export const largeObjects = `
  UNION ALL
  SELECT 'large_object', 'large_object', NULL, l.oid, l.oid::text, NULL, l.lomowner,
         coalesce(l.lomacl, acldefault('L', l.lomowner))
    FROM pg_largeobject_metadata l`;

/** A role and a schema in which it is to hold what its definition says. */
export interface RoleInSchema {
  readonly role: ManagedRole;
  readonly schema: string;
}

/**
 * Compares what the owners of schemas' objects granted to roles with the roles' definitions, in two queries whatever
 * the number of schemas, roles and objects. Roles that do not exist yet lack everything. The objects' owners are held to
 * own what they own.
 *
 * The roles are joined, not asked for by IN beside an OR: that is a subplan, which PostgreSQL hashes only as long as it
 * expects it to fit in work_mem, and else reads from its beginning for every entry of every ACL.
 */
export async function readPrivilegeGaps(
  session: Session,
  pairs: readonly RoleInSchema[],
): Promise<PrivilegeGap[]> {
  const objects = pairs.some(({ role }) => mayHoldLargeObjects(role))
    ? schemaObjects + largeObjects
    : schemaObjects;
  const { rows } = await session.query<GapRow>(
    `WITH objects AS MATERIALIZED (${objects}),
     wanted AS MATERIALIZED (
       SELECT w.role, coalesce(w.schema, '') AS schema, w.kind, r.oid AS role_oid,
              string_to_array(w.privileges, ',') AS privileges, string_to_array(w.tolerated, ',') AS tolerated
         FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
              AS w (role, schema, kind, privileges, tolerated)
         LEFT JOIN pg_roles r ON r.rolname::text = w.role),
     roles AS MATERIALIZED (SELECT DISTINCT role_oid AS oid FROM wanted WHERE role_oid IS NOT NULL),
     entries AS MATERIALIZED (
       SELECT o.type, o.oid, o.owner, a.grantor, a.grantee, a.privilege_type
         FROM objects o, aclexplode(o.acl) a),
     held AS (
       SELECT e.type, e.oid, e.grantee, array_agg(DISTINCT e.privilege_type) AS privileges
         FROM entries e LEFT JOIN roles r ON r.oid = e.grantee
        WHERE e.grantee = 0 OR (r.oid IS NOT NULL AND (e.grantor = e.owner OR e.type = 'database'))
        GROUP BY 1, 2, 3),
     foreign_held AS (
       SELECT e.type, e.oid, e.grantee, array_agg(DISTINCT e.privilege_type) AS privileges
         FROM entries e JOIN roles r ON r.oid = e.grantee
        WHERE e.grantor <> e.owner
        GROUP BY 1, 2, 3),
     compared AS (
       SELECT w.role, o.type, o.schema, o.name, o.arguments, o.owner,
              ARRAY (SELECT unnest(w.privileges) EXCEPT SELECT unnest(h.privileges) ORDER BY 1) AS missing,
              CASE WHEN o.type <> 'database'
                   THEN ARRAY (SELECT unnest(h.privileges) EXCEPT SELECT unnest(w.privileges || w.tolerated) ORDER BY 1)
                   ELSE '{}' END AS spurious,
              coalesce(p.privileges, '{}') || coalesce(f.privileges, '{}') AS other_privileges
         FROM objects o
         JOIN wanted w ON w.kind = o.kind AND w.schema = coalesce(o.schema, '')
         LEFT JOIN held h ON h.type = o.type AND h.oid = o.oid AND h.grantee = w.role_oid
         LEFT JOIN held p ON p.type = o.type AND p.oid = o.oid AND p.grantee = 0
         LEFT JOIN foreign_held f ON f.type = o.type AND f.oid = o.oid AND f.grantee = w.role_oid
        WHERE w.role_oid IS DISTINCT FROM o.owner),
     gaps AS (
       SELECT 'grant' AS action, missing AS privileges, * FROM compared WHERE missing <> '{}'
       UNION ALL
       SELECT 'revoke', spurious, * FROM compared WHERE spurious <> '{}')
     SELECT action, role, type AS "objectType", privileges, pg_get_userbyid(owner)::text AS owner,
            privileges <@ other_privileges AS "publicHolds", schema,
            array_agg(name ORDER BY name, arguments) AS names,
            array_agg(arguments ORDER BY name, arguments) AS arguments
       FROM gaps GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1 DESC, 2, 3, 4, 5`,
    [schemasOf(pairs), ...wantedColumns(pairs)],
    { plain: true },
  );
  const gaps = rows.map(({ names, arguments: signatures, ...gap }) => ({
    ...gap,
    objects: names.map((name, at) => ({ name, arguments: signatures[at] ?? null })),
  }));
  return [...gaps, ...(await readColumnGaps(session, pairs))];
}

export function schemasOf(pairs: readonly RoleInSchema[]): string[] {
  return [...new Set(pairs.map((pair) => pair.schema))];
}

/** Columns of (role, schema, kind, privileges, tolerated), each row once: a role has its rights on the database once. */
function wantedColumns(pairs: readonly RoleInSchema[]): (string | null)[][] {
  const rows = new Map<string, readonly (string | null)[]>();
  for (const { role, schema } of pairs) {
    for (const kind of objectKinds) {
      const within = kind === "database" || kind === "large_object" ? null : schema;
      const lists = [role.privileges[kind] ?? [], role.tolerated[kind] ?? []].map((list) => list.join(","));
      rows.set(JSON.stringify([role.name, within, kind]), [role.name, within, kind, ...lists]);
    }
  }
  const list = [...rows.values()];
  return [0, 1, 2, 3, 4].map((column) => list.map((row) => row[column] ?? null));
}

/** A role that once held some by another version of its template counts: what is left of that is to be seen. */
export function mayHoldLargeObjects({ scope, template }: ManagedRole): boolean {
  return scope === "database" && template !== "standard";
}

/**
 * Who owns objects of each type in schemas, by schema, those of extensions included; superusers' objects can't be
 * granted on.
 */
export async function readObjectOwners(
  session: Session,
  schemas: readonly string[],
): Promise<Map<string, Map<ObjectType, string[]>>> {
  const { rows } = await session.query<{ schema: string; type: ObjectType; owners: string[] }>(
    `SELECT o.schema, o.type, array_agg(DISTINCT pg_get_userbyid(o.owner)::text) AS owners
       FROM (SELECT n.nspname::text AS schema, c.relowner AS owner,
                    CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS type
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
             UNION ALL
             SELECT n.nspname::text, p.proowner, 'routine'
               FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
              WHERE n.nspname::text = ANY ($1::text[])) o
      GROUP BY 1, 2`,
    [schemas],
    { keep: true },
  );
  const found = new Map<string, Map<ObjectType, string[]>>();
  for (const { schema, type, owners } of rows)
    found.set(schema, (found.get(schema) ?? new Map<ObjectType, string[]>()).set(type, owners));
  return found;
}

/** One grantee's default privileges on one creator's future objects of one type. */
export interface DefaultPrivilege {
  /** null for those of all of the database: on large objects. */
  readonly schema: string | null;
  readonly creator: string;
  readonly objectType: DefaultType;
  readonly grantee: string;
  readonly privileges: readonly string[];
}

/** The default privileges in schemas that grantees hold, and those on large objects, which are for all of the database. */
export async function readDefaultPrivileges(
  session: Session,
  schemas: readonly string[],
  grantees: readonly string[],
): Promise<DefaultPrivilege[]> {
  const { rows } = await session.query<DefaultPrivilege>(
    `SELECT n.nspname::text AS schema, pg_get_userbyid(d.defaclrole)::text AS creator, g.rolname::text AS grantee,
            CASE d.defaclobjtype WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence'
                                 WHEN 'f' THEN 'routine' WHEN 'L' THEN 'large_object' ELSE 'type' END AS "objectType",
            array_agg(a.privilege_type ORDER BY a.privilege_type) AS privileges
       FROM pg_default_acl d
       LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
      CROSS JOIN aclexplode(d.defaclacl) a
       JOIN pg_roles g ON g.oid = a.grantee
      WHERE g.rolname::text = ANY ($2::text[])
        AND ((n.nspname::text = ANY ($1::text[]) AND d.defaclobjtype IN ('r', 'S', 'f', 'T'))
             OR (d.defaclnamespace = 0 AND d.defaclobjtype = 'L'))
      GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    [schemas, grantees],
    { keep: true },
  );
  return rows;
}

/** The relations of extensions that are installed in this database, and whether PUBLIC may read them. */
export interface ExtensionRelation {
  readonly extension: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly readers: readonly string[];
  readonly publicReads: boolean;
}

export async function readExtensionRelations(
  session: Session,
  extensions: readonly string[],
): Promise<ExtensionRelation[]> {
  const { rows } = await session.query<ExtensionRelation>(
    `SELECT e.extname::text AS extension, n.nspname::text AS schema, c.relname::text AS name,
            pg_get_userbyid(c.relowner)::text AS owner,
            ARRAY (SELECT pg_get_userbyid(a.grantee)::text FROM aclexplode(c.relacl) a
                    WHERE a.privilege_type = 'SELECT' AND a.grantee <> 0) AS readers,
            EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.privilege_type = 'SELECT' AND a.grantee = 0)
              AS "publicReads"
       FROM pg_extension e
       JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
                       AND d.classid = 'pg_class'::regclass AND d.deptype = 'e'
       JOIN pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'v')
       JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE e.extname::text = ANY ($1::text[])
      ORDER BY 1, 2, 3`,
    [extensions],
    { keep: true },
  );
  return rows;
}
