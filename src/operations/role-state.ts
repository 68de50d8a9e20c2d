import type { ManagedRole } from "../domain/managed-role.ts";
import type { ObjectType } from "../domain/role-template.ts";
import { type Authority, readAuthority, readGrantable, uniteAuthority } from "../postgres/authority.ts";
import { type AbsentColumn, readAbsentColumns } from "../postgres/column-gaps.ts";
import { readCreators } from "../postgres/creators.ts";
import { type ForeignGrant, readForeignGrants, readOutsiders } from "../postgres/foreign-grants.ts";
import { placeOf, readSharedObjects, type SharedObjects, sharedObjects } from "../postgres/grant-options.ts";
import { type Membership, type RoleRow, readMemberships, readRoles } from "../postgres/role-catalog.ts";
import {
  type DefaultPrivilege,
  type ExtensionRelation,
  type PrivilegeGap,
  readDefaultPrivileges,
  readExtensionRelations,
  readObjectOwners,
  readPrivilegeGaps,
  readSchemaRows,
} from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";

/** What the catalog says of a schema's managed roles: all that planning needs. */
export interface RoleState {
  readonly database: string;
  readonly schema: string;
  readonly versionNum: number;
  readonly admin: string;
  /** Who owns the schema. */
  readonly schemaOwner: string;
  /** Names of the managed roles that the registry lists. */
  readonly registered: ReadonlySet<string>;
  /** Those of the managed roles that exist. */
  readonly roles: ReadonlyMap<string, RoleRow>;
  /** What the managed roles are members of. */
  readonly memberships: readonly Membership[];
  readonly gaps: readonly PrivilegeGap[];
  readonly absentColumns: readonly AbsentColumn[];
  readonly foreignGrants: readonly ForeignGrant[];
  /** The objects on which others than the owner may grant; none are looked for where there are no gaps. */
  readonly shared: SharedObjects;
  /** Those of the foreign grantors and of the owners of shared objects as whom the admin can act by SET ROLE already. */
  readonly settable: ReadonlySet<string>;
  /** Those of them that have no USAGE on a schema in which they are to act, JSON of `[schema, role]`. */
  readonly outsiders: ReadonlySet<string>;
  readonly objectOwners: ReadonlyMap<ObjectType, readonly string[]>;
  /** Who can create in the schema, or will be able to. */
  readonly creators: readonly string[];
  readonly defaults: readonly DefaultPrivilege[];
  readonly extensionRelations: readonly ExtensionRelation[];
  /** Whether the admin can act for owners and creators. */
  readonly authority: ReadonlyMap<string, Authority>;
  /** The predefined roles that the admin may grant. */
  readonly grantable: ReadonlySet<string>;
}

/**
 * Reads it. Needs an open transaction. `coming` are roles that will be able to create in the schema besides those of
 * `wanted`; `public` is everybody.
 */
export async function readRoleState(
  session: Session,
  schema: string,
  wanted: readonly ManagedRole[],
  registered: ReadonlySet<string>,
  coming: readonly string[] = [],
): Promise<RoleState> {
  const states = await readRoleStates(session, new Map([[schema, wanted]]), registered, coming);
  const state = states.get(schema);
  if (state === undefined) throw new TypeError("the state of a schema that was asked for is missing");
  return state;
}

/**
 * Reads the state of many schemas, each with the roles that are wanted there, in a number of queries that grows neither
 * with them nor with what they hold. Needs an open transaction.
 */
export async function readRoleStates(
  session: Session,
  wanted: ReadonlyMap<string, readonly ManagedRole[]>,
  registered: ReadonlySet<string>,
  coming: readonly string[] = [],
): Promise<Map<string, RoleState>> {
  const read = await readAll(session, wanted, coming);
  const authority = await readAuthority(session, [
    ...read.memberships.map((row) => row.grantor).filter((grantor) => grantor !== session.user),
    ...read.extensionRelations.map((relation) => relation.owner),
    ...[...wanted].flatMap(([schema, roles]) => actedFor(session, read, schema, roles)),
  ]);
  const actors = actorsOf(read);
  const names = actors.map(({ role }) => role);
  const asActors = await readAuthority(session, names, { toOwn: true });
  const isSettable = (role: string): boolean => asActors.get(role) === "held";
  const toTake = [...asActors].filter(([, one]) => one === "takeable");
  const common = {
    database: session.target.database,
    versionNum: session.versionNum,
    admin: session.user,
    registered,
    extensionRelations: read.extensionRelations,
    shared: read.shared,
    outsiders: await readOutsiders(session, actors),
    settable: new Set(names.filter(isSettable)),
    authority: uniteAuthority(authority, toTake),
    grantable: await readGrantable(
      session,
      missingNativeRoles([...wanted.values()].flat(), read.memberships),
    ),
  };
  return new Map(
    [...wanted].map(([schema, roles]) => [schema, { ...common, ...partOf(session, read, schema, roles) }]),
  );
}

/** Before 18 a plan that nested loops are kept from looks so dear that it would be compiled first, which takes longer. */
const hashJoins = "SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)";

type Read = Awaited<ReturnType<typeof readAll>>;

async function readAll(
  session: Session,
  wanted: ReadonlyMap<string, readonly ManagedRole[]>,
  coming: readonly string[],
) {
  const schemas = [...wanted.keys()];
  const pairs = [...wanted].flatMap(([schema, roles]) => roles.map((role) => ({ role, schema })));
  const names = [...new Set(pairs.map(({ role }) => role.name))];
  const extensions = [...new Set(pairs.flatMap(({ role }) => role.extensions))];
  const future = [...wanted].map(([schema, roles]) => ({
    schema,
    roles: [...futureCreators(roles), ...coming],
  }));
  const memberships = await readMemberships(session, { members: names });
  // The planner takes the lists that are joined for short ones: of many schemas or tables nested loops would take minutes.
  await session.query(hashJoins, [], { plain: true });
  const gaps = await readPrivilegeGaps(session, pairs);
  const absentColumns = await readAbsentColumns(session, pairs);
  const foreignGrants = await readForeignGrants(session, pairs);
  const largeObjects = gaps.some((gap) => gap.objectType === "large_object");
  const shared =
    gaps.length === 0 ? sharedObjects([]) : await readSharedObjects(session, schemas, { largeObjects });
  await session.query("SET LOCAL enable_nestloop = on", [], { plain: true });
  const defaults = await readDefaultPrivileges(session, schemas, names);
  return {
    roles: await readRoles(session, names),
    memberships,
    gaps,
    foreignGrants,
    shared,
    defaults,
    membershipsOf: Map.groupBy(memberships, (row) => row.member),
    absentColumnsIn: Map.groupBy(absentColumns, (one) => one.schema),
    gapsIn: Map.groupBy(gaps, (gap) => gap.schema),
    foreignGrantsIn: Map.groupBy(foreignGrants, (grant) => grant.schema),
    defaultsIn: Map.groupBy(defaults, (entry) => entry.schema),
    objectOwners: await readObjectOwners(session, schemas),
    creators: await readCreators(session, future),
    extensionRelations: extensions.length > 0 ? await readExtensionRelations(session, extensions) : [],
    schemaRows: await readSchemaRows(session, schemas),
  };
}

/** What was read of one schema and its roles. */
function partOf(session: Session, read: Read, schema: string, wanted: readonly ManagedRole[]) {
  const names = new Set(wanted.map((role) => role.name));
  const isWanted = ({ role }: { readonly role: string }): boolean => names.has(role);
  const roles = wanted.flatMap((role) => read.roles.get(role.name) ?? []);
  const creators = [...(read.creators.get(schema) ?? []), ...futureCreators(wanted)];
  return {
    schema,
    schemaOwner: read.schemaRows.get(schema)?.owner ?? session.user,
    roles: new Map(roles.map((row) => [row.name, row])),
    memberships: wanted.flatMap((role) => read.membershipsOf.get(role.name) ?? []),
    gaps: [...(read.gapsIn.get(null) ?? []), ...(read.gapsIn.get(schema) ?? [])].filter(isWanted),
    absentColumns: (read.absentColumnsIn.get(schema) ?? []).filter(isWanted),
    foreignGrants: (read.foreignGrantsIn.get(schema) ?? []).filter(isWanted),
    defaults: [...(read.defaultsIn.get(null) ?? []), ...(read.defaultsIn.get(schema) ?? [])].filter((entry) =>
      names.has(entry.grantee),
    ),
    objectOwners: read.objectOwners.get(schema) ?? new Map<ObjectType, readonly string[]>(),
    creators: [...new Set(creators)].sort(),
  };
}

/** As whom statements may have to run, and in which schema. */
function actorsOf({
  gaps,
  foreignGrants,
  shared,
}: Read): { readonly schema: string; readonly role: string }[] {
  const owners = gaps
    .filter((gap) => shared.hasAny(placeOf(gap)))
    .map(({ schema, owner: role }) => ({ schema: schema ?? "", role }));
  return [...foreignGrants.map(({ schema, grantor: role }) => ({ schema, role })), ...owners];
}

/** Owners and creators whose rights some statement may need. */
function actedFor(session: Session, read: Read, schema: string, wanted: readonly ManagedRole[]): string[] {
  const part = partOf(session, read, schema, wanted);
  const present = read.creators.get(schema) ?? [];
  return [
    ...(part.gaps.length + part.foreignGrants.length > 0 ? [part.schemaOwner] : []),
    ...part.gaps.map((gap) => gap.owner),
    ...part.foreignGrants.flatMap((grant) => [grant.owner, grant.grantor]),
    ...[...part.objectOwners.values()].flat(),
    ...uncoveredCreators(present, part.defaults, wanted),
  ];
}

/** The managed roles that may create in the schema by their definition, whether they exist yet or not. */
export function futureCreators(wanted: readonly ManagedRole[]): string[] {
  return wanted.filter((role) => role.privileges.schema?.includes("CREATE")).map((role) => role.name);
}

/** Creators whose default privileges differ from the wanted ones: the others need no authority. */
function uncoveredCreators(
  creators: readonly string[],
  defaults: readonly DefaultPrivilege[],
  wanted: readonly ManagedRole[],
): string[] {
  const wantedCount = wanted.reduce((sum, role) => sum + countDefaults(role), 0);
  const held = new Map<string, number>();
  for (const entry of defaults)
    held.set(entry.creator, (held.get(entry.creator) ?? 0) + entry.privileges.length);
  const stale = defaults.map((entry) => entry.creator);
  return [...creators.filter((creator) => held.get(creator) !== wantedCount), ...stale];
}

function countDefaults(role: ManagedRole): number {
  return Object.values(role.future).reduce((sum, list) => sum + list.length, 0);
}

function missingNativeRoles(wanted: readonly ManagedRole[], memberships: readonly Membership[]): string[] {
  const held = new Set(memberships.map((row) => JSON.stringify([row.role, row.member])));
  const missing = wanted.flatMap((role) =>
    role.nativeRoles.filter((native) => !held.has(JSON.stringify([native, role.name]))),
  );
  return [...new Set(missing)];
}
