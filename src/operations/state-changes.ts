import { type FutureAtom, type GrantAtom, groupAtoms } from "../domain/desired-grants.ts";
import { type DesiredMembership, type DesiredState, isGrantableRole } from "../domain/desired-state.ts";
import { isExpressibleRole } from "../domain/desired-state-parser.ts";
import { parseRoleMark, roleMarkPrefix } from "../domain/managed-role.ts";
import { identifierFault, isSystemRole } from "../domain/names.ts";
import { readAclRows, readDefaultAclRows, readUserSchemas } from "../postgres/acl-catalog.ts";
import { readMemberships, readRolesByComment } from "../postgres/role-catalog.ts";
import type { Session } from "../postgres/session.ts";
import type { Decide, Decision } from "./apply.ts";

/** Grants, default privileges and memberships, as a desired state says them. */
export type Rights = Pick<DesiredState, "grants" | "memberships">;

/** What a change took and gave of what no definition of a managed role says. */
export interface RightsChange {
  readonly taken: Rights;
  readonly given: Rights;
}

interface RightsRead {
  readonly atoms: ReadonlyMap<string, GrantAtom>;
  readonly futures: ReadonlyMap<string, FutureAtom>;
  readonly memberships: ReadonlyMap<string, DesiredMembership>;
}

/** Decides, and reads the rights before the plan runs and after: by the second decision, which finds it done. */
export function watchRights<T>(decide: Decide<T>): {
  readonly decide: Decide<T>;
  /** Of the last run; undefined when there was nothing to run. */
  readonly change: () => RightsChange | undefined;
} {
  const before = new WeakMap<Session, RightsRead>();
  let change: RightsChange | undefined;
  return {
    change: () => change,
    decide: async (session): Promise<Decision<T>> => {
      const decision = await decide(session);
      const earlier = before.get(session);
      if (earlier !== undefined) change = compareRights(earlier, await readRights(session));
      else if (decision.statements.length > 0) before.set(session, await readRights(session));
      return decision;
    },
  };
}

/** What is not a managed role's, the admin's or the system's, and what a state has a name for. */
async function readRights(session: Session): Promise<RightsRead> {
  const managed = (await readRolesByComment(session, roleMarkPrefix)).flatMap((row) =>
    parseRoleMark(row.comment)?.database === session.target.database ? [row.name] : [],
  );
  const isManaged = new Set(managed);
  const isSaid = (role: string): boolean =>
    !isManaged.has(role) && role !== session.user && !isSystemRole(role) && isExpressibleRole(role);
  const isName = (name: string | null): boolean => name === null || identifierFault(name) === undefined;
  const schemas = [...(await readUserSchemas(session)).keys()].filter(isName);
  const atoms = (await readAclRows(session, schemas, managed))
    .filter(
      (row) => (row.grantee === "public" || isSaid(row.grantee)) && isName(row.name) && isName(row.column),
    )
    .map(
      ({ type: objectType, schema, name, arguments: signature, column, grantee, privilege, grantable }) => ({
        ...{ grantee, objectType, schema, name, arguments: signature, column, privilege, grantable },
      }),
    );
  const futures = (await readDefaultAclRows(session))
    .filter((row) => isSaid(row.grantee) && isSaid(row.creator) && isName(row.schema))
    .map(({ creator: owner, type: objectType, ...rest }) => ({ ...rest, owner, objectType }));
  const rows = (await readMemberships(session, {})).filter(
    ({ role, member }) => !isManaged.has(role) && isGrantableRole(role) && isSaid(member),
  );
  const memberships = [...Map.groupBy(rows, (row) => JSON.stringify([row.role, row.member])).values()].map(
    (group): DesiredMembership => {
      const any = (option: "inherit" | "set" | "admin"): boolean => group.some((row) => row[option]);
      const { role = "", member = "" } = group[0] ?? {};
      return { role, member, inherit: any("inherit"), set: any("set"), admin: any("admin") };
    },
  );
  return { atoms: keyed(atoms), futures: keyed(futures), memberships: keyed(memberships) };
}

/** Of the same privilege by several grantors, the one that may be granted on. */
function keyed<One extends object>(list: readonly One[]): Map<string, One> {
  const found = new Map<string, One>();
  for (const one of list) {
    const key = keyOf(one);
    if (!(found.has(key) && "grantable" in one && one.grantable === false)) found.set(key, one);
  }
  return found;
}

function keyOf(one: object): string {
  if ("member" in one && "role" in one) return JSON.stringify([one.role, one.member]);
  return JSON.stringify(Object.entries({ ...one, grantable: null }).sort());
}

function compareRights(before: RightsRead, after: RightsRead): RightsChange {
  return { taken: without(before, after), given: without(after, before) };
}

function without(one: RightsRead, other: RightsRead): Rights {
  const more = <Item>(mine: ReadonlyMap<string, Item>, theirs: ReadonlyMap<string, Item>): Item[] =>
    [...mine].flatMap(([key, item]) => (isWithin(item, theirs.get(key)) ? [] : [item]));
  return {
    grants: groupAtoms(more(one.atoms, other.atoms), more(one.futures, other.futures)),
    memberships: more(one.memberships, other.memberships),
  };
}

/** Whether all that the one says, its options too, the other says as well. */
function isWithin(one: unknown, other: unknown): boolean {
  if (other === undefined) return false;
  const [mine, theirs] = [one, other] as Record<string, unknown>[];
  const flags = ["grantable", "inherit", "set", "admin"];
  return flags.every((flag) => mine?.[flag] !== true || theirs?.[flag] === true);
}
