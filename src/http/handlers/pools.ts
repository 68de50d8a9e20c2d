import { parseTarget, type TargetFields } from "../../domain/names.ts";
import { describeScope, type Scope } from "../../domain/scope.ts";
import { invalidField } from "../../errors.ts";
import type { Call } from "../../operations/context.ts";
import type { PoolsCommanded, PoolsListing } from "../../operations/pools.ts";
import { assertRegion } from "../api.ts";
import { counted } from "../plan-answer.ts";
import { poolFields } from "../pool-fields.ts";
import type { Answer, Handlers, Input } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

type PoolHandlers = Pick<
  Handlers,
  "listPools" | "pausePools" | "resumePools" | "drainPools" | "reloadPools" | "killPools"
>;

type PoolsInput = Input<"pausePools">;
type PoolsAnswer = Answer<"pausePools">;

const defaultWaitSeconds = 10;

export function poolHandlers({ context, operations, allowedRegions }: HandlerContext): PoolHandlers {
  function parseScope(input: Partial<TargetFields>): Scope {
    const scope = scopeOf(input);
    if (scope !== "everything") assertRegion(scope.region, allowedRegions);
    return scope;
  }

  const parseCommand = (input: PoolsInput) => ({
    scope: parseScope(input),
    waitMs: (input.wait_seconds ?? defaultWaitSeconds) * 1_000,
  });

  return {
    async listPools(_input, call) {
      const { pools, paused, totals } = await listPermitted(await operations.listPools(context), call);
      return {
        message: `Found ${counted(pools.length, "pool")}`,
        pools: pools.map(toPool),
        paused: paused.map(scopeFields),
        totals: poolFields(totals),
      };
    },

    async pausePools(input, call) {
      const command = parseCommand(input);
      const result = await operations.pausePools(context, call, command);
      return commandAnswer(command.scope, result, ["Paused", "Pausing"]);
    },

    async resumePools(input, call) {
      const scope = parseScope(input);
      return commandAnswer(scope, await operations.resumePools(context, call, { scope }), ["Resumed", ""]);
    },

    async drainPools(input, call) {
      const command = parseCommand(input);
      const result = await operations.drainPools(context, call, command);
      return commandAnswer(command.scope, result, ["Drained", "Draining"]);
    },

    async reloadPools(input, call) {
      const command = parseCommand(input);
      const result = await operations.reloadPools(context, call, command);
      return {
        ...commandAnswer(command.scope, result, ["Reloaded", "Reloading"]),
        settings_changed: result.settings.map(({ name, from, to }) => ({ name, from, to })),
      };
    },

    async killPools(input, call) {
      const command = parseCommand(input);
      const result = await operations.killPools(context, call, command);
      return commandAnswer(command.scope, result, [
        "Killed the connections of",
        "Killing the connections of",
      ]);
    },
  };
}

/** Only what the caller may see; the totals are those of the service. */
async function listPermitted(listing: PoolsListing, { permits }: Call): Promise<PoolsListing> {
  if (permits === undefined) return listing;
  const pools: PoolsListing["pools"][number][] = [];
  for (const pool of listing.pools) if (await permits(pool.target)) pools.push(pool);
  const paused: Scope[] = [];
  for (const scope of listing.paused)
    if (await permits(scope === "everything" ? {} : scope)) paused.push(scope);
  return { ...listing, pools, paused };
}

/** The instance's three fields go together; the database's name needs them. */
function scopeOf(input: Partial<TargetFields>): Scope {
  const { project_id, region, instance_name, database_name } = input;
  const given = { project_id, region, instance_name, database_name };
  if (Object.values(given).every((field) => field === undefined)) return "everything";
  const required = "is required here: name an instance by all its three fields, or nothing at all";
  if (project_id === undefined) throw invalidField("project_id", required);
  if (region === undefined) throw invalidField("region", required);
  if (instance_name === undefined) throw invalidField("instance_name", required);
  const target = parseTarget({ project_id, region, instance_name, database_name: database_name ?? "any" });
  if (database_name !== undefined) return target;
  return { project: target.project, region: target.region, instance: target.instance };
}

function scopeFields(scope: Scope): Partial<TargetFields> {
  if (scope === "everything") return {};
  const { project, region, instance } = scope;
  const fields = { project_id: project, region, instance_name: instance };
  return "database" in scope ? { ...fields, database_name: scope.database } : fields;
}

function commandAnswer(
  scope: Scope,
  { complete, pools }: PoolsCommanded,
  [done, doing]: readonly [done: string, doing: string],
): PoolsAnswer {
  return {
    message: `${complete ? done : doing} ${describeScope(scope)}: ${counted(pools.length, "pool")}`,
    ...scopeFields(scope),
    complete,
    pools: pools.map(toPool),
  };
}

function toPool(report: PoolsCommanded["pools"][number]) {
  const { target, state, counts, clients, longestWaitMs, overflow, stats } = report;
  return {
    project_id: target.project,
    region: target.region,
    instance_name: target.instance,
    database_name: target.database,
    state,
    cl_active: clients.active,
    cl_waiting: clients.waiting,
    sv_active: counts.lent,
    sv_idle: counts.idle,
    sv_connecting: counts.connecting,
    maxwait: inSeconds(longestWaitMs),
    size: counts.size,
    checked_in: counts.idle,
    checked_out: counts.lent,
    overflow,
    totals: {
      requests: stats.requests,
      wait_time: inSeconds(stats.waitMs),
      query_time: inSeconds(stats.queryMs),
      errors: stats.errors,
    },
  };
}

/** To the microsecond. */
function inSeconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000_000;
}
