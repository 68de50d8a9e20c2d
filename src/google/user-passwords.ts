import { createHash } from "node:crypto";
import type { protos } from "@google-cloud/secret-manager";
import { userSecretId } from "../domain/secret-id.ts";
import { type Instance, instanceKey } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import type { UserPasswords } from "../operations/user-passwords.ts";
import { crc32c } from "./crc32c.ts";
import { stopping, withDeadline } from "./deadline.ts";
import { grpcStatus, readGrpcStatus } from "./grpc-status.ts";
import { createSecretClients, type SecretVersionsOptions, withSecretClient } from "./secret-clients.ts";
import { type SecretPlace, secretTimeout, unavailable } from "./secret-errors.ts";

export interface UserPasswordsOptions extends SecretVersionsOptions {
  /** Where the secrets are; without it, in the instance's own project. */
  readonly secretProject?: string | undefined;
  /** For all that one addition takes. */
  readonly timeoutMs: number;
}

export interface SecretUserPasswords extends UserPasswords {
  close(): Promise<void>;
}

type NewSecret = protos.google.cloud.secretmanager.v1.ISecret;

/** Whose secret it is: nothing is written into one without it. A label has at most 63 characters. */
export function labelsOf(instance: Instance, username: string): Record<string, string> {
  const whose = `${instanceKey(instance)}/${username}`;
  const hash = createHash("sha256").update(whose).digest("hex").slice(0, 60);
  return { "managed-by": "cloudsql-postgres-manager", "cloudsql-user": hash };
}

/** The passwords of built-in users in Secret Manager: regional where there is a regional endpoint, else global. */
export function createUserPasswords(options: UserPasswordsOptions): SecretUserPasswords {
  const clients = createSecretClients(options);
  const closing = new AbortController();

  /** The secret's name; makes it when there is none. */
  async function ensureSecret(place: Place, deadline: number): Promise<string> {
    const { parent, secret, region, labels } = place;
    const name = `${parent}/secrets/${secret}`;
    const made: NewSecret = { labels, ...(region === undefined ? { replication: { automatic: {} } } : {}) };
    try {
      await withSecretClient(clients, { region, deadline }, (client, callOptions) =>
        client.createSecret({ parent, secretId: secret, secret: made }, callOptions),
      );
      return name;
    } catch (error) {
      if (readGrpcStatus(error) !== grpcStatus.alreadyExists) throw error;
    }
    const [present] = await withSecretClient(clients, { region, deadline }, (client, callOptions) =>
      client.getSecret({ name }, callOptions),
    );
    if (present.labels?.["cloudsql-user"] === labels["cloudsql-user"]) return name;
    throw new ServiceError(
      "conflict",
      `The secret ${name} exists and is not this user's; nothing was written.`,
      {
        details: { secret: name },
      },
    );
  }

  async function add(place: Place, password: string, deadline: number): Promise<string> {
    const parent = await ensureSecret(place, deadline);
    const data = Buffer.from(password, "utf8");
    const payload = { data, dataCrc32c: crc32c(data) };
    const [version] = await withSecretClient(
      clients,
      { region: place.region, deadline },
      (client, callOptions) => client.addSecretVersion({ parent, payload }, callOptions),
    );
    return version.name ?? parent;
  }

  return {
    secretId: ({ instance }, username) => userSecretId(instance, username),
    async add(instance, username, password, { signal }) {
      if (closing.signal.aborted) throw stopping();
      const secret = userSecretId(instance.instance, username);
      const project = options.secretProject ?? instance.project;
      const about: SecretPlace = { secret, project, region: instance.region };
      const deadline = performance.now() + options.timeoutMs;
      const work = async () => {
        const regional = await clients.isRegional(instance.region);
        const parent = `projects/${project}${regional ? `/locations/${instance.region}` : ""}`;
        const region = regional ? instance.region : undefined;
        return add({ parent, secret, region, labels: labelsOf(instance, username) }, password, deadline);
      };
      try {
        const version = await withDeadline(work(), {
          timeoutMs: options.timeoutMs,
          expired: () => secretTimeout(about),
          signal: AbortSignal.any([signal, closing.signal]),
        });
        return { version };
      } catch (cause) {
        throw readWriteError(cause, about);
      }
    },
    async close() {
      closing.abort(stopping());
      await withDeadline(clients.close(), { timeoutMs: 1_000, expired: () => new Error() }).catch(() => {});
    },
  };
}

interface Place {
  readonly parent: string;
  readonly secret: string;
  readonly region: string | undefined;
  readonly labels: Record<string, string>;
}

/** What a failed write of a secret means. */
export function readWriteError(cause: unknown, place: SecretPlace): unknown {
  if (cause instanceof ServiceError || readGrpcStatus(cause) === undefined) return cause;
  const name = `${place.secret} of project ${place.project}`;
  switch (readGrpcStatus(cause)) {
    case grpcStatus.permissionDenied:
      return unavailable(
        place,
        `The service may not write the secret ${name}: its own account needs secretmanager.secrets.create and ` +
          "secretmanager.versions.add (role Secret Manager Admin, or Secret Version Manager on it).",
        { cause, retryAfterS: 60 },
      );
    case grpcStatus.deadlineExceeded:
      return secretTimeout(place, cause);
    default:
      return unavailable(place, `Secret Manager could not store the secret ${name}.`, {
        cause,
        retryAfterS: 5,
      });
  }
}
