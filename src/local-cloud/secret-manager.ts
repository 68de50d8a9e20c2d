import { status } from "@grpc/grpc-js";
import {
  type CommonFaults,
  type Handlers,
  invalidArgument,
  loadService,
  passCommonFaults,
  RpcError,
  serveGrpc,
} from "./grpc-server.ts";
import { crc32c } from "./secret-manager/crc32c.ts";
import { matcherOf, pageOf } from "./secret-manager/listing.ts";
import {
  isRegional,
  parseParent,
  parseSecretId,
  parseSecretName,
  parseVersionName,
} from "./secret-manager/names.ts";
import {
  createSecretStore,
  type Secret,
  type SecretSettings,
  type SecretStore,
  secretNotFound,
  type Timestamp,
  type Version,
  type VersionState,
} from "./secret-manager/store.ts";
import { createStateFile } from "./state-file.ts";

const MUTABLE = [
  "labels",
  "annotations",
  "topics",
  "versionAliases",
  "rotation",
  "expireTime",
  "versionDestroyTtl",
];

/** Secrets are named in full (`projects/P/secrets/S`, `projects/P/locations/R/secrets/S`) or by their id alone. */
export interface SecretManagerFaults extends CommonFaults {
  /** These answer NOT_FOUND. */
  missing: readonly string[];
  /** These answer PERMISSION_DENIED. */
  forbidden: readonly string[];
  /** Called before each call is handled, with the method's name; the call waits for it. */
  before?: ((method: string) => unknown) | undefined;
}

export interface SecretManagerOptions {
  /** 0, the default, picks a free one. */
  readonly port?: number;
  /** Where the secrets are kept between runs; nowhere when undefined. */
  readonly stateFile?: string | undefined;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export interface SecretManagerServer {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly faults: {
    set(faults: Partial<SecretManagerFaults>): void;
    get(): Readonly<SecretManagerFaults>;
    clear(): void;
  };
  /** Makes the secret if need be, adds a version with `value`, and gives the version's full name. */
  seedSecret(name: string, value: string | Buffer): string;
  /** The newest version's value, whatever its state; undefined when there is none. */
  peekSecret(name: string): string | undefined;
  snapshot(): unknown;
  restore(snapshot: unknown): void;
  stop(): void;
}

const noFaults = (): SecretManagerFaults => ({ unavailable: false, slowMs: 0, missing: [], forbidden: [] });

/** Secret Manager's gRPC API v1 on loopback, for the real client. */
export async function startSecretManager(options: SecretManagerOptions = {}): Promise<SecretManagerServer> {
  const file = createStateFile(options.stateFile, () => store.toJSON());
  const store = createSecretStore(() => file.changed(), options.now ?? Date.now);
  const kept = file.load();
  if (kept !== undefined) store.restore(kept as { secrets: Secret[] });

  let faults = noFaults();
  const server = await serveGrpc({
    service: loadService(
      "@google-cloud/secret-manager",
      "protos.json",
      "google.cloud.secretmanager.v1.SecretManagerService",
    ),
    handlers: handlersOf(store),
    gate: async (method, request) => {
      await passCommonFaults(faults);
      await faults.before?.(method);
      assertNoSecretFault(method, request as NamingRequest, faults);
    },
    port: options.port ?? 0,
  });

  return {
    host: "127.0.0.1",
    port: server.port,
    faults: {
      set: (wanted) => {
        faults = { ...faults, ...wanted };
      },
      get: () => faults,
      clear: () => {
        faults = noFaults();
      },
    },
    seedSecret(name, value) {
      if (!store.has(name)) store.create(name, isRegional(name) ? {} : { replication: { automatic: {} } });
      const payload = Buffer.isBuffer(value) ? value : Buffer.from(value);
      return `${name}/versions/${store.addVersion(name, payload, undefined).number}`;
    },
    peekSecret: (name) => {
      const payload = store.has(name) ? store.get(name).versions.at(-1)?.payload : undefined;
      return payload === undefined ? undefined : Buffer.from(payload, "base64").toString();
    },
    snapshot: () => structuredClone(store.toJSON()),
    restore: (snapshot) => store.restore(snapshot as { secrets: Secret[] }),
    stop() {
      server.stop();
      file.close();
    },
  };
}

interface NamingRequest {
  readonly name?: string;
  readonly parent?: string;
  readonly secretId?: string;
  readonly secret?: { readonly name: string } | null;
}

function assertNoSecretFault(method: string, request: NamingRequest, faults: SecretManagerFaults): void {
  const created = request.secretId ? `${request.parent}/secrets/${request.secretId}` : undefined;
  const resource = created ?? request.name ?? request.secret?.name ?? request.parent ?? "";
  const name = resource.replace(/\/versions\/.*$/, "");
  const isOneOf = (names: readonly string[]) =>
    names.some((each) => each === name || (!each.includes("/") && name.endsWith(`/secrets/${each}`)));
  if (isOneOf(faults.forbidden)) {
    const verb = method === "AccessSecretVersion" ? "versions.access" : "secrets.get";
    throw new RpcError(
      status.PERMISSION_DENIED,
      `Permission 'secretmanager.${verb}' denied for resource '${resource}' (or it may not exist).`,
    );
  }
  if (isOneOf(faults.missing) && method !== "CreateSecret") throw secretNotFound(name);
}

interface VersionRequest {
  readonly name: string;
  readonly etag: string;
}

interface ListRequest {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
  readonly filter: string;
}

interface WireSecret extends SecretSettings {
  readonly name: string;
  readonly etag: string;
  readonly ttl?: Timestamp;
}

function handlersOf(store: SecretStore): Handlers {
  function findVersion(name: string): { secret: Secret; version: Version } {
    const { secret: secretName, version } = parseVersionName(name);
    const secret = store.get(secretName);
    return { secret, version: store.version(secret, version) };
  }

  const changeState = (state: VersionState) => (request: VersionRequest) => {
    const { secret, version } = findVersion(request.name);
    assertEtag(request.etag, version.etag);
    if (version.state === "DESTROYED") throw inState(secret, version);
    if (version.state !== state) store.setState(version, state);
    return wireVersion(secret, version);
  };

  return {
    unary: {
      CreateSecret(request: { parent: string; secretId: string; secret: WireSecret | null }) {
        const name = `${parseParent(request.parent)}/secrets/${parseSecretId(request.secretId)}`;
        if (!isRegional(name) && !request.secret?.replication) {
          throw invalidArgument("Field [secret.replication] is required.");
        }
        return wireSecret(store.create(name, settingsOf(request.secret)));
      },
      GetSecret: (request: { name: string }) => wireSecret(store.get(request.name)),
      UpdateSecret(request: { secret: WireSecret | null; updateMask: { paths: string[] } | null }) {
        const secret = store.get(request.secret?.name ?? "");
        assertEtag(request.secret?.etag ?? "", secret.etag);
        secret.settings = updatedSettings(secret.settings, request.secret, request.updateMask?.paths ?? []);
        store.touch(secret);
        return wireSecret(secret);
      },
      DeleteSecret(request: VersionRequest) {
        assertEtag(request.etag, store.get(request.name).etag);
        store.remove(request.name);
        return {};
      },
      ListSecrets(request: ListRequest) {
        const matches = matcherOf<Secret>(request.filter, (secret, field) =>
          field === "name" ? secret.name : secret.settings.labels?.[field.replace(/^labels\./, "")],
        );
        const found = store.list(parseParent(request.parent)).filter(matches);
        const { page, ...rest } = pageOf(found, request.pageSize, request.pageToken);
        return { secrets: page.map(wireSecret), ...rest };
      },
      AddSecretVersion(request: { parent: string; payload: { data: Buffer; dataCrc32c?: string } | null }) {
        const secret = store.get(parseSecretName(request.parent));
        const payload = request.payload ?? { data: Buffer.alloc(0) };
        return wireVersion(secret, store.addVersion(secret.name, payload.data, payload.dataCrc32c));
      },
      GetSecretVersion(request: VersionRequest) {
        const { secret, version } = findVersion(request.name);
        return wireVersion(secret, version);
      },
      ListSecretVersions(request: ListRequest) {
        const secret = store.get(request.parent);
        const matches = matcherOf<Version>(request.filter, (version, field) =>
          field === "state" ? version.state : field === "name" ? versionName(secret, version) : undefined,
        );
        const found = secret.versions.toReversed().filter(matches);
        const { page, ...rest } = pageOf(found, request.pageSize, request.pageToken);
        return { versions: page.map((version) => wireVersion(secret, version)), ...rest };
      },
      AccessSecretVersion(request: VersionRequest) {
        const { secret, version } = findVersion(request.name);
        if (version.state !== "ENABLED") throw inState(secret, version);
        const data = Buffer.from(version.payload, "base64");
        return { name: versionName(secret, version), payload: { data, dataCrc32c: String(crc32c(data)) } };
      },
      DisableSecretVersion: changeState("DISABLED"),
      EnableSecretVersion: changeState("ENABLED"),
      DestroySecretVersion: changeState("DESTROYED"),
    },
  };
}

function settingsOf(secret: WireSecret | null): SecretSettings {
  if (secret === null) return {};
  const { replication, labels, annotations, topics, versionAliases, rotation, versionDestroyTtl } = secret;
  const expireTime = secret.ttl
    ? { seconds: String(Math.floor(Date.now() / 1000) + Number(secret.ttl.seconds)), nanos: 0 }
    : secret.expireTime;
  const settings = { replication, labels, annotations, topics, versionAliases, rotation, versionDestroyTtl };
  return Object.fromEntries(
    Object.entries({ ...settings, expireTime }).filter(([, value]) => value !== undefined),
  );
}

function updatedSettings(
  current: SecretSettings,
  wanted: WireSecret | null,
  paths: string[],
): SecretSettings {
  if (paths.length === 0) throw invalidArgument("Field [update_mask] is required.");
  const fields = paths.map((path) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  const names = fields.map((field) => (field === "ttl" ? "expireTime" : (field.split(".")[0] ?? field)));
  const refused = names.find((name) => !MUTABLE.includes(name));
  if (refused !== undefined) throw invalidArgument(`Field [${refused}] cannot be updated.`);
  const settings = Object.entries(settingsOf(wanted)).filter(([name]) => names.includes(name));
  const kept = Object.entries(current).filter(([name]) => !names.includes(name));
  return Object.fromEntries([...kept, ...settings]);
}

function assertEtag(given: string, current: string): void {
  if (given !== "" && given !== current) {
    throw new RpcError(status.FAILED_PRECONDITION, `The etag provided [${given}] is not the current one.`);
  }
}

function inState(secret: Secret, version: Version): RpcError {
  return new RpcError(
    status.FAILED_PRECONDITION,
    `Secret Version [${versionName(secret, version)}] is in ${version.state} state.`,
  );
}

function versionName(secret: Secret, version: Version): string {
  return `${secret.name}/versions/${version.number}`;
}

function wireSecret(secret: Secret): object {
  return { ...secret.settings, name: secret.name, createTime: secret.createTime, etag: secret.etag };
}

function wireVersion(secret: Secret, version: Version): object {
  const { payload, number, ...rest } = version;
  const replicationStatus = isRegional(secret.name) ? null : { automatic: {} };
  return { ...rest, name: versionName(secret, version), replicationStatus };
}
