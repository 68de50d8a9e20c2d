import { type ChainedGrant, endChain } from "../domain/grant-chain.ts";
import type { Statement } from "../domain/plan.ts";
import type { AclRow } from "../postgres/acl-catalog.ts";
import { actorsOf, createActors, type Reach } from "./state-actors.ts";
import { type StateCatalog, superusersOf } from "./state-catalog.ts";
import { groupParts } from "./state-grant-groups.ts";
import { planEndsOf } from "./state-plan-ends.ts";
import { isDropped, isExempt, type StateScope } from "./state-scope.ts";
import {
  declaredKey,
  describeObject,
  isPublicByDefault,
  objectKey,
  privilegeKey,
  type Wanted,
  type WantedPrivilege,
} from "./state-wanted.ts";

/** Changes of privileges before it is known whether the admin may make them. */
export interface GrantChanges {
  readonly grants: readonly WantedPrivilege[];
  /** Rows that end, or lose their grant option, each after what rests on it. */
  readonly ends: readonly EndedRow[];
}

export interface EndedRow extends AclRow, ChainedGrant {
  readonly loses: "nothing" | "privilege" | "option";
}

/** Compares what is granted with what is declared; pure. */
export function compareGrants(scope: StateScope, catalog: StateCatalog, wanted: Wanted): GrantChanges {
  const superusers = superusersOf(catalog);
  const rows = catalog.acl.map((row): EndedRow => {
    const subject = JSON.stringify([objectKey(row), row.column, row.privilege]);
    return { ...row, subject, loses: losesOf(scope, wanted, superusers, row) };
  });
  const { ordered, regranted } = endChain(
    rows,
    (row) => row.loses !== "nothing",
    (row) => row.grantor === row.owner || superusers.has(row.grantor),
  );
  const ended = new Set(ordered);
  const kept = rows.filter((row) => !ended.has(row) || (row.loses === "option" && !regranted.includes(row)));
  const held = new Map<string, boolean>();
  for (const row of kept) {
    if (isTemplateGrant(scope, row) && row.grantor !== row.owner) continue;
    const key = privilegeKey(row, row.column, row.grantee, row.privilege);
    held.set(key, (held.get(key) ?? false) || (row.grantable && !ended.has(row)));
  }
  // A REVOKE on a table takes the same privilege off its columns.
  const swept = new Set(
    ordered
      .filter((row) => row.column === null && row.loses !== "option")
      .map((row) => privilegeKey(row, null, row.grantee, row.privilege)),
  );
  const missing = [...wanted.privileges.values()].filter((one) => {
    const { object, column, grantee, privilege, grantable } = one;
    if (column !== null && swept.has(privilegeKey(object, null, grantee, privilege))) return true;
    const has = held.get(privilegeKey(object, column, grantee, privilege));
    return has === undefined || (grantable && !has);
  });
  const isHeld = (row: EndedRow): boolean => {
    const grantable = held.get(privilegeKey(row, row.column, row.grantee, row.privilege));
    return grantable !== undefined && (grantable || !row.grantable);
  };
  // A template's planning ends what others gave its roles, and has owners give what is theirs.
  const isTheirs = (row: EndedRow): boolean => isTemplateGrant(scope, row) && row.grantor !== row.owner;
  const anew = regranted
    .filter((row) => !isHeld(row) && !isTheirs(row))
    .map((row): WantedPrivilege => ({ ...row, object: row }));
  const grants = [...missing, ...anew].map((one) => [
    privilegeKey(one.object, one.column, one.grantee, one.privilege),
    one,
  ]);
  return { grants: [...new Map(grants as [string, WantedPrivilege][]).values()], ends: insideFirst(ordered) };
}

/** Who is to end its own grant on an object needs USAGE on the schema for it: that goes after what is in the schema. */
function insideFirst(ends: readonly EndedRow[]): EndedRow[] {
  const isInside = (row: EndedRow): boolean => row.type !== "schema" && row.type !== "database";
  return [...ends.filter(isInside), ...ends.filter((row) => !isInside(row))];
}

/** Whether the template's own planning looks after a row: its roles' privileges in its schema. */
function isTemplateGrant(scope: StateScope, row: AclRow): boolean {
  const found = scope.templateRoles.get(row.grantee);
  if (found === undefined) return false;
  if (row.schema === null) return found.role.privileges.database?.includes(row.privilege) === true;
  return found.schemas.has(row.schema);
}

function losesOf(
  scope: StateScope,
  wanted: Wanted,
  superusers: ReadonlySet<string>,
  row: AclRow,
): EndedRow["loses"] {
  if (scope.mode === "additive" || isExempt(scope, row.grantee, superusers)) return "nothing";
  const key = privilegeKey(row, row.column, row.grantee, row.privilege);
  if (row.column === null && wanted.notPublic.has(key)) return "privilege";
  const found = wanted.privileges.get(key);
  if (found !== undefined) return row.grantable && !found.grantable ? "option" : "nothing";
  if (isDropped(scope, row)) return "privilege";
  if (isPublicByDefault(row.type, row.grantee, row.privilege)) return "nothing";
  if (isTemplateGrant(scope, row)) return row.grantable && row.grantor === row.owner ? "option" : "nothing";
  const declared = wanted.declaredOn.has(declaredKey(row.grantee, row));
  if (scope.mode === "adopt") return declared ? "privilege" : "nothing";
  const inSchema = row.schema !== null && scope.managedSchemas.has(row.schema);
  return declared || inSchema || scope.managedRoles.has(row.grantee) ? "privilege" : "nothing";
}

export interface GrantPlan {
  readonly statements: readonly Statement[];
  /** To be run after all else: what takes the way into a schema. */
  readonly closing: readonly Statement[];
  readonly actsFor: readonly string[];
  /** Declared, and the admin may not do it: with the SQL that the owner would run. */
  readonly refused: readonly { readonly because: string; readonly sql: readonly string[] }[];
  readonly warnings: readonly string[];
}

/** The statements: privileges on whole objects, those on schemas first, then what ends, then privileges on columns. */
export function planGrantChanges(catalog: StateCatalog, changes: GrantChanges, reach: Reach): GrantPlan {
  const actors = createActors(catalog, changes, reach);
  const { may } = actors;
  const reachable = changes.grants.filter((one) => may(one.object.owner));
  const grants = (isMeant: (one: WantedPrivilege) => boolean): Statement[] =>
    [...Map.groupBy(reachable.filter(isMeant), (one) => actors.ownerOf(one.object))].flatMap(
      ([owner, list]) => {
        const statements = groupGrants(catalog, list);
        const objects = list.map((one) => one.object);
        return owner === null ? statements : actors.actAs(owner, objects, statements);
      },
    );
  const isEntry = (one: WantedPrivilege): boolean => one.object.type === "schema";
  const inside = planEndsOf(
    catalog,
    actors,
    changes.ends.filter((row) => row.type !== "schema"),
  );
  const closing = planEndsOf(
    catalog,
    actors,
    changes.ends.filter((row) => row.type === "schema"),
  );
  const usable = { grants: reachable, ends: [...inside.reachable, ...closing.reachable] };
  return {
    statements: [
      ...grants(isEntry),
      ...grants((one) => !isEntry(one) && one.column === null),
      ...inside.statements,
      ...grants((one) => one.column !== null),
    ],
    closing: closing.statements,
    actsFor: actorsOf(catalog, usable).filter((role) => role !== catalog.admin && may(role)),
    refused: refusedGrants(
      catalog,
      changes.grants.filter((one) => !may(one.object.owner)),
    ),
    warnings: [...inside.warnings, ...closing.warnings],
  };
}

function refusedGrants(catalog: StateCatalog, grants: readonly WantedPrivilege[]): GrantPlan["refused"] {
  const byOwner = Map.groupBy(grants, (one) => one.object.owner);
  return [...byOwner].map(([owner, list]) => ({
    because: `${catalog.admin} may not act for ${owner} on this instance, who owns ${describeObject((list[0] as WantedPrivilege).object)}`,
    sql: groupGrants(catalog, list).map((statement) => statement.preview),
  }));
}

function groupGrants(catalog: StateCatalog, grants: readonly WantedPrivilege[]): Statement[] {
  return groupParts(
    catalog,
    "grant",
    grants.map((one) => ({ ...one.object, ...one })),
  );
}
