import type { protos, SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { userSecretId } from "../domain/secret-id.ts";
import type { Instance } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { PasswordVersions, StoredSecret, StoredVersion } from "../operations/password-versions.ts";
import { crc32c } from "./crc32c.ts";
import { stopping, withDeadline } from "./deadline.ts";
import { grpcStatus, readGrpcStatus } from "./grpc-status.ts";
import { createSecretClients, type SecretCallOptions, type SecretVersionsOptions } from "./secret-clients.ts";
import { readSecretError, type SecretPlace, secretTimeout, unavailable } from "./secret-errors.ts";
import { parsePassword } from "./secrets.ts";
import { labelsOf, readWriteError } from "./user-passwords.ts";

export interface PasswordVersionsOptions extends SecretVersionsOptions {
  readonly secretProject?: string | undefined;
  /** The secret of an instance's admin is `{instance_name}-{suffix}`. */
  readonly suffix: string;
  /** For all that one call takes. */
  readonly timeoutMs: number;
}

export interface SecretPasswordVersions extends PasswordVersions {
  /** The admin's password before the latest one; undefined when there is none, or it may not be listed. */
  readPrevious(instance: Instance): Promise<string | undefined>;
  close(): Promise<void>;
}

const mostVersions = 50;

type Version = protos.google.cloud.secretmanager.v1.ISecretVersion;

/** The versions of secrets with passwords, to be rotated. Attempts are made once: whoever rotates repeats or goes back. */
export function createPasswordVersions(options: PasswordVersionsOptions): SecretPasswordVersions {
  const clients = createSecretClients(options);
  const closing = new AbortController();

  function placeOf(instance: Instance, owner: string | undefined): SecretPlace {
    const secret =
      owner === undefined ? `${instance.instance}-${options.suffix}` : userSecretId(instance.instance, owner);
    return { secret, project: options.secretProject ?? instance.project, region: instance.region };
  }

  /** The place that a full name says. */
  function placeNamed(instance: Instance, name: string): SecretPlace {
    const [, project = "", , , secret = ""] =
      /^projects\/([^/]+)\/(locations\/([^/]+)\/)?secrets\/([^/]+)/.exec(name) ?? [];
    return { secret, project, region: instance.region };
  }

  async function call<T>(
    name: string,
    work: (client: SecretManagerServiceClient, callOptions: SecretCallOptions) => Promise<T>,
  ): Promise<T> {
    const region = /^projects\/[^/]+\/locations\/([^/]+)\//.exec(name)?.[1];
    const client = clients.clientFor(region);
    try {
      return await work(await client, { timeout: options.timeoutMs, retry: null });
    } catch (error) {
      clients.dropIfStuck(client, error);
      throw error;
    }
  }

  function inTime<T>(
    place: SecretPlace,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (closing.signal.aborted) return Promise.reject(stopping());
    return withDeadline(work(), {
      timeoutMs: options.timeoutMs,
      expired: () => secretTimeout(place),
      signal: signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]),
    });
  }

  async function listEnabled(secret: string): Promise<StoredVersion[]> {
    const [versions] = await call(secret, (client, callOptions) =>
      client.listSecretVersions(
        { parent: secret, filter: "state:ENABLED", pageSize: mostVersions },
        { ...callOptions, autoPaginate: false },
      ),
    );
    return versions.map(versionOf).sort((one, other) => other.number - one.number);
  }

  async function findIn(place: SecretPlace): Promise<StoredSecret | undefined> {
    const { project, region, secret } = place;
    const globally = `projects/${project}/secrets/${secret}`;
    const names = (await clients.isRegional(region))
      ? [`projects/${project}/locations/${region}/secrets/${secret}`, globally]
      : [globally];
    let refusal: unknown;
    for (const name of names) {
      try {
        return { secret: name, versions: await listEnabled(name) };
      } catch (error) {
        const status = readGrpcStatus(error);
        if (status === grpcStatus.permissionDenied) refusal ??= error;
        else if (status !== grpcStatus.notFound) throw error;
      }
    }
    if (refusal !== undefined) throw refusal;
    return undefined;
  }

  async function assertOwned({ secret }: StoredSecret, labels: Record<string, string>): Promise<void> {
    const [present] = await call(secret, (client, callOptions) =>
      client.getSecret({ name: secret }, callOptions),
    );
    if (present.labels?.["cloudsql-user"] === labels["cloudsql-user"]) return;
    throw new ServiceError(
      "conflict",
      `The secret ${secret} exists and is not this user's; nothing was written.`,
      {
        details: { secret },
      },
    );
  }

  async function read(place: SecretPlace, name: string): Promise<string> {
    const [{ payload }] = await call(name, (client, callOptions) =>
      client.accessSecretVersion({ name }, callOptions),
    );
    const data = payload?.data ?? new Uint8Array();
    const bytes = typeof data === "string" ? Buffer.from(data, "base64") : data;
    return parsePassword({ bytes, crc32c: payload?.dataCrc32c?.toString() }, place);
  }

  return {
    async find(instance, owner, { signal }) {
      const place = placeOf(instance, owner);
      try {
        return await inTime(place, signal, async () => {
          const found = await findIn(place);
          if (found !== undefined && owner !== undefined) await assertOwned(found, labelsOf(instance, owner));
          return found;
        });
      } catch (cause) {
        throw explain(cause, place);
      }
    },
    async read(instance, version, { signal }) {
      const place = placeNamed(instance, version);
      try {
        return await inTime(place, signal, () => read(place, version));
      } catch (cause) {
        throw readSecretError(cause, place);
      }
    },
    async add(instance, secret, password, { signal }) {
      const place = placeNamed(instance, secret);
      const data = Buffer.from(password, "utf8");
      try {
        const [added] = await inTime(place, signal, () =>
          call(secret, (client, callOptions) =>
            client.addSecretVersion(
              { parent: secret, payload: { data, dataCrc32c: crc32c(data) } },
              callOptions,
            ),
          ),
        );
        return versionOf(added);
      } catch (cause) {
        throw readWriteError(cause, place);
      }
    },
    async disable(instance, version, { signal }) {
      const place = placeNamed(instance, version);
      try {
        await inTime(place, signal, () =>
          call(version, (client, callOptions) => client.disableSecretVersion({ name: version }, callOptions)),
        );
      } catch (cause) {
        throw explain(cause, place);
      }
    },
    async readPrevious(instance) {
      const place = placeOf(instance, undefined);
      return inTime(place, undefined, async () => {
        const previous = (await findIn(place))?.versions[1];
        return previous === undefined ? undefined : read(place, previous.version);
      });
    },
    async close() {
      closing.abort(stopping());
      await withDeadline(clients.close(), { timeoutMs: 1_000, expired: () => new Error() }).catch(() => {});
    },
  };
}

function versionOf({ name, createTime }: Version): StoredVersion {
  const version = name ?? "";
  const seconds = Number(createTime?.seconds ?? 0);
  return {
    version,
    number: Number(version.slice(version.lastIndexOf("/") + 1)),
    createdAt: new Date(seconds * 1_000 + Number(createTime?.nanos ?? 0) / 1e6),
  };
}

/** What a failure to list or disable versions means. */
function explain(cause: unknown, place: SecretPlace): unknown {
  if (cause instanceof ServiceError || readGrpcStatus(cause) === undefined) return cause;
  if (readGrpcStatus(cause) === grpcStatus.permissionDenied) {
    return unavailable(
      place,
      `The service may not manage the versions of the secret ${place.secret} of project ${place.project}: its own ` +
        "account needs secretmanager.versions.list and .disable (role Secret Manager Secret Version " +
        "Manager) on it, and secretmanager.secrets.get (role Secret Manager Viewer).",
      { cause, retryAfterS: 60 },
    );
  }
  if (readGrpcStatus(cause) === grpcStatus.deadlineExceeded) return secretTimeout(place, cause);
  return unavailable(place, `Secret Manager could not be asked about the secret ${place.secret}.`, {
    cause,
    retryAfterS: 5,
  });
}
