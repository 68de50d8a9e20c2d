import { type DesiredMembership, type DesiredState, emptyState } from "../domain/desired-state.ts";
import type { HistoryRecord } from "../domain/history.ts";
import { addDeclaration, hashState, snapshotOf } from "../domain/state-snapshot.ts";
import type { Target } from "../domain/target.ts";
import type { Call, Context } from "./context.ts";
import { createDeclaredRights, type DeclaredRights } from "./declared-rights.ts";
import { heldKey, readHeldAccesses } from "./held-accesses.ts";
import type { ManagedState } from "./managed-state.ts";
import type { RightsChange } from "./state-changes.ts";

/** What a state that was applied changes of what was declared before; undefined when no state was applied. */
export interface Declared {
  readonly state: DesiredState;
  /** `adds` to earlier declarations, `replaces` them where it is about the same, or is the `whole`. */
  readonly how: "adds" | "replaces" | "whole";
  /** What applying it took and gave. */
  readonly change?: RightsChange | undefined;
}

/** What was kept with an entry of the history. */
export interface KeptState {
  /** The entry's number. */
  readonly sequence: number;
  readonly state: DesiredState;
  /** Memberships in managed roles as applied states declared them; `state` has all of those, as they were. */
  readonly declaredMemberships: readonly DesiredMembership[];
  /** What the entry's change took and gave beside; absent where nobody looked. */
  readonly change?: RightsChange;
}

/** The text that is kept: the state, and more in states of later versions of the service. */
interface KeptText extends DesiredState {
  readonly declared_memberships?: readonly DesiredMembership[];
  readonly change?: RightsChange;
}

/**
 * Keeps the managed state after a change, and answers its hash. Undefined when the registry could not take it: then one
 * cannot roll back to that change, and everything else is as it should be. Memberships that end by themselves are no
 * part of it: going back to it would give them for good.
 */
export async function keepManagedState(
  context: Context,
  call: Call,
  target: Target,
  live: ManagedState,
  declared: Declared | undefined,
): Promise<string | undefined> {
  try {
    const held = await readHeldAccesses(context, target);
    const memberships = live.state.memberships.filter(({ role, member }) => !held.has(heldKey(role, member)));
    const managed = new Set(live.roles);
    const inForce = declarationOf(await readLatestState(context, target), managed, declared);
    const present = new Set(memberships.map(({ role, member }) => heldKey(role, member)));
    const kept: KeptText = {
      ...snapshotOf({ ...live.state, memberships }, live.roles, inForce),
      declared_memberships: inForce.memberships.filter(
        ({ role, member }) => managed.has(role) && present.has(heldKey(role, member)),
      ),
      ...(declared?.change === undefined ? {} : { change: declared.change }),
    };
    const id = hashState(kept);
    await context.registry.keepText(target, { kind: "states", id, text: JSON.stringify(kept) });
    return id;
  } catch (error) {
    call.log.warning("the state after a change could not be kept", { error });
    return undefined;
  }
}

/** The declarations in force after a change. */
function declarationOf(
  earlier: KeptState | undefined,
  managed: ReadonlySet<string>,
  declared: Declared | undefined,
): DesiredState {
  if (declared?.how === "whole") return declared.state;
  const before = earlier?.state ?? emptyState;
  const others = before.memberships.filter(({ role }) => !managed.has(role));
  const inForce = { ...before, memberships: [...others, ...(earlier?.declaredMemberships ?? [])] };
  if (declared === undefined) return inForce;
  return addDeclaration(inForce, declared.state, declared.how === "replaces");
}

const readAtOnce = 100;

/** The last state that was kept, with an entry before that one if it is given; undefined when there is none. */
export async function readLatestState(
  context: Context,
  target: Target,
  before?: number,
): Promise<KeptState | undefined> {
  for (let next = before; ; ) {
    const range = { newestFirst: true, limit: readAtOnce, ...(next === undefined ? {} : { before: next }) };
    const records = (await context.registry.readHistory(target, range))?.records ?? [];
    const found = records.find((record) => record.state_after !== undefined);
    if (found !== undefined) return readKeptState(context, target, found);
    next = records.at(-1)?.sequence;
    if (records.length < readAtOnce || next === undefined || next <= 1) return undefined;
  }
}

/** What was kept with one entry. */
export async function readKeptState(
  context: Context,
  target: Target,
  { sequence, state_after: id }: Pick<HistoryRecord, "sequence" | "state_after">,
): Promise<KeptState | undefined> {
  if (id === undefined) return undefined;
  const text = await context.registry.readText(target, { kind: "states", id });
  if (text === undefined) return undefined;
  const kept: KeptText = JSON.parse(text);
  if (hashState(kept) !== id) return undefined;
  const { declared_memberships: declaredMemberships = [], change, ...state } = kept;
  return { sequence, state, declaredMemberships, ...(change === undefined ? {} : { change }) };
}

/** What applied states declare, as far as it is known. */
export async function readDeclaredRights(context: Context, target: Target): Promise<DeclaredRights> {
  const kept = await readLatestState(context, target);
  return createDeclaredRights(kept?.state ?? emptyState, kept?.declaredMemberships ?? []);
}
