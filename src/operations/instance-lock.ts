import { connectionName, type Instance, inDatabase, instanceKey } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { sqlstate, sqlstateOf } from "../postgres/sqlstate.ts";
import type { Call, Context } from "./context.ts";

/**
 * Advisory locks are per database while roles belong to the instance, so the lock is taken in one fixed database,
 * which every Cloud SQL instance has.
 */
const lockDatabase = "postgres";

/** The key of the advisory lock: "cspgmgr" in ASCII. Nothing else has to know it but other copies of this service. */
const lockKey = "27992949303109490";

const lockTimeoutS = 30;

/** A change may take long on a large schema; the lock's own transaction stays idle meanwhile. */
const heldAtMostS = 900;

const queues = new WeakMap<Context, Map<string, Promise<void>>>();

/**
 * Runs `fn` while no other change runs on the instance, in this process or another. Waits at most 30 s for another
 * process and then rejects with `unavailable`. Within the process callers queue first, so that only one connection
 * ever waits for the lock.
 */
export async function withInstanceLock<T>(
  context: Context,
  call: Call,
  instance: Instance,
  fn: () => Promise<T>,
): Promise<T> {
  return inTurn(context, call, instance, () =>
    context.pools.withSession(
      inDatabase(instance, lockDatabase),
      { operation: call.operation, signal: call.signal, aside: true },
      async (session) => {
        await session.query("BEGIN", [], { plain: true });
        await session.query(
          `SELECT set_config('lock_timeout', '${lockTimeoutS}s', true),
                  set_config('statement_timeout', '${lockTimeoutS + 5}s', true),
                  set_config('idle_in_transaction_session_timeout', '${heldAtMostS}s', true)`,
          [],
          { plain: true, raisesTimeoutToMs: (lockTimeoutS + 5) * 1_000 },
        );
        try {
          await session.query("SELECT pg_advisory_xact_lock($1::bigint)", [lockKey], { plain: true });
        } catch (error) {
          if (sqlstateOf(error) !== sqlstate.lockNotAvailable) throw error;
          throw new ServiceError("unavailable", `Another change is running on ${connectionName(instance)}.`, {
            cause: error,
            retryAfterS: 5,
            details: { sqlstate: sqlstate.lockNotAvailable },
          });
        }
        try {
          return await fn();
        } finally {
          await session.query("COMMIT", [], { plain: true }).catch((error: unknown) => {
            call.log.warning("the instance lock was lost before its end", { error });
          });
        }
      },
    ),
  );
}

async function inTurn<T>(context: Context, call: Call, instance: Instance, fn: () => Promise<T>): Promise<T> {
  let tails = queues.get(context);
  if (tails === undefined) {
    tails = new Map();
    queues.set(context, tails);
  }
  const key = instanceKey(instance);
  const before = tails.get(key) ?? Promise.resolve();
  const { promise: mine, resolve: leave } = Promise.withResolvers<void>();
  const tail = before.then(() => mine);
  tails.set(key, tail);
  try {
    await untilAborted(before, call.signal);
    return await fn();
  } finally {
    leave();
    void tail.then(() => {
      if (tails.get(key) === tail) tails.delete(key);
    });
  }
}

async function untilAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([turn, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
