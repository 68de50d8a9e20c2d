import { randomBytes } from "node:crypto";
import type { FirestoreServer } from "./firestore.ts";
import type { Issuer } from "./issuer.ts";
import type { LocalInstance } from "./local-instance.ts";
import type { SecretManagerFaults, SecretManagerServer } from "./secret-manager.ts";
import type { SqlAdminApi, SqlAdminFaults } from "./sql-admin-api.ts";

/** What faults are switched on in. */
export interface FaultTargets {
  readonly instances: readonly LocalInstance[];
  readonly sqlAdmin: SqlAdminApi;
  readonly secretManager: SecretManagerServer;
  readonly firestore: FirestoreServer;
  readonly issuer: Issuer;
  /** The full name of the secret that holds an instance's admin password. */
  secretOf(instance: LocalInstance): string;
}

export type Parameter =
  | { readonly kind: "instance" }
  | { readonly kind: "choice"; readonly choices: readonly (string | number)[] }
  | { readonly kind: "integer"; readonly min: number; readonly max: number; readonly fallback: number };

type Parameters = Readonly<Record<string, string | number>>;

interface FaultDefinition {
  readonly description: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** Switches it on, and gives what switches it off again. */
  readonly start: (targets: FaultTargets, parameters: Parameters) => (() => unknown) | Promise<() => unknown>;
}

const onInstance = { instance_name: { kind: "instance" } } as const;
const delay = { delay_ms: { kind: "integer", min: 1, max: 600_000, fallback: 1000 } } as const;

function instanceOf(targets: FaultTargets, { instance_name }: Parameters): LocalInstance {
  const found = targets.instances.find(({ name }) => name === instance_name);
  if (!found) throw new Error(`no instance ${String(instance_name)}`);
  return found;
}

function setSqlAdmin<Key extends keyof SqlAdminFaults>(
  { sqlAdmin }: FaultTargets,
  key: Key,
  value: SqlAdminFaults[Key],
): () => void {
  const before = sqlAdmin.faults[key];
  sqlAdmin.faults[key] = value;
  return () => {
    sqlAdmin.faults[key] = before;
  };
}

function addToSecrets(
  { secretManager }: FaultTargets,
  list: "missing" | "forbidden",
  secret: string,
): () => void {
  const update = (names: readonly string[]) => {
    const change: Partial<SecretManagerFaults> = { [list]: names };
    secretManager.faults.set(change);
  };
  update([...secretManager.faults.get()[list], secret]);
  return () => update(secretManager.faults.get()[list].filter((name) => name !== secret));
}

async function rotatePassword(targets: FaultTargets, parameters: Parameters): Promise<() => Promise<void>> {
  const instance = instanceOf(targets, parameters);
  const before = instance.server.adminPassword;
  const use = async (password: string) => {
    await instance.server.setAdminPassword(password);
    if (parameters.secret === "updated")
      targets.secretManager.seedSecret(targets.secretOf(instance), password);
  };
  await use(randomBytes(18).toString("base64url"));
  return () => use(before);
}

/** Every fault by name. */
export const faultDefinitions: Readonly<Record<string, FaultDefinition>> = {
  sql_admin_down: {
    description: "The Cloud SQL Admin API refuses connections.",
    parameters: {},
    async start({ sqlAdmin }) {
      await sqlAdmin.pause();
      return sqlAdmin.resume;
    },
  },
  sql_admin_reset: {
    description: "The Cloud SQL Admin API resets every connection when a request arrives.",
    parameters: {},
    start: (targets) => setSqlAdmin(targets, "resetting", true),
  },
  sql_admin_slow: {
    description: "Every answer of the Cloud SQL Admin API waits.",
    parameters: delay,
    start: (targets, { delay_ms }) => setSqlAdmin(targets, "delayMs", Number(delay_ms)),
  },
  sql_admin_status: {
    description: "The Cloud SQL Admin API answers everything with this status.",
    parameters: { status: { kind: "choice", choices: [503, 429, 403] } },
    start: (targets, { status }) =>
      setSqlAdmin(targets, "status", status === 403 ? 403 : status === 429 ? 429 : 503),
  },
  sql_admin_operations_fail: {
    description: "Operations of the Cloud SQL Admin API are accepted and end in an error.",
    parameters: {},
    start: (targets) => setSqlAdmin(targets, "operationsFail", true),
  },
  certificates_short_lived: {
    description: "Client certificates are issued for so many seconds only.",
    parameters: { lifetime_seconds: { kind: "integer", min: 1, max: 3600, fallback: 5 } },
    start: (targets, { lifetime_seconds }) =>
      setSqlAdmin(targets, "certificateLifetimeMs", Number(lifetime_seconds) * 1000),
  },
  instance_refusing: {
    description: "An instance refuses new connections; those that live go on.",
    parameters: onInstance,
    async start(targets, parameters) {
      const { proxy, server } = instanceOf(targets, parameters);
      server.faults.refuse(true);
      await proxy.setBehaviour("refusing");
      return async () => {
        server.faults.refuse(false);
        await proxy.setBehaviour("ok");
      };
    },
  },
  instance_dropping: {
    description: "An instance resets its live connections, and every new one.",
    parameters: onInstance,
    async start(targets, parameters) {
      const { proxy, server } = instanceOf(targets, parameters);
      server.faults.refuse(true);
      await proxy.setBehaviour("resetting");
      server.faults.dropConnections();
      proxy.dropConnections();
      return async () => {
        server.faults.refuse(false);
        await proxy.setBehaviour("ok");
      };
    },
  },
  instance_silent: {
    description: "An instance takes new connections and never answers.",
    parameters: onInstance,
    async start(targets, parameters) {
      const { proxy, server } = instanceOf(targets, parameters);
      server.faults.blackHole(true);
      await proxy.setBehaviour("silent");
      return async () => {
        server.faults.blackHole(false);
        await proxy.setBehaviour("ok");
      };
    },
  },
  instance_stopped: {
    description: "An instance's PostgreSQL is shut down (its sessions end with 57P01).",
    parameters: onInstance,
    async start(targets, parameters) {
      const { server } = instanceOf(targets, parameters);
      await server.shutDown();
      return server.startAgain;
    },
  },
  password_rotated: {
    description: "The admin's password is another one; the secret follows, or stays as it was.",
    parameters: { ...onInstance, secret: { kind: "choice", choices: ["unchanged", "updated"] } },
    start: rotatePassword,
  },
  admin_in_iam_role: {
    description: "The admin is a member of an IAM role, so that its password login is refused (28000).",
    parameters: onInstance,
    async start(targets, parameters) {
      const { server } = instanceOf(targets, parameters);
      await server.querySuperuser("postgres", "GRANT cloudsqliamuser TO postgres");
      return () => server.querySuperuser("postgres", "REVOKE cloudsqliamuser FROM postgres");
    },
  },
  secret_missing: {
    description: "The secret with the admin's password does not exist.",
    parameters: onInstance,
    start: (targets, parameters) =>
      addToSecrets(targets, "missing", targets.secretOf(instanceOf(targets, parameters))),
  },
  secret_forbidden: {
    description: "The secret with the admin's password may not be read.",
    parameters: onInstance,
    start: (targets, parameters) =>
      addToSecrets(targets, "forbidden", targets.secretOf(instanceOf(targets, parameters))),
  },
  secret_manager_unavailable: {
    description: "Secret Manager answers UNAVAILABLE.",
    parameters: {},
    start: ({ secretManager }) => {
      secretManager.faults.set({ unavailable: true });
      return () => secretManager.faults.set({ unavailable: false });
    },
  },
  secret_manager_slow: {
    description: "Every answer of Secret Manager waits.",
    parameters: delay,
    start: ({ secretManager }, { delay_ms }) => {
      secretManager.faults.set({ slowMs: Number(delay_ms) });
      return () => secretManager.faults.set({ slowMs: 0 });
    },
  },
  firestore_unavailable: {
    description: "Firestore answers UNAVAILABLE.",
    parameters: {},
    start: ({ firestore }) => {
      firestore.faults.set({ unavailable: true });
      return () => firestore.faults.set({ unavailable: false });
    },
  },
  firestore_forbidden: {
    description: "Firestore answers PERMISSION_DENIED.",
    parameters: {},
    start: ({ firestore }) => {
      firestore.faults.set({ permissionDenied: true });
      return () => firestore.faults.set({ permissionDenied: false });
    },
  },
  firestore_contended: {
    description: "The next commits of Firestore answer ABORTED.",
    parameters: { commits: { kind: "integer", min: 1, max: 1_000_000, fallback: 3 } },
    start: ({ firestore }, { commits }) => {
      firestore.faults.set({ contendedCommits: Number(commits) });
      return () => firestore.faults.set({ contendedCommits: 0 });
    },
  },
  firestore_slow: {
    description: "Every answer of Firestore waits.",
    parameters: delay,
    start: ({ firestore }, { delay_ms }) => {
      firestore.faults.set({ slowMs: Number(delay_ms) });
      return () => firestore.faults.set({ slowMs: 0 });
    },
  },
  issuer_down: {
    description: "The issuer of ID tokens, and its keys, refuse connections.",
    parameters: {},
    async start({ issuer }) {
      await issuer.pause();
      return issuer.resume;
    },
  },
  issuer_slow: {
    description: "The keys of ID tokens wait.",
    parameters: delay,
    start: ({ issuer }, { delay_ms }) => {
      issuer.faults.delayMs = Number(delay_ms);
      return () => {
        issuer.faults.delayMs = 0;
      };
    },
  },
  issuer_key_rotated: {
    description: "ID tokens are signed with another key, and the old one is not published any more.",
    parameters: {},
    start: ({ issuer }) => issuer.rotateKey(),
  },
};
