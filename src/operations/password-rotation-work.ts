import { setTimeout as sleep } from "node:timers/promises";
import { generatePassword, scramVerifier } from "../domain/password.ts";
import type { Statement } from "../domain/plan.ts";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Session } from "../postgres/session.ts";
import { sqlstateOf } from "../postgres/sqlstate.ts";
import { setPassword } from "../postgres/statements/logins.ts";
import { cloudServices } from "./cloud-services.ts";
import type { Call, Context } from "./context.ts";
import { databaseError } from "./database-errors.ts";
import { withInstanceLock } from "./instance-lock.ts";
import type { Step, Work } from "./long-operation.ts";
import type { StoredSecret, StoredVersion } from "./password-versions.ts";
import { readBeforeChange, recordChange, recordFailure } from "./record.ts";

export interface Rotation {
  readonly user: string;
  /** The newest enabled version when the rotation was asked for; null when there was none. */
  readonly base: string | null;
}

/** A version with its password. */
interface Known extends StoredVersion {
  readonly password: string;
}

/** What a rotation has found and done so far. */
interface State {
  secret?: StoredSecret;
  /** What PostgreSQL took when the rotation began. */
  current?: Known;
  next?: Known;
  altered: boolean;
  /** The connection was lost in the middle of it: it may be done yet. */
  unknown: boolean;
  proven: boolean;
}

/** How many versions may be tried as the password that PostgreSQL takes now. */
const mostTried = 3;
const probeAttempts = 3;
const probePauseMs = 250;

/**
 * Goes on from whatever an earlier attempt left behind: a version newer than the base, whose password differs, is that
 * attempt's. Goes back when a step fails; only when the process ends it does neither, and the next one goes on.
 */
export function rotationWork(context: Context, target: Target, rotation: Rotation): Work {
  const { user } = rotation;
  const subject = { summary: `rotate the password of ${user}`, username: user };
  return async (call, progress) => {
    await readBeforeChange(context, target);
    const statements: Statement[] = [];
    const done = await recordFailure(context, call, target, subject, () =>
      withInstanceLock(context, call, target, () =>
        // This session stays what it is, whatever becomes of the password: it can go back.
        context.pools.withSession(
          target,
          { operation: call.operation, signal: call.signal },
          async (session) => {
            const rotor = createRotor(context, call, target, rotation, session, statements);
            try {
              return { changed: await progress.run(rotor.steps), warnings: [] };
            } catch (error) {
              if (call.signal.aborted) throw error;
              if (rotor.state.proven) return { changed: true, warnings: [stillEnabled(rotor.state, error)] };
              throw await rotor.goBack(error);
            }
          },
        ),
      ),
    );
    if (done.changed) await recordChange(context, call, target, { ...subject, statements });
    return done;
  };
}

function stillEnabled({ secret }: State, error: unknown): string {
  const why = error instanceof ServiceError ? error.message : "internal error";
  return `The password is rotated, but older versions of ${secret?.secret ?? "the secret"} could not be disabled: ${why}`;
}

function createRotor(
  context: Context,
  call: Call,
  target: Target,
  { user, base }: Rotation,
  session: Session,
  statements: Statement[],
) {
  const { versions, passwords } = cloudServices(context);
  const isAdmin = user === context.settings.adminUser;
  const use = { signal: call.signal };
  const state: State = { altered: false, unknown: false, proven: false };
  const baseNumber = base === null ? 0 : numberOf(base);

  const find = () => versions.find(target, isAdmin ? undefined : user, use);
  const know = async (stored: StoredVersion): Promise<Known> => ({
    ...stored,
    password: await versions.read(target, stored.version, use),
  });
  const takes = ({ password }: Known): Promise<boolean> =>
    context.pools.tryLogin(target, { user, password, ...use });

  /** The version that an earlier attempt has added. */
  async function findNext(listed: readonly StoredVersion[]): Promise<Known | undefined> {
    const [newest] = listed;
    if (newest === undefined || newest.number <= baseNumber) return undefined;
    const known = await know(newest);
    const before = listed.find(({ version }) => version === base);
    if (before !== undefined && (await know(before)).password === known.password) return undefined;
    return known;
  }

  async function findCurrent(listed: readonly StoredVersion[]): Promise<Known | undefined> {
    for (const stored of listed.slice(0, mostTried)) {
      const known = await know(stored);
      if (await takes(known)) return known;
    }
    return undefined;
  }

  async function store(): Promise<{ changed: boolean; description?: string }> {
    const found = await find();
    if (found !== undefined) state.secret = found;
    const listed = found?.versions ?? [];
    const left = await findNext(listed);
    if (left !== undefined) {
      state.next = left;
      state.altered = await takes(left);
      if (state.altered) return { changed: false };
    }
    const current = await findCurrent(listed.filter(({ version }) => version !== left?.version));
    if (current !== undefined) state.current = current;
    if (left !== undefined) return { changed: false };
    const password = generatePassword();
    const added =
      found === undefined
        ? await addFirst(password)
        : await versions.add(target, found.secret, password, use);
    state.next = { ...added, password };
    return { changed: true, description: `Store a generated password of ${user} as ${added.version}` };
  }

  async function addFirst(password: string): Promise<StoredVersion> {
    const { version } = await passwords.add(target, user, password, use);
    state.secret = { secret: version.slice(0, version.indexOf("/versions/")), versions: [] };
    return { version, number: numberOf(version), createdAt: new Date() };
  }

  async function set({ password }: Known, during: string): Promise<Statement> {
    const statement = setPassword(target.database, user, await scramVerifier(password));
    context.sharedReads?.seal(target);
    try {
      await session.query(statement.text);
    } catch (error) {
      throw databaseError(error, during, { statement: statement.preview });
    } finally {
      context.sharedReads?.seal(target);
    }
    return statement;
  }

  async function alter(): Promise<{ changed: boolean }> {
    const next = nextOf(state);
    if (state.altered) return { changed: false };
    try {
      statements.push(await set(next, `setting the password of ${user}`));
    } catch (error) {
      const refused = error instanceof ServiceError && sqlstateOf(error.cause) !== undefined;
      // Without an answer nobody knows whether it was done, but PostgreSQL; and it may still be at it.
      const known = refused || (await takes(next).catch(() => false));
      state.unknown = !known;
      if (refused || state.unknown) throw explainRefusal(error);
    }
    state.altered = true;
    return { changed: true };
  }

  function explainRefusal(error: unknown): unknown {
    if (!(error instanceof ServiceError) || error.kind === "unavailable" || error.kind === "timeout")
      return error;
    return new ServiceError(
      "conflict",
      `PostgreSQL refused the new password of ${user}. It is given as a SCRAM-SHA-256 verifier: a password policy of ` +
        "the instance that wants to see the password itself refuses that; switch the policy off for the rotation, or " +
        "set the password through the Cloud SQL Admin API and store it as a new version of the secret. On PostgreSQL 16 " +
        "and later the admin also needs the ADMIN OPTION on a user that it did not create.",
      { cause: error, details: error.details },
    );
  }

  async function prove(): Promise<{ changed: boolean }> {
    const next = nextOf(state);
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (await takes(next)) break;
        throw new ServiceError(
          "conflict",
          `PostgreSQL does not let ${user} log in with the new password; it may have expired (VALID UNTIL).`,
        );
      } catch (error) {
        const passing = error instanceof ServiceError && error.kind === "unavailable";
        if (!passing || attempt === probeAttempts) throw error;
        await sleep(probePauseMs * attempt, undefined, use);
      }
    }
    state.proven = true;
    if (isAdmin) switchPools();
    return { changed: true };
  }

  /** New connections read the new password; those that live go back to their pools first. Nobody waits for that. */
  function switchPools(): void {
    const { project, region, instance } = target;
    context.pools.console.reload({ project, region, instance });
  }

  async function disableOthers(): Promise<{ changed: boolean; description?: string }> {
    const next = nextOf(state);
    const listed = (await find())?.versions ?? [];
    const [newest] = listed;
    if (newest?.version !== next.version && state.secret !== undefined && (await takes(next))) {
      // Somebody stored another one meanwhile, who did not wait for the lock: the latest is what PostgreSQL takes.
      state.next = { ...next, ...(await versions.add(target, state.secret.secret, next.password, use)) };
    }
    const old = listed.filter(({ version }) => version !== next.version);
    for (const { version } of old) await versions.disable(target, version, use);
    if (old.length === 0) return { changed: false };
    return { changed: true, description: `Disable ${old.map(({ version }) => version).join(", ")}` };
  }

  const secretStep = (description: string, run: Step["run"]): Step => ({
    about: { kind: "secret", description },
    run,
  });
  const steps: Step[] = [
    secretStep(`Store a generated password of ${user}`, store),
    {
      about: { kind: "sql", description: `Set the password of ${user}`, database: target.database },
      run: alter,
    },
    { about: { kind: "login", description: `Log in as ${user} with the new password` }, run: prove },
    secretStep("Disable the older versions of the secret", disableOthers),
  ];

  /** What PostgreSQL took before is what it takes, and the latest version, again. */
  async function restore(): Promise<void> {
    const { current, altered } = state;
    const listed = (await find())?.versions ?? [];
    // The answer to an addition may have been lost.
    const newest = listed[0];
    const added =
      state.next ??
      (newest !== undefined && newest.number > baseNumber && current !== undefined ? newest : undefined);
    if (added === undefined || added.version === current?.version) return;
    if (current === undefined) {
      if (altered || state.unknown) throw new Error("no version is known to go back to");
      // Nobody could log in by an older version; by this one neither.
      if (!isAdmin) await versions.disable(target, added.version, use);
      return;
    }
    if (altered) {
      await set(current, `setting the former password of ${user}`);
      state.altered = false;
    }
    // A disabled version that is the latest would keep everybody out: the former one is stored anew before.
    if (newest?.version === added.version && state.secret !== undefined) {
      await versions.add(target, state.secret.secret, current.password, use);
    }
    // Disabled, and not destroyed: what is judged wrongly can be enabled again.
    if (state.unknown) throw new Error("PostgreSQL may take either password");
    await versions.disable(target, added.version, use);
    if (isAdmin) switchPools();
  }

  return {
    steps,
    state,
    /** Gives the error to be thrown. */
    async goBack(error: unknown): Promise<unknown> {
      const known =
        error instanceof ServiceError
          ? error
          : new ServiceError("internal_error", "The rotation ended by a fault of the service.", {
              cause: error,
            });
      const answer = (message: string, rolledBack: boolean) =>
        new ServiceError(known.kind, `${known.message} ${message}`, {
          cause: known.cause ?? known,
          details: { ...known.details, rolled_back: rolledBack },
          ...(known.retryAfterS === undefined ? {} : { retryAfterS: known.retryAfterS }),
        });
      try {
        await restore();
        return answer("The password is the one that it was.", true);
      } catch (cause) {
        call.log.warning("a rotation could not be undone; both passwords stay in the secret", {
          error: cause,
        });
        return answer(
          "It could not be undone for now: the versions of the secret stay enabled, one of them is the password, and this " +
            "service logs in by either. Repeat the call to complete the rotation.",
          false,
        );
      }
    },
  };
}

function nextOf({ next }: State): Known {
  if (next === undefined) throw new Error("a rotation has no new password");
  return next;
}

function numberOf(version: string): number {
  return Number(version.slice(version.lastIndexOf("/") + 1));
}
