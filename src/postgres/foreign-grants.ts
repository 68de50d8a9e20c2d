import type { ManagedRole } from "../domain/managed-role.ts";
import type { ObjectType } from "../domain/role-template.ts";
import { schemaObjects } from "./schema-catalog.ts";
import type { Session } from "./session.ts";
import type { GrantObject } from "./statements/privileges.ts";

/** Privileges on one object that somebody other than its owner granted, by a grant option. */
export interface ForeignGrant {
  readonly role: string;
  readonly objectType: ObjectType;
  readonly object: GrantObject;
  readonly owner: string;
  readonly grantor: string;
  readonly privileges: readonly string[];
}

interface GrantRow extends Omit<ForeignGrant, "object"> {
  readonly name: string;
  readonly arguments: string | null;
}

/** What schema roles hold in a schema from others than the owners: an owner's REVOKE leaves that, and says nothing. */
export async function readForeignGrants(
  session: Session,
  schema: string,
  roles: readonly ManagedRole[],
): Promise<ForeignGrant[]> {
  const names = roles.filter((role) => role.scope === "schema").map((role) => role.name);
  const { rows } = await session.query<GrantRow>(
    `SELECT g.rolname::text AS role, o.type AS "objectType", o.name, o.arguments,
            pg_get_userbyid(o.owner)::text AS owner, pg_get_userbyid(a.grantor)::text AS grantor,
            array_agg(a.privilege_type ORDER BY a.privilege_type) AS privileges
       FROM (${schemaObjects}) o CROSS JOIN aclexplode(o.acl) a JOIN pg_roles g ON g.oid = a.grantee
      WHERE o.type <> 'database' AND a.grantor <> o.owner AND g.rolname::text = ANY ($2::text[])
      GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 6`,
    [schema, names],
  );
  return rows.map(({ name, arguments: signature, ...row }) => ({
    ...row,
    object: { name, arguments: signature },
  }));
}
