import { standardTemplate } from "../domain/builtin-templates.ts";
import { expandTemplate, type ManagedRole, type RoleMark } from "../domain/managed-role.ts";
import type { Template } from "../domain/role-template.ts";
import { compareVersions } from "../domain/semantic-version.ts";
import type { RoleRecord } from "./registry.ts";
import type { RoleFinding } from "./role-finding.ts";
import type { TemplateBook } from "./template-lookup.ts";

/** A role of this database that bears a mark. */
export interface MarkedRole extends RoleMark {
  readonly name: string;
}

/** What is known of the roles of a database: the registry's records, and the marks of those that there are. */
export interface KnownRoles {
  readonly database: string;
  readonly major: number;
  readonly records: readonly RoleRecord[];
  readonly marks: readonly MarkedRole[];
}

/** The roles that are to be in a schema. */
export interface SchemaRoles {
  /** Each by the version of its template that made it. */
  readonly roles: readonly ManagedRole[];
  /** Templates of which a newer version may be used, by it. */
  readonly newer: readonly NewerTemplate[];
  /** What cannot be compared, or is left of an earlier version. */
  readonly findings: readonly RoleFinding[];
}

export interface NewerTemplate {
  readonly template: Template;
  /** The newest version that made a role here. */
  readonly present: string;
  readonly roles: readonly ManagedRole[];
}

/**
 * Which roles a schema is to have, by the versions of templates that were applied to it, which the registry says, or else
 * the roles' marks. A schema of which nothing is known is to have the standard ones.
 */
export async function findSchemaRoles(
  book: TemplateBook,
  known: KnownRoles,
  schema: string,
): Promise<SchemaRoles> {
  const roles: ManagedRole[] = [];
  const newer: NewerTemplate[] = [];
  const findings: RoleFinding[] = [];
  for (const name of templatesIn(known, schema)) {
    const found = await findRolesOf(book, known, schema, name);
    roles.push(...found.roles);
    newer.push(...found.newer);
    findings.push(...found.findings);
  }
  if (roles.length + findings.length === 0)
    roles.push(...expandTemplate(standardTemplate, known.database, schema, known.major));
  return { roles, newer, findings };
}

function isIn(role: RoleRecord, schema: string): boolean {
  return role.schema === schema || role.schemas?.includes(schema) === true;
}

function templatesIn({ records, marks }: KnownRoles, schema: string): string[] {
  const recorded = records.filter((role) => isIn(role, schema)).map((role) => role.template);
  const marked = marks.filter((mark) => mark.schema === schema).map((mark) => mark.template);
  return [...new Set([...recorded, ...marked])].sort();
}

/** The version that made each kind of a template's roles that concern a schema; what is recorded wins over a mark. */
function versionsByKind({ records, marks }: KnownRoles, schema: string, name: string): Map<string, string> {
  const concerned = [...marks, ...records].filter(
    (role) => role.template === name && (role.schema === schema || role.schema === null),
  );
  return new Map(concerned.map((role) => [role.kind, role.version]));
}

async function findRolesOf(
  book: TemplateBook,
  known: KnownRoles,
  schema: string,
  name: string,
): Promise<SchemaRoles> {
  const versions = versionsByKind(known, schema, name);
  const present = [...versions.values()].sort(compareVersions).at(-1) ?? "";
  const expansions = new Map<string, readonly ManagedRole[]>();
  const findings: RoleFinding[] = [];
  for (const version of new Set(versions.values())) {
    const definition = await book.definition(name, version);
    if (definition === undefined) findings.push(unknownVersion(name, version, schema));
    else expansions.set(version, expandTemplate(definition, known.database, schema, known.major));
  }
  const base = expansions.get(present) ?? [];
  const roleOf = (version: string | undefined, kind: string): ManagedRole | undefined =>
    expansions.get(version ?? "")?.find((role) => role.kind === kind);
  const current = base.map((role) => roleOf(versions.get(role.kind), role.kind) ?? role);
  const superseded = [...versions]
    .filter(([kind]) => base.every((role) => role.kind !== kind))
    .flatMap(([kind, version]) => roleOf(version, kind) ?? [])
    .filter((role) => known.marks.some((mark) => mark.name === role.name));
  const roles = [...current, ...superseded];
  findings.push(...superseded.map((role) => supersededRole(role, present)));
  const newer = await findNewer(book, known, schema, { name, present, roles: current });
  return { roles, newer, findings };
}

async function findNewer(
  book: TemplateBook,
  { database, major }: KnownRoles,
  schema: string,
  { name, present, roles }: { name: string; present: string; roles: readonly ManagedRole[] },
): Promise<NewerTemplate[]> {
  const newest = await book.newest(name);
  if (newest === undefined) return [];
  if (roles.every((role) => compareVersions(role.version, newest.version) >= 0)) return [];
  return [{ template: newest, present, roles: expandTemplate(newest, database, schema, major) }];
}

function unknownVersion(name: string, version: string, schema: string): RoleFinding {
  const detail =
    `Roles of version ${version} of template ${name} are recorded, and nobody knows that version: they cannot be compared. ` +
    "Apply a version that there is.";
  const object = `template ${name} in schema ${schema}`;
  return { kind: "changed_definition", role: null, object, detail, statements: [] };
}

function supersededRole(role: ManagedRole, present: string): RoleFinding {
  const detail =
    `${role.name} is of kind ${role.kind}, which version ${present} of template ${role.template} does not have any more; ` +
    "move its members, and drop it.";
  return { kind: "extra", role: role.name, object: `role ${role.name}`, detail, statements: [] };
}
