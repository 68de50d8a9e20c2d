import type { Session } from "../session.ts";

/** Names of the database's own schemas in byte order. `starts_with`, because `_` is a wildcard in LIKE. */
export async function readSchemaNames(session: Session): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(schemaNames, [], {
    name: "schema_names",
    read: true,
  });
  return rows.map((row) => row.name);
}

/** The schema's oid, or undefined when there is no such schema. */
export async function readSchemaOid(session: Session, schema: string): Promise<number | undefined> {
  const { rows } = await session.query<{ oid: number }>(schemaOid, [schema], {
    name: "schema_oid",
    read: true,
  });
  return rows[0]?.oid;
}

const schemaNames = `
SELECT n.nspname AS name
FROM pg_catalog.pg_namespace n
WHERE NOT pg_catalog.starts_with(n.nspname::text, 'pg_') AND n.nspname <> 'information_schema'
ORDER BY n.nspname COLLATE "C"`;

// A `name` parameter would be cut at 63 bytes and could find another schema: compare with text.
const schemaOid = `
SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = $1::text`;
