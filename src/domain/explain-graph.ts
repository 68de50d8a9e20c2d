/** The roles of an instance and their memberships, as the session's database sees them. */

export interface GraphRole {
  readonly oid: number;
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly canLogin: boolean;
}

/** A row of pg_auth_members, or what PostgreSQL implies without one. */
export interface MembershipRow {
  readonly role: number;
  readonly member: number;
  /** null when it is implied, or the grantor is gone. */
  readonly grantor: string | null;
  readonly admin: boolean;
  readonly inherit: boolean;
  readonly set: boolean;
  /** That of the database's owner in pg_database_owner, which no row says. */
  readonly implied: boolean;
}

/** All that was granted of one role to one member. From PostgreSQL 16 on, several grantors may have done so. */
export interface Membership {
  readonly role: number;
  readonly member: number;
  readonly grantors: readonly string[];
  readonly admin: boolean;
  readonly inherit: boolean;
  readonly set: boolean;
  readonly implied: boolean;
}

export interface RoleGraph {
  /** In the order in which they were given. */
  readonly roles: readonly GraphRole[];
  role(oid: number): GraphRole | undefined;
  find(name: string): GraphRole | undefined;
  /** What a role is a direct member of. */
  memberOf(oid: number): readonly Membership[];
  /** The direct members of a role. */
  membersOf(oid: number): readonly Membership[];
}

export function createRoleGraph(roles: readonly GraphRole[], rows: readonly MembershipRow[]): RoleGraph {
  const byOid = new Map(roles.map((role) => [role.oid, role]));
  const byName = new Map(roles.map((role) => [role.name, role]));
  // In an order of their own, so that equal questions have equal answers.
  const place = new Map(roles.map(({ oid }, index) => [oid, index]));
  const placeOf = (oid: number): number => place.get(oid) ?? roles.length;
  const memberships = mergeRows(rows).sort(
    (a, b) => placeOf(a.role) - placeOf(b.role) || placeOf(a.member) - placeOf(b.member),
  );
  const upward = Map.groupBy(memberships, ({ member }) => member);
  const downward = Map.groupBy(memberships, ({ role }) => role);
  return {
    roles,
    role: (oid) => byOid.get(oid),
    find: (name) => byName.get(name),
    memberOf: (oid) => upward.get(oid) ?? [],
    membersOf: (oid) => downward.get(oid) ?? [],
  };
}

/** One option from one grantor is enough: the options of the rows add up. */
function mergeRows(rows: readonly MembershipRow[]): Membership[] {
  const pairs = Map.groupBy(rows, ({ role, member }) => `${role} ${member}`);
  return [...pairs.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    return {
      role: first.role,
      member: first.member,
      grantors: same.flatMap(({ grantor }) => (grantor === null ? [] : [grantor])).sort(),
      admin: same.some(({ admin }) => admin),
      inherit: same.some(({ inherit }) => inherit),
      set: same.some(({ set }) => set),
      implied: same.every(({ implied }) => implied),
    };
  });
}

export type Option = "inherit" | "set";

/** These roles, and all that reach one of them upwards by memberships with the option. */
export function reachFrom(graph: RoleGraph, roles: Iterable<number>, option: Option): Set<number> {
  return walk(roles, (oid) => graph.membersOf(oid).flatMap((edge) => (edge[option] ? [edge.member] : [])));
}

/** This role, and all that it reaches upwards by memberships with the option. */
export function reachOf(graph: RoleGraph, role: number, option: Option): Set<number> {
  return walk([role], (oid) => graph.memberOf(oid).flatMap((edge) => (edge[option] ? [edge.role] : [])));
}

function walk(start: Iterable<number>, next: (oid: number) => readonly number[]): Set<number> {
  const reached = new Set(start);
  // A Set's iterator also visits what is added on the way.
  for (const oid of reached) for (const other of next(oid)) reached.add(other);
  return reached;
}
