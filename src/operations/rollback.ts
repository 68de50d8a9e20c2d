import { revocationsAsGrants } from "../domain/desired-grants.ts";
import { type DesiredState, emptyState } from "../domain/desired-state.ts";
import { subtractState } from "../domain/state-snapshot.ts";
import type { Target } from "../domain/target.ts";
import { notFound, ServiceError } from "../errors.ts";
import type { Call, Context } from "./context.ts";
import { type ApplyStateResult, applyState } from "./desired-state.ts";
import { readLatestState } from "./kept-state.ts";

export interface RollbackInput {
  /** The number of the history entry after which the state was the one to go back to. */
  readonly sequence: number;
  readonly planId?: string;
  readonly dryRun: boolean;
}

export interface RollbackResult extends ApplyStateResult {
  readonly state: DesiredState;
}

/**
 * The way back to what the service answered for after an entry of the history: templates by their versions, members of
 * their roles, owners of their schemas, and what applied states declared. What others did is left. `not_found`
 * (history_entry); `conflict` when no state was kept up to that entry.
 */
export async function rollbackState(
  context: Context,
  call: Call,
  target: Target,
  { sequence, planId, dryRun }: RollbackInput,
): Promise<RollbackResult> {
  const page = await context.registry.readHistory(target, { after: sequence - 1, limit: 1 });
  if (page?.records[0]?.sequence !== sequence) {
    throw notFound("object", `The history of this database has no entry ${sequence}.`, { sequence });
  }
  const state = (await readLatestState(context, target, sequence + 1))?.state;
  if (state === undefined) {
    const because = `no state was kept with entry ${sequence} or one before it`;
    throw new ServiceError("conflict", `There is no way back to it: ${because}.`, {
      details: { because, sequence },
    });
  }
  const from = (await readLatestState(context, target))?.state ?? emptyState;
  const back = withPublicAgain(state, from);
  const subject = { summary: `roll back to entry ${sequence}` };
  const input = {
    mode: "adopt",
    state: back,
    from,
    dryRun,
    ...(planId === undefined ? {} : { planId }),
  } as const;
  return { ...(await applyState(context, call, target, input, subject)), state };
}

/** What was taken from PUBLIC since is given back. */
function withPublicAgain(state: DesiredState, from: DesiredState): DesiredState {
  const since = subtractState(from, state).public_revocations;
  return { ...state, grants: [...state.grants, ...revocationsAsGrants(since)] };
}
