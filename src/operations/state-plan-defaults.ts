import { publicGrantee } from "../domain/desired-grants.ts";
import type { Statement } from "../domain/plan.ts";
import type { DefaultAclRow } from "../postgres/acl-catalog.ts";
import type { Authority } from "../postgres/authority.ts";
import { changeDefaultGrant, type GrantAction } from "../postgres/statements/grants.ts";
import { type StateCatalog, superusersOf } from "./state-catalog.ts";
import { isDroppedDefault, isExempt, type StateScope } from "./state-scope.ts";
import {
  declaredKey,
  defaultKey,
  isPublicByDefault,
  type Wanted,
  type WantedDefault,
} from "./state-wanted.ts";

export interface DefaultChange extends WantedDefault {
  readonly action: GrantAction;
}

/** Compares default privileges with what is declared; pure. */
export function compareDefaults(scope: StateScope, catalog: StateCatalog, wanted: Wanted): DefaultChange[] {
  const superusers = superusersOf(catalog);
  const held = new Map(catalog.defaults.map((row) => [defaultKey(row), row]));
  const ends = catalog.defaults.flatMap((row): DefaultChange[] => {
    const action = endOf(scope, wanted, superusers, row);
    return action === undefined ? [] : [{ ...row, action }];
  });
  const grants = [...wanted.defaults.values()]
    .filter((one) => {
      const row = held.get(defaultKey(one));
      if (row === undefined) return !isUntouchedPublic(catalog, one);
      return one.grantable && !row.grantable;
    })
    .map((one): DefaultChange => ({ ...one, action: "grant" }));
  return [...ends, ...grants, ...(scope.mode === "additive" ? [] : publicEnds(catalog, wanted, held))];
}

/** PUBLIC holds its share in every schema by birth, which no row says until somebody changes it. */
function isUntouchedPublic(catalog: StateCatalog, one: WantedDefault): boolean {
  if (one.schema !== null || !isPublicByDefault(one.type, one.grantee, one.privilege)) return false;
  return !isRevoked(catalog, one);
}

function isRevoked(catalog: StateCatalog, one: WantedDefault): boolean {
  return catalog.defaultRevocations.some((row) => row.creator === one.creator && row.type === one.type);
}

function publicEnds(
  catalog: StateCatalog,
  wanted: Wanted,
  held: ReadonlyMap<string, DefaultAclRow>,
): DefaultChange[] {
  return [...wanted.defaultsNotPublic.values()].flatMap((one): DefaultChange[] => {
    const byBirth = one.schema === null && isPublicByDefault(one.type, publicGrantee, one.privilege);
    const has = held.has(defaultKey(one)) || (byBirth && !isRevoked(catalog, one));
    return has ? [{ ...one, action: "revoke" }] : [];
  });
}

function endOf(
  scope: StateScope,
  wanted: Wanted,
  superusers: ReadonlySet<string>,
  row: DefaultAclRow,
): GrantAction | undefined {
  if (scope.mode === "additive" || isExempt(scope, row.grantee, superusers)) return undefined;
  const key = defaultKey(row);
  if (wanted.defaultsNotPublic.has(key)) return undefined;
  const found = wanted.defaults.get(key);
  if (found !== undefined) return row.grantable && !found.grantable ? "revoke_option" : undefined;
  if (isDroppedDefault(scope, row)) return "revoke";
  if (row.schema === null && isPublicByDefault(row.type, row.grantee, row.privilege)) return undefined;
  const inTemplate = scope.templateRoles.get(row.grantee)?.schemas.has(row.schema ?? "") === true;
  if (inTemplate) {
    return row.grantable ? "revoke_option" : undefined;
  }
  const declared = wanted.declaredOn.has(declaredKey(row.grantee, row));
  if (scope.mode === "adopt") return declared ? "revoke" : undefined;
  const inSchema = row.schema !== null && scope.managedSchemas.has(row.schema);
  return declared || inSchema || scope.managedRoles.has(row.grantee) ? "revoke" : undefined;
}

export interface DefaultPlan {
  readonly statements: readonly Statement[];
  readonly actsFor: readonly string[];
  readonly refused: readonly { readonly because: string; readonly sql: readonly string[] }[];
  readonly warnings: readonly string[];
}

/** One statement for all creators for whom the same changes. */
export function planDefaultChanges(
  catalog: StateCatalog,
  changes: readonly DefaultChange[],
  authority: ReadonlyMap<string, Authority>,
): DefaultPlan {
  const may = (role: string): boolean => role === catalog.admin || authority.get(role) !== "refused";
  const reachable = changes.filter((one) => may(one.creator));
  const beyond = changes.filter((one) => !may(one.creator));
  const because = (creator: string): string => `${catalog.admin} may not act for ${creator} on this instance`;
  const byCreator = Map.groupBy(
    beyond.filter((one) => one.action === "grant"),
    (one) => one.creator,
  );
  return {
    statements: groupDefaults(catalog, reachable),
    actsFor: [...new Set(reachable.map((one) => one.creator))].filter((role) => role !== catalog.admin),
    refused: [...byCreator].map(([creator, list]) => ({
      because: because(creator),
      sql: groupDefaults(catalog, list).map((statement) => statement.preview),
    })),
    warnings: beyond
      .filter((one) => one.action !== "grant")
      .map(
        (one) =>
          `${one.grantee === publicGrantee ? "PUBLIC" : one.grantee} keeps ${one.privilege} on future ${one.type}s ` +
          `of ${one.creator}: ${because(one.creator)}.`,
      ),
  };
}

function groupDefaults(catalog: StateCatalog, changes: readonly DefaultChange[]): Statement[] {
  const perCreator = Map.groupBy(changes, (one) => JSON.stringify({ ...one, privilege: null }));
  const merged = [...perCreator.values()].map((list) => ({
    one: list[0] as DefaultChange,
    privileges: list.map((part) => part.privilege).sort(),
  }));
  const perChange = Map.groupBy(merged, ({ one, privileges }) =>
    JSON.stringify([{ ...one, creator: null, privilege: null }, privileges]),
  );
  return [...perChange.values()].map((list) => {
    const { one, privileges } = list[0] as (typeof merged)[number];
    return changeDefaultGrant({
      action: one.action,
      database: catalog.database,
      type: one.type,
      schema: one.schema,
      creators: list.map((part) => part.one.creator),
      privileges,
      grantee: one.grantee,
      grantable: one.action === "grant" && one.grantable,
    });
  });
}
