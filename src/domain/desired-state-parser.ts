import { type FieldFault, ServiceError } from "../errors.ts";
import {
  atomsOf,
  type DesiredGrant,
  futureAtomsOf,
  grantsAsRevocations,
  type ObjectName,
  type PublicRevocation,
  publicGrantee,
  revocationsAsGrants,
  sortedSet,
} from "./desired-grants.ts";
import {
  canonicalState,
  type DesiredMembership,
  type DesiredRole,
  type DesiredSchema,
  type DesiredState,
  type DesiredTemplate,
  hasPresent,
  isGrantableRole,
} from "./desired-state.ts";
import {
  columnPrivileges,
  type GrantObjectType,
  isFutureObjectType,
  privilegesOf,
} from "./grant-privileges.ts";
import { parseUsername } from "./iam-user.ts";
import { identifierFault, isSystemRole, isSystemSchema } from "./names.ts";

type Optional<T, K extends keyof T> = Omit<T, K> & { readonly [Key in K]?: T[Key] | undefined };

type GrantInput = Optional<DesiredGrant, "schema" | "objects" | "columns" | "grantable" | "future_owners">;
type RevocationInput = Optional<PublicRevocation, "schema" | "objects" | "future_owners">;

/** A desired state as callers write it: what is left out has a default. */
export interface DesiredStateInput {
  readonly schemas?: readonly Optional<DesiredSchema, "owner">[] | undefined;
  readonly templates?: readonly Optional<DesiredTemplate, "version">[] | undefined;
  readonly roles?: readonly DesiredRole[] | undefined;
  readonly memberships?: readonly Optional<DesiredMembership, "inherit" | "set" | "admin">[] | undefined;
  readonly grants?: readonly GrantInput[] | undefined;
  readonly public_revocations?: readonly RevocationInput[] | undefined;
}

/** Whether a state can name a role or user: a name that looks like an address in upper case would become another. */
export function isExpressibleRole(name: string): boolean {
  if (name === publicGrantee || isSystemRole(name)) return true;
  const faults: string[] = [];
  const parsed = parseRoleName(name, "", (_, detail) => {
    if (detail !== undefined) faults.push(detail);
  });
  return faults.length === 0 && parsed === name;
}

/**
 * Checks a desired state and reports all faults at once, before anything is contacted. `at` is the JSON pointer of the
 * state in the request. Names of users are normalised.
 */
export function parseDesiredState(input: DesiredStateInput, at = "/state"): DesiredState {
  const faults: FieldFault[] = [];
  const fault = (pointer: string, detail: string | undefined): void => {
    if (detail !== undefined) faults.push({ pointer: `${at}${pointer}`, detail });
  };
  const state: DesiredState = {
    schemas: (input.schemas ?? []).map((one, n) => parseSchema(one, `/schemas/${n}`, fault)),
    templates: (input.templates ?? []).map((one, n) => parseTemplate(one, `/templates/${n}`, fault)),
    roles: (input.roles ?? []).map((one, n) => {
      fault(`/roles/${n}/name`, roleFault(one.name));
      return { name: one.name };
    }),
    memberships: (input.memberships ?? []).map((one, n) => parseMembership(one, `/memberships/${n}`, fault)),
    grants: (input.grants ?? []).map((one, n) => parseGrant(one, `/grants/${n}`, fault)),
    public_revocations: (input.public_revocations ?? []).map((one, n) => {
      const whole = { ...one, grantee: publicGrantee };
      const [grant] = grantsAsRevocations([parseGrant(whole, `/public_revocations/${n}`, fault)]);
      return grant as PublicRevocation;
    }),
  };
  findContradictions(state, fault);
  if (faults.length > 0) {
    const text = faults.map(({ pointer, detail }) => `${pointer} ${detail}`).join("; ");
    throw new ServiceError("validation_error", text, { faults });
  }
  return canonicalState(state);
}

type Report = (pointer: string, detail: string | undefined) => void;

function roleFault(name: string): string | undefined {
  return (
    identifierFault(name) ??
    (isSystemRole(name) ? "is a name that PostgreSQL or Cloud SQL keeps; name a role of your own" : undefined)
  );
}

function parseSchema(one: Optional<DesiredSchema, "owner">, at: string, fault: Report): DesiredSchema {
  fault(`${at}/name`, schemaFault(one.name));
  return { name: one.name, owner: one.owner == null ? null : parseRoleName(one.owner, `${at}/owner`, fault) };
}

function schemaFault(name: string): string | undefined {
  return (
    identifierFault(name) ?? (isSystemSchema(name) ? "is a system schema; name one of your own" : undefined)
  );
}

/** A role or a user, by the name that PostgreSQL has for it. */
function parseRoleName(value: string, at: string, fault: Report): string {
  if (value === "cloudsqlsuperuser" || value === "pg_database_owner") return value;
  try {
    return parseUsername("name", value).normalized;
  } catch (error) {
    const [found] = error instanceof ServiceError ? error.faults : [];
    fault(at, found?.detail ?? "is no name of a role");
    return value;
  }
}

function parseTemplate(
  one: Optional<DesiredTemplate, "version">,
  at: string,
  fault: Report,
): DesiredTemplate {
  fault(`${at}/schema`, schemaFault(one.schema));
  fault(`${at}/name`, identifierFault(one.name));
  const version = one.version ?? null;
  if (version !== null && !/^\d+\.\d+\.\d+$/.test(version)) {
    fault(`${at}/version`, "must be a semantic version such as 1.0.0");
  }
  return { schema: one.schema, name: one.name, version };
}

function parseMembership(
  one: Optional<DesiredMembership, "inherit" | "set" | "admin">,
  at: string,
  fault: Report,
): DesiredMembership {
  const { inherit = true, set = true, admin = false } = one;
  if (!isGrantableRole(one.role)) {
    fault(`${at}/role`, "is a role of PostgreSQL or Cloud SQL that this service does not grant");
  }
  fault(`${at}/role`, identifierFault(one.role));
  const member = parseRoleName(one.member, `${at}/member`, fault);
  if (member === one.role) fault(`${at}/member`, "must be another role than the one that is granted");
  if (!inherit && !set && !admin) fault(at, "has neither inherit nor set nor admin, and so no effect");
  return { role: one.role, member, inherit, set, admin };
}

function parseGrant(one: GrantInput, at: string, fault: Report): DesiredGrant {
  const grantee =
    one.grantee === publicGrantee ? one.grantee : parseRoleName(one.grantee, `${at}/grantee`, fault);
  const { object_type: type, schema = null, grantable = false } = one;
  const privileges = sortedSet(one.privileges.map((name) => canonicalPrivilege(name)));
  const columns = sortedSet(one.columns ?? []);
  const futureOwners = (one.future_owners ?? []).map((owner, n) =>
    parseRoleName(owner, `${at}/future_owners/${n}`, fault),
  );
  const objects = one.objects ?? [];
  checkPlace({ type, schema, objects, columns, futureOwners }, at, fault);
  const allowed = columns.length > 0 ? columnPrivileges : privilegesOf(type);
  const unknown = privileges.filter((name) => !allowed.includes(name));
  if (unknown.length > 0 || privileges.length === 0) {
    const on = columns.length > 0 ? "columns" : `a ${type}`;
    fault(`${at}/privileges`, `must be of ${allowed.join(", ")} on ${on}`);
  }
  if (grantable && grantee === publicGrantee) fault(`${at}/grantable`, "cannot be true for public");
  columns.forEach((name) => {
    fault(`${at}/columns`, identifierFault(name));
  });
  return {
    grantee,
    object_type: type,
    schema,
    objects: objects === "all" ? "all" : parseObjects(type, objects, at, fault),
    columns,
    privileges,
    grantable,
    future_owners: sortedSet(futureOwners),
  };
}

function canonicalPrivilege(name: string): string {
  const upper = name.toUpperCase();
  return upper === "TEMP" ? "TEMPORARY" : upper;
}

interface Place {
  readonly type: GrantObjectType;
  readonly schema: string | null;
  readonly objects: "all" | readonly ObjectName[];
  readonly columns: readonly string[];
  readonly futureOwners: readonly string[];
}

function checkPlace(place: Place, at: string, fault: Report): void {
  const { type, schema, objects, columns, futureOwners } = place;
  const named = objects === "all" || objects.length > 0;
  if (type === "database" && schema !== null) fault(`${at}/schema`, "must be left out for the database");
  if (type === "schema" && schema === null) fault(`${at}/schema`, "is missing; it names the schema");
  if (schema !== null) fault(`${at}/schema`, schemaFault(schema));
  if (!isFutureObjectType(type)) {
    if (named) fault(`${at}/objects`, `must be left out: there is one ${type}`);
    if (futureOwners.length > 0)
      fault(`${at}/future_owners`, `must be left out: a ${type} is none of the future ones`);
  } else if (!named && futureOwners.length === 0) {
    fault(`${at}/objects`, 'is missing; name objects, or say "all", or name future_owners');
  } else if (named && schema === null) {
    fault(`${at}/schema`, "is missing; it says where the objects are");
  }
  if (columns.length === 0) return;
  if (type !== "table") fault(`${at}/columns`, "must be left out: only tables and views have columns");
  if (objects === "all" || !named) fault(`${at}/objects`, "must name the tables whose columns these are");
  if (futureOwners.length > 0)
    fault(`${at}/future_owners`, "must be left out: future columns have no privileges");
}

function parseObjects(
  type: GrantObjectType,
  objects: readonly ObjectName[],
  at: string,
  fault: Report,
): ObjectName[] {
  objects.forEach((object, n) => {
    const name = typeof object === "string" ? object : object.name;
    fault(`${at}/objects/${n}`, identifierFault(name));
    if (typeof object !== "string" && type !== "routine") {
      fault(`${at}/objects/${n}`, "must be a name: only routines have arguments");
    }
  });
  return [...objects];
}

/** What no database could be: the same thing said twice, differently. */
function findContradictions(state: DesiredState, fault: Report): void {
  reportTwice(state.schemas, (one) => one.name, "/schemas", fault);
  reportTwice(state.templates, (one) => [one.name, one.schema], "/templates", fault);
  reportTwice(state.memberships, (one) => [one.role, one.member], "/memberships", fault);
  const granted = new Set(
    [...atomsOf(state.grants.filter(hasPresent)), ...futureAtomsOf(state.grants)].flatMap((atom) =>
      atom.grantee === publicGrantee ? [JSON.stringify({ ...atom, grantable: false })] : [],
    ),
  );
  state.public_revocations.forEach((one, n) => {
    const whole = revocationsAsGrants([one]);
    const both = [...atomsOf(whole.filter(hasPresent)), ...futureAtomsOf(whole)].some((atom) =>
      granted.has(JSON.stringify(atom)),
    );
    if (both) fault(`/public_revocations/${n}`, "is granted to public by a grant of the same state");
  });
}

function reportTwice<T>(items: readonly T[], key: (item: T) => unknown, at: string, fault: Report): void {
  const seen = new Map<string, string>();
  items.forEach((item, n) => {
    const [id, text] = [JSON.stringify(key(item)), JSON.stringify(item)];
    const before = seen.get(id);
    if (before !== undefined && before !== text) fault(`${at}/${n}`, "is declared twice, differently");
    seen.set(id, text);
  });
}
