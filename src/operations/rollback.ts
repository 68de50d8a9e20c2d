import { revocationsAsGrants } from "../domain/desired-grants.ts";
import { type DesiredMembership, type DesiredState, emptyState } from "../domain/desired-state.ts";
import { subtractState } from "../domain/state-snapshot.ts";
import type { Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import type { Call, Context } from "./context.ts";
import { type ApplyStateResult, applyState } from "./desired-state.ts";
import { type KeptState, readLatestState } from "./kept-state.ts";
import { findTemporary, readLaterChanges } from "./rollback-rights.ts";
import type { Rights } from "./state-changes.ts";

export interface RollbackInput {
  /** The number of the history entry after which the state was the one to go back to; 0 for before the first. */
  readonly sequence: number;
  readonly planId?: string;
  readonly dryRun: boolean;
}

export interface RollbackResult extends ApplyStateResult {
  readonly state: DesiredState;
}

/**
 * The way back to what the service answered for after an entry of the history: templates by their versions, members of
 * their roles, owners of their schemas, what applied states declared, and what they took of others. What others did is
 * left, and temporary access stays as it is. Of 0, to before the first entry. `not_found` (history_entry); `conflict` when no
 * state was kept up to that entry.
 */
export async function rollbackState(
  context: Context,
  call: Call,
  target: Target,
  { sequence, planId, dryRun }: RollbackInput,
): Promise<RollbackResult> {
  const kept = sequence === 0 ? beforeAll : await readKeptWith(context, target, sequence);
  const temporary = await findTemporary(context, call, target, kept);
  const state = withoutMemberships(kept.state, temporary);
  const { again, away, warnings } = await readLaterChanges(context, call, target, sequence);
  const from = withRights((await readLatestState(context, target))?.state ?? emptyState, away);
  const back = withPublicAgain(state, from);
  const subject = {
    summary: `roll back to ${sequence === 0 ? "before the first entry" : `entry ${sequence}`}`,
  };
  const input = {
    mode: "adopt",
    state: back,
    from: subtractState(from, { ...emptyState, ...again }),
    again,
    dryRun,
    ...(planId === undefined ? {} : { planId }),
  } as const;
  const result = await applyState(context, call, target, input, subject);
  const told = temporary.map(
    ({ role, member }) => `${member} had ${role} for some time only: that is not given back.`,
  );
  return { ...result, warnings: [...result.warnings, ...told, ...warnings], state };
}

const beforeAll = { sequence: 0, state: emptyState };

async function readKeptWith(
  context: Context,
  target: Target,
  sequence: number,
): Promise<Pick<KeptState, "sequence" | "state">> {
  const page = await context.registry.readHistory(target, { after: sequence - 1, limit: 1 });
  if (page?.records[0]?.sequence !== sequence) {
    throw notFound("object", `The history of this database has no entry ${sequence}.`, { sequence });
  }
  const kept = await readLatestState(context, target, sequence + 1);
  if (kept !== undefined) return kept;
  const because = `no state was kept with entry ${sequence} or one before it`;
  throw new ServiceError("conflict", `There is no way back to it: ${because}.`, {
    details: { because, sequence },
  });
}

function withRights(state: DesiredState, { grants, memberships }: Rights): DesiredState {
  const others = subtractState({ ...emptyState, memberships: [...memberships] }, state).memberships;
  return { ...state, grants: [...state.grants, ...grants], memberships: [...state.memberships, ...others] };
}

function withoutMemberships(state: DesiredState, ended: readonly DesiredMembership[]): DesiredState {
  return { ...state, memberships: state.memberships.filter((one) => !ended.includes(one)) };
}

/** What was taken from PUBLIC since is given back. */
function withPublicAgain(state: DesiredState, from: DesiredState): DesiredState {
  const since = subtractState(from, state).public_revocations;
  return { ...state, grants: [...state.grants, ...revocationsAsGrants(since)] };
}
