import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Instance } from "../../src/domain/target.ts";
import { createAccessTokens } from "../../src/local-cloud/access-tokens.ts";
import { type CertificateAuthority, createCertificateAuthority } from "../../src/local-cloud/certificates.ts";
import { startMetadataServer } from "../../src/local-cloud/metadata-server.ts";
import { type ServerSideProxy, startServerSideProxy } from "../../src/local-cloud/server-side-proxy.ts";
import { type SqlAdminApi, startSqlAdminApi } from "../../src/local-cloud/sql-admin-api.ts";
import type { AdminInstance } from "../../src/local-cloud/sql-admin-routes.ts";

/** The parts of Cloud SQL that a connector sees, with an echo in place of each PostgreSQL server. */
export interface InstanceRig {
  readonly api: SqlAdminApi;
  readonly instances: readonly RigInstance[];
  stop(): Promise<void>;
}

export interface RigInstance {
  readonly instance: Instance;
  readonly proxy: ServerSideProxy;
  /** How many certificates were issued: one for each look-up. */
  certificates(): number;
  /** Fails over to another address; the old one refuses connections. */
  failOver(): Promise<void>;
}

const project = "rig-project";

export async function startInstanceRig(names: readonly string[] = ["orders-db"]): Promise<InstanceRig> {
  const tokens = createAccessTokens();
  const metadata = await startMetadataServer({ projectId: project, email: "rig@example.com", tokens });
  const gcloud = await mkdtemp(join(tmpdir(), "no-gcloud-"));
  Object.assign(process.env, {
    GCE_METADATA_HOST: metadata.host,
    METADATA_SERVER_DETECTION: "assume-present",
    GOOGLE_CLOUD_PROJECT: project,
    CLOUDSDK_CONFIG: gcloud,
  });
  const made = await Promise.all(names.map(startRigInstance));
  const api = await startSqlAdminApi({
    projectId: project,
    instances: made.map((each) => each.facts),
    tokens,
  });
  return {
    api,
    instances: made.map((each) => each.rigInstance),
    async stop() {
      await Promise.all([api.stop(), metadata.stop(), ...made.map((each) => each.stop())]);
      await rm(gcloud, { recursive: true });
    },
  };
}

async function startRigInstance(name: string) {
  let certificates = 0;
  const made = createCertificateAuthority();
  const authority: CertificateAuthority = {
    ...made,
    issueClientCertificate(options) {
      certificates += 1;
      return made.issueClientCertificate(options);
    },
  };
  const startProxy = () =>
    startServerSideProxy({ commonName: `${project}:${name}`, authority, accept: (stream) => echo(stream) });
  const proxies = [await startProxy()];
  const current = () => proxies.at(-1) as ServerSideProxy;
  const noServer = () => Promise.reject(new Error("there is no PostgreSQL server here"));
  const facts: AdminInstance = {
    projectId: project,
    region: "europe-west1",
    name,
    major: 17,
    get address() {
      return current().address;
    },
    authority,
    server: {
      createUser: noServer,
      dropUser: noServer,
      setPassword: noServer,
      createDatabase: noServer,
      dropDatabase: noServer,
      querySuperuser: noServer,
    },
  };
  const rigInstance: RigInstance = {
    instance: { project, region: "europe-west1", instance: name },
    get proxy() {
      return current();
    },
    certificates: () => certificates,
    async failOver() {
      await current().setBehaviour("refusing");
      current().dropConnections();
      proxies.push(await startProxy());
    },
  };
  const stop = () => Promise.all(proxies.map((proxy) => proxy.stop()));
  return { facts, rigInstance, stop };
}

function echo(stream: Duplex): void {
  stream.on("error", () => stream.destroy());
  stream.on("end", () => stream.end());
  stream.on("data", (chunk) => stream.write(chunk));
}

/** Sends a word and waits for it to come back; rejects when the connection fails. */
export function sayTo(stream: Duplex, word: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error) => reject(error ?? new Error("the connection closed"));
    stream.once("error", fail);
    stream.once("close", fail);
    stream.once("data", (chunk) => {
      stream.off("error", fail);
      stream.off("close", fail);
      resolve(String(chunk));
    });
    stream.write(word);
  });
}
