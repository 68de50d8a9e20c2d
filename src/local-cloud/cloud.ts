import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAccessTokens } from "./access-tokens.ts";
import { startControlServer } from "./control.ts";
import { demoFleetFile, demoPolicyFile } from "./demo-fleet.ts";
import { createFaults, type Faults } from "./faults.ts";
import { type FirestoreServer, startFirestore } from "./firestore.ts";
import type { LoadedFleet } from "./fleet.ts";
import { type IdTokenOptions, type Issuer, principalsOf, startIssuer } from "./issuer.ts";
import { type LocalInstance, startLocalInstance } from "./local-instance.ts";
import { startMetadataServer } from "./metadata-server.ts";
import { preparePostgresDirectories } from "./postgres-directories.ts";
import { cleanLeftovers } from "./postgres-leftovers.ts";
import { makeRunDirectory, removeRunDirectory } from "./postgres-run.ts";
import { type SecretManagerServer, startSecretManager } from "./secret-manager.ts";
import { type SqlAdminApi, startSqlAdminApi } from "./sql-admin-api.ts";

export interface LocalCloudOptions {
  readonly fleet: LoadedFleet;
  /** Where everything is kept between runs; without it, each start is fresh and leaves nothing. */
  readonly directory?: string | undefined;
  /** How long an operation of the Admin API takes, in its two phases. */
  readonly pendingMs?: number;
  readonly runningMs?: number;
}

export interface LocalCloud {
  readonly projectId: string;
  readonly instances: readonly LocalInstance[];
  readonly sqlAdmin: SqlAdminApi;
  readonly secretManager: SecretManagerServer;
  readonly firestore: FirestoreServer;
  /** Of the callers' ID tokens. */
  readonly issuer: Issuer;
  readonly faults: Faults;
  readonly controlUrl: string;
  /** For POLICY_FILE, where callers are asked who they are: who of them may do what. */
  readonly policyFile: string;
  /** The environment variables that point a service, and Google's clients in it, at this cloud and nowhere else. */
  readonly settings: Readonly<Record<string, string>>;
  /** Throws when the fleet has no such instance. */
  instance(name: string): LocalInstance;
  /** The full name of the secret that holds an instance's admin password. */
  secretOf(instance: LocalInstance): string;
  /** An access token of a principal, as its own credentials would give it. */
  issueAccessToken(email: string): string;
  /** An ID token of a principal, for the local service unless told. Throws when there is no such principal. */
  issueIdToken(email: string, options?: IdTokenOptions): string;
  stop(): Promise<void>;
}

const secretSuffix = "postgres-password";

/** Starts everything in parallel. Rejects, with nothing left running, when any part cannot start. */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  await using started = new AsyncDisposableStack();
  const directories = await preparePostgresDirectories();
  await cleanLeftovers(directories);
  const runDirectory = await makeRunDirectory(directories.run);
  started.defer(() => removeRunDirectory(runDirectory));
  const cloud = await startParts(options, runDirectory, started);
  const stops = started.move();
  return { ...cloud, stop: () => stops.disposeAsync() };
}

async function startParts(
  { fleet, directory, pendingMs, runningMs }: LocalCloudOptions,
  runDirectory: string,
  started: AsyncDisposableStack,
): Promise<Omit<LocalCloud, "stop">> {
  const { projectId } = fleet;
  const tokens = createAccessTokens();
  const stateFile = (name: string) => (directory === undefined ? undefined : join(directory, name));
  const email = `cloudsql-manager@${projectId.replace(/^(.*):(.*)$/, "$2.$1")}.iam.gserviceaccount.com`;
  const gcloudDirectory = join(runDirectory, "gcloud");

  const issuing = startIssuer({ principals: principalsOf(fleet, email) }).then((server) =>
    deferStop(started, server),
  );
  const issueIdentityToken = async (principal: string, audience: string) =>
    (await issuing).issue(principal, { audience });
  const [instances, secretManager, firestore, issuer, metadata] = await allOrNone([
    startInstances(fleet, directory, started),
    startSecretManager({ stateFile: stateFile("secret-manager.json") }).then((server) =>
      deferStop(started, server),
    ),
    startFirestore({ stateFile: stateFile("firestore.json") }).then((server) => deferStop(started, server)),
    issuing,
    startMetadataServer({ projectId, email, tokens, issueIdentityToken }).then((server) =>
      deferStop(started, server),
    ),
    mkdir(gcloudDirectory),
  ]);
  const sqlAdmin = deferStop(
    started,
    await startSqlAdminApi({
      projectId,
      instances,
      tokens,
      ...(pendingMs === undefined ? {} : { pendingMs }),
      ...(runningMs === undefined ? {} : { runningMs }),
    }),
  );
  const secretOf = ({ name, region, secret }: LocalInstance) => {
    const location = secret === "regional" ? `/locations/${region}` : "";
    return `projects/${projectId}${location}/secrets/${name}-${secretSuffix}`;
  };
  for (const instance of instances) {
    const { adminPassword } = instance.server;
    const name = secretOf(instance);
    if (secretManager.peekSecret(name) !== adminPassword) secretManager.seedSecret(name, adminPassword);
  }
  const faults = createFaults({ instances, sqlAdmin, secretManager, firestore, issuer, secretOf });
  const policyFile = await preparePolicy(fleet, issuer, runDirectory);
  const control = deferStop(started, await startControlServer({ faults }));
  return {
    projectId,
    instances,
    sqlAdmin,
    secretManager,
    firestore,
    issuer,
    faults,
    controlUrl: control.url,
    policyFile,
    settings: {
      SQL_ADMIN_ENDPOINT: sqlAdmin.url,
      SECRET_MANAGER_ENDPOINT: `${secretManager.host}:${secretManager.port}`,
      SECRET_NAME_SUFFIX: secretSuffix,
      FIRESTORE_EMULATOR_HOST: firestore.host,
      FIRESTORE_PROJECT_ID: projectId,
      GOOGLE_CLOUD_PROJECT: projectId,
      GCE_METADATA_HOST: metadata.host,
      METADATA_SERVER_DETECTION: "assume-present",
      CLOUDSDK_CONFIG: gcloudDirectory,
      CLOUDSQL_IP_TYPE: "PRIVATE",
      AUTH_AUDIENCES: issuer.audience,
      AUTH_JWKS_URL: issuer.jwksUrl,
    },
    instance(name) {
      const found = instances.find((each) => each.name === name);
      if (!found) throw new Error(`the fleet has no instance ${name}`);
      return found;
    },
    secretOf,
    issueAccessToken: (principal) => tokens.issue(principal).token,
    issueIdToken: issuer.issue,
  };
}

/** The demo fleet has a policy of its own; of another fleet, each principal may do everything. */
async function preparePolicy(fleet: LoadedFleet, issuer: Issuer, directory: string): Promise<string> {
  if (fleet.source === demoFleetFile) return demoPolicyFile;
  const principals = issuer.principals.map(
    ({ email, kind }) => `${kind === "user" ? "user" : "serviceAccount"}:${email}`,
  );
  const policy = { version: 1, bindings: [{ principals, role: "admin", targets: ["*"] }] };
  const path = join(directory, "policy.yaml");
  await writeFile(path, JSON.stringify(policy), { mode: 0o600 });
  return path;
}

async function startInstances(
  fleet: LoadedFleet,
  directory: string | undefined,
  started: AsyncDisposableStack,
): Promise<LocalInstance[]> {
  const running: LocalInstance[] = [];
  started.defer(async () => {
    await Promise.all(running.map((instance) => instance.stop()));
  });
  return allOrNone(
    fleet.instances.map(async (instance) => {
      const local = await startLocalInstance({
        projectId: fleet.projectId,
        instance,
        scripts: fleet.scripts.filter(({ instanceName }) => instanceName === instance.name),
        directory: directory === undefined ? undefined : join(directory, instance.name),
      });
      running.push(local);
      return local;
    }),
  );
}

/** Waits for all, also when one fails, so that what has started is known when it is to be stopped. */
async function allOrNone<T extends readonly unknown[] | []>(
  promises: T,
): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function deferStop<T extends { stop(): unknown }>(started: AsyncDisposableStack, part: T): T {
  started.defer(async () => {
    await part.stop();
  });
  return part;
}
