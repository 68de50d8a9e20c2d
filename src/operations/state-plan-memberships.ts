import { type DesiredMembership, isGrantableRole } from "../domain/desired-state.ts";
import { isExpressibleRole } from "../domain/desired-state-parser.ts";
import { type ChainedGrant, endChain } from "../domain/grant-chain.ts";
import { isSystemRole } from "../domain/names.ts";
import type { Statement } from "../domain/plan.ts";
import { ServiceError } from "../errors.ts";
import { planTaking, readAuthority, readGrantable } from "../postgres/authority.ts";
import { type Membership, type RoleRow, readMemberships, readRoles } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { letGrant } from "../postgres/statements/administrator.ts";
import { grantMembershipWith, revokeMembershipOption } from "../postgres/statements/membership-options.ts";
import { membershipOptionsSince, revokeMembership } from "../postgres/statements/memberships.ts";
import { unsafeAttributes } from "./role-names.ts";
import {
  assertDeclarable,
  assertMayBeGranted,
  assertMayBeTaken,
  isElsewhere,
} from "./state-membership-rules.ts";
import { isExempt, type StateScope } from "./state-scope.ts";

export interface MembershipPlan {
  readonly statements: readonly Statement[];
  readonly warnings: readonly string[];
}

/** A row of pg_auth_members, and what is to become of it. */
interface Row extends Membership, ChainedGrant {
  readonly loses: "nothing" | "membership" | readonly ("ADMIN" | "INHERIT" | "SET")[];
}

/**
 * What brings memberships to their declaration. All roles of the state exist, or are about to. `not_found` (role or
 * user); `conflict` when a role may not be granted. Needs an open transaction.
 */
export async function planStateMemberships(session: Session, scope: StateScope): Promise<MembershipPlan> {
  const { memberships } = scope.state;
  const named = [...new Set(memberships.flatMap(({ role, member }) => [role, member]))];
  const roles = await readRoles(session, named);
  for (const membership of memberships) assertDeclarable(scope, roles, membership);
  const rows = await readRows(session, scope);
  const warnings = [...inheritanceWarnings(session, roles, memberships)];
  const grants = planGrants(session, scope, rows);
  // What somebody holds for some time and the state declares is for good from then on: that is given, too.
  const lasting = memberships.filter(({ role, member }) =>
    scope.temporary.has(JSON.stringify([role, member])),
  );
  await assertMayBeGranted(session, scope, [...grants.map((one) => one.membership), ...lasting]);
  await assertMayGrant(
    session,
    grants.map((one) => one.membership.role),
    scope,
  );
  const kinds = await readKinds(session, rows);
  const others = kinds.superusers;
  const judged = rows.map((row) => (kinds.unsafe.has(row.role) ? untouched(row) : toRow(scope, row, others)));
  const marked = judged.map((row) => (kinds.elsewhere.has(row.role) ? untouched(row) : row));
  const kept = judged.filter((row) => isOptions(row.loses) && kinds.elsewhere.has(row.role));
  warnings.push(...kept.map(elsewhereWarning));
  const { ordered, regranted } = endChain(
    marked,
    (row) => row.loses === "membership" || row.loses.includes("ADMIN"),
    (row) => row.grantor === session.user || others.has(row.grantor),
  );
  const losing = [...ordered, ...marked.filter((row) => isOptions(row.loses) && !ordered.includes(row))];
  await assertMayBeTaken(session, scope, losing);
  const ends = await planEnds(session, losing, new Set(regranted));
  const again = regranted.map((row) =>
    grantMembershipWith(
      {
        database: session.target.database,
        versionNum: session.versionNum,
        role: row.role,
        member: row.member,
      },
      row,
    ),
  );
  return {
    statements: [...grants.map((one) => one.statement), ...again, ...ends.statements],
    warnings: [...warnings, ...ends.warnings],
  };
}

const isOptions = (loses: Row["loses"]): boolean => loses !== "membership" && loses !== "nothing";

/** From 16 on, rows of every grantor; memberships of what the state manages, and those that it declares. */
async function readRows(session: Session, scope: StateScope): Promise<Membership[]> {
  const declared = [...scope.state.memberships, ...scope.dropped.memberships].map((one) => one.role);
  const byRole = await readMemberships(session, {
    roles: [...new Set([...declared, ...scope.managedRoles])],
  });
  const plain = scope.state.roles.map((role) => role.name);
  const byMember = plain.length === 0 ? [] : await readMemberships(session, { members: plain });
  const all = [...byRole, ...byMember].map((row) => [
    JSON.stringify([row.role, row.member, row.grantor]),
    row,
  ]);
  return [...new Map(all as [string, Membership][]).values()];
}

interface Kinds {
  readonly superusers: ReadonlySet<string>;
  /** Roles that no state grants: logins, and those with rights beyond any grant. */
  readonly unsafe: ReadonlySet<string>;
  /** Templates' roles of other databases, whose members are for the states of those to say. */
  readonly elsewhere: ReadonlySet<string>;
}

async function readKinds(session: Session, rows: readonly Membership[]): Promise<Kinds> {
  const names = [...new Set(rows.flatMap((row) => [row.role, row.member, row.grantor]))];
  const roles = [...(await readRoles(session, names)).values()];
  const isUnsafe = (row: RoleRow): boolean =>
    unsafeAttributes(row).length > 0 || row.memberOf.some((group) => group.startsWith("cloudsql"));
  const namesOf = (found: readonly RoleRow[]): Set<string> => new Set(found.map((row) => row.name));
  return {
    superusers: namesOf(roles.filter((row) => row.isSuperuser)),
    unsafe: namesOf(roles.filter(isUnsafe)),
    elsewhere: namesOf(roles.filter((row) => isElsewhere(session, row))),
  };
}

function* inheritanceWarnings(
  session: Session,
  roles: ReadonlyMap<string, RoleRow>,
  memberships: readonly DesiredMembership[],
): Iterable<string> {
  if (session.versionNum >= membershipOptionsSince) return;
  for (const { role, member, inherit, set } of memberships) {
    const inherits = roles.get(member)?.inherits ?? true;
    if (inherit === inherits && set) continue;
    const actual = inherits ? "inherits" : "does not inherit";
    yield `${member} ${actual} the privileges of ${role}, and may SET ROLE to it: before PostgreSQL 16 that is an ` +
      "attribute of the member, which this service does not change.";
  }
}

interface PlannedGrant {
  readonly membership: DesiredMembership;
  readonly statement: Statement;
}

/** Memberships that are missing, or have fewer options than declared. */
function planGrants(session: Session, scope: StateScope, rows: readonly Membership[]): PlannedGrant[] {
  const modern = session.versionNum >= membershipOptionsSince;
  const { database } = session.target;
  return scope.state.memberships.flatMap((membership) => {
    const { role, member } = membership;
    const present = rows.filter((row) => row.role === role && row.member === member);
    const has = (option: "inherit" | "set" | "admin"): boolean => present.some((row) => row[option]);
    const options = modern ? (["inherit", "set", "admin"] as const) : (["admin"] as const);
    const complete = present.length > 0 && options.every((option) => !membership[option] || has(option));
    if (complete) return [];
    const own = present.find((row) => row.grantor === session.user);
    const wanted = {
      inherit: membership.inherit || own?.inherit === true,
      set: membership.set || own?.set === true,
      admin: membership.admin,
    };
    const of = { database, versionNum: session.versionNum, role, member };
    return [{ membership, statement: grantMembershipWith(of, wanted) }];
  });
}

async function assertMayGrant(session: Session, roles: readonly string[], scope: StateScope): Promise<void> {
  const grantable = await readGrantable(session, roles);
  const refused = [...new Set(roles)].filter((role) => !grantable.has(role));
  if (refused.length === 0) return;
  const because = `${session.user} has no ADMIN OPTION on ${refused.join(", ")}`;
  throw new ServiceError("conflict", `Memberships cannot be granted: ${because}.`, {
    details: {
      because,
      roles: refused,
      administrator_sql: refused.map((role) => letGrant(role, scope.admin)),
    },
  });
}

function elsewhereWarning({ role, member }: Membership): string {
  return `${member} keeps its membership in ${role} as it is: ${role} belongs to another database.`;
}

function untouched(row: Membership): Row {
  return { ...row, subject: row.role, grantee: row.member, grantable: row.admin, loses: "nothing" };
}

function hasEffect({ admin, inherit, set }: Membership): boolean {
  return admin || inherit || set;
}

/** What a row loses: nothing in mode additive, nothing of the admin's, of Cloud SQL's and of a template's own. */
function toRow(scope: StateScope, row: Membership, superusers: ReadonlySet<string>): Row {
  const keep = untouched(row);
  if (scope.mode === "additive" || isExempt(scope, row.member, superusers)) return keep;
  const declared = scope.state.memberships.find((one) => one.role === row.role && one.member === row.member);
  if (declared !== undefined) {
    const loses = (["admin", "inherit", "set"] as const).filter((option) => row[option] && !declared[option]);
    const names = loses.map((option) => option.toUpperCase() as "ADMIN" | "INHERIT" | "SET");
    return names.length === 0 ? keep : { ...keep, loses: names };
  }
  if (scope.temporary.has(JSON.stringify([row.role, row.member]))) return keep;
  const goes = scope.dropped.memberships.some((one) => one.role === row.role && one.member === row.member);
  if (goes && hasEffect(row)) return { ...keep, loses: "membership" };
  if (scope.mode === "adopt" || scope.templateRoles.has(row.member)) return keep;
  if (!isGrantableRole(row.role) || (isSystemRole(row.role) && !scope.managedRoles.has(row.member)))
    return keep;
  return hasEffect(row) && isExpressibleRole(row.member) ? { ...keep, loses: "membership" } : keep;
}

async function planEnds(
  session: Session,
  losing: readonly Row[],
  regranted: ReadonlySet<Row>,
): Promise<MembershipPlan> {
  const modern = session.versionNum >= membershipOptionsSince;
  const foreign = modern ? losing.map((row) => row.grantor).filter((one) => one !== session.user) : [];
  const authority = await readAuthority(session, foreign);
  const isStuck = (row: Row): boolean =>
    modern && row.grantor !== session.user && (authority.get(row.grantor) ?? "refused") === "refused";
  const stuck = losing.filter(isStuck);
  const ending = losing.filter((row) => !isStuck(row));
  const grantors = ending.map((row) => row.grantor).filter((one) => modern && one !== session.user);
  const taken = await planTaking(session, grantors, authority);
  const { versionNum, target } = session;
  const statements = ending.flatMap((row) => {
    const of = { database: target.database, versionNum, role: row.role, member: row.member };
    if (row.loses === "membership" || regranted.has(row))
      return [revokeMembership({ ...of, grantor: row.grantor })];
    if (row.loses === "nothing") return [];
    const options = modern ? row.loses : row.loses.filter((option) => option === "ADMIN");
    return options.map((option) => revokeMembershipOption(of, option, row.grantor));
  });
  return {
    statements: statements.length === 0 ? [] : [...taken.take, ...statements, ...taken.giveBack],
    warnings: stuck.map(
      (row) =>
        `${row.member} keeps its membership in ${row.role} as it is: ${row.grantor} granted that, and ` +
        `${session.user} may not act for ${row.grantor}.`,
    ),
  };
}
