import type { ObjectKind, ObjectType } from "../domain/role-template.ts";
import { type RoleInSchema, schemaObjects, schemasOf } from "./schema-catalog.ts";
import type { Session } from "./session.ts";
import type { GrantObject } from "./statements/privileges.ts";

/** Privileges on one object that somebody other than its owner granted, by a grant option. */
export interface ForeignGrant {
  readonly schema: string;
  readonly role: string;
  readonly objectType: ObjectType;
  /** null of a column. */
  readonly objectKind: ObjectKind | null;
  readonly object: GrantObject;
  readonly owner: string;
  readonly grantor: string;
  readonly privileges: readonly string[];
}

interface GrantRow extends Omit<ForeignGrant, "object"> {
  readonly name: string;
  readonly arguments: string | null;
  readonly column: string | null;
}

/** Columns with privileges of their own. */
const grantedColumns = `
  SELECT 'column', NULL, n.nspname::text, c.oid, c.relname::text, NULL, c.relowner, t.attacl, t.attname::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped AND t.attacl IS NOT NULL
   WHERE n.nspname::text = ANY ($1::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;

/** What roles hold in schemas from others than the owners: an owner's REVOKE leaves that, and says nothing. */
export async function readForeignGrants(
  session: Session,
  pairs: readonly RoleInSchema[],
): Promise<ForeignGrant[]> {
  const { rows } = await session.query<GrantRow>(
    `SELECT g.rolname::text AS role, o.schema, o.type AS "objectType", o.kind AS "objectKind", o.name, o.arguments, o."column",
            pg_get_userbyid(o.owner)::text AS owner, pg_get_userbyid(a.grantor)::text AS grantor,
            array_agg(a.privilege_type ORDER BY a.privilege_type) AS privileges
       FROM (SELECT s.*, NULL::text AS "column" FROM (${schemaObjects}) s UNION ALL ${grantedColumns}) o
      CROSS JOIN aclexplode(o.acl) a
       JOIN pg_roles g ON g.oid = a.grantee
       JOIN unnest($2::text[], $3::text[]) AS w (role, schema) ON w.role = g.rolname::text AND w.schema = o.schema
      WHERE a.grantor <> o.owner
      GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY 1, 2, 3, 5, 6, 7, 9`,
    [schemasOf(pairs), pairs.map(({ role }) => role.name), pairs.map(({ schema }) => schema)],
    { plain: true },
  );
  return rows.map(({ name, arguments: signature, column, ...row }) => ({
    ...row,
    object: { name, arguments: signature, ...(column === null ? {} : { column }) },
  }));
}

/** JSON of `[schema, role]` of those of the roles that have no USAGE on the schema, and so cannot name what is in it. */
export async function readOutsiders(
  session: Session,
  pairs: readonly { readonly schema: string; readonly role: string }[],
): Promise<Set<string>> {
  const distinct = [
    ...new Map(pairs.map((pair) => [JSON.stringify([pair.schema, pair.role]), pair])).values(),
  ];
  if (distinct.length === 0) return new Set();
  const { rows } = await session.query<{ schema: string; role: string }>(
    `SELECT w.schema, w.role
       FROM unnest($1::text[], $2::text[]) AS w (schema, role)
       JOIN pg_namespace n ON n.nspname::text = w.schema
       JOIN pg_roles r ON r.rolname::text = w.role
      WHERE NOT has_schema_privilege(r.oid, n.oid, 'USAGE')`,
    [distinct.map(({ schema }) => schema), distinct.map(({ role }) => role)],
    { keep: true },
  );
  return new Set(rows.map(({ schema, role }) => JSON.stringify([schema, role])));
}
