import { instanceKey, type Target, targetKey } from "../domain/target.ts";
import type { Session } from "../postgres/session.ts";
import type { Call, Context } from "./context.ts";

/** Reads that wait to be sent, and who waits for them. */
export interface SharedReads {
  /** Joins the read of the same key that was not sent yet, or runs this one. */
  join<T>(read: SharedRead<T>): Promise<T>;
  /** What is asked from now on is not answered by a read that was asked for before. */
  seal(target: Target): void;
}

interface SharedRead<T> {
  readonly target: Target;
  /** Equal for equal statements of callers with equal permission, and only then. */
  readonly key: string;
  /** Aborts when this caller no longer waits. */
  readonly signal: AbortSignal;
  /** Calls `onSent` when a query is about to be sent; `signal` aborts when nobody waits any longer. */
  run(signal: AbortSignal, onSent: () => void): Promise<T>;
}

/** How long others may join a read that waits for a connection: it waits no longer than its first caller may. */
const joinableMs = 100;

/** Callers of one read that is not sent yet. */
interface Group {
  readonly since: number;
  readonly instance: string;
  readonly answer: Promise<unknown>;
  waiting: number;
  readonly nobodyWaits: AbortController;
}

/**
 * Lets simultaneous callers who ask the same share one query. A caller joins a read only before its query is sent, so
 * that each sees a state of the database that is at least as new as its own request.
 */
export function createSharedReads(): SharedReads {
  const groups = new Map<string, Group>();

  function open<T>(read: SharedRead<T>): Group {
    const nobodyWaits = new AbortController();
    const close = (): void => {
      if (groups.get(read.key) === group) groups.delete(read.key);
    };
    // Requests that came with the same turn of the event loop are still being parsed.
    const { promise: turn, resolve } = Promise.withResolvers<void>();
    setImmediate(resolve);
    const answer = turn.then(() => read.run(nobodyWaits.signal, close)).finally(close);
    answer.catch(() => {});
    const group: Group = {
      ...{ since: performance.now(), instance: instanceKey(read.target) },
      ...{ answer, waiting: 0, nobodyWaits },
    };
    groups.set(read.key, group);
    return group;
  }

  function findOpen(key: string): Group | undefined {
    const group = groups.get(key);
    return group !== undefined && performance.now() - group.since < joinableMs ? group : undefined;
  }

  return {
    async join<T>(read: SharedRead<T>): Promise<T> {
      const { key, signal } = read;
      signal.throwIfAborted();
      const group = findOpen(key) ?? open(read);
      group.waiting += 1;
      const leave = (): void => {
        group.waiting -= 1;
        if (group.waiting > 0) return;
        if (groups.get(key) === group) groups.delete(key);
        group.nobodyWaits.abort(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      try {
        // The key says which statement it is, and so what the answer is.
        return (await group.answer) as T;
      } finally {
        signal.removeEventListener("abort", leave);
      }
    },
    seal(target) {
      const instance = instanceKey(target);
      for (const [key, group] of groups) if (group.instance === instance) groups.delete(key);
    },
  };
}

/**
 * Runs a read of the target's database, shared with others who ask the same where SHARED_READS is on. `input` is all
 * that the read depends on beside operation and target.
 */
export function withSharedRead<T>(
  context: Context,
  call: Call,
  target: Target,
  input: readonly string[],
  read: (session: Session) => Promise<T>,
): Promise<T> {
  const { sharedReads, pools } = context;
  const { operation, actor, signal } = call;
  if (sharedReads === undefined)
    return pools.withSession(target, { operation, signal, readsOnly: true }, read);
  return sharedReads.join({
    target,
    key: JSON.stringify([operation, actor, targetKey(target), ...input]),
    signal,
    run: (groupSignal, onSent) =>
      pools.withSession(target, { operation, signal: groupSignal, readsOnly: true }, (session) => {
        onSent();
        return read(session);
      }),
  });
}
