import { publicGrantee } from "../domain/desired-grants.ts";
import { type ChainedGrant, endChain } from "../domain/grant-chain.ts";
import type { Statement } from "../domain/plan.ts";
import type { AclRow } from "../postgres/acl-catalog.ts";
import type { Authority } from "../postgres/authority.ts";
import { asRole, changeGrant, type GrantAction } from "../postgres/statements/grants.ts";
import { type StateCatalog, superusersOf } from "./state-catalog.ts";
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
  const anew = regranted
    .filter((row) => !isHeld(row))
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
  readonly actsFor: readonly string[];
  /** Declared, and the admin may not do it: with the SQL that the owner would run. */
  readonly refused: readonly { readonly because: string; readonly sql: readonly string[] }[];
  readonly warnings: readonly string[];
}

/** Roles whose rights the changes may need. */
export function actorsOf(catalog: StateCatalog, { grants, ends }: GrantChanges): string[] {
  const places = [...grants.map((one) => one.object), ...ends];
  return [
    ...new Set([
      ...places.map((one) => one.owner),
      ...ends.map((row) => row.grantor),
      ...places.flatMap((one) => (one.schema === null ? [] : (catalog.schemas.get(one.schema) ?? []))),
    ]),
  ];
}

/** The statements: privileges on whole objects, then what ends, then privileges on columns. */
export function planGrantChanges(
  catalog: StateCatalog,
  changes: GrantChanges,
  authority: ReadonlyMap<string, Authority>,
): GrantPlan {
  const may = (role: string): boolean => role === catalog.admin || authority.get(role) !== "refused";
  const reachable = changes.grants.filter((one) => may(one.object.owner));
  const grants = (onColumns: boolean): Statement[] =>
    groupGrants(
      catalog,
      reachable.filter((one) => (one.column !== null) === onColumns),
    );
  const ends = planEndsOf(catalog, changes.ends, may);
  const usable = { grants: reachable, ends: ends.reachable };
  return {
    statements: [...grants(false), ...ends.statements, ...grants(true)],
    actsFor: actorsOf(catalog, usable).filter((role) => role !== catalog.admin && may(role)),
    refused: refusedGrants(
      catalog,
      changes.grants.filter((one) => !may(one.object.owner)),
    ),
    warnings: ends.warnings,
  };
}

function refusedGrants(catalog: StateCatalog, grants: readonly WantedPrivilege[]): GrantPlan["refused"] {
  const byOwner = Map.groupBy(grants, (one) => one.object.owner);
  return [...byOwner].map(([owner, list]) => ({
    because: `${catalog.admin} may not act for ${owner} on this instance, who owns ${describeObject((list[0] as WantedPrivilege).object)}`,
    sql: groupGrants(catalog, list).map((statement) => statement.preview),
  }));
}

interface Part {
  readonly type: AclRow["type"];
  readonly schema: string | null;
  readonly name: string | null;
  readonly arguments: string | null;
  readonly column: string | null;
  readonly privilege: string;
  readonly grantee: string;
  readonly grantable: boolean;
}

function groupGrants(catalog: StateCatalog, grants: readonly WantedPrivilege[]): Statement[] {
  return groupParts(
    catalog,
    "grant",
    grants.map((one) => ({ ...one.object, ...one })),
  );
}

/** One statement for objects (and columns) on which the same is changed for the same grantee; the order of objects is kept. */
function groupParts(catalog: StateCatalog, action: GrantAction, parts: readonly Part[]): Statement[] {
  const perPlace = Map.groupBy(parts, (one) =>
    JSON.stringify([objectKey(one), one.column, one.grantee, one.grantable]),
  );
  const merged = [...perPlace.values()].map((list) => ({
    one: list[0] as Part,
    privileges: [...new Set(list.map((part) => part.privilege))].sort(),
  }));
  const perObject = Map.groupBy(merged, ({ one, privileges }) =>
    JSON.stringify([objectKey(one), one.column === null, one.grantee, one.grantable, privileges]),
  );
  const objects = [...perObject.values()].map((list) => ({
    ...(list[0] as (typeof merged)[number]),
    columns: list.flatMap(({ one }) => one.column ?? []).sort(),
  }));
  const perChange = Map.groupBy(objects, ({ one, privileges, columns }) =>
    JSON.stringify([one.type, one.schema, one.grantee, one.grantable, privileges, columns]),
  );
  return [...perChange.values()].flatMap((list) => {
    const { one, privileges, columns } = list[0] as (typeof objects)[number];
    return changeGrant({
      action,
      database: catalog.database,
      type: one.type,
      schema: one.schema,
      objects: list.flatMap(({ one: { name, arguments: signature } }) =>
        name === null ? [] : [{ name, arguments: signature }],
      ),
      columns,
      privileges,
      grantee: one.grantee,
      grantable: action === "grant" && one.grantable,
    });
  });
}

/** Rows that follow one another by the same grantor become one group: the order between grantors matters. */
function planEndsOf(
  catalog: StateCatalog,
  ends: readonly EndedRow[],
  may: (role: string) => boolean,
): { statements: Statement[]; reachable: EndedRow[]; warnings: string[] } {
  const actorOf = (row: EndedRow): string => (row.grantor === row.owner ? row.owner : row.grantor);
  // What rests on a grant and cannot be ended keeps that one too.
  const stuck: EndedRow[] = [];
  const reachable: EndedRow[] = [];
  for (const row of ends) {
    const rests = stuck.some((one) => one.subject === row.subject && one.grantor === row.grantee);
    (rests || !may(actorOf(row)) ? stuck : reachable).push(row);
  }
  const statements: Statement[] = [];
  for (let at = 0; at < reachable.length; ) {
    const first = reachable[at] as EndedRow;
    const foreign = first.grantor === first.owner ? null : first.grantor;
    const action = actionOf(first);
    let end = at;
    while (end < reachable.length) {
      const next = reachable[end] as EndedRow;
      const nextForeign = next.grantor === next.owner ? null : next.grantor;
      if (nextForeign !== foreign || actionOf(next) !== action) break;
      end += 1;
    }
    const parts = reachable.slice(at, end).map((row) => ({ ...row, grantable: false }));
    const group = groupParts(catalog, action, parts);
    statements.push(...(foreign === null ? group : asRole(catalog.database, foreign, group)));
    at = end;
  }
  const who = (row: EndedRow): string => (row.grantee === publicGrantee ? "PUBLIC" : row.grantee);
  return {
    statements,
    reachable,
    warnings: stuck.map(
      (row) =>
        `${who(row)} keeps ${row.privilege} on ${describeObject(row)}: ${row.grantor} granted it, and ` +
        `${catalog.admin} may not act for ${row.grantor} on this instance, or for somebody who granted it on.`,
    ),
  };
}

/** What was to keep the privilege and rests on an option that goes is ended whole, and granted anew by the owner. */
function actionOf(row: EndedRow): GrantAction {
  return row.loses === "option" ? "revoke_option" : "revoke";
}
