import { largeObjects, type PrivilegeGap, schemaObjects } from "./schema-catalog.ts";
import type { Session } from "./session.ts";

/** Objects of a type, in a schema or in none. */
export interface ObjectPlace {
  readonly type: string;
  /** null for the database and for large objects. */
  readonly schema: string | null;
}

interface SharedRow extends ObjectPlace {
  readonly name: string;
  readonly arguments: string | null;
}

/** Where the objects of a gap are; columns are their tables'. */
export function placeOf({ objectType, schema }: Pick<PrivilegeGap, "objectType" | "schema">): ObjectPlace {
  return { type: objectType === "column" ? "table" : objectType, schema };
}

/** Objects on which others than the owner may grant. */
export interface SharedObjects {
  readonly hasAny: (place: ObjectPlace) => boolean;
  readonly has: (place: ObjectPlace, name: string, signature: string | null) => boolean;
}

export function sharedObjects(rows: readonly SharedRow[]): SharedObjects {
  const keyOf = ({ type, schema }: ObjectPlace): string => JSON.stringify([type, schema]);
  const perPlace = new Map(
    [...Map.groupBy(rows, keyOf)].map(([place, list]) => [
      place,
      new Set(list.map((row) => JSON.stringify([row.name, row.arguments]))),
    ]),
  );
  return {
    hasAny: (place) => perPlace.has(keyOf(place)),
    has: (place, name, signature) =>
      perPlace.get(keyOf(place))?.has(JSON.stringify([name, signature])) === true,
  };
}

/**
 * Those of schemas, and the database: on all of the object or on a column. There PostgreSQL decides for whom somebody
 * acts who has the rights of several, and it need not be the owner: select_best_grantor takes the first that may grant
 * all that is named, and who runs the statement before any other. Such a GRANT is not the owner's, and such a REVOKE
 * leaves what the owner granted and says nothing.
 */
export async function readSharedObjects(
  session: Session,
  schemas: readonly string[],
  options: { readonly largeObjects: boolean },
): Promise<SharedObjects> {
  const { rows } = await session.query<SharedRow>(
    `SELECT o.type, o.schema, o.name, o.arguments
       FROM (${options.largeObjects ? schemaObjects + largeObjects : schemaObjects}) o
      WHERE EXISTS (SELECT FROM aclexplode(o.acl) a WHERE a.is_grantable AND a.grantee <> o.owner)
     UNION
     SELECT 'table', n.nspname::text, c.relname::text, NULL
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped AND t.attacl IS NOT NULL
      CROSS JOIN aclexplode(t.attacl) a
      WHERE n.nspname::text = ANY ($1::text[]) AND a.is_grantable AND a.grantee <> c.relowner`,
    [schemas],
    { plain: true },
  );
  return sharedObjects(rows);
}
