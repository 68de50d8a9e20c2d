import { isSystemRole } from "../domain/names.ts";
import type { Statement } from "../domain/plan.ts";
import { type Authority, readAuthority } from "../postgres/authority.ts";
import { type MemberRow, readRoleMembers } from "../postgres/role-members.ts";
import type { Session } from "../postgres/session.ts";
import { grantMembershipWith, revokeMembershipOption } from "../postgres/statements/membership-options.ts";
import { membershipOptionsSince, revokeMembership } from "../postgres/statements/memberships.ts";
import { cascading } from "../postgres/statements/role-rights.ts";
import type { DeclaredRights } from "./declared-rights.ts";
import { unreachable } from "./role-draft.ts";
import type { Extras } from "./role-extras.ts";
import type { RoleFinding } from "./role-finding.ts";

const options = ["admin", "inherit", "set"] as const;
type Option = (typeof options)[number];
type Wanted = Readonly<Record<Option, boolean>>;

/** What is to become of the memberships in one role. */
interface MemberPlan {
  /** Members who are to have them from the admin. */
  readonly granted: ReadonlySet<string>;
  /** Rows that end, or lose options. */
  readonly ends: ReadonlyMap<MemberRow, "row" | readonly Option[]>;
  /** Rows that end with those, since they rest on them. */
  readonly swept: ReadonlySet<MemberRow>;
}

/**
 * Memberships of users and others in managed roles: each is to hold the role's privileges, may SET ROLE to it and may not
 * grant it on, unless a state declares otherwise, and has them by one grant of the admin's where there is one. Who is
 * a member is nobody's definition, so that nobody loses it. Needs an open transaction.
 */
export async function planRoleMembers(
  session: Session,
  roles: readonly string[],
  declared: DeclaredRights,
): Promise<Pick<Extras, "findings" | "authority">> {
  if (roles.length === 0) return { findings: [], authority: new Map() };
  const rows = await readRoleMembers(session, roles);
  const modern = session.versionNum >= membershipOptionsSince;
  const foreign = rows.filter((row) => modern && row.grantor !== session.user && isPlain(session, row));
  const authority = await readAuthority(
    session,
    foreign.map((row) => row.grantor),
  );
  const findings = [...Map.groupBy(rows, (row) => row.role)].flatMap(([role, list]) => {
    const wantedOf = (member: string): Wanted =>
      declared.membership(role, member) ?? { admin: false, inherit: true, set: true };
    const members: Members = { session, modern, rows: list, wantedOf, authority };
    return describePlan(members, planMembers(members));
  });
  return { findings, authority };
}

interface Members {
  readonly session: Session;
  readonly modern: boolean;
  /** All of one role. */
  readonly rows: readonly MemberRow[];
  readonly wantedOf: (member: string) => Wanted;
  readonly authority: ReadonlyMap<string, Authority>;
}

/** Managed roles' memberships are their definition's. */
function isPlain(session: Session, { member, isSuperuser, isManaged }: MemberRow): boolean {
  return member !== session.user && !isSuperuser && !isManaged && !isSystemRole(member);
}

function isForeign({ session, modern }: Members, row: MemberRow): boolean {
  return modern && row.grantor !== session.user;
}

function isReached(members: Members, row: MemberRow): boolean {
  return !isForeign(members, row) || (members.authority.get(row.grantor) ?? "refused") !== "refused";
}

/** Grants make rows of others superfluous, and those that end make grants necessary: until nothing is to be added. */
function planMembers(members: Members): MemberPlan {
  let granted = new Set<string>();
  for (;;) {
    const ends = findEnds(members, granted);
    const swept = findSwept(members, ends);
    const more = new Set([...granted, ...findLacking(members, ends, swept)]);
    if (more.size === granted.size) return { granted, ends, swept };
    granted = more;
  }
}

function plainMembers({ session, rows }: Members): Map<string, MemberRow[]> {
  return Map.groupBy(
    rows.filter((row) => isPlain(session, row)),
    (row) => row.member,
  );
}

function findEnds(members: Members, granted: ReadonlySet<string>): MemberPlan["ends"] {
  const ends = new Map<MemberRow, "row" | readonly Option[]>();
  for (const [member, rows] of plainMembers(members)) {
    const wanted = members.wantedOf(member);
    const isOurs = granted.has(member) || rows.some((row) => !isForeign(members, row));
    for (const row of rows.filter((one) => isReached(members, one))) {
      const excess = options.filter(
        (option) => row[option] && !wanted[option] && (members.modern || option === "admin"),
      );
      if (isForeign(members, row) && isOurs) ends.set(row, "row");
      else if (excess.length > 0) ends.set(row, excess);
    }
  }
  return ends;
}

/** What members granted who may not any more; before 16 no membership rests on another. */
function findSwept(members: Members, ends: MemberPlan["ends"]): Set<MemberRow> {
  const swept = new Set<MemberRow>();
  if (!members.modern) return swept;
  const losesAdmin = (row: MemberRow): boolean => {
    const end = ends.get(row);
    return swept.has(row) || end === "row" || end?.includes("admin") === true;
  };
  const mayGrant = (member: string): boolean =>
    members.rows.some((row) => row.member === member && row.admin && !losesAdmin(row));
  const grantors = new Set(members.rows.filter((row) => row.admin).map((row) => row.member));
  for (let before = -1; before !== swept.size; ) {
    before = swept.size;
    for (const row of members.rows)
      if (grantors.has(row.grantor) && row.grantor !== members.session.user && !mayGrant(row.grantor))
        swept.add(row);
  }
  return swept;
}

/** Plain members who lack an option that they are to have, or would once the rest has ended. */
function findLacking(members: Members, ends: MemberPlan["ends"], swept: MemberPlan["swept"]): string[] {
  return [...plainMembers(members)].flatMap(([member, rows]) => {
    const wanted = members.wantedOf(member);
    const left = rows.filter((row) => ends.get(row) !== "row" && !swept.has(row));
    const lacks = options.some((option) => wanted[option] && !left.some((row) => row[option]));
    return lacks && members.modern ? [member] : [];
  });
}

function describePlan(members: Members, plan: MemberPlan): RoleFinding[] {
  const grants: RoleFinding[] = [];
  const ends: RoleFinding[] = [];
  for (const [member, rows] of plainMembers(members)) {
    if (plan.granted.has(member)) grants.push(describeGrant(members, member, rows));
    for (const row of rows) {
      if (plan.swept.has(row)) continue;
      const end = plan.ends.get(row);
      if (end !== undefined) ends.push(describeEnd(members, row, end, plan));
      else ends.push(...describeStuck(members, row, plan.granted));
    }
  }
  return [...grants, ...ends];
}

function aboutRow({ role, member }: MemberRow): Pick<RoleFinding, "role" | "object"> {
  return { role, object: `membership of ${member} in ${role}` };
}

function ofRow({ session: { target, versionNum } }: Members, { role, member }: MemberRow) {
  return { database: target.database, versionNum, role, member };
}

function describeGrant(members: Members, member: string, rows: readonly MemberRow[]): RoleFinding {
  const [first] = rows as [MemberRow];
  const wanted = members.wantedOf(member);
  const lacking = options.filter((option) => wanted[option] && !rows.some((row) => row[option]));
  const who = [...new Set(rows.map((row) => row.grantor))].join(", ");
  const detail =
    lacking.length > 0
      ? `${member} is a member of ${first.role} without ${lacking.map((one) => one.toUpperCase()).join(", ")}`
      : `${member} is a member of ${first.role} by a grant of ${who}, which does not stay`;
  const kind = lacking.length > 0 ? "membership_options" : "foreign_grantor";
  const statement = grantMembershipWith(ofRow(members, first), wanted);
  return {
    ...aboutRow(first),
    kind,
    detail,
    prepares: true,
    statements: [{ ...statement, role: first.role }],
  };
}

function describeEnd(
  members: Members,
  row: MemberRow,
  end: "row" | readonly Option[],
  { swept }: MemberPlan,
): RoleFinding {
  const of = ofRow(members, row);
  const whole = end === "row";
  const plain: Statement[] = whole
    ? [revokeMembership({ ...of, grantor: row.grantor })]
    : end.map((option) => revokeMembershipOption(of, option.toUpperCase() as Uppercase<Option>, row.grantor));
  const rests = row.admin && [...swept].some((one) => one.grantor === row.member);
  const statements = plain.map((one, at) => {
    const cascades = rests && (whole || end[at] === "admin");
    return { ...(cascades ? cascading(one) : one), role: row.role };
  });
  const detail = whole
    ? `${row.member} is a member of ${row.role} by a grant of ${row.grantor} too`
    : `${row.member} is a member of ${row.role} with ${end.map((one) => one.toUpperCase()).join(", ")}`;
  const kind = whole ? "foreign_grantor" : "membership_options";
  const actsFor = isForeign(members, row) ? { actsFor: [row.grantor] } : {};
  return { ...aboutRow(row), kind, detail, ...actsFor, statements };
}

/** What is not as it should be, and stays. */
function describeStuck(members: Members, row: MemberRow, granted: ReadonlySet<string>): RoleFinding[] {
  const { role, object } = aboutRow(row);
  const wanted = members.wantedOf(row.member);
  if (!members.modern) {
    if (row.inherits || !wanted.inherit) return [];
    const because =
      `${row.member} is NOINHERIT: it has the privileges of ${role} only after SET ROLE. Before PostgreSQL 16 that is ` +
      "an attribute of the member, which this service does not change.";
    return [unreachable("membership_options", role, object, because)];
  }
  if (isReached(members, row)) return [];
  const isOurs =
    granted.has(row.member) ||
    members.rows.some((one) => one.member === row.member && !isForeign(members, one));
  const excess = options.filter((option) => row[option] && !wanted[option]);
  if (!isOurs && excess.length === 0) return [];
  const how = excess.length > 0 ? ` with ${excess.map((one) => one.toUpperCase()).join(", ")}` : "";
  const because =
    `${row.member} is a member of ${role} by a grant of ${row.grantor}${how}, and ${members.session.user} may not act ` +
    `for ${row.grantor}: only ${row.grantor} can take it back.`;
  return [unreachable(isOurs ? "foreign_grantor" : "membership_options", role, object, because)];
}
