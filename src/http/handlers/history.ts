import { parseUsername } from "../../domain/iam-user.ts";
import { parseIdentifier } from "../../domain/names.ts";
import { invalidField } from "../../errors.ts";
import type { HistoryFilter } from "../../operations/history.ts";
import type { Handlers, Input } from "../typed.ts";
import type { HandlerContext } from "./handler-context.ts";

const defaultLimit = 50;

export function historyHandlers({
  context,
  operations,
}: HandlerContext): Pick<Handlers, "listHistory" | "verifyHistory"> {
  return {
    async listHistory(input, call) {
      const { entries, totalEntries, nextBefore } = await operations.listHistory(context, call, call.target, {
        ...parseFilter(input),
        ...(input.before === undefined ? {} : { before: input.before }),
        limit: input.limit ?? defaultLimit,
      });
      return {
        message: `Found ${entries.length} ${entries.length === 1 ? "entry" : "entries"}`,
        entries,
        total_entries: totalEntries,
        next_before: nextBefore,
      };
    },

    async verifyHistory(_input, call) {
      const check = await operations.checkHistory(context, call, call.target);
      const { intact, entries } = check;
      const found = intact
        ? { broken_at: null, problem: null }
        : { broken_at: check.sequence, problem: check.problem };
      return {
        message: intact
          ? `The history is intact, ${entries} ${entries === 1 ? "entry" : "entries"}`
          : `The history is broken at entry ${check.sequence}: ${check.problem}`,
        intact,
        entries_verified: entries,
        ...found,
      };
    },
  };
}

function parseFilter(input: Input<"listHistory">): HistoryFilter {
  const { role_name, username, actor, action, since, until } = input;
  return {
    ...(role_name === undefined ? {} : { role: parseIdentifier("role_name", role_name) }),
    ...(username === undefined ? {} : { username: parseUsername("username", username).normalized }),
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(since === undefined ? {} : { since: parseTime("since", since) }),
    ...(until === undefined ? {} : { until: parseTime("until", until) }),
  };
}

function parseTime(field: string, value: string): Date {
  const time = new Date(value);
  if (Number.isNaN(time.getTime())) throw invalidField(field, "is no time that there is");
  return time;
}
