import { randomBytes } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { invalidArgument, RpcError } from "../grpc-server.ts";
import { crc32c } from "./crc32c.ts";
import { isRegional, parseSecretName } from "./names.ts";

const MAX_PAYLOAD_BYTES = 64 * 1024;

export interface Timestamp {
  readonly seconds: string;
  readonly nanos: number;
}

/** What a client may set, as on the wire. */
export interface SecretSettings {
  replication?: object | null;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  topics?: readonly object[];
  versionAliases?: Record<string, string>;
  rotation?: object | null;
  expireTime?: Timestamp;
  versionDestroyTtl?: Timestamp | null;
}

export type VersionState = "ENABLED" | "DISABLED" | "DESTROYED";

export interface Version {
  readonly number: number;
  readonly createTime: Timestamp;
  state: VersionState;
  destroyTime: Timestamp | null;
  etag: string;
  readonly clientSpecifiedPayloadChecksum: boolean;
  /** base64; empty when destroyed. */
  payload: string;
}

export interface Secret {
  readonly name: string;
  readonly createTime: Timestamp;
  etag: string;
  settings: SecretSettings;
  /** Oldest first: version N is at N - 1. */
  readonly versions: Version[];
}

export interface SecretStore {
  create(name: string, settings: SecretSettings): Secret;
  /** Throws NOT_FOUND. */
  get(name: string): Secret;
  has(name: string): boolean;
  remove(name: string): void;
  /** Newest first. */
  list(parent: string): Secret[];
  addVersion(name: string, payload: Buffer, claimedCrc32c: string | undefined): Version;
  /** `latest` is the version created last, whatever its state. */
  version(secret: Secret, version: string): Version;
  setState(version: Version, state: VersionState): void;
  touch(secret: Secret): void;
  toJSON(): { secrets: Secret[] };
  restore(state: { secrets: Secret[] }): void;
}

export function newEtag(): string {
  return `"${randomBytes(7).toString("hex")}"`;
}

/** Secrets in memory. `changed` is called after each change; `now` gives epoch milliseconds. */
export function createSecretStore(changed: () => void, now: () => number): SecretStore {
  const secrets = new Map<string, Secret>();
  const timestamp = (): Timestamp => {
    const ms = now();
    return { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
  };

  function find(name: string): Secret | undefined {
    const secret = secrets.get(name);
    const expires = secret?.settings.expireTime;
    if (secret === undefined || !expires || Number(expires.seconds) * 1000 > now()) return secret;
    secrets.delete(name);
    changed();
    return undefined;
  }

  function get(name: string): Secret {
    const secret = find(parseSecretName(name));
    if (secret === undefined) throw secretNotFound(name);
    return secret;
  }

  return {
    get,
    has: (name) => find(name) !== undefined,
    create(name, settings) {
      if (find(parseSecretName(name)) !== undefined) {
        throw new RpcError(status.ALREADY_EXISTS, `Secret [${name}] already exists.`);
      }
      if (isRegional(name) && settings.replication) {
        throw invalidArgument("Replication cannot be set on a regional secret.");
      }
      const secret = { name, createTime: timestamp(), etag: newEtag(), settings, versions: [] };
      secrets.set(name, secret);
      changed();
      return secret;
    },
    remove(name) {
      secrets.delete(get(name).name);
      changed();
    },
    list: (parent) =>
      [...secrets.keys()]
        .filter((name) => name.slice(0, name.indexOf("/secrets/")) === parent)
        .flatMap((name) => find(name) ?? [])
        .reverse(),
    addVersion(name, payload, claimedCrc32c) {
      const secret = get(name);
      assertPayload(payload, claimedCrc32c);
      const version: Version = {
        number: secret.versions.length + 1,
        createTime: timestamp(),
        state: "ENABLED",
        destroyTime: null,
        etag: newEtag(),
        clientSpecifiedPayloadChecksum: claimedCrc32c !== undefined,
        payload: payload.toString("base64"),
      };
      secret.versions.push(version);
      changed();
      return version;
    },
    version(secret, id) {
      const number = id === "latest" ? secret.versions.length : (secret.settings.versionAliases?.[id] ?? id);
      const version = secret.versions[Number(number) - 1];
      if (version !== undefined) return version;
      if (id === "latest") throw secretNotFound(secret.name);
      throw new RpcError(status.NOT_FOUND, `Secret Version [${secret.name}/versions/${id}] not found.`);
    },
    setState(version, state) {
      version.state = state;
      version.etag = newEtag();
      if (state === "DESTROYED") {
        version.destroyTime = timestamp();
        version.payload = "";
      }
      changed();
    },
    touch(secret) {
      secret.etag = newEtag();
      changed();
    },
    toJSON: () => ({ secrets: [...secrets.values()] }),
    restore(state) {
      secrets.clear();
      for (const secret of structuredClone(state.secrets)) secrets.set(secret.name, secret);
      changed();
    },
  };
}

export function secretNotFound(name: string): RpcError {
  return new RpcError(status.NOT_FOUND, `Secret [${name}] not found or has no versions.`);
}

function assertPayload(payload: Buffer, claimedCrc32c: string | undefined): void {
  if (payload.length === 0) throw invalidArgument("Secret Payload cannot be empty.");
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw invalidArgument(
      `The Secret Payload is too large: ${payload.length} bytes, of ${MAX_PAYLOAD_BYTES}.`,
    );
  }
  if (claimedCrc32c !== undefined && Number(claimedCrc32c) !== crc32c(payload)) {
    throw invalidArgument("The checksum of the payload does not match its data_crc32c.");
  }
}
