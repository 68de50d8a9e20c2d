import { atomsOf, futureAtomsOf, type GrantAtom, publicGrantee } from "../domain/desired-grants.ts";
import type { DesiredMembership, DesiredState } from "../domain/desired-state.ts";
import type { ManagedRole } from "../domain/managed-role.ts";
import { isSystemRole } from "../domain/names.ts";
import type { RoleGiver } from "./role-permission.ts";

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
  /** What was declared once and is to go: the way back to an earlier state. */
  readonly dropped: Dropped;
  /** Memberships that are somebody's for some time, `[role, member]` as JSON: they end by themselves. */
  readonly temporary: ReadonlySet<string>;
  /** Plain roles that the state makes. */
  readonly created: ReadonlySet<string>;
  /** Whose wish it is, to be held against the policy; undefined when nothing is to be done. */
  readonly giver: RoleGiver | undefined;
}

/** Keys of what is to go. */
export interface Dropped {
  readonly privileges: ReadonlySet<string>;
  readonly defaults: ReadonlySet<string>;
  readonly memberships: readonly DesiredMembership[];
}

type RowLike = Pick<GrantAtom, "grantee" | "schema" | "name" | "arguments" | "column" | "privilege"> & {
  readonly type: string;
};

function rowKey({ grantee, type, schema, name, arguments: signature, column, privilege }: RowLike): string {
  return JSON.stringify([grantee, type, schema, name, signature, column, privilege]);
}

function defaultRowKey(one: DefaultLike): string {
  return JSON.stringify([one.grantee, one.type, one.schema, one.creator, one.privilege]);
}

interface DefaultLike {
  readonly grantee: string;
  readonly type: string;
  readonly schema: string | null;
  readonly creator: string;
  readonly privilege: string;
}

/** Whether a privilege is to go: declared for its object, for all objects of that name, or for all of the type. */
export function isDropped({ dropped }: StateScope, row: RowLike): boolean {
  const anyArguments = { ...row, arguments: null };
  return [row, anyArguments, { ...anyArguments, name: null }].some((one) =>
    dropped.privileges.has(rowKey(one)),
  );
}

export function isDroppedDefault({ dropped }: StateScope, row: DefaultLike): boolean {
  return dropped.defaults.has(defaultRowKey(row));
}

function droppedOf(state: DesiredState): Dropped {
  const present = state.grants.filter(
    (one) => one.objects === "all" || one.objects.length > 0 || one.future_owners.length === 0,
  );
  return {
    privileges: new Set(atomsOf(present).map((atom) => rowKey({ ...atom, type: atom.objectType }))),
    defaults: new Set(
      futureAtomsOf(state.grants).map((atom) =>
        defaultRowKey({ ...atom, type: atom.objectType, creator: atom.owner }),
      ),
    ),
    memberships: state.memberships,
  };
}

export interface ScopeOptions
  extends Pick<StateScope, "mode" | "state" | "admin" | "temporary" | "created" | "giver"> {
  readonly templates: readonly ExpandedTemplate[];
  /** What was declared once and is to go. */
  readonly dropped: DesiredState;
}

export function scopeOf({ templates, dropped, ...options }: ScopeOptions): StateScope {
  const { state } = options;
  const templateRoles = new Map<string, TemplateRole>();
  for (const { schema, roles } of templates) {
    for (const role of roles) {
      const schemas = templateRoles.get(role.name)?.schemas ?? [];
      templateRoles.set(role.name, { role, schemas: new Set([...schemas, schema]) });
    }
  }
  return {
    ...options,
    templateRoles,
    dropped: droppedOf(dropped),
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
