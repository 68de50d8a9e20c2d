import type pg from "pg";
import {
  type ExplainableType,
  explainablePrivileges,
  type ObjectName,
} from "../../src/domain/explain-object.ts";

/** An object of the database, with what PostgreSQL says of it. */
export interface TrueObject {
  readonly name: ObjectName;
  /** For messages. */
  readonly text: string;
  /** Names of the roles (and `public`) that have it, by `PRIVILEGE` or `PRIVILEGE WITH GRANT OPTION`. */
  readonly allowed: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The user's schemas, and some of the system's own objects. */
const wantedSchemas = `(n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema')`;
const relations = (kinds: string): string => `
  SELECT c.oid, 0::smallint AS attnum, ARRAY[n.nspname, c.relname]::text[] AS parts
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN (${kinds}) AND (${wantedSchemas} OR c.relname IN
    ('pg_class', 'pg_authid', 'pg_roles', 'pg_settings', 'pg_shadow', 'sql_features', 'tables', 'pg_subscription'))`;

const objects: Readonly<Record<ExplainableType, string>> = {
  database: "SELECT oid, 0::smallint AS attnum, ARRAY[datname]::text[] AS parts FROM pg_database",
  schema:
    "SELECT oid, 0::smallint AS attnum, ARRAY[nspname]::text[] AS parts FROM pg_namespace WHERE nspname NOT LIKE 'pg_t%'",
  table: relations("'r', 'p', 'v', 'm', 'f'"),
  column: `SELECT o.oid, t.attnum, o.parts || t.attname::text AS parts
    FROM (${relations("'r', 'p', 'v', 'm', 'f'")}) o JOIN pg_attribute t ON t.attrelid = o.oid
    WHERE NOT t.attisdropped AND (t.attnum > 0 OR t.attname = 'ctid')`,
  sequence: relations("'S'"),
  function: `SELECT p.oid, 0::smallint AS attnum, ARRAY[n.nspname, p.proname, oidvectortypes(p.proargtypes)]::text[] AS parts
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE ${wantedSchemas} OR p.proname IN ('pg_read_file', 'now', 'pg_stat_reset', 'lower')`,
  type: `SELECT t.oid, 0::smallint AS attnum, ARRAY[n.nspname, t.typname]::text[] AS parts
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE ${wantedSchemas} OR t.typname IN ('int4', '_int4', 'name', 'oidvector', 'int4multirange', 'regclass')`,
  large_object: "SELECT oid, 0::smallint AS attnum, ARRAY[oid]::text[] AS parts FROM pg_largeobject_metadata",
};

/**
 * Nobody can ask PostgreSQL for large objects' privileges before 18. Its rule is that of all ACLs (aclmask in
 * src/backend/utils/adt/acl.c): by the entries of all roles whose privileges one has, and an owner may grant everything.
 */
const byAcl = (role: string): string => `EXISTS (
  SELECT FROM pg_largeobject_metadata l
   WHERE l.oid = o.oid AND CASE
     WHEN ${role}::text = 'public' THEN EXISTS (
       SELECT FROM aclexplode(l.lomacl) a WHERE a.grantee = 0 AND p.name = a.privilege_type)
     ELSE (SELECT s.rolsuper FROM pg_roles s WHERE s.oid::text = ${role}::text)
       OR (p.name LIKE '%GRANT OPTION' AND pg_has_role(nullif(${role}::text, 'public')::oid, l.lomowner, 'USAGE'))
       OR EXISTS (
         SELECT FROM aclexplode(coalesce(l.lomacl, acldefault('L', l.lomowner))) a
          WHERE p.name = a.privilege_type || CASE WHEN p.name LIKE '%GRANT OPTION' AND a.is_grantable
                                                  THEN ' WITH GRANT OPTION' ELSE '' END
            AND (a.grantee = 0 OR pg_has_role(nullif(${role}::text, 'public')::oid, a.grantee, 'USAGE')))
     END)`;

const asks = (type: ExplainableType, role: string, major: number): string => {
  if (type === "column") return `has_column_privilege(${role}, o.oid, o.attnum, p.name)`;
  if (type !== "large_object") return `has_${type}_privilege(${role}, o.oid, p.name)`;
  return major < 18 ? byAcl(role) : `has_largeobject_privilege(${role}, o.oid, p.name)`;
};

/** Asks PostgreSQL for every object of a type, every privilege (with and without grant option) and every role. */
export async function readTruth(
  client: pg.Client,
  type: ExplainableType,
  major: number,
): Promise<TrueObject[]> {
  const names = explainablePrivileges[type].filter((name) => name !== "MAINTAIN" || major >= 17);
  const { rows } = await client.query<{ parts: string[]; privilege: string; roles: string[] }>(
    `SELECT o.parts, p.name AS privilege,
       ARRAY(SELECT r.rolname::text FROM pg_roles r WHERE ${asks(type, "r.oid", major)})
       || CASE WHEN ${asks(type, "'public'", major)} THEN ARRAY['public'] ELSE '{}' END AS roles
     FROM (${objects[type]}) o, unnest($1::text[]) p (name)`,
    [names.flatMap((name) => [name, `${name} WITH GRANT OPTION`])],
  );
  const byObject = Map.groupBy(rows, ({ parts }) => JSON.stringify(parts));
  return [...byObject].map(([text, same]) => ({
    name: nameOf(type, same[0]?.parts ?? []),
    text: `${type} ${text}`,
    allowed: new Map(same.map(({ privilege, roles }) => [privilege, new Set(roles)])),
  }));
}

function nameOf(type: ExplainableType, [first = "", second = "", third = ""]: readonly string[]): ObjectName {
  if (type === "database" || type === "schema" || type === "large_object") return { type, name: first };
  if (type === "column") return { type, schema: first, name: second, column: third };
  if (type === "function") return { type, schema: first, name: second, arguments: third };
  return { type, schema: first, name: second };
}
