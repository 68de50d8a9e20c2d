import { publicGrantee } from "../domain/desired-grants.ts";
import type { DesiredState } from "../domain/desired-state.ts";
import type { ManagedRole } from "../domain/managed-role.ts";
import { isSystemRole } from "../domain/names.ts";

/**
 * `additive` never takes anything away. `adopt` brings what is declared to its declaration and leaves the rest.
 * `authoritative` also takes away what is not declared in the declared schemas, and of the declared roles.
 */
export const stateModes = ["additive", "adopt", "authoritative"] as const;
export type StateMode = (typeof stateModes)[number];

/** A role of a template, with the schemas in which the template's planning looks after its privileges. */
export interface TemplateRole {
  readonly role: ManagedRole;
  readonly schemas: ReadonlySet<string>;
}

/** A template's roles for one schema. */
export interface ExpandedTemplate {
  readonly schema: string;
  readonly roles: readonly ManagedRole[];
}

/** What a desired state is held against. */
export interface StateScope {
  readonly mode: StateMode;
  readonly state: DesiredState;
  readonly admin: string;
  /** The roles of the templates that the state names, by name. */
  readonly templateRoles: ReadonlyMap<string, TemplateRole>;
  /** Names of the template's roles and the plain ones. */
  readonly managedRoles: ReadonlySet<string>;
  readonly managedSchemas: ReadonlySet<string>;
}

export function scopeOf(
  mode: StateMode,
  state: DesiredState,
  admin: string,
  templates: readonly ExpandedTemplate[],
): StateScope {
  const templateRoles = new Map<string, TemplateRole>();
  for (const { schema, roles } of templates) {
    for (const role of roles) {
      const schemas = templateRoles.get(role.name)?.schemas ?? [];
      templateRoles.set(role.name, { role, schemas: new Set([...schemas, schema]) });
    }
  }
  return {
    mode,
    state,
    admin,
    templateRoles,
    managedRoles: new Set([...templateRoles.keys(), ...state.roles.map((role) => role.name)]),
    managedSchemas: new Set([
      ...state.schemas.map((one) => one.name),
      ...state.templates.map((one) => one.schema),
    ]),
  };
}

/** Whose rights no state takes away: the admin's, Cloud SQL's, PostgreSQL's. */
export function isExempt(scope: StateScope, role: string, superusers: ReadonlySet<string>): boolean {
  if (role === publicGrantee) return false;
  return role === scope.admin || isSystemRole(role) || superusers.has(role);
}
