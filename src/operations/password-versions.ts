import type { Instance } from "../domain/target.ts";

/** A version of a secret that may be read; never its value. */
export interface StoredVersion {
  /** The full name, such as `projects/p/locations/europe-west1/secrets/s/versions/3`. */
  readonly version: string;
  readonly number: number;
  readonly createdAt: Date;
}

export interface StoredSecret {
  /** The full name. */
  readonly secret: string;
  /** The enabled versions, newest first; at most the newest fifty. */
  readonly versions: readonly StoredVersion[];
}

export interface VersionUse {
  readonly signal: AbortSignal;
}

/**
 * The versions of the secrets that hold passwords: the admin's (owner undefined) and those of built-in users. Regional
 * secrets go before global ones. Failures are ServiceErrors: `unavailable`, `timeout`, or `conflict` when a secret of
 * that name is something else's.
 */
export interface PasswordVersions {
  /** undefined when there is no secret. */
  find(instance: Instance, owner: string | undefined, use: VersionUse): Promise<StoredSecret | undefined>;
  read(instance: Instance, version: string, use: VersionUse): Promise<string>;
  /** Adds a version to a secret that is there; it is the latest then. */
  add(instance: Instance, secret: string, password: string, use: VersionUse): Promise<StoredVersion>;
  disable(instance: Instance, version: string, use: VersionUse): Promise<void>;
}
