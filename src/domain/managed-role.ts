import { createHash } from "node:crypto";
import { invalidField, ServiceError } from "../errors.ts";
import { identifierFault, isSystemRole, maxIdentifierBytes } from "./names.ts";
import { nativeRoleSince } from "./native-roles.ts";
import {
  type ColumnGrant,
  type DefaultType,
  defaultTypes,
  definitionChecksum,
  futurePrivileges,
  grantedOn,
  kindsOfDefaultType,
  largeObjectDefaultsSince,
  type ObjectKind,
  objectKinds,
  type RoleTemplate,
  sinceMajor,
  type Template,
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
  /** What it has to hold on objects that exist, by kind; what the server's version does not know is left out. */
  readonly privileges: Readonly<Partial<Record<ObjectKind, readonly string[]>>>;
  /** What it may hold besides: privileges on objects that were future ones, of which existing ones are not to be granted. */
  readonly tolerated: Readonly<Partial<Record<ObjectKind, readonly string[]>>>;
  /** Default privileges. */
  readonly future: Readonly<Partial<Record<DefaultType, readonly string[]>>>;
  readonly columnGrants: readonly ColumnGrant[];
}

/** The name of a role of a kind by its pattern, such as `{database}_{schema}_{kind}`; shortened unless names are exact. */
export function managedRoleName(
  template: Template,
  role: RoleTemplate,
  database: string,
  schema: string,
): string {
  const values: Record<string, string> = { database, schema, kind: role.kind, template: template.name };
  const name = role.namePattern.replaceAll(/\{(\w+)\}/g, (all, key: string) => values[key] ?? all);
  return template.exactNames ? name : shortenName(name);
}

/** Hexadecimal digits of the hash that ends a shortened name. */
const hashDigits = 12;

/**
 * A name of over 63 bytes would be cut by PostgreSQL, and two would become one. Its beginning is kept, at a character's
 * border, and a hash of all of it tells it from others.
 */
function shortenName(name: string): string {
  if (Buffer.byteLength(name) <= maxIdentifierBytes) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, hashDigits);
  const room = new Uint8Array(maxIdentifierBytes - hashDigits - 1);
  const { read } = new TextEncoder().encodeInto(name, room);
  return `${name.slice(0, read)}_${hash}`;
}

/**
 * Expands a template. Refuses a schema whose role names PostgreSQL would not take (of exact names, those over 63 bytes),
 * or of which two would be one. `major` is the server's major version.
 */
export function expandTemplate(
  template: Template,
  database: string,
  schema: string,
  major: number,
): ManagedRole[] {
  const names = new Map(
    template.roles.map((role) => [role.kind, managedRoleName(template, role, database, schema)]),
  );
  assertDistinct(template, names);
  const definitions = expandDefinitions(template, major);
  return template.roles.map((role, at) => {
    const name = names.get(role.kind) ?? role.kind;
    const fault = isSystemRole(name) ? "is reserved for PostgreSQL or Cloud SQL" : identifierFault(name);
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
      inherits: role.inherits.map((kind) => names.get(kind) ?? kind),
      extensions: role.extensions,
      ...(definitions[at] as Definition),
    };
  });
}

type Definition = Privileges & Pick<ManagedRole, "checksum" | "nativeRoles">;

/** Kept, since of the same template they are the same in every schema, and there may be hundreds. */
const definitionsOf = new WeakMap<Template, Map<number, readonly Definition[]>>();

function expandDefinitions(template: Template, major: number): readonly Definition[] {
  const byMajor = definitionsOf.get(template) ?? new Map<number, readonly Definition[]>();
  const known = byMajor.get(major);
  if (known !== undefined) return known;
  const definitions = template.roles.map((role) => ({
    checksum: definitionChecksum(template, role),
    nativeRoles: role.nativeRoles.filter((native) => nativeRoleSince(native) <= major),
    ...expandPrivileges(role, major),
  }));
  definitionsOf.set(template, byMajor.set(major, definitions));
  return definitions;
}

function assertDistinct(template: Template, names: ReadonlyMap<string, string>): void {
  const kinds = new Map<string, string>();
  for (const [kind, name] of names) {
    const other = kinds.get(name);
    kinds.set(name, kind);
    if (other === undefined) continue;
    const detail = `the roles ${other} and ${kind} of template ${template.name} would both be named ${JSON.stringify(name)}`;
    throw new ServiceError("conflict", `Here, ${detail}.`, { details: { because: detail } });
  }
}

/** Whether a role has privileges in schemas, or on objects of the database that default privileges cover. */
export function holdsInSchemas({ privileges, tolerated, columnGrants }: ManagedRole): boolean {
  const kinds = [...Object.keys(privileges), ...Object.keys(tolerated)];
  return columnGrants.length > 0 || kinds.some((kind) => kind !== "database");
}

type Privileges = Pick<ManagedRole, "privileges" | "tolerated" | "future" | "columnGrants">;

function expandPrivileges(role: RoleTemplate, major: number): Privileges {
  const known = (list: readonly string[]): string[] => list.filter((one) => sinceMajor(one) <= major);
  const privileges: Partial<Record<ObjectKind, string[]>> = {};
  const tolerated: Partial<Record<ObjectKind, string[]>> = {};
  const future: Partial<Record<DefaultType, string[]>> = {};
  for (const type of defaultTypes) {
    if (type === "large_object" && major < largeObjectDefaultsSince) continue;
    const list = known(futurePrivileges(role, type));
    if (list.length > 0) future[type] = list;
  }
  for (const kind of objectKinds) {
    const list = known(grantedOn(role, kind, "existing"));
    if (list.length > 0) privileges[kind] = list;
    const type = defaultTypes.find((one) => kindsOfDefaultType[one].includes(kind));
    const extra = (type === undefined ? [] : (future[type] ?? [])).filter((one) => !list.includes(one));
    if (extra.length > 0) tolerated[kind] = extra;
  }
  const columnGrants = role.columnGrants.map((grant) => ({ ...grant, privileges: known(grant.privileges) }));
  return { privileges, tolerated, future, columnGrants };
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

/** Whether two marks name the same place: same database, same schema (or both database-wide), same template, same kind. */
export function samePlace(one: RoleMark, other: RoleMark): boolean {
  return placeKey(one) === placeKey(other);
}

/** The same for marks of the same place, and only for them. */
export function placeKey(mark: Omit<RoleMark, "version">): string {
  return JSON.stringify([mark.database, mark.schema, mark.template, mark.kind]);
}
