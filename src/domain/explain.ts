import { type Membership, type RoleGraph, reachFrom, reachOf } from "./explain-graph.ts";
import type { ExplainableType } from "./explain-object.ts";

/** PUBLIC, where a role's oid may stand. */
export const publicOid = 0;

/** An entry of an ACL, as aclexplode() gives it. */
export interface AclEntry {
  readonly grantee: number;
  readonly grantor: number;
  readonly privilege: string;
  readonly grantable: boolean;
}

/** What the catalog says of an object. Its ACLs have PostgreSQL's defaults where none was set. */
export interface GrantedObject {
  readonly type: ExplainableType;
  readonly owner: number;
  /** Of the object; for a column, of its table. */
  readonly acl: readonly AclEntry[];
  /** Of the column; empty for anything else. */
  readonly columnAcl: readonly AclEntry[];
  /** A table or sequence of the system catalog, which nobody but a superuser may change. */
  readonly isCatalog: boolean;
}

export interface Wanted {
  readonly privilege: string;
  /** Ask for the right to grant it on. */
  readonly grantOption: boolean;
}

export type PathKind = "superuser" | "ownership" | "acl" | "predefined_role" | "public";

/** Somebody who holds a privilege themselves, and lends it to all who inherit from them. */
export interface Holding {
  readonly kind: Exclude<PathKind, "superuser">;
  /** A role's oid, or PUBLIC. */
  readonly holder: number;
  readonly grantedOn: "object" | "column";
  /** Who granted it, by the ACL. */
  readonly grantors: readonly number[];
}

export interface PrivilegePath {
  readonly kind: PathKind;
  /** From the principal upwards; empty when the principal holds it itself. */
  readonly via: readonly Membership[];
  /** Who holds it at the end of the way. */
  readonly holder: number;
  readonly grantedOn: "object" | "column";
  readonly grantors: readonly number[];
}

export interface Explanation {
  readonly allowed: boolean;
  /** The shortest first. */
  readonly paths: readonly PrivilegePath[];
  /** There are more paths than these. */
  readonly truncated: boolean;
  /** Of a principal that is not allowed: the roles that hold it and to which it may SET ROLE. */
  readonly setRoles: readonly number[];
}

/** What pg_class_aclmask() refuses to all but superusers on the system catalog, whatever the ACL says. */
const catalogRefuses = new Set(["INSERT", "UPDATE", "DELETE", "TRUNCATE", "USAGE"]);

/** Privileges that predefined roles hold on every object of a kind; none of them with grant option. */
const predefined: Readonly<Partial<Record<ExplainableType, Readonly<Record<string, readonly string[]>>>>> = {
  table: {
    SELECT: ["pg_read_all_data"],
    INSERT: ["pg_write_all_data"],
    UPDATE: ["pg_write_all_data"],
    DELETE: ["pg_write_all_data"],
    MAINTAIN: ["pg_maintain"],
  },
  column: {
    SELECT: ["pg_read_all_data"],
    INSERT: ["pg_write_all_data"],
    UPDATE: ["pg_write_all_data"],
  },
  sequence: { SELECT: ["pg_read_all_data"], UPDATE: ["pg_write_all_data"] },
  schema: { USAGE: ["pg_read_all_data", "pg_write_all_data"] },
};

/** Who holds a privilege on an object without a membership, superusers aside. */
export function findHoldings(graph: RoleGraph, object: GrantedObject, wanted: Wanted): Holding[] {
  const onColumn = aclHoldings(object, object.columnAcl, wanted, "column");
  if (object.isCatalog && !wanted.grantOption && catalogRefuses.has(wanted.privilege)) return onColumn;
  return [
    ...ownerHolding(object, wanted),
    ...aclHoldings(object, object.acl, wanted, "object"),
    ...predefinedHoldings(graph, object, wanted),
    ...onColumn,
  ];
}

/** An owner holds every grant option, and the privileges themselves by its entry in the ACL. */
function ownerHolding({ owner }: GrantedObject, { grantOption }: Wanted): Holding[] {
  return grantOption ? [{ kind: "ownership", holder: owner, grantedOn: "object", grantors: [] }] : [];
}

function aclHoldings(
  { owner }: GrantedObject,
  acl: readonly AclEntry[],
  { privilege, grantOption }: Wanted,
  grantedOn: Holding["grantedOn"],
): Holding[] {
  const entries = acl.filter(
    (entry) =>
      entry.privilege === privilege && (!grantOption || (entry.grantable && entry.grantee !== owner)),
  );
  const byGrantee = Map.groupBy(entries, ({ grantee }) => grantee);
  return [...byGrantee].map(([holder, same]) => ({
    kind: holder === publicOid ? "public" : holder === owner ? "ownership" : "acl",
    holder,
    grantedOn,
    grantors: same.map(({ grantor }) => grantor),
  }));
}

function predefinedHoldings(
  graph: RoleGraph,
  { type }: GrantedObject,
  { privilege, grantOption }: Wanted,
): Holding[] {
  const names = grantOption ? [] : (predefined[type]?.[privilege] ?? []);
  return names.flatMap((name) => {
    const role = graph.find(name);
    return role === undefined
      ? []
      : { kind: "predefined_role" as const, holder: role.oid, grantedOn: "object" as const, grantors: [] };
  });
}

/** More would not be read, and their number grows exponentially where memberships cross. */
const mostPaths = 100;

/** By which ways a role (or PUBLIC) has what is held; those that begin alike are told apart by their whole way. */
export function explainPrincipal(
  graph: RoleGraph,
  holdings: readonly Holding[],
  principal: number,
): Explanation {
  const byHolder = Map.groupBy(holdings, ({ holder }) => holder);
  const holders = reachFrom(graph, byHolder.keys(), "inherit");
  const paths: PrivilegePath[] = superuserPath(graph, principal);
  let truncated = false;
  for (const via of inheritedWays(graph, principal, holders)) {
    const end = via.at(-1)?.role ?? principal;
    const found = (byHolder.get(end) ?? []).map((holding) => pathOf(holding, via));
    truncated = paths.length + found.length > mostPaths;
    if (truncated) break;
    paths.push(...found);
  }
  if (principal !== publicOid)
    paths.push(...(byHolder.get(publicOid) ?? []).map((holding) => pathOf(holding, [])));
  paths.sort((a, b) => a.via.length - b.via.length);
  const allowed = paths.length > 0;
  return { allowed, paths, truncated, setRoles: allowed ? [] : settable(graph, principal, holders) };
}

function pathOf({ kind, holder, grantedOn, grantors }: Holding, via: readonly Membership[]): PrivilegePath {
  return { kind, via, holder, grantedOn, grantors };
}

function superuserPath(graph: RoleGraph, role: number): PrivilegePath[] {
  if (graph.role(role)?.isSuperuser !== true) return [];
  return [{ kind: "superuser", via: [], holder: role, grantedOn: "object", grantors: [] }];
}

/**
 * Every way up from a role, itself included, by memberships that inherit. Only through roles that lead to a holder:
 * each step then belongs to a way that is wanted.
 */
function* inheritedWays(
  graph: RoleGraph,
  from: number,
  leading: ReadonlySet<number>,
  way: readonly Membership[] = [],
): Generator<readonly Membership[]> {
  if (!leading.has(from)) return;
  yield way;
  for (const edge of graph.memberOf(from)) {
    // PostgreSQL allows no cycle; a catalog that has one must not hang us.
    const known = way.some(({ member }) => member === edge.role);
    if (edge.inherit && !known) yield* inheritedWays(graph, edge.role, leading, [...way, edge]);
  }
}

function settable(graph: RoleGraph, principal: number, holders: ReadonlySet<number>): number[] {
  return [...reachOf(graph, principal, "set")].filter(
    (oid) => oid !== principal && (holders.has(oid) || graph.role(oid)?.isSuperuser === true),
  );
}

export interface AllowedPrincipal {
  /** A role's oid, or PUBLIC. */
  readonly principal: number;
  /** A shortest way; PUBLIC's only where there is no other. */
  readonly path: PrivilegePath;
}

/** All who have what is held, PUBLIC first, then in the order of the graph. */
export function listAllowed(graph: RoleGraph, holdings: readonly Holding[]): AllowedPrincipal[] {
  const shortest = shortestPaths(graph, holdings);
  const ofPublic = shortest.get(publicOid);
  const roles = graph.roles.flatMap(({ oid }) => {
    const path = superuserPath(graph, oid)[0] ?? shortest.get(oid) ?? ofPublic;
    return path === undefined ? [] : [{ principal: oid, path }];
  });
  return ofPublic === undefined ? roles : [{ principal: publicOid, path: ofPublic }, ...roles];
}

/** Downwards from all holders at once, level by level: whoever is met first is met on a shortest way. */
function shortestPaths(graph: RoleGraph, holdings: readonly Holding[]): Map<number, PrivilegePath> {
  const found = new Map<number, PrivilegePath>();
  for (const holding of holdings)
    if (!found.has(holding.holder)) found.set(holding.holder, pathOf(holding, []));
  for (const [oid, path] of found) {
    for (const edge of graph.membersOf(oid)) {
      if (edge.inherit && !found.has(edge.member))
        found.set(edge.member, { ...path, via: [edge, ...path.via] });
    }
  }
  return found;
}
