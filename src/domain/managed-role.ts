import { invalidField } from "../errors.ts";
import { identifierFault } from "./names.ts";
import {
  definitionChecksum,
  type ObjectType,
  type RoleTemplate,
  type Template,
  type TemplatePrivilege,
} from "./role-template.ts";

/** A role of a template, expanded for one database and schema. */
export interface ManagedRole {
  readonly name: string;
  readonly kind: string;
  readonly scope: "schema" | "database";
  /** null for a database-wide role. */
  readonly schema: string | null;
  readonly database: string;
  readonly template: string;
  readonly version: string;
  readonly checksum: string;
  /** Names of roles of the same template. */
  readonly inherits: readonly string[];
  readonly nativeRoles: readonly string[];
  readonly extensions: readonly string[];
  /** Privileges by object type that the server's version knows. */
  readonly privileges: Readonly<Partial<Record<ObjectType, readonly string[]>>>;
}

/** The name of a role of a kind: `{database}_{schema}_{kind}`, or `{database}_{kind}` for a database-wide one. */
export function managedRoleName(role: RoleTemplate, database: string, schema: string): string {
  return role.scope === "schema" ? `${database}_${schema}_${role.kind}` : `${database}_${role.kind}`;
}

/**
 * Expands a template. Refuses a schema whose role names would pass 63 bytes, since PostgreSQL would cut them and
 * two roles would become one. `major` is the server's major version.
 */
export function expandTemplate(
  template: Template,
  database: string,
  schema: string,
  major: number,
): ManagedRole[] {
  const names = new Map(template.roles.map((role) => [role.kind, managedRoleName(role, database, schema)]));
  return template.roles.map((role) => {
    const name = managedRoleName(role, database, schema);
    const fault = identifierFault(name);
    if (fault !== undefined) {
      throw invalidField("schema_name", `the role name ${JSON.stringify(name)} that it leads to ${fault}`);
    }
    return {
      name,
      kind: role.kind,
      scope: role.scope,
      schema: role.scope === "schema" ? schema : null,
      database,
      template: template.name,
      version: template.version,
      checksum: definitionChecksum(template, role),
      inherits: role.inherits.map((kind) => names.get(kind) ?? kind),
      nativeRoles: role.nativeRoles,
      extensions: role.extensions,
      privileges: knownPrivileges(role.privileges, major),
    };
  });
}

function knownPrivileges(wanted: RoleTemplate["privileges"], major: number): ManagedRole["privileges"] {
  const known = (list: readonly TemplatePrivilege[]): string[] =>
    list.filter((entry) => (entry.since ?? 0) <= major).map((entry) => entry.privilege);
  return Object.fromEntries(Object.entries(wanted).map(([type, list]) => [type, known(list)]));
}

/**
 * Whose a role is. Roles are shared by all databases of an instance, and `{database}_{schema}_{kind}` is ambiguous
 * (`a_b` + `c` and `a` + `b_c`), so each managed role carries its owner in its COMMENT.
 */
export interface RoleMark {
  readonly database: string;
  readonly schema: string | null;
  readonly kind: string;
  readonly template: string;
  readonly version: string;
}

/** How the comment of every managed role begins. */
export const roleMarkPrefix = "managed by cloudsql-postgres-manager ";

export function formatRoleMark(role: RoleMark): string {
  const { database, schema, kind, template, version } = role;
  return roleMarkPrefix + JSON.stringify({ database, schema, kind, template, version });
}

/** Reads a role's comment; undefined when it is not a mark of this service. */
export function parseRoleMark(comment: string | null): RoleMark | undefined {
  if (!comment?.startsWith(roleMarkPrefix)) return undefined;
  try {
    const mark: unknown = JSON.parse(comment.slice(roleMarkPrefix.length));
    return isRoleMark(mark) ? mark : undefined;
  } catch {
    return undefined;
  }
}

function isRoleMark(value: unknown): value is RoleMark {
  if (typeof value !== "object" || value === null) return false;
  const mark = value as Record<string, unknown>;
  const texts = [mark.database, mark.kind, mark.template, mark.version];
  return (
    texts.every((text) => typeof text === "string") &&
    (mark.schema === null || typeof mark.schema === "string")
  );
}

/** Whether two marks name the same place: same database, same schema (or both database-wide), same kind. */
export function samePlace(one: RoleMark, other: RoleMark): boolean {
  return one.database === other.database && one.schema === other.schema && one.kind === other.kind;
}
