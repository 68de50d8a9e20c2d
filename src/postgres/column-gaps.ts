import { type PrivilegeGap, type RoleInSchema, schemasOf } from "./schema-catalog.ts";
import type { Session } from "./session.ts";

interface ColumnGapRow extends Pick<PrivilegeGap, "schema" | "action" | "role" | "privileges" | "owner"> {
  readonly relations: string[];
  readonly columns: string[];
}

/**
 * Compares what relations' owners granted to roles on single columns with the roles' definitions, in one query. Any
 * grant on a column that a definition does not name is beyond it. Columns that do not exist are `readAbsentColumns`' matter.
 */
export async function readColumnGaps(
  session: Session,
  pairs: readonly RoleInSchema[],
): Promise<PrivilegeGap[]> {
  const wanted = wantedColumns(pairs);
  const { rows } = await session.query<ColumnGapRow>(
    `WITH wanted AS (
       SELECT w.role, w.schema, w.relation, w.col, array_agg(w.privilege) AS privileges
         FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
              AS w (role, schema, relation, col, privilege)
        GROUP BY 1, 2, 3, 4),
     roles AS (
       SELECT w.role, w.schema, r.oid
         FROM unnest($2::text[], $3::text[]) AS w (role, schema) LEFT JOIN pg_roles r ON r.rolname::text = w.role),
     columns AS MATERIALIZED (
       SELECT n.nspname::text AS schema, c.relname::text AS relation, c.relowner AS owner, a.attname::text AS col, a.attacl AS acl
         FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         LEFT JOIN (SELECT DISTINCT schema, relation, col FROM wanted) w
           ON w.schema = n.nspname::text AND w.relation = c.relname::text AND w.col = a.attname::text
        WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND (a.attacl IS NOT NULL OR w.col IS NOT NULL)
          AND NOT EXISTS (SELECT FROM pg_depend e
                           WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')),
     held AS (
       SELECT c.schema, c.relation, c.col, a.grantee, array_agg(DISTINCT a.privilege_type) AS privileges
         FROM columns c, aclexplode(c.acl) a
        WHERE a.grantor = c.owner AND a.grantee IN (SELECT oid FROM roles)
        GROUP BY 1, 2, 3, 4),
     compared AS (
       SELECT r.role, c.schema, c.relation, c.col, c.owner,
              ARRAY (SELECT unnest(w.privileges) EXCEPT SELECT unnest(h.privileges) ORDER BY 1) AS missing,
              ARRAY (SELECT unnest(h.privileges) EXCEPT SELECT unnest(w.privileges) ORDER BY 1) AS spurious
         FROM columns c
         JOIN roles r ON r.schema = c.schema
         LEFT JOIN wanted w ON w.role = r.role AND w.schema = c.schema AND w.relation = c.relation AND w.col = c.col
         LEFT JOIN held h ON h.grantee = r.oid AND h.schema = c.schema AND h.relation = c.relation AND h.col = c.col
        WHERE r.oid IS DISTINCT FROM c.owner),
     gaps AS (
       SELECT 'grant' AS action, missing AS privileges, * FROM compared WHERE missing <> '{}'
       UNION ALL
       SELECT 'revoke', spurious, * FROM compared WHERE spurious <> '{}')
     SELECT schema, action, role, privileges, pg_get_userbyid(owner)::text AS owner,
            array_agg(relation ORDER BY relation, col) AS relations, array_agg(col ORDER BY relation, col) AS columns
       FROM gaps GROUP BY 1, 2, 3, 4, 5 ORDER BY 2 DESC, 3, 4, 5`,
    [
      schemasOf(pairs),
      pairs.map(({ role }) => role.name),
      pairs.map(({ schema }) => schema),
      ...columnsOf(wanted),
    ],
    { plain: true },
  );
  return rows.map(({ relations, columns, ...gap }) => ({
    ...gap,
    objectType: "column",
    publicHolds: false,
    objects: relations.map((name, at) => ({ name, arguments: null, column: columns[at] ?? "" })),
  }));
}

/** A column that a role's definition names and the schema does not have. */
export interface AbsentColumn {
  readonly schema: string;
  readonly role: string;
  readonly relation: string;
  readonly column: string;
}

/** No query when no definition names columns. */
export async function readAbsentColumns(
  session: Session,
  pairs: readonly RoleInSchema[],
): Promise<AbsentColumn[]> {
  const wanted = wantedColumns(pairs);
  if (wanted.length === 0) return [];
  const { rows } = await session.query<AbsentColumn>(
    `SELECT DISTINCT w.role, w.schema, w.relation, w.col AS "column"
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
            AS w (role, schema, relation, col, privilege)
      WHERE NOT EXISTS (
        SELECT FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE n.nspname::text = w.schema AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
           AND c.relname::text = w.relation AND a.attname::text = w.col)
      ORDER BY 1, 2, 3, 4`,
    columnsOf(wanted),
    { plain: true },
  );
  return rows;
}

type Wanted = readonly [role: string, schema: string, relation: string, column: string, privilege: string];

function wantedColumns(pairs: readonly RoleInSchema[]): Wanted[] {
  return pairs.flatMap(({ role, schema }) =>
    role.columnGrants.flatMap(({ table, columns, privileges }) =>
      columns.flatMap((column) => privileges.map((one): Wanted => [role.name, schema, table, column, one])),
    ),
  );
}

function columnsOf(wanted: readonly Wanted[]): string[][] {
  return ([0, 1, 2, 3, 4] as const).map((at) => wanted.map((row) => row[at]));
}
