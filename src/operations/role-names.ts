import { standardTemplate } from "../domain/builtin-templates.ts";
import {
  type ManagedRole,
  managedRoleName,
  parseRoleMark,
  type RoleMark,
  samePlace,
} from "../domain/managed-role.ts";
import { isSystemRole, parseIdentifier } from "../domain/names.ts";
import type { Target } from "../domain/target.ts";
import { invalidField, ServiceError } from "../errors.ts";
import type { RoleRow } from "../postgres/role-catalog.ts";
import { endAttributes } from "../postgres/statements/administrator.ts";

/** The full name of a role that was given as such or by its kind. */
export function fullRoleName(target: Target, schema: string, role: string): string {
  const template = standardTemplate.roles.find((one) => one.kind === role);
  const name =
    template === undefined ? role : managedRoleName(standardTemplate, template, target.database, schema);
  parseIdentifier("role_name", name);
  if (isSystemRole(name)) {
    throw invalidField(
      "role_name",
      "is a role of PostgreSQL or Cloud SQL, which this service does not grant",
    );
  }
  return name;
}

/** Where a role belongs, for people. */
export function describePlace(mark: RoleMark): string {
  const schema = mark.schema === null ? "" : `schema ${JSON.stringify(mark.schema)} of `;
  return `${schema}database ${JSON.stringify(mark.database)}`;
}

/** Attributes that no managed role may have; the admin cannot take the first three away. */
export function unsafeAttributes(row: RoleRow): string[] {
  const attributes: readonly (readonly [string, boolean])[] = [
    ["SUPERUSER", row.isSuperuser],
    ["REPLICATION", row.canReplicate],
    ["BYPASSRLS", row.bypassesRls],
    ["CREATEROLE", row.canCreateRole],
    ["CREATEDB", row.canCreateDb],
    ["LOGIN", row.canLogin],
  ];
  return attributes.filter(([, has]) => has).map(([name]) => name);
}

export interface Adoption {
  /** Names that the target's registry lists: they are its own, whatever became of their mark. */
  readonly registered: ReadonlySet<string>;
  readonly force: boolean;
}

/**
 * Refuses to touch a role that is another target's, somebody's login, or of unknown origin: names of the standard
 * roles are ambiguous between databases and schemas of an instance. `force` adopts a plain group role without a mark,
 * which may mean something in every database: answers whether that is so, for the policy to allow.
 */
export function assertOwnRole(role: ManagedRole, row: RoleRow, adoption: Adoption): "own" | "adopted" {
  const mark = parseRoleMark(row.comment);
  const refuse = (because: string, administrator_sql: readonly string[] = []): never => {
    throw new ServiceError("conflict", `Role ${JSON.stringify(role.name)} is not touched: ${because}.`, {
      details: { role: role.name, because, administrator_sql },
    });
  };
  if (mark !== undefined && !samePlace(mark, role)) refuse(`it belongs to ${describePlace(mark)}`);
  const unsafe = unsafeAttributes(row);
  const tamed = (): string[] => [endAttributes(role.name, unsafe)];
  if (row.isSuperuser || row.canReplicate || row.bypassesRls)
    refuse(`it has the attribute ${unsafe[0]}`, tamed());
  if (mark !== undefined || adoption.registered.has(role.name)) return "own";
  if (unsafe.length > 0) refuse(`it was made elsewhere and has the attribute ${unsafe.join(", ")}`, tamed());
  if (!adoption.force) refuse("it was made elsewhere; repeat with force_update to adopt it");
  return "adopted";
}
