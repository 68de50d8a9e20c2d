import { holdsInSchemas, type ManagedRole } from "../domain/managed-role.ts";
import { type Authority, readAuthority, uniteAuthority } from "../postgres/authority.ts";
import { type RoleRight, readRoleRights } from "../postgres/role-rights.ts";
import type { RoleInSchema } from "../postgres/schema-catalog.ts";
import type { Session } from "../postgres/session.ts";
import { changeRight, keywordOf } from "../postgres/statements/role-rights.ts";
import type { DeclaredRights } from "./declared-rights.ts";
import { type EndedRight, findEnded, isForeign } from "./ended-rights.ts";
import { actAs, actorOf, findActor, mayActFor, type Reach, unreachedBecause } from "./ended-rights-actors.ts";
import type { RoleRecord } from "./registry.ts";
import { namesAtMost, unreachable } from "./role-draft.ts";
import type { RoleFinding } from "./role-finding.ts";
import type { RoleState } from "./role-state.ts";

export interface Extras {
  readonly findings: readonly RoleFinding[];
  /** What is known of the roles for which their statements act. */
  readonly authority: ReadonlyMap<string, Authority>;
  /** Keys of what managed roles hold from one another, and lose with it. */
  readonly swept: ReadonlySet<string>;
}

const noExtras: Extras = { findings: [], authority: new Map(), swept: new Set() };

/** What was read of a schema's roles, without what goes together with extras: nobody could revoke it after them. */
export function withoutSwept(state: RoleState, { swept }: Pick<Extras, "swept">): RoleState {
  if (swept.size === 0) return state;
  const foreignGrants = state.foreignGrants.flatMap((grant) => {
    const { role: grantee, object, ...rest } = grant;
    const privileges = grant.privileges.filter(
      (privilege) =>
        !swept.has(heldKey({ ...rest, ...object, column: object.column ?? null, grantee, privilege })),
    );
    return privileges.length === 0 ? [] : [{ ...grant, privileges }];
  });
  return { ...state, foreignGrants };
}

type Held = Pick<RoleRight, "schema" | "name" | "arguments" | "column" | "grantee" | "grantor" | "privilege">;

function heldKey({ schema, name, arguments: signature, column, grantee, grantor, privilege }: Held): string {
  return JSON.stringify([schema, name ?? schema, signature, column, grantee, grantor, privilege]);
}

/**
 * The schemas in which roles have their definition. Of a database-wide role the registry says them: of one of which it
 * does not, nothing can be told.
 */
export function definedPlaces(
  wanted: ReadonlyMap<string, readonly ManagedRole[]>,
  recorded: ReadonlyMap<string, RoleRecord>,
): RoleInSchema[] {
  return [...wanted].flatMap(([schema, roles]) =>
    roles.flatMap((role) => {
      if (role.scope === "schema" || !holdsInSchemas(role)) return [{ role, schema }];
      const schemas = recorded.get(role.name)?.schemas;
      return schemas === undefined
        ? []
        : [...new Set([schema, ...schemas])].map((one) => ({ role, schema: one }));
    }),
  );
}

/**
 * What managed roles hold where no definition says anything - on the database, in other schemas, by default in every
 * schema, on languages - and what they may grant on. What is declared by a desired state is wanted. `pairs` are all of
 * the schemas in which each of the roles has its definition. Needs an open transaction.
 */
export async function planRoleExtras(
  session: Session,
  pairs: readonly RoleInSchema[],
  declared: DeclaredRights,
): Promise<Extras> {
  const roles = Map.groupBy(
    pairs.map(({ role }) => role),
    (role) => role.name,
  );
  if (pairs.length === 0) return noExtras;
  const ended = findEnded(await readRoleRights(session, pairs), roles, declared);
  if (ended.length === 0) return noExtras;
  const rights = ended.map(({ right }) => right);
  const actors = rights.filter((right) => isForeign(right) || right.shared).map(actorOf);
  const settable = await readAuthority(session, actors, { toOwn: true });
  const authority = uniteAuthority(
    await readAuthority(
      session,
      rights.flatMap((right) => [actorOf(right), right.schemaOwner ?? []].flat()),
    ),
    [...settable].filter(([, one]) => one === "takeable"),
  );
  const reach = { admin: session.user, settable, authority };
  const stuck = ended.filter((one) => unreachedBecause(reach, one.right) !== undefined);
  const findings = [
    ...groupEnded(
      reach,
      ended.filter((one) => !stuck.includes(one)),
    ).map((group) => describeGroup(session.target.database, reach, group)),
    ...groupEnded(reach, stuck).map((group) => describeStuck(reach, group)),
  ];
  const reached = ended.filter((one) => !stuck.includes(one));
  return { findings, authority, swept: new Set(reached.flatMap(({ swept }) => swept.map(heldKey))) };
}

/** What one statement can end. */
function groupEnded(reach: Reach, ended: readonly EndedRight[]): EndedRight[][] {
  const perObject = Map.groupBy(ended, ({ right, loses }) =>
    JSON.stringify([placeOf(right), right.column, loses]),
  );
  const merged = [...perObject.values()].map((list) => ({
    list,
    key: JSON.stringify([
      groupKey(reach, list[0] as EndedRight),
      list.map(({ right }) => right.privilege),
      list.map(({ swept, dependents }) => [
        swept.length > 0,
        dependents.map((one) => [one.grantee, one.grantable]),
      ]),
    ]),
  }));
  return [...Map.groupBy(merged, ({ key }) => key).values()].flatMap((group) => {
    const lists = group.map(({ list }) => list);
    return Array.from({ length: Math.ceil(lists.length / namesPerStatement) }, (_, at) =>
      lists.slice(at * namesPerStatement, (at + 1) * namesPerStatement).flat(),
    );
  });
}

const namesPerStatement = 100;

function placeOf({ catalog, identity, grantee, grantor, owner }: RoleRight): unknown[] {
  return [catalog, identity, grantee, grantor, owner];
}

/** Columns go together if they are of one table, default privileges not at all. */
function groupKey(reach: Reach, { right, loses }: EndedRight): unknown[] {
  const alone = right.column !== null || right.futureType !== null;
  return [
    right.grantee,
    keywordOf(right),
    loses,
    findActor(reach, right),
    right.column !== null,
    alone ? right.identity : null,
  ];
}

function describeGroup(database: string, reach: Reach, group: readonly EndedRight[]): RoleFinding {
  const { right: first, loses } = group[0] as EndedRight;
  const cascade = group.some(({ swept }) => swept.length > 0);
  const rights = distinctPlaces(group.map(({ right }) => right));
  const managed = first.grantee;
  const again = [
    ...Map.groupBy(
      group.flatMap(({ dependents }) => dependents),
      (one) => JSON.stringify([one.grantee, one.grantable, one.privilege]),
    ).values(),
  ].map((list) => {
    const { grantee, grantable, privilege } = list[0] as RoleRight;
    const change = { database, action: "grant", rights: distinctPlaces(list), grantee, grantable } as const;
    return changeRight({ ...change, privileges: [privilege], managed });
  });
  const action = loses === "privilege" ? ("revoke" as const) : ("revoke_option" as const);
  const end = { database, action, rights, privileges: privilegesOf(group), grantee: managed, cascade };
  const statements = [...again, changeRight({ ...end, managed })];
  const isReached = (owner: string | null): owner is string =>
    owner !== null && owner !== reach.admin && mayActFor(reach, owner);
  const actor = findActor(reach, first);
  return {
    ...aboutGroup(group),
    actsFor: [...new Set(rights.flatMap((right) => [actorOf(right), right.schemaOwner].filter(isReached)))],
    statements: actor === null ? statements : actAs(database, actor, rights, { statements, managed }),
  };
}

function describeStuck(reach: Reach, group: readonly EndedRight[]): RoleFinding {
  const { kind, role, object, detail } = aboutGroup(group);
  const because = unreachedBecause(reach, (group[0] as EndedRight).right);
  return unreachable(kind, role, object, `${detail}; ${because}.`);
}

function aboutGroup(group: readonly EndedRight[]): Pick<RoleFinding, "kind" | "role" | "object" | "detail"> {
  const { right, loses } = group[0] as EndedRight;
  const list = privilegesOf(group).join(", ");
  const what =
    loses === "option" ? `may grant ${list} on to others` : `holds, beyond its definition, ${list}`;
  const others = new Set(group.flatMap(({ dependents }) => dependents.map((one) => one.grantee)));
  const rest =
    others.size === 0 ? "" : `; ${[...others].join(", ")} got it from there, and will have it from the owner`;
  return {
    kind: "extra",
    role: right.grantee,
    object: describeRights(group),
    detail: `${right.grantee} ${what}${rest}`,
  };
}

function describeRights(group: readonly EndedRight[]): string {
  const rights = distinctPlaces(group.map((one) => one.right));
  const names = rights
    .slice(0, namesAtMost)
    .map(({ identity, column }) => (column === null ? identity : `${identity}.${column}`));
  const more = rights.length > names.length ? ` and ${rights.length - names.length} more` : "";
  const [first] = rights as [RoleRight];
  return `${first.column === null ? first.type : "column"} ${names.join(", ")}${more}`;
}

function privilegesOf(group: readonly EndedRight[]): string[] {
  return [...new Set(group.map(({ right }) => right.privilege))];
}

function distinctPlaces(rights: readonly RoleRight[]): RoleRight[] {
  return [
    ...new Map(rights.map((right) => [JSON.stringify([right.identity, right.column]), right])).values(),
  ];
}
