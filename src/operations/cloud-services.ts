import { ServiceError } from "../errors.ts";
import type { CloudUsers } from "./cloud-users.ts";
import type { Context } from "./context.ts";
import type { OperationStore } from "./operation-store.ts";
import type { PasswordVersions } from "./password-versions.ts";
import type { UserPasswords } from "./user-passwords.ts";

/** What operations on users need of Google besides the registry. */
export interface CloudServices {
  readonly users: CloudUsers;
  readonly passwords: UserPasswords;
  readonly versions: PasswordVersions;
  readonly operations: OperationStore;
  /** OPERATION_WAIT, in milliseconds: an operation that takes longer is answered before its end. */
  readonly patienceMs: number;
  /** OPERATION_LEASE, in milliseconds: how long others leave an operation to a process that says nothing of it any more. */
  readonly leaseMs: number;
  /** Aborts when the process stops. */
  readonly stopping: AbortSignal;
}

export function cloudServices(context: Context): CloudServices {
  if (context.cloud !== undefined) return context.cloud;
  throw new ServiceError("internal_error", "The service was put together without the Cloud SQL Admin API.");
}
