import { parseRoleMark } from "../domain/managed-role.ts";
import type { Statement } from "../domain/plan.ts";
import { ServiceError } from "../errors.ts";
import { type Authority, planTaking, readAuthority } from "../postgres/authority.ts";
import {
  type DefaultAclEntry,
  type Holding,
  readDefaultAclEntries,
  readHoldings,
} from "../postgres/holdings.ts";
import { type Membership, readMemberships, readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import {
  changeOwner,
  dropOwned,
  reassignOwned,
  revokeAll,
  revokeDefaults,
} from "../postgres/statements/ownership.ts";
import type { Decision } from "./apply.ts";
import { planRowRevocations, type Revocations } from "./memberships.ts";

export interface CleanupCounts {
  readonly ownershipTransferred: number;
  readonly permissionsRevoked: number;
  readonly objectsDropped: number;
}

export type Heir = { readonly role: string } | "schema_owner";

export interface CleanupScope {
  readonly user: string;
  /** Only what lies in this schema of the target's database. */
  readonly schema?: string;
  /** Who gets what the user owns: a role, or the owner of the schema that it lies in; the admin when missing. */
  readonly heir?: Heir;
  /** Whether memberships and shared objects, which belong to the instance, are dealt with here: once, in the first database. */
  readonly instanceToo: boolean;
}

interface Present {
  readonly owned: readonly Holding[];
  readonly granted: readonly Holding[];
  readonly defaults: readonly DefaultAclEntry[];
  /** It owns default privileges, perhaps for nobody: an empty entry stands in the way of DROP ROLE too. */
  readonly ownsDefaults: boolean;
  readonly authority: ReadonlyMap<string, Authority>;
  /** For giving things to a role, which takes SET on it. */
  readonly giving: ReadonlyMap<string, Authority>;
}

/** What frees a user of everything that it owns and holds in one database. */
export async function decideCleanup(session: Session, scope: CleanupScope): Promise<Decision<CleanupCounts>> {
  const present = await readPresent(session, scope);
  const memberships = await planMemberships(session, scope);
  const { reachable, warnings } = leaveUnreachable(session, scope, present);
  assertActsFor(session, scope, reachable);
  assertHeir(session, scope, reachable);
  const statements = await planStatements(session, scope, reachable, warnings.length > 0);
  return {
    statements: [...memberships.statements, ...statements],
    warnings: [...warnings, ...memberships.stuck.map((row) => keepsMembership(session, row))],
    result: {
      ownershipTransferred: reachable.owned.length,
      permissionsRevoked:
        reachable.granted.length +
        reachable.defaults.length +
        memberships.statements.filter(isRevocation).length,
      objectsDropped: 0,
    },
  };
}

const isRevocation = (statement: Statement): boolean => statement.destructive === true;

async function readPresent(session: Session, scope: CleanupScope): Promise<Present> {
  const { user, schema } = scope;
  const inScope = (one: { readonly schema: string | null }): boolean =>
    schema === undefined || one.schema === schema;
  const all = (await readHoldings(session, user)).filter((one) => scope.instanceToo || !one.shared);
  const holdings = all.filter(inScope);
  const defaults = (await readDefaultAclEntries(session, user)).filter(inScope);
  const objects = holdings.filter((one) => one.catalog !== "pg_default_acl");
  const owners = holdings.flatMap((one) => [one.owner, one.schemaOwner ?? ""]);
  const actors = [user, ...owners, ...defaults.map((entry) => entry.creator)].filter((name) => name !== "");
  return {
    owned: objects.filter((one) => one.kind === "owner"),
    granted: objects.filter((one) => one.kind !== "owner"),
    defaults,
    ownsDefaults: holdings.some((one) => one.catalog === "pg_default_acl" && one.kind === "owner"),
    authority: await readAuthority(session, actors),
    giving: await readGiving(session, scope, objects),
  };
}

async function readGiving(
  session: Session,
  { heir }: CleanupScope,
  objects: readonly Holding[],
): Promise<ReadonlyMap<string, Authority>> {
  if (heir === undefined) return new Map();
  const owned = objects.filter((one) => one.kind === "owner");
  const heirs = heir === "schema_owner" ? owned.map((one) => one.schemaOwner ?? "") : [heir.role];
  return readAuthority(session, heirs, { toOwn: true });
}

/** Grants on objects of a superuser, or of a role for which the admin may not act, stay: they are named. */
function leaveUnreachable(
  session: Session,
  scope: CleanupScope,
  present: Present,
): { reachable: Present; warnings: string[] } {
  const refused = (name: string): boolean => present.authority.get(name) === "refused";
  const isOut = (one: Holding): boolean => one.owner !== scope.user && refused(one.owner);
  const defaultIsOut = (one: DefaultAclEntry): boolean => one.creator !== scope.user && refused(one.creator);
  const say = (what: string, owner: string): string =>
    `${scope.user} keeps its privileges on ${what} in ${session.target.database}: ${session.user} may not act for ${owner}.`;
  return {
    reachable: {
      ...present,
      granted: present.granted.filter((one) => !isOut(one)),
      defaults: present.defaults.filter((one) => !defaultIsOut(one)),
    },
    warnings: [
      ...present.granted.filter(isOut).map((one) => say(`${one.type} ${one.identity}`, one.owner)),
      ...present.defaults
        .filter(defaultIsOut)
        .map((one) => say(`future objects of ${one.creator}`, one.creator)),
    ],
  };
}

/** Giving away what a user owns takes the user's rights: refuse before anything is touched, in whichever database. */
function assertActsFor(session: Session, scope: CleanupScope, present: Present): void {
  const { user } = scope;
  if (present.authority.get(user) !== "refused") return;
  const own = present.owned.length + present.defaults.filter((entry) => entry.creator === user).length;
  if (own === 0) return;
  const because = `${user} owns ${own} things in ${session.target.database}, and ${session.user} may not act for it on this instance`;
  throw new ServiceError("conflict", `The user cannot be cleaned up: ${because}.`, {
    details: {
      because,
      database: session.target.database,
      database_name: session.target.database,
      administrator_sql: byAdministrator(session, scope, present),
      owned: present.owned.slice(0, 20).map((one) => `${one.type} ${one.identity}`),
      run_as_user: `REASSIGN OWNED BY CURRENT_USER TO ${session.user}, as ${user} after it was made a member of that role`,
    },
  });
}

/** What a superuser runs in that database, in one transaction; it needs nobody's rights. */
function byAdministrator(session: Session, scope: CleanupScope, present: Present): string[] {
  const { database } = session.target;
  const all = scope.schema === undefined;
  const own = present.defaults.filter((entry) => entry.creator === scope.user);
  const defaults = own.map((entry) => revokeDefaults(database, entry));
  const ends = all ? [dropOwned(database, scope.user)] : defaults;
  return [...planTransfer(session, scope, present), ...ends].map((statement) => statement.preview);
}

/** A named heir that cannot be given anything is a refusal, before anything is touched. */
function assertHeir(session: Session, { heir }: CleanupScope, present: Present): void {
  if (typeof heir !== "object" || present.owned.length === 0) return;
  if ((present.giving.get(heir.role) ?? "refused") !== "refused" || heir.role === session.user) return;
  const because = `${session.user} may not act for ${heir.role} on this instance`;
  throw new ServiceError("conflict", `What the user owns cannot be handed over: ${because}.`, {
    details: { because, new_owner: heir.role },
  });
}

async function planStatements(
  session: Session,
  scope: CleanupScope,
  present: Present,
  somethingStays: boolean,
): Promise<Statement[]> {
  const { owned, granted, defaults, authority } = present;
  const database = session.target.database;
  const sweeps = scope.schema === undefined && !somethingStays && authority.get(scope.user) !== "refused";
  const sweepsDefaults = sweeps && present.ownsDefaults;
  if (owned.length + granted.length + defaults.length === 0 && !sweepsDefaults) return [];
  const ends =
    sweeps && (granted.length + defaults.length > 0 || sweepsDefaults)
      ? [dropOwned(database, scope.user)]
      : [
          ...granted.flatMap((one) => revokeAll(database, one, scope.user) ?? []),
          ...defaults.map((entry) => revokeDefaults(database, entry)),
        ];
  const heirs = [...present.giving].filter(([, held]) => held !== "refused").map(([name]) => name);
  const rights = new Map([...authority, ...present.giving]);
  const needed = [...rightsNeeded(session, scope, present), ...(owned.length === 0 ? [] : heirs)];
  const taken = await planTaking(
    session,
    needed.filter((name) => name !== session.user),
    rights,
  );
  return [...taken.take, ...planTransfer(session, scope, present), ...ends, ...taken.giveBack];
}

function planTransfer(session: Session, scope: CleanupScope, present: Present): Statement[] {
  const { target, user: admin } = session;
  const { owned } = present;
  if (owned.length === 0) return [];
  if (scope.heir === "schema_owner" && scope.schema === undefined)
    return planInheritance(session, scope, present);
  const heir = typeof scope.heir === "object" ? scope.heir.role : admin;
  if (scope.schema === undefined) return [reassignOwned(target.database, scope.user, heir)];
  return owned.filter((one) => !one.follows).map((one) => changeOwner(target.database, one, heir));
}

/** What lies in a schema goes to its owner, all else to the admin; so does what the schema's owner cannot be given. */
function planInheritance(session: Session, scope: CleanupScope, present: Present): Statement[] {
  const { database } = session.target;
  const heirOf = (one: Holding): string => {
    const { schemaOwner } = one;
    const fits = schemaOwner !== null && schemaOwner !== scope.user && !schemaOwner.startsWith("pg_");
    return fits && (present.giving.get(schemaOwner) ?? "refused") !== "refused" ? schemaOwner : session.user;
  };
  const apart = present.owned.filter((one) => one.follows || heirOf(one) !== session.user);
  const statements = apart
    .filter((one) => !one.follows)
    .map((one) => changeOwner(database, one, heirOf(one)));
  const rest = present.owned.length > apart.length;
  return rest ? [...statements, reassignOwned(database, scope.user, session.user)] : statements;
}

/**
 * The user's rights to give away what it owns, those of the schemas' owners since the new owner needs CREATE there,
 * and those of the owners of objects on which the user holds privileges: without them REVOKE and DROP OWNED only warn.
 */
function rightsNeeded(session: Session, scope: CleanupScope, present: Present): string[] {
  const { owned, granted, defaults, authority } = present;
  const schemaOwners = owned.map((one) => one.schemaOwner ?? "");
  const names = [
    scope.user,
    ...schemaOwners,
    ...granted.map((one) => one.owner),
    ...defaults.map((entry) => entry.creator),
  ];
  return [...new Set(names)].filter(
    (name) => name !== "" && name !== session.user && authority.get(name) !== "refused",
  );
}

/** Memberships but for those that Cloud SQL keeps for its own ends (cloudsqliamuser and its like). */
async function planMemberships(session: Session, scope: CleanupScope): Promise<Revocations> {
  if (!scope.instanceToo) return { statements: [], stuck: [] };
  const rows = await readMemberships(session, { members: [scope.user] });
  const own = rows.filter((row) => !row.role.startsWith("cloudsql"));
  if (scope.schema === undefined) return planRowRevocations(session, own);
  const roles = await readRoles(
    session,
    own.map((row) => row.role),
  );
  const inSchema = own.filter((row) => {
    const mark = parseRoleMark(roles.get(row.role)?.comment ?? null);
    return mark !== undefined && mark.schema === scope.schema && mark.database === session.target.database;
  });
  return planRowRevocations(session, inSchema);
}

function keepsMembership(session: Session, row: Membership): string {
  return (
    `${row.member} stays a member of ${row.role}: ${row.grantor} granted that, and ${session.user} may not act for ` +
    `${row.grantor}. It ends when the user is deleted.`
  );
}
