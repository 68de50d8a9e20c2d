import { canonicalState, type DesiredState, emptyState } from "../domain/desired-state.ts";
import { isExpressibleRole } from "../domain/desired-state-parser.ts";
import { identifierFault, isSystemRole } from "../domain/names.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Session } from "../postgres/session.ts";
import { readUnexpressed } from "../postgres/unexpressed.ts";
import { sweepBeforeRead } from "./access-sweep.ts";
import { planOnly } from "./apply.ts";
import type { Call, Context } from "./context.ts";
import { planState } from "./desired-state.ts";
import { type HeldAccesses, readHeldAccesses } from "./held-accesses.ts";
import { readStateCatalog, superusersOf } from "./state-catalog.ts";
import { readGrants } from "./state-import-grants.ts";
import { readGroups } from "./state-import-memberships.ts";
import { type Reading, readManaged } from "./state-import-reading.ts";

export interface ImportResult {
  readonly state: DesiredState;
  /** What the state cannot express, each named. */
  readonly warnings: readonly string[];
}

/**
 * Reads what a database's roles and rights are as a desired state. Planned against the database it is read from it is
 * empty in every mode. Roles that bear this service's mark come as their template.
 */
export async function importState(context: Context, call: Call, target: Target): Promise<ImportResult> {
  const due = sweepBeforeRead(context, call, target);
  if (due !== undefined) await due;
  const { result } = await planOnly(context, call, target, async (session) => ({
    statements: [],
    warnings: [],
    result: await readState(session, await readHeldAccesses(context, target)),
  }));
  const differing = await tellOfDifferences(context, call, target, result.state);
  return { ...result, warnings: [...result.warnings, ...differing] };
}

/** Roles that come as a template and were changed by hand since are said as the template has them: planned, that is no empty plan. */
async function tellOfDifferences(
  context: Context,
  call: Call,
  target: Target,
  state: DesiredState,
): Promise<string[]> {
  if (state.templates.length === 0) return [];
  const plan = await planState(context, call, target, { mode: "authoritative", state }).catch(
    (error: unknown) => {
      if (error instanceof ServiceError && (error.kind === "conflict" || error.kind === "not_found"))
        return error;
      throw error;
    },
  );
  if (plan instanceof ServiceError) return [`This state cannot be planned as it is: ${plan.message}`];
  const { statements } = plan;
  if (statements.length === 0) return [];
  const plural = statements.length === 1 ? "statement" : "statements";
  return [
    `Roles of templates are not as their templates say: planned, this state leads to ${statements.length} ${plural} that mend them. See /roles/drift.`,
  ];
}

/** `held`: what ends by itself is no part of it. Needs an open transaction. */
async function readState(session: Session, held: HeldAccesses): Promise<ImportResult> {
  const warnings: string[] = [];
  const catalog = await readStateCatalog(session, emptyState, true);
  const managed = await readManaged(session);
  const reading: Reading = { session, catalog, managed, superusers: superusersOf(catalog), held, warnings };
  const grants = readGrants(reading);
  const { roles, memberships } = await readGroups(reading);
  warnings.push(...catalog.leftOut, ...(await readUnexpressed(session)));
  const state: DesiredState = {
    schemas: readSchemas(reading),
    templates: managed.templates,
    roles,
    memberships,
    ...grants,
  };
  return { state: canonicalState(state), warnings: [...new Set(warnings)] };
}

function readSchemas({ catalog, superusers, warnings }: Reading): DesiredState["schemas"] {
  return [...catalog.schemas].flatMap(([name, owner]): DesiredState["schemas"] => {
    if (identifierFault(name) !== undefined) {
      warnings.push(`Schema ${JSON.stringify(name)} has a name that no state can hold.`);
      return [];
    }
    const expressible =
      owner === "pg_database_owner" || owner === "cloudsqlsuperuser" || !isSystemRole(owner);
    if (expressible && isExpressibleRole(owner) && !superusers.has(owner)) return [{ name, owner }];
    warnings.push(`Schema ${name} belongs to ${owner}, which no state declares: its owner is left as it is.`);
    return [{ name, owner: null }];
  });
}
