import { describeScope, type Scope } from "../domain/scope.ts";
import type { Begun, PoolReport } from "../postgres/console.ts";
import type { PoolTotals } from "../postgres/session.ts";
import type { Call, ChangedSetting, Context } from "./context.ts";

export interface PoolsListing {
  readonly pools: readonly PoolReport[];
  readonly paused: readonly Scope[];
  readonly totals: PoolTotals;
}

export interface PoolsCommand {
  readonly scope: Scope;
  /** How long the answer may wait for the end of what runs, in milliseconds. */
  readonly waitMs: number;
}

export interface PoolsCommanded {
  /** The last connection that was to go has gone, and no resume came between. */
  readonly complete: boolean;
  /** The pools of the scope as they are now. */
  readonly pools: readonly PoolReport[];
}

export interface PoolsReloaded extends PoolsCommanded {
  readonly settings: readonly ChangedSetting[];
}

type Console = Context["pools"]["console"];
type RunCommand = (context: Context, call: Call, command: PoolsCommand) => Promise<PoolsCommanded>;

/** The pools of this process; contacts nothing. */
export async function listPools({ pools }: Context): Promise<PoolsListing> {
  return { pools: pools.console.list("everything"), paused: pools.console.pauses(), totals: pools.totals() };
}

export const pausePools = asCommand("paused", (console, scope) => console.pause(scope));
export const drainPools = asCommand("drained", (console, scope) => console.drain(scope));
export const killPools = asCommand("killed", (console, scope) => console.kill(scope));

export async function resumePools(
  { pools }: Context,
  call: Call,
  { scope }: Pick<PoolsCommand, "scope">,
): Promise<PoolsCommanded> {
  pools.console.resume(scope);
  call.log.warning("pools were resumed", { scope: describeScope(scope), actor: call.actor });
  return { complete: true, pools: pools.console.list(scope) };
}

const replaceWithNewCredentials = asCommand("reloaded", (console, scope) => console.reload(scope));

/** Settings are the process's, so that they change for all pools, whatever the scope; its connections are replaced. */
export async function reloadPools(
  context: Context,
  call: Call,
  command: PoolsCommand,
): Promise<PoolsReloaded> {
  const settings = (await context.reloadSettings?.()) ?? [];
  if (settings.length > 0) call.log.warning("settings were changed", { settings, actor: call.actor });
  return { ...(await replaceWithNewCredentials(context, call, command)), settings };
}

/** The command begins at once and goes on when the answer does not wait for its end. */
function asCommand(done: string, begin: (console: Console, scope: Scope) => Begun): RunCommand {
  return async ({ pools }, call, { scope, waitMs }) => {
    const begun = begin(pools.console, scope);
    call.log.warning(`pools were ${done}`, { scope: describeScope(scope), actor: call.actor });
    const complete = await isTrueWithin(begun.done, waitMs, call.signal);
    return { complete, pools: pools.console.list(scope) };
  };
}

/** Whether it resolved with true before the time was up, or the caller had gone. */
async function isTrueWithin(work: Promise<boolean>, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const giveUp = () => resolve(false);
  const timer = setTimeout(giveUp, limitMs);
  signal.addEventListener("abort", giveUp, { once: true });
  work.then(resolve);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}
