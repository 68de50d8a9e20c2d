import {
  expandTemplate,
  type ManagedRole,
  parseRoleMark,
  type RoleMark,
  roleMarkPrefix,
} from "../domain/managed-role.ts";
import { readRolesByComment } from "../postgres/role-catalog.ts";
import { readGrantedSchemas } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { TemplateBook } from "./template-lookup.ts";

/**
 * The roles of this database that exist and are marked as managed, by schema, as the versions of their templates define
 * them. A database-wide role is in each schema on which it holds something: those to which its template was applied.
 */
export async function readManagedRoles(
  session: Session,
  book: TemplateBook,
): Promise<Map<string, ManagedRole[]>> {
  const { database } = session.target;
  const marked = (await readRolesByComment(session, roleMarkPrefix)).flatMap((row) => {
    const mark = parseRoleMark(row.comment);
    return mark?.database === database ? [{ name: row.name, mark }] : [];
  });
  const wide = marked.filter(({ mark }) => mark.schema === null).map(({ name }) => name);
  const schemasOf = wide.length === 0 ? new Map<string, string[]>() : await readGrantedSchemas(session, wide);
  const found = new Map<string, ManagedRole[]>();
  const expanded = new Map<string, readonly ManagedRole[]>();
  for (const { name, mark } of marked) {
    for (const schema of mark.schema === null ? (schemasOf.get(name) ?? []) : [mark.schema]) {
      const key = JSON.stringify([mark.template, mark.version, schema]);
      const roles = expanded.get(key) ?? (await expand(session, book, mark, schema));
      expanded.set(key, roles);
      const role = roles.find(({ kind }) => kind === mark.kind);
      if (role?.name === name) found.set(schema, [...(found.get(schema) ?? []), role]);
    }
  }
  return found;
}

async function expand(
  session: Session,
  book: TemplateBook,
  { template, version, database }: RoleMark,
  schema: string,
): Promise<readonly ManagedRole[]> {
  const definition = await book.definition(template, version);
  if (definition === undefined) return [];
  return expandTemplate(definition, database, schema, Math.floor(session.versionNum / 10_000));
}
