import { notFound } from "../errors.ts";
import { readSchemaOid } from "../postgres/reads/schemas.ts";
import type { Session } from "../postgres/session.ts";

/** The oid of a schema of the session's database; `not_found` (schema) when there is none of that name. */
export async function findSchema(session: Session, schema: string): Promise<number> {
  const oid = await readSchemaOid(session, schema);
  if (oid === undefined) {
    throw notFound("schema", `There is no schema "${schema}" in database "${session.target.database}".`, {
      schema_name: schema,
    });
  }
  return oid;
}
