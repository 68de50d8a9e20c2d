import type { DesiredMembership, DesiredState } from "../domain/desired-state.ts";
import { emptyState } from "../domain/desired-state.ts";
import type { HistoryRecord } from "../domain/history.ts";
import { subtractState } from "../domain/state-snapshot.ts";
import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";
import { type KeptState, readKeptState } from "./kept-state.ts";
import type { Rights } from "./state-changes.ts";

const readAtOnce = 100;

/** Operations whose changes the way back undoes, or that are about what ends by itself. */
const undone: ReadonlySet<string> = new Set([
  ...["initializeRoles", "assignRole", "assignRoles", "revokeRole", "revokeRoles"],
  ...["requestAccess", "approveAccess", "denyAccess", "revokeAccess", "listAccess", "expireAccess"],
]);

export interface LaterChanges {
  /** What later entries gave and none took first: who goes back to before them has it no more. */
  readonly away: Rights;
  /** What later entries took and none gave first: who goes back to before them has it again. */
  readonly again: Rights;
  /** What later entries did and the way back does not undo, each with its statements. */
  readonly warnings: readonly string[];
}

/** What became of rights after an entry of the history, by what was kept with the later ones. */
export async function readLaterChanges(
  context: Context,
  call: Call,
  target: Target,
  sequence: number,
): Promise<LaterChanges> {
  const later: { readonly record: HistoryRecord; readonly kept: KeptState | undefined }[] = [];
  for (let after = sequence; ; ) {
    call.signal.throwIfAborted();
    const records = (await context.registry.readHistory(target, { after, limit: readAtOnce }))?.records ?? [];
    const kept = await Promise.all(records.map((record) => readKeptState(context, target, record)));
    later.push(...records.map((record, at) => ({ record, kept: kept[at] })));
    const last = records.at(-1);
    if (last === undefined || records.length < readAtOnce) break;
    after = last.sequence;
  }
  let [again, away] = [emptyState, emptyState];
  for (const { kept } of later.toReversed()) {
    if (kept?.change === undefined) continue;
    const { taken, given } = kept.change;
    again = replaced(again, given, taken);
    away = replaced(away, taken, given);
  }
  const warnings = later.flatMap(({ record, kept }) =>
    kept?.change === undefined ? describeLost(record) : [],
  );
  return { again, away, warnings: warnings.slice(0, mostWarnings) };
}

function replaced(rights: DesiredState, out: Rights, by: Rights): DesiredState {
  const left = subtractState(rights, { ...emptyState, ...out });
  const isNew = ({ role, member }: DesiredMembership): boolean =>
    !by.memberships.some((one) => one.role === role && one.member === member);
  return {
    ...emptyState,
    grants: [...left.grants, ...by.grants],
    memberships: [...left.memberships.filter(isNew), ...by.memberships],
  };
}

const mostWarnings = 50;
const mostStatements = 10;

function describeLost({ sequence, action, outcome, statements }: HistoryRecord): string[] {
  if (outcome !== "succeeded" || undone.has(action)) return [];
  const lost = statements.filter((one) => one.destructive && (one.outcome ?? "succeeded") === "succeeded");
  if (lost.length === 0) return [];
  const told = lost.slice(0, mostStatements).map((one) => one.sql);
  const more = lost.length > told.length ? ` and ${lost.length - told.length} more` : "";
  return [`Entry ${sequence} (${action}) is not undone: ${told.join("; ")}${more}.`];
}

/**
 * The memberships of a state that were somebody's for some time when it was kept, by the history's last word on each up
 * to then. States that are kept today have none of them.
 */
export async function findTemporary(
  context: Context,
  call: Call,
  target: Target,
  { sequence, state }: Pick<KeptState, "sequence" | "state">,
): Promise<DesiredMembership[]> {
  const open = new Map(state.memberships.map((one) => [JSON.stringify([one.role, one.member]), one]));
  const temporary: DesiredMembership[] = [];
  for (let before = sequence + 1; open.size > 0 && before > 1; ) {
    call.signal.throwIfAborted();
    const range = { before, limit: readAtOnce, newestFirst: true };
    const records = (await context.registry.readHistory(target, range))?.records ?? [];
    for (const { role_name: role, username: member, outcome, summary, sequence: at } of records) {
      before = at;
      const key = JSON.stringify([role, member]);
      const found = open.get(key);
      if (found === undefined || outcome !== "succeeded") continue;
      const isGrant = summary.startsWith(`grant ${role} to ${member} until `);
      if (isGrant) temporary.push(found);
      // What was asked for or decided says nothing of who is a member.
      if (isGrant || /^(assign|revoke|end the access of) /.test(summary)) open.delete(key);
    }
    if (records.length < readAtOnce) break;
  }
  return temporary;
}
