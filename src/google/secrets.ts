import { connectionName, type Instance, instanceKey } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { AdminPasswords } from "../postgres/instance-access.ts";
import { crc32c } from "./crc32c.ts";
import { stopping, withDeadline } from "./deadline.ts";
import { grpcStatus, readGrpcStatus } from "./grpc-status.ts";
import type { SecretVersionsOptions } from "./secret-clients.ts";
import { readSecretError, type SecretPlace, secretTimeout, unavailable } from "./secret-errors.ts";
import { createSecretVersions, type SecretVersion } from "./secret-versions.ts";

export interface AdminPasswordsOptions extends SecretVersionsOptions {
  /** Where the secrets are; without it, in the instance's own project. */
  readonly secretProject?: string | undefined;
  /** The secret of an instance is `{instance_name}-{suffix}`. */
  readonly suffix: string;
  /** For all that one read takes. */
  readonly timeoutMs: number;
  readonly log: Log;
  /** How long a password is used before it is read again. */
  readonly ttlMs?: number;
  /** The password before the latest one; without it there is none. */
  readonly readPrevious?: ((instance: Instance) => Promise<string | undefined>) | undefined;
}

/** Of connections that are opened together each is refused by itself: the first has the password read again for all. */
const confirmedForMs = 1_000;

interface Cached {
  password: string | undefined;
  /** The last that was forgotten. */
  refused: string | undefined;
  /** When it was read again, and was still the same. */
  confirmedAt: number;
  readAt: number;
  reading: Promise<string> | undefined;
}

/**
 * The admins' passwords from Secret Manager: the latest version of the regional secret, else of the global one.
 * A newline at the end of the value (`\n` or `\r\n`, one) is not part of the password: `echo` leaves one.
 *
 * A regional secret that may not be read does not hide a global one: where access is granted secret by secret,
 * Secret Manager answers "permission denied" for what does not exist.
 */
export function createAdminPasswords(
  options: AdminPasswordsOptions,
): AdminPasswords & { close(): Promise<void> } {
  const { suffix, timeoutMs, log, ttlMs = 600_000 } = options;
  const versions = createSecretVersions(options);
  const cache = new Map<string, Cached>();
  const closing = new AbortController();

  function placeOf({ project, region, instance }: Instance): SecretPlace {
    return { secret: `${instance}-${suffix}`, project: options.secretProject ?? project, region };
  }

  function cachedOf(instance: Instance): Cached {
    const key = instanceKey(instance);
    const present = cache.get(key);
    if (present !== undefined) return present;
    const fresh: Cached = {
      ...{ password: undefined, readAt: 0, reading: undefined },
      ...{ refused: undefined, confirmedAt: Number.NEGATIVE_INFINITY },
    };
    cache.set(key, fresh);
    return fresh;
  }

  /** The regional version, or what its place is taken by. */
  async function accessPreferred(place: SecretPlace, deadline: number): Promise<SecretVersion> {
    const { project, secret, region } = place;
    const globally = () =>
      versions.access(`projects/${project}/secrets/${secret}/versions/latest`, { deadline });
    if (!(await versions.isRegional(region))) return globally();
    const regionalName = `projects/${project}/locations/${region}/secrets/${secret}/versions/latest`;
    try {
      return await versions.access(regionalName, { region, deadline });
    } catch (regional) {
      const status = readGrpcStatus(regional);
      if (status !== grpcStatus.notFound && status !== grpcStatus.permissionDenied) throw regional;
      return await globally().catch((global) => {
        const bothMissing = readGrpcStatus(global) === grpcStatus.notFound;
        throw bothMissing ? regional : global;
      });
    }
  }

  async function readPassword(instance: Instance): Promise<string> {
    const place = placeOf(instance);
    const deadline = performance.now() + timeoutMs;
    try {
      const version = await withDeadline(accessPreferred(place, deadline), {
        timeoutMs,
        expired: () => secretTimeout(place),
        signal: closing.signal,
      });
      return parsePassword(version, place);
    } catch (cause) {
      throw readSecretError(cause, place);
    }
  }

  async function refresh(instance: Instance, cached: Cached): Promise<string> {
    try {
      const password = await readPassword(instance);
      cached.password = password;
      cached.readAt = performance.now();
      if (password === cached.refused) cached.confirmedAt = cached.readAt;
      return password;
    } catch (error) {
      if (cached.password === undefined) cache.delete(instanceKey(instance));
      else if (isPassing(error)) {
        log.warning("reading a password again failed; the one that is known stays in use", {
          instance: connectionName(instance),
          cause: error,
        });
        // Asked again soon, but not by every caller.
        cached.readAt = performance.now() - ttlMs + Math.min(ttlMs, 10_000);
        return cached.password;
      }
      throw error;
    }
  }

  return {
    async read(instance) {
      if (closing.signal.aborted) throw stopping();
      const cached = cachedOf(instance);
      if (cached.reading !== undefined) return cached.reading;
      if (cached.password !== undefined && performance.now() - cached.readAt < ttlMs) return cached.password;
      cached.reading = refresh(instance, cached).finally(() => {
        cached.reading = undefined;
      });
      return cached.reading;
    },
    forget(instance, refused) {
      const cached = cache.get(instanceKey(instance));
      if (cached?.password !== refused || performance.now() - cached.confirmedAt < confirmedForMs) return;
      cached.password = undefined;
      cached.refused = refused;
    },
    ...(options.readPrevious === undefined ? {} : { readPrevious: options.readPrevious }),
    expire(instance) {
      const cached = cache.get(instanceKey(instance));
      if (cached !== undefined) cached.readAt = Number.NEGATIVE_INFINITY;
    },
    async close() {
      closing.abort(stopping());
      cache.clear();
      await withDeadline(versions.close(), { timeoutMs: 1_000, expired: () => new Error() }).catch(() => {});
    },
  };
}

function isPassing(error: unknown): boolean {
  if (!(error instanceof ServiceError)) return false;
  const status = readGrpcStatus(error.cause);
  const refused = status === grpcStatus.permissionDenied || status === grpcStatus.failedPrecondition;
  return error.kind === "timeout" || (error.kind === "unavailable" && !refused);
}

/** The password that a version holds; refuses what cannot be one. */
export function parsePassword({ bytes, crc32c: sent }: SecretVersion, place: SecretPlace): string {
  const broken = (what: string, cause?: unknown) =>
    unavailable(place, `The secret ${place.secret} of project ${place.project} ${what}.`, {
      cause,
      retryAfterS: 5,
    });
  if (sent !== undefined && sent !== String(crc32c(bytes))) throw broken("arrived damaged");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken("is not UTF-8 text");
  }
  const password = text.replace(/\r?\n$/, "");
  if (password === "") throw broken("is empty");
  return password;
}
