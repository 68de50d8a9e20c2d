import type { AccountType } from "../domain/account.ts";
import type { Instance } from "../domain/target.ts";

/** A user as the Admin API lists it. */
export interface CloudUser {
  /** The role's name in PostgreSQL. */
  readonly name: string;
  /** undefined for a type that this service does not know. */
  readonly type: AccountType | undefined;
}

/** An operation of the Admin API, which goes on after it was answered. */
export interface CloudOperation {
  readonly name: string;
  readonly done: boolean;
  /** Google's code of what went wrong, once it is done. */
  readonly failure?: string;
}

export interface CloudUse {
  /** Gives up at once when it aborts; without that, calls and their retries end by themselves. */
  readonly signal: AbortSignal;
}

/**
 * The users of instances, through the Cloud SQL Admin API. Its mutations are asynchronous, and one at a time for each
 * instance: one that meets another waits for its turn, until the signal aborts. Failures are ServiceErrors: `not_found`
 * (instance), `conflict` (refused; `details.reason` is Google's), `unavailable`, `timeout`.
 */
export interface CloudUsers {
  list(instance: Instance, use: CloudUse): Promise<CloudUser[]>;
  /** An IAM principal; built-in users are made by SQL, since the API would make them members of cloudsqlsuperuser. */
  insert(
    instance: Instance,
    user: { readonly name: string; readonly type: Exclude<AccountType, "built_in"> },
    use: CloudUse,
  ): Promise<CloudOperation>;
  /** undefined when there is no such user. */
  delete(instance: Instance, name: string, use: CloudUse): Promise<CloudOperation | undefined>;
  readOperation(instance: Instance, name: string, use: CloudUse): Promise<CloudOperation>;
}
