import { type GrantAtom, grantsAsRevocations, groupAtoms, publicGrantee } from "../domain/desired-grants.ts";
import {
  canonicalState,
  type DesiredState,
  emptyState,
  isExpressibleRole,
  isGrantableRole,
} from "../domain/desired-state.ts";
import { isFutureObjectType, publicByDefault } from "../domain/grant-privileges.ts";
import { parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { identifierFault, isSystemRole } from "../domain/names.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { AclObject } from "../postgres/acl-catalog.ts";
import {
  type Membership,
  type RoleRow,
  readMemberships,
  readRoles,
  readRolesByComment,
} from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { readUnexpressed } from "../postgres/unexpressed.ts";
import { toIso } from "./access-grant.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { planState } from "./desired-state.ts";
import { type HeldAccesses, heldKey, readHeldAccesses } from "./held-accesses.ts";
import { unsafeAttributes } from "./role-names.ts";
import { readStateCatalog, type StateCatalog, superusersOf } from "./state-catalog.ts";
import { describeObject, objectKey } from "./state-wanted.ts";

export interface ImportResult {
  readonly state: DesiredState;
  /** What the state cannot express, each named. */
  readonly warnings: readonly string[];
}

/**
 * Reads what a database's roles and rights are as a desired state. Planned against the database it is read from it is
 * empty in every mode. Roles that bear this service's mark come as their template.
 */
export async function importState(context: Context, call: Call, target: Target): Promise<ImportResult> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  const { result } = await planOnly(context, call, target, async (session) => ({
    statements: [],
    warnings: [],
    result: await readState(session, await readHeldAccesses(context, target)),
  }));
  const differing = await tellOfDifferences(context, call, target, result.state);
  return { ...result, warnings: [...result.warnings, ...differing] };
}

/** Roles that come as a template and were changed by hand since are said as the template has them: planned, that is no empty plan. */
async function tellOfDifferences(
  context: Context,
  call: Call,
  target: Target,
  state: DesiredState,
): Promise<string[]> {
  if (state.templates.length === 0) return [];
  const plan = await planState(context, call, target, { mode: "authoritative", state }).catch(
    (error: unknown) => {
      if (error instanceof ServiceError && (error.kind === "conflict" || error.kind === "not_found"))
        return error;
      throw error;
    },
  );
  if (plan instanceof ServiceError) return [`This state cannot be planned as it is: ${plan.message}`];
  const { statements } = plan;
  if (statements.length === 0) return [];
  const plural = statements.length === 1 ? "statement" : "statements";
  return [
    `Roles of templates are not as their templates say: planned, this state leads to ${statements.length} ${plural} that mend them. See /roles/drift.`,
  ];
}

/** `held`: what ends by itself is no part of it. Needs an open transaction. */
async function readState(session: Session, held: HeldAccesses): Promise<ImportResult> {
  const warnings: string[] = [];
  const catalog = await readStateCatalog(session, emptyState, true);
  const managed = await readManaged(session);
  const reading: Reading = { session, catalog, managed, superusers: superusersOf(catalog), held, warnings };
  const grants = readGrants(reading);
  const { roles, memberships } = await readGroups(reading);
  warnings.push(...catalog.leftOut, ...(await readUnexpressed(session)));
  const state: DesiredState = {
    schemas: readSchemas(reading),
    templates: managed.templates,
    roles,
    memberships,
    ...grants,
  };
  return { state: canonicalState(state), warnings: [...new Set(warnings)] };
}

interface Managed {
  readonly templates: DesiredState["templates"];
  readonly roles: ReadonlyMap<string, RoleRow>;
  /** By role: the schemas in which its template looks after its privileges. */
  readonly schemas: ReadonlyMap<string, ReadonlySet<string>>;
}

interface Reading {
  readonly session: Session;
  readonly catalog: StateCatalog;
  readonly managed: Managed;
  readonly superusers: ReadonlySet<string>;
  readonly held: HeldAccesses;
  readonly warnings: string[];
}

/** The roles of this database that bear the service's mark, and their templates. */
async function readManaged(session: Session): Promise<Managed> {
  const templates = new Map<string, DesiredState["templates"][number]>();
  const roles = new Map<string, RoleRow>();
  const places = new Map<string, { template: string; schema: string | null }>();
  for (const row of await readRolesByComment(session, roleMarkPrefix)) {
    const mark = parseRoleMark(row.comment);
    if (mark === undefined || mark.database !== session.target.database) continue;
    roles.set(row.name, row);
    places.set(row.name, { template: mark.template, schema: mark.schema });
    if (mark.schema === null) continue;
    const template = { name: mark.template, version: mark.version, schema: mark.schema };
    templates.set(JSON.stringify([mark.template, mark.schema]), template);
  }
  const list = [...templates.values()];
  const schemas = new Map(
    [...places].map(([name, { template, schema }]) => [
      name,
      new Set(
        list.flatMap((one) =>
          one.name === template && (schema ?? one.schema) === one.schema ? [one.schema] : [],
        ),
      ),
    ]),
  );
  return { templates: list, roles, schemas };
}

function readSchemas({ catalog, superusers, warnings }: Reading): DesiredState["schemas"] {
  return [...catalog.schemas].flatMap(([name, owner]): DesiredState["schemas"] => {
    if (identifierFault(name) !== undefined) {
      warnings.push(`Schema ${JSON.stringify(name)} has a name that no state can hold.`);
      return [];
    }
    const expressible =
      owner === "pg_database_owner" || owner === "cloudsqlsuperuser" || !isSystemRole(owner);
    if (expressible && isExpressibleRole(owner) && !superusers.has(owner)) return [{ name, owner }];
    warnings.push(`Schema ${name} belongs to ${owner}, which no state declares: its owner is left as it is.`);
    return [{ name, owner: null }];
  });
}

/** Whose privileges a state leaves alone, in every mode. */
function isLeftAlone({ catalog, superusers }: Reading, role: string): boolean {
  if (role === publicGrantee) return false;
  return role === catalog.admin || isSystemRole(role) || superusers.has(role);
}

function readGrants(reading: Reading): Pick<DesiredState, "grants" | "public_revocations"> {
  const { catalog, managed, warnings } = reading;
  const atoms: GrantAtom[] = [];
  const foreign = new Map<string, string>();
  for (const row of catalog.acl) {
    if (isLeftAlone(reading, row.grantee)) continue;
    const byTemplate = managed.schemas.get(row.grantee)?.has(row.schema ?? "") === true;
    const connects = managed.roles.has(row.grantee) && row.type === "database" && row.privilege === "CONNECT";
    if (byTemplate || connects) continue;
    const isDefault = row.grantee === publicGrantee && publicByDefault[row.type].includes(row.privilege);
    if (isDefault && row.grantor === row.owner) continue;
    if (row.grantor !== row.owner) foreign.set(row.grantor, describeObject(row));
    atoms.push(toAtom(row, row));
  }
  for (const [grantor, object] of foreign) {
    warnings.push(
      `${grantor} granted privileges that it does not own, on ${object} and maybe more: a state does not say by whom.`,
    );
  }
  const futures = catalog.defaults.flatMap((row) => {
    const ofPublic =
      row.schema === null &&
      row.grantee === publicGrantee &&
      publicByDefault[row.type].includes(row.privilege);
    const byTemplate = managed.schemas.get(row.grantee)?.has(row.schema ?? "") === true;
    if (isLeftAlone(reading, row.grantee) || ofPublic || byTemplate || isSystemCreator(row.creator))
      return [];
    const { creator: owner, type: objectType, ...rest } = row;
    return [{ ...rest, owner, objectType }];
  });
  const revoked = catalog.defaultRevocations
    .filter((row) => !isSystemCreator(row.creator))
    .map(({ creator: owner, type: objectType, privilege }) => ({
      ...{ grantee: publicGrantee, objectType, schema: null, owner, privilege, grantable: false },
    }));
  const grants = groupAtoms(collapse(catalog, atoms), futures);
  const revocations = groupAtoms(readRevocations(catalog), revoked);
  return { grants, public_revocations: grantsAsRevocations(revocations) };
}

function isSystemCreator(creator: string): boolean {
  return isSystemRole(creator) && creator !== "cloudsqlsuperuser";
}

function toAtom(
  object: AclObject,
  row: Pick<GrantAtom, "column" | "grantee" | "privilege" | "grantable">,
): GrantAtom {
  const { type: objectType, schema, name, arguments: signature } = object;
  const { column, grantee, privilege, grantable } = row;
  return { grantee, objectType, schema, name, arguments: signature, column, privilege, grantable };
}

/** What PUBLIC would have by birth and was taken. */
function readRevocations(catalog: StateCatalog): GrantAtom[] {
  const held = new Set(
    catalog.acl
      .filter((row) => row.grantee === publicGrantee)
      .map((row) => `${objectKey(row)} ${row.privilege}`),
  );
  return catalog.objects.flatMap((object) =>
    publicByDefault[object.type]
      .filter((privilege) => !held.has(`${objectKey(object)} ${privilege}`))
      .map((privilege) =>
        toAtom(object, {
          column: null,
          grantee: publicGrantee,
          privilege,
          grantable: false,
        }),
      ),
  );
}

/** From so many objects on, a privilege that all of a type in a schema carry is said once. */
const collapseFrom = 20;

function collapse(catalog: StateCatalog, atoms: readonly GrantAtom[]): GrantAtom[] {
  const totals = new Map<string, number>();
  for (const { type, schema, name } of catalog.objects) {
    const key = JSON.stringify([type, schema]);
    if (name !== null) totals.set(key, (totals.get(key) ?? 0) + 1);
  }
  const groups = Map.groupBy(atoms, (one) =>
    JSON.stringify([
      one.objectType,
      one.schema,
      one.grantee,
      one.privilege,
      one.grantable,
      one.column !== null,
    ]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group as [GrantAtom];
    if (first.column !== null || !isFutureObjectType(first.objectType)) return group;
    const total = totals.get(JSON.stringify([first.objectType, first.schema])) ?? 0;
    const distinct = new Set(group.map((one) => JSON.stringify([one.name, one.arguments]))).size;
    return distinct === total && total >= collapseFrom ? [{ ...first, name: null, arguments: null }] : group;
  });
}

/**
 * Plain group roles that have to do with this database - they own, hold or create something in it, or are linked to such a role by
 * memberships - and the memberships that any state manages by naming them.
 */
async function readGroups(reading: Reading): Promise<Pick<DesiredState, "roles" | "memberships">> {
  const { session, catalog, managed, warnings } = reading;
  const start = [...catalog.roles.values()].filter((row) => isPlain(reading, row)).map((row) => row.name);
  const plain = new Set(start);
  const rows = new Map<string, Membership>();
  for (let fresh = [...start, ...managed.roles.keys()]; fresh.length > 0; ) {
    const found = [
      ...(await readMemberships(session, { roles: fresh })),
      ...(await readMemberships(session, { members: fresh })),
    ];
    for (const row of found) rows.set(JSON.stringify([row.role, row.member, row.grantor]), row);
    const linked = [...new Set(found.flatMap((row) => [row.role, row.member]))];
    const unknown = linked.filter((name) => !plain.has(name) && !managed.roles.has(name));
    const groups = [...(await readRoles(session, unknown)).values()].filter((row) => isPlain(reading, row));
    fresh = groups.map((row) => row.name);
    for (const name of fresh) plain.add(name);
  }
  const names = [...new Set([...rows.values()].flatMap((row) => [row.role, row.member]))];
  const roles = await readRoles(session, names);
  const kept = [...rows.values()].filter((row) => isExpressed(reading, roles, row));
  for (const [name, row] of catalog.roles) {
    if (plain.has(name) || row.canLogin || managed.roles.has(name) || isLeftAlone(reading, name)) continue;
    warnings.push(
      `Role ${name} is no plain group role (${[...unsafeAttributes(row), "its attributes"][0]}): the state names it and does not create it.`,
    );
  }
  return {
    roles: [...plain].map((name) => ({ name })),
    memberships: mergeRows(kept, warnings),
  };
}

function isPlain(reading: Reading, row: RoleRow): boolean {
  if (isLeftAlone(reading, row.name) || reading.managed.roles.has(row.name)) return false;
  if (!isExpressibleRole(row.name) || parseRoleMark(row.comment) !== undefined) return false;
  const ofCloud = row.memberOf.some((group) => group.startsWith("cloudsql"));
  return unsafeAttributes(row).length === 0 && row.inherits && !ofCloud;
}

function isExpressed(reading: Reading, roles: ReadonlyMap<string, RoleRow>, row: Membership): boolean {
  const { managed, warnings, catalog, superusers, held } = reading;
  const access = held.get(heldKey(row.role, row.member));
  if (access !== undefined) {
    warnings.push(
      `${row.member} has ${row.role} until ${toIso(access.expiresAt)} by temporary access: no state says that.`,
    );
    return false;
  }
  if (row.member === catalog.admin || isSystemRole(row.member) || superusers.has(row.member)) return false;
  if (managed.roles.has(row.member) && (managed.roles.has(row.role) || isSystemRole(row.role))) return false;
  if (!isExpressibleRole(row.member)) {
    warnings.push(
      `${row.member} has a name that no state can hold: its membership in ${row.role} is left as it is.`,
    );
    return false;
  }
  const role = roles.get(row.role);
  const unsafe = role === undefined ? [] : unsafeAttributes(role);
  if (
    isGrantableRole(row.role) &&
    unsafe.length === 0 &&
    role?.memberOf.every((one) => !one.startsWith("cloudsql")) !== false
  ) {
    return true;
  }
  if (!row.role.startsWith("cloudsql")) {
    warnings.push(`${row.member} is a member of ${row.role}, which no state grants: it is left as it is.`);
  }
  return false;
}

/** From 16 on a membership has a row per grantor; the state has what they come to together. */
function mergeRows(rows: readonly Membership[], warnings: string[]): DesiredState["memberships"] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify([row.role, row.member]));
  return [...groups.values()].flatMap((group) => {
    const [{ role, member }] = group as [Membership];
    const any = (option: "inherit" | "set" | "admin"): boolean => group.some((row) => row[option]);
    const options = { inherit: any("inherit"), set: any("set"), admin: any("admin") };
    if (group.length > 1) {
      const who = group.map((row) => row.grantor).join(" and ");
      warnings.push(`${who} each granted ${role} to ${member}: a state does not say by whom.`);
    }
    if (Object.values(options).some(Boolean)) return [{ role, member, ...options }];
    warnings.push(
      `${member} is a member of ${role} with neither INHERIT nor SET nor ADMIN: no state says that.`,
    );
    return [];
  });
}
