import type { Log } from "./log.ts";

export interface CrashGuards {
  /** How many rejections nobody handled, since the start. */
  readonly unhandledRejections: number;
}

/**
 * A rejection that nobody handles comes from a library's background work (the Google clients have some), and must not
 * end a process that serves others: it is logged and counted. After an exception that nobody caught, on the other
 * hand, nothing is known of the process's state: `onFatal` is to end it.
 */
export function installCrashGuards(log: Log, onFatal: (error: unknown) => void): CrashGuards {
  const guards = { unhandledRejections: 0 };
  process.on("unhandledRejection", (reason) => {
    guards.unhandledRejections += 1;
    log.error("A rejection that nobody handled", { error: reason, count: guards.unhandledRejections });
  });
  process.on("uncaughtException", (error) => {
    log.error("An exception that nobody caught: draining, then exit", { error });
    onFatal(error);
  });
  return guards;
}
