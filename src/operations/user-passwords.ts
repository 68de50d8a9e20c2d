import type { Instance } from "../domain/target.ts";

/** A version of a secret; never its value. */
export interface PasswordVersion {
  /** The full name, such as `projects/p/locations/europe-west1/secrets/s/versions/3`. */
  readonly version: string;
}

/**
 * The passwords of built-in users, one secret each. Failures are ServiceErrors: `unavailable`, `timeout`, or `conflict`
 * when a secret of that name is something else's.
 */
export interface UserPasswords {
  /** The id of the user's secret. Needs no I/O. */
  secretId(instance: Instance, username: string): string;
  /** Makes the secret if need be and adds a version, which is then the latest. */
  add(
    instance: Instance,
    username: string,
    password: string,
    use: { readonly signal: AbortSignal },
  ): Promise<PasswordVersion>;
}
