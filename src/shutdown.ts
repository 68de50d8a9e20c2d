import type { Server, ServerResponse } from "node:http";
import type { Log } from "./log.ts";

export interface ShutdownOptions {
  readonly server: Server;
  readonly log: Log;
  /** All that draining may take. */
  readonly timeoutMs: number;
  /**
   * Refuses requests that wait for a connection to a database and have done nothing yet.
   */
  readonly refuseWaiting: () => void;
  /**
   * Closes the connections to the databases, in at most `deadlineMs`. Requests that still wait for one are refused
   * by it; those that run are ended when the deadline comes.
   */
  readonly closePools: (deadlineMs: number) => Promise<void>;
  /** What may go when nothing uses it any more, in this order. */
  readonly closeRest: readonly (() => Promise<void>)[];
}

export interface Shutdown {
  /** Drains, once: later calls share the first one's result. True when everything ended in time. Never rejects. */
  drain(reason: string): Promise<boolean>;
}

/** How long a connection may take to close by itself after its last answer. */
const lingerMs = 100;

/**
 * How a process ends that may be in the middle of changing roles: no new connection is accepted, answers say
 * `Connection: close`, requests that wait are refused, those that run go on, and only then the pools are closed, and
 * then the clients under them.
 *
 * Requests have three quarters of the time; after that the pools are closed under those that are left.
 */
export function createShutdown(options: ShutdownOptions): Shutdown {
  const { server, log, timeoutMs } = options;
  const requests = trackRequests(server);
  let drained: Promise<boolean> | undefined;

  async function drainOnce(reason: string): Promise<boolean> {
    const startedAt = performance.now();
    const leftMs = () => Math.max(0, timeoutMs - (performance.now() - startedAt));
    log.info("Draining", { reason, requests: requests.running.size, timeoutMs });
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const done = requests.finish();
    options.refuseWaiting();

    const quiet = await within(done, timeoutMs * 0.75);
    if (!quiet)
      log.warning("Closing the pools under requests that still run", { requests: requests.running.size });
    // What was not done by then has to be cancelled, which may take its time too where it is much.
    const graceMs = quiet ? leftMs() / 2 : 0;
    const settled = await settlesWithin(options.closePools(graceMs), leftMs(), log, "the pools");
    const answered = quiet || (await within(done, Math.max(leftMs() / 2, lingerMs)));
    await within(closed, Math.min(leftMs(), lingerMs));
    server.closeAllConnections();
    const rest = await closeInOrder(options.closeRest, leftMs, log);
    const complete = settled && answered && rest;
    const elapsedMs = Math.round(performance.now() - startedAt);
    if (complete) log.info("Drained", { elapsedMs });
    else log.error("Not drained in time", { elapsedMs, requests: requests.running.size });
    return complete;
  }

  return {
    drain(reason) {
      drained ??= drainOnce(reason);
      return drained;
    },
  };
}

interface Requests {
  /** The responses that have not ended yet. */
  readonly running: ReadonlySet<ServerResponse>;
  /** From now on each answer is the last of its connection. Resolves when none is running. */
  finish(): Promise<void>;
}

function trackRequests(server: Server): Requests {
  const running = new Set<ServerResponse>();
  let whenEmpty: (() => void) | undefined;
  const track = (_request: unknown, response: ServerResponse): void => {
    running.add(response);
    if (whenEmpty !== undefined) response.shouldKeepAlive = false;
    response.once("close", () => {
      running.delete(response);
      if (running.size === 0) whenEmpty?.();
    });
  };
  server.prependListener("request", track);
  // A listener for it takes the place of the other one; without any, Node itself asks for the body.
  if (server.listenerCount("checkContinue") > 0) server.prependListener("checkContinue", track);
  return {
    running,
    finish() {
      // Node then says so in the headers, if they are not out yet, and ends the connection after the answer.
      for (const response of running) response.shouldKeepAlive = false;
      const { promise, resolve } = Promise.withResolvers<void>();
      whenEmpty = resolve;
      if (running.size === 0) resolve();
      return promise;
    },
  };
}

async function closeInOrder(
  steps: readonly (() => Promise<void>)[],
  leftMs: () => number,
  log: Log,
): Promise<boolean> {
  let complete = true;
  for (const step of steps) {
    complete = (await settlesWithin(step(), leftMs(), log, "a client")) && complete;
  }
  return complete;
}

/** Whether it resolved in time. A failure is logged: there is nobody left to tell. */
async function settlesWithin(work: Promise<void>, ms: number, log: Log, what: string): Promise<boolean> {
  const noted = work.catch((error: unknown) => log.error(`Closing ${what} failed`, { error }));
  return within(noted, ms);
}

async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
