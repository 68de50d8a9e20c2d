import type { ManagedRole } from "../domain/managed-role.ts";
import type { ObjectKind, ObjectType } from "../domain/role-template.ts";
import { schemaObjects } from "./schema-catalog.ts";
import type { Session } from "./session.ts";
import type { GrantObject } from "./statements/privileges.ts";

/** Privileges on one object that somebody other than its owner granted, by a grant option. */
export interface ForeignGrant {
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
  SELECT 'column', NULL, c.oid, c.relname::text, NULL, c.relowner, t.attacl, t.attname::text
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped AND t.attacl IS NOT NULL
   WHERE n.nspname::text = $1::text AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;

/** What roles hold in a schema from others than the owners: an owner's REVOKE leaves that, and says nothing. */
export async function readForeignGrants(
  session: Session,
  schema: string,
  roles: readonly ManagedRole[],
): Promise<ForeignGrant[]> {
  const names = roles.map((role) => role.name);
  const { rows } = await session.query<GrantRow>(
    `SELECT g.rolname::text AS role, o.type AS "objectType", o.kind AS "objectKind", o.name, o.arguments, o."column",
            pg_get_userbyid(o.owner)::text AS owner, pg_get_userbyid(a.grantor)::text AS grantor,
            array_agg(a.privilege_type ORDER BY a.privilege_type) AS privileges
       FROM (SELECT s.*, NULL::text AS "column" FROM (${schemaObjects}) s UNION ALL ${grantedColumns}) o
      CROSS JOIN aclexplode(o.acl) a JOIN pg_roles g ON g.oid = a.grantee
      WHERE o.type <> 'database' AND a.grantor <> o.owner AND g.rolname::text = ANY ($2::text[])
      GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 4, 5, 6, 8`,
    [schema, names],
  );
  return rows.map(({ name, arguments: signature, column, ...row }) => ({
    ...row,
    object: { name, arguments: signature, ...(column === null ? {} : { column }) },
  }));
}
