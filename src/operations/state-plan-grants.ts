import { type ChainedGrant, endChain } from "../domain/grant-chain.ts";
import type { Statement } from "../domain/plan.ts";
import type { AclRow } from "../postgres/acl-catalog.ts";
import { actorsOf, createActors, type Reach } from "./state-actors.ts";
import { type StateCatalog, superusersOf } from "./state-catalog.ts";
import { groupParts } from "./state-grant-groups.ts";
import { planEndsOf } from "./state-plan-ends.ts";
import { foreignKey } from "./state-plan-templates.ts";
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
  /** Those of the grants on which something rests that stays: they come before what ends. */
  readonly anew: ReadonlySet<WantedPrivilege>;
  /** Keys of privileges on tables that end, and take those on columns along. */
  readonly swept: ReadonlySet<string>;
  /** Rows that end, or lose their grant option, each after what rests on it. */
  readonly ends: readonly EndedRow[];
}

export interface EndedRow extends AclRow, ChainedGrant {
  readonly loses: "nothing" | "privilege" | "option";
  /** Of a template's role, from somebody who does not own the object. */
  readonly ofTemplate: boolean;
}

/**
 * Compares what is granted with what is declared; pure. `foreignEnds`: keys of what others than the owners granted the
 * templates' roles and is to end.
 */
export function compareGrants(
  scope: StateScope,
  catalog: StateCatalog,
  wanted: Wanted,
  foreignEnds: ReadonlySet<string>,
): GrantChanges {
  const superusers = superusersOf(catalog);
  const rows = catalog.acl.map((row): EndedRow => {
    const subject = JSON.stringify([objectKey(row), row.column, row.privilege]);
    const ofTemplate = foreignEnds.has(
      foreignKey(privilegeKey(row, row.column, row.grantee, row.privilege), row.grantor),
    );
    return { ...row, subject, ofTemplate, loses: losesOf(scope, wanted, superusers, row, ofTemplate) };
  });
  // A template's planning has owners give what is its roles', without the option.
  const isTheirs = (row: EndedRow): boolean => isTemplateGrant(scope, row) && row.grantor !== row.owner;
  const { ordered, regranted } = endChain(
    rows,
    (row) => row.loses !== "nothing",
    (row) => row.grantor === row.owner || superusers.has(row.grantor),
    (row) => !isTheirs(row),
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
  const anew = regranted
    .filter((row) => !isHeld(row) && !isTheirs(row))
    .map((row): WantedPrivilege => ({ ...row, object: row }));
  const grants = [...missing, ...anew].map((one): [string, WantedPrivilege] => [
    privilegeKey(one.object, one.column, one.grantee, one.privilege),
    one,
  ]);
  const distinct = [...new Map(grants).values()];
  return { grants: distinct, anew: new Set(anew), swept, ends: insideFirst(ordered) };
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
  ofTemplate: boolean,
): EndedRow["loses"] {
  if (scope.mode === "additive" || isExempt(scope, row.grantee, superusers)) return "nothing";
  if (ofTemplate) return "privilege";
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
  /** To be run after all that is revoked, since REVOKE on a table takes its columns along. */
  readonly columns: readonly Statement[];
  /** To be run after all else: what takes the way into a schema. */
  readonly closing: readonly Statement[];
  readonly actsFor: readonly string[];
  /** What the statements change. */
  readonly usable: GrantChanges;
  /** Declared, and the admin may not do it: with the SQL that the owner would run. */
  readonly refused: readonly { readonly because: string; readonly sql: readonly string[] }[];
  readonly warnings: readonly string[];
  /** Keys of privileges that cannot be revoked: somebody holds something by them that stays. */
  readonly stuck: ReadonlySet<string>;
}

/** The statements: privileges on whole objects, those on schemas first, then what ends; privileges on columns. */
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
  const isLate = (one: WantedPrivilege): boolean => {
    const sweeping = privilegeKey(one.object, null, one.grantee, one.privilege);
    return one.column !== null && (!changes.anew.has(one) || changes.swept.has(sweeping));
  };
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
  const usable = { ...changes, grants: reachable, ends: [...inside.reachable, ...closing.reachable] };
  return {
    statements: [
      ...grants(isEntry),
      ...grants((one) => !isEntry(one) && one.column === null),
      ...grants((one) => one.column !== null && changes.anew.has(one)),
      ...inside.statements,
    ],
    columns: grants(isLate),
    closing: closing.statements,
    usable,
    actsFor: actorsOf(catalog, usable).filter((role) => role !== catalog.admin && may(role)),
    refused: refusedGrants(
      catalog,
      changes.grants.filter((one) => !may(one.object.owner)),
    ),
    warnings: [...inside.warnings, ...closing.warnings],
    stuck: new Set([...inside.stuck, ...closing.stuck].flatMap(stuckKeys)),
  };
}

/** REVOKE on a table is one on its columns too. */
function stuckKeys(row: EndedRow): string[] {
  const columns = row.column === null ? [null] : [null, row.column];
  return columns.map((column) => privilegeKey(row, column, row.grantee, row.privilege));
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
