import type { Log } from "../log.ts";
import type { CloudServices } from "../operations/cloud-services.ts";
import { stopping } from "./deadline.ts";
import type { FirestoreClientOptions } from "./firestore-client.ts";
import { createOperationStore } from "./operation-store.ts";
import type { SecretPasswordVersions } from "./password-versions.ts";
import { createSqlAdminUsers } from "./sql-admin.ts";
import { createUserPasswords, type UserPasswordsOptions } from "./user-passwords.ts";

export interface CloudServicesOptions {
  readonly sqlAdminEndpoint?: string | undefined;
  readonly secrets: UserPasswordsOptions;
  readonly firestore: Omit<FirestoreClientOptions, "log"> & { readonly collection: string };
  readonly versions: SecretPasswordVersions;
  readonly patienceMs: number;
  readonly leaseMs: number;
  readonly log: Log;
}

export interface ClosableCloudServices extends CloudServices {
  /** Ends what goes on after its request was answered; another process, or the next start, takes it over. */
  stop(): void;
  close(): Promise<void>;
}

/** The adapters for operations on users. Nothing is contacted before one is used. */
export function createCloudServices(options: CloudServicesOptions): ClosableCloudServices {
  const { log } = options;
  const users = createSqlAdminUsers({ endpoint: options.sqlAdminEndpoint, log });
  const passwords = createUserPasswords(options.secrets);
  const operations = createOperationStore({ ...options.firestore, log });
  const ending = new AbortController();
  return {
    users,
    passwords,
    versions: options.versions,
    operations,
    patienceMs: options.patienceMs,
    leaseMs: options.leaseMs,
    stopping: ending.signal,
    stop: () => ending.abort(stopping()),
    async close() {
      ending.abort(stopping());
      users.close();
      await Promise.all([passwords.close(), operations.close()]);
    },
  };
}
