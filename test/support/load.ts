import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Answer } from "./cloud-service.ts";
import { until } from "./until.ts";

export interface LoadedAnswer extends Answer {
  /** Which of the calls. */
  readonly name: string;
}

export interface Load {
  /** All answers so far, in the order in which they came. */
  readonly answers: readonly LoadedAnswer[];
  /** Waits until each call was answered so often from now on, and gives those answers. */
  next(count: number, deadlineMs?: number): Promise<LoadedAnswer[]>;
  /** Waits until the last answers to each call, so many, are all 200. */
  recovered(count: number, deadlineMs?: number): Promise<void>;
  /** Ends it, and fails when a call was not answered. */
  stop(): Promise<void>;
}

/** Calls over and over, each of the calls by three callers who pause so long after an answer, until it is stopped. */
export function startLoad(
  calls: Readonly<Record<string, () => Promise<Answer>>>,
  { pauseMs = 3 }: { readonly pauseMs?: number } = {},
): Load {
  const callers = 3;
  const answers: LoadedAnswer[] = [];
  const failures: unknown[] = [];
  let stopped = false;

  async function callAgain(name: string, call: () => Promise<Answer>): Promise<void> {
    while (!stopped) {
      try {
        const answer = { ...(await call()), name };
        answers.push(answer);
        // Refusals come at once: a caller that does not wait would do nothing but be refused.
        await pause(answer.status === 200 ? pauseMs : 20);
      } catch (error) {
        failures.push(error);
        return;
      }
    }
  }

  const names = Object.keys(calls);
  const work = Promise.all(
    Object.entries(calls).flatMap(([name, call]) =>
      Array.from({ length: callers }, () => callAgain(name, call)),
    ),
  );
  const of = (name: string, from: number) => answers.slice(from).filter((answer) => answer.name === name);
  const wait = async (condition: () => boolean, deadlineMs: number, what: string) => {
    const met = () => failures.length > 0 || condition();
    await until(met, { deadlineMs, what }).catch((error: unknown) => {
      const last = names.map((name) => `${name}: ${of(name, 0).at(-1)?.text}`).join("\n");
      throw new Error(`${what} did not happen in time; last answers:\n${last}`, { cause: error });
    });
    if (failures.length > 0) throw failures[0];
  };

  return {
    answers,
    async next(count, deadlineMs = 60_000) {
      const from = answers.length;
      const met = () => names.every((name) => of(name, from).length >= count);
      await wait(met, deadlineMs, `${count} answers to each call`);
      return answers.slice(from);
    },
    async recovered(count, deadlineMs = 60_000) {
      const from = answers.length;
      const allWell = (name: string) => {
        const last = of(name, from).slice(-count);
        return last.length === count && last.every(({ status }) => status === 200);
      };
      await wait(() => names.every(allWell), deadlineMs, "recovery");
    },
    async stop() {
      stopped = true;
      await work;
      assert.deepEqual(failures, []);
    },
  };
}

/** How many answers had each status, by call: `{orders: {200: 12, 503: 3}}`. */
export function countStatuses(answers: readonly LoadedAnswer[]): Record<string, Record<number, number>> {
  const counts: Record<string, Record<number, number>> = {};
  for (const { name, status } of answers) {
    const own = counts[name] ?? {};
    own[status] = (own[status] ?? 0) + 1;
    counts[name] = own;
  }
  return counts;
}
