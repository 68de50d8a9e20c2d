import type { ManagedRole } from "../domain/managed-role.ts";
import type { ObjectType } from "../domain/role-template.ts";
import { type Authority, readAuthority, readGrantable } from "../postgres/authority.ts";
import { type AbsentColumn, readAbsentColumns } from "../postgres/column-gaps.ts";
import { type ForeignGrant, readForeignGrants } from "../postgres/foreign-grants.ts";
import { type Membership, type RoleRow, readMemberships, readRoles } from "../postgres/role-catalog.ts";
import {
  type DefaultPrivilege,
  type ExtensionRelation,
  type PrivilegeGap,
  readCreators,
  readDefaultPrivileges,
  readExtensionRelations,
  readObjectOwners,
  readPrivilegeGaps,
  readSchema,
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
  /** Those of the foreign grantors as whom the admin can act by SET ROLE already. */
  readonly settable: ReadonlySet<string>;
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

/** Reads it, in a number of queries that does not grow with the schema. Needs an open transaction. */
export async function readRoleState(
  session: Session,
  schema: string,
  wanted: readonly ManagedRole[],
  registered: ReadonlySet<string>,
): Promise<RoleState> {
  const names = wanted.map((role) => role.name);
  const roles = await readRoles(session, names);
  const memberships = await readMemberships(session, { members: names });
  const gaps = await readPrivilegeGaps(session, schema, wanted);
  const absentColumns = await readAbsentColumns(session, schema, wanted);
  const foreignGrants = await readForeignGrants(session, schema, wanted);
  const grantors = foreignGrants.map((grant) => grant.grantor);
  const asGrantors = await readAuthority(session, grantors, { toOwn: true });
  const objectOwners = await readObjectOwners(session, schema);
  const creators = await readCreators(session, schema, futureCreators(wanted));
  const defaults = await readDefaultPrivileges(session, schema, names);
  const extensions = [...new Set(wanted.flatMap((role) => role.extensions))];
  const extensionRelations = extensions.length > 0 ? await readExtensionRelations(session, extensions) : [];
  const schemaOwner = (await readSchema(session, schema))?.owner ?? session.user;
  const actedFor = [
    ...(gaps.length > 0 ? [schemaOwner] : []),
    ...gaps.map((gap) => gap.owner),
    ...foreignGrants.flatMap((grant) => [grant.owner, grant.grantor]),
    ...memberships.map((row) => row.grantor).filter((grantor) => grantor !== session.user),
    ...[...objectOwners.values()].flat(),
    ...uncoveredCreators(creators, defaults, wanted),
    ...extensionRelations.map((relation) => relation.owner),
  ];
  return {
    database: session.target.database,
    schema,
    versionNum: session.versionNum,
    admin: session.user,
    schemaOwner,
    registered,
    roles,
    memberships,
    gaps,
    absentColumns,
    foreignGrants,
    settable: new Set(grantors.filter((grantor) => asGrantors.get(grantor) === "held")),
    objectOwners,
    creators: [...new Set([...creators, ...futureCreators(wanted)])].sort(),
    defaults,
    extensionRelations,
    authority: await readAuthority(session, actedFor),
    grantable: await readGrantable(session, missingNativeRoles(wanted, memberships)),
  };
}

/** The managed roles that may create in the schema by their definition, whether they exist yet or not. */
function futureCreators(wanted: readonly ManagedRole[]): string[] {
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
