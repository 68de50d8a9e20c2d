import type { ManagedRole } from "../domain/managed-role.ts";
import type { PrivilegeGap } from "./schema-catalog.ts";
import type { Session } from "./session.ts";

interface ColumnGapRow extends Pick<PrivilegeGap, "action" | "role" | "privileges" | "owner"> {
  readonly relations: string[];
  readonly columns: string[];
}

/**
 * Compares what relations' owners granted to roles on single columns with the roles' definitions, in one query. Any
 * grant on a column that a definition does not name is beyond it. Columns that do not exist are `readAbsentColumns`' matter.
 */
export async function readColumnGaps(
  session: Session,
  schema: string,
  roles: readonly ManagedRole[],
): Promise<PrivilegeGap[]> {
  const wanted = wantedColumns(roles);
  const { rows } = await session.query<ColumnGapRow>(
    `WITH wanted AS (
       SELECT w.role, w.relation, w.col, array_agg(w.privilege) AS privileges
         FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS w (role, relation, col, privilege)
        GROUP BY 1, 2, 3),
     roles AS (
       SELECT w.role, r.oid FROM unnest($2::text[]) AS w (role) LEFT JOIN pg_roles r ON r.rolname::text = w.role),
     columns AS MATERIALIZED (
       SELECT c.relname::text AS relation, c.relowner AS owner, a.attname::text AS col, a.attacl AS acl
         FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE n.nspname::text = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND (a.attacl IS NOT NULL
               OR (c.relname::text, a.attname::text) IN (SELECT w.relation, w.col FROM wanted w))
          AND NOT EXISTS (SELECT FROM pg_depend e
                           WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')),
     held AS (
       SELECT c.relation, c.col, a.grantee, array_agg(DISTINCT a.privilege_type) AS privileges
         FROM columns c, aclexplode(c.acl) a
        WHERE a.grantor = c.owner AND a.grantee IN (SELECT oid FROM roles)
        GROUP BY 1, 2, 3),
     compared AS (
       SELECT r.role, c.relation, c.col, c.owner,
              ARRAY (SELECT unnest(w.privileges) EXCEPT SELECT unnest(h.privileges) ORDER BY 1) AS missing,
              ARRAY (SELECT unnest(h.privileges) EXCEPT SELECT unnest(w.privileges) ORDER BY 1) AS spurious
         FROM columns c
        CROSS JOIN roles r
         LEFT JOIN wanted w ON w.role = r.role AND w.relation = c.relation AND w.col = c.col
         LEFT JOIN held h ON h.grantee = r.oid AND h.relation = c.relation AND h.col = c.col
        WHERE r.oid IS DISTINCT FROM c.owner),
     gaps AS (
       SELECT 'grant' AS action, missing AS privileges, * FROM compared WHERE missing <> '{}'
       UNION ALL
       SELECT 'revoke', spurious, * FROM compared WHERE spurious <> '{}')
     SELECT action, role, privileges, pg_get_userbyid(owner)::text AS owner,
            array_agg(relation ORDER BY relation, col) AS relations, array_agg(col ORDER BY relation, col) AS columns
       FROM gaps GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 2, 3, 4`,
    [schema, roles.map((role) => role.name), ...columnsOf(wanted)],
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
  readonly role: string;
  readonly relation: string;
  readonly column: string;
}

/** No query when no definition names columns. */
export async function readAbsentColumns(
  session: Session,
  schema: string,
  roles: readonly ManagedRole[],
): Promise<AbsentColumn[]> {
  const wanted = wantedColumns(roles);
  if (wanted.length === 0) return [];
  const { rows } = await session.query<AbsentColumn>(
    `SELECT DISTINCT w.role, w.relation, w.col AS "column"
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS w (role, relation, col, privilege)
      WHERE NOT EXISTS (
        SELECT FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE n.nspname::text = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
           AND c.relname::text = w.relation AND a.attname::text = w.col)
      ORDER BY 1, 2, 3`,
    [schema, ...columnsOf(wanted)],
  );
  return rows;
}

type Wanted = readonly [role: string, relation: string, column: string, privilege: string];

function wantedColumns(roles: readonly ManagedRole[]): Wanted[] {
  return roles.flatMap((role) =>
    role.columnGrants.flatMap(({ table, columns, privileges }) =>
      columns.flatMap((column) => privileges.map((one): Wanted => [role.name, table, column, one])),
    ),
  );
}

function columnsOf(wanted: readonly Wanted[]): string[][] {
  return ([0, 1, 2, 3] as const).map((at) => wanted.map((row) => row[at]));
}
