import { publicGrantee } from "../domain/desired-grants.ts";
import type { Statement } from "../domain/plan.ts";
import { asRole, type GrantAction } from "../postgres/statements/grants.ts";
import { lendUsage } from "../postgres/statements/privileges.ts";
import type { StateCatalog } from "./state-catalog.ts";
import { groupParts } from "./state-grant-groups.ts";
import type { EndedRow } from "./state-plan-grants.ts";
import { describeObject } from "./state-wanted.ts";

interface Ending {
  readonly catalog: StateCatalog;
  readonly may: (role: string) => boolean;
  /** Grantors without USAGE on a schema in which something of theirs ends, JSON of `[schema, role]`. */
  readonly outsiders: ReadonlySet<string>;
}

/** Schemas of rows whose objects a grantor cannot name. */
function closedSchemas(outsiders: ReadonlySet<string>, grantor: string, rows: readonly EndedRow[]): string[] {
  const schemas = rows.flatMap(({ type, schema, owner }) =>
    type === "schema" || schema === null || owner === grantor ? [] : [schema],
  );
  return [...new Set(schemas)].filter((schema) => outsiders.has(JSON.stringify([schema, grantor])));
}

/** Rows that follow one another by the same grantor become one group: the order between grantors matters. */
export function planEndsOf(
  { catalog, may, outsiders }: Ending,
  ends: readonly EndedRow[],
): { statements: Statement[]; reachable: EndedRow[]; warnings: string[] } {
  const actorsOf = (row: EndedRow): string[] => [
    row.grantor === row.owner ? row.owner : row.grantor,
    ...closedSchemas(outsiders, row.grantor, [row]).map((schema) => catalog.schemas.get(schema) ?? ""),
  ];
  // What rests on a grant and cannot be ended keeps that one too.
  const stuck: EndedRow[] = [];
  const reachable: EndedRow[] = [];
  for (const row of ends) {
    const rests = stuck.some((one) => one.subject === row.subject && one.grantor === row.grantee);
    (rests || !actorsOf(row).every(may) ? stuck : reachable).push(row);
  }
  const { database } = catalog;
  const asGrantor = (role: string, rows: readonly EndedRow[], group: readonly Statement[]): Statement[] => {
    const lent = closedSchemas(outsiders, role, rows).map((schema) => lendUsage({ database, schema, role }));
    return [...lent.map(([lend]) => lend), ...asRole(database, role, group), ...lent.map(([, back]) => back)];
  };
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
    statements.push(...(foreign === null ? group : asGrantor(foreign, parts, group)));
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
