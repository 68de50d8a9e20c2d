import { publicGrantee } from "../domain/desired-grants.ts";
import type { Statement } from "../domain/plan.ts";
import type { GrantAction } from "../postgres/statements/grants.ts";
import type { Actors } from "./state-actors.ts";
import type { StateCatalog } from "./state-catalog.ts";
import { groupParts } from "./state-grant-groups.ts";
import type { EndedRow } from "./state-plan-grants.ts";
import { describeObject } from "./state-wanted.ts";

/**
 * Rows that follow one another by the same grantor become one group: the order between grantors matters. That between
 * owners does not, since nothing of one rests on another.
 */
export function planEndsOf(
  catalog: StateCatalog,
  actors: Actors,
  ends: readonly EndedRow[],
): { statements: Statement[]; reachable: EndedRow[]; stuck: EndedRow[]; warnings: string[] } {
  const actorOf = (row: EndedRow): string | null => foreignGrantor(row) ?? actors.ownerOf(row);
  const needs = (row: EndedRow): string[] => {
    const actor = actorOf(row);
    return [row.grantor, ...(actor === null ? [] : actors.letInBy(actor, [row]))];
  };
  // What rests on a grant and cannot be ended keeps that one too.
  const stuck: EndedRow[] = [];
  const reachable: EndedRow[] = [];
  const warnings: string[] = [];
  for (const row of ends) {
    const resting = stuck.find((one) => one.subject === row.subject && one.grantor === row.grantee);
    const because =
      resting === undefined
        ? refusalOf(
            catalog,
            row,
            needs(row).find((role) => !actors.may(role)),
          )
        : `it granted it on to ${nameOf(resting)}, who keeps it`;
    (because === undefined ? reachable : stuck).push(row);
    if (because === undefined) continue;
    const what = row.loses === "option" ? `the right to grant ${row.privilege}` : row.privilege;
    warnings.push(`${nameOf(row)} keeps ${what} on ${describeObject(row)}: ${because}.`);
  }
  const statements: Statement[] = [];
  for (let at = 0; at < reachable.length; ) {
    const first = reachable[at] as EndedRow;
    const foreign = foreignGrantor(first);
    const action = actionOf(first);
    let end = at;
    while (end < reachable.length) {
      const next = reachable[end] as EndedRow;
      if (foreignGrantor(next) !== foreign || actionOf(next) !== action) break;
      end += 1;
    }
    const rows = reachable.slice(at, end).map((row) => ({ ...row, grantable: false }));
    for (const [actor, parts] of Map.groupBy(rows, actorOf)) {
      const group = groupParts(catalog, action, parts);
      statements.push(...(actor === null ? group : actors.actAs(actor, parts, group)));
    }
    at = end;
  }
  return { statements, reachable, stuck, warnings };
}

function nameOf({ grantee }: EndedRow): string {
  return grantee === publicGrantee ? "PUBLIC" : grantee;
}

/** Undefined when there is nobody for whom the admin may not act. */
function refusalOf({ admin }: StateCatalog, { grantor }: EndedRow, refused?: string): string | undefined {
  if (refused === undefined) return undefined;
  return `${grantor} granted it, and ${admin} may not act for ${refused} on this instance`;
}

function foreignGrantor({ grantor, owner }: EndedRow): string | null {
  return grantor === owner ? null : grantor;
}

/** What was to keep the privilege and rests on an option that goes is ended whole, and granted anew by the owner. */
function actionOf(row: EndedRow): GrantAction {
  return row.loses === "option" ? "revoke_option" : "revoke";
}
