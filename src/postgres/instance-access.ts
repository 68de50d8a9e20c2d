import type { Duplex } from "node:stream";
import type { Instance } from "../domain/target.ts";

/** How the pools reach an instance; google/connector.ts does it through the Cloud SQL connector. */
export interface InstanceAccess {
  /**
   * A factory of streams for pg's `stream` option; each call of it opens one connection. Rejects with a
   * ServiceError: `not_found` (details.resource `instance`), `unavailable` or `timeout`.
   */
  openStream(instance: Instance, options: { readonly timeoutMs: number }): Promise<() => Duplex>;
  /** Connecting failed in a way that stale metadata would explain (failover, new address): look it up again. */
  refresh(instance: Instance): void;
}

/** Where the admin's password comes from; google/secrets.ts reads it from Secret Manager. */
export interface AdminPasswords {
  /** Cached; simultaneous first reads share one look-up. Rejects with a ServiceError: `not_found` (`secret`), `unavailable`. */
  read(instance: Instance): Promise<string>;
  /** The server refused this password (28P01): drop it if it is still the cached one. */
  forget(instance: Instance, refused: string): void;
  /**
   * The password before the latest one, read anew: in the middle of a rotation it may still be the one that the server
   * takes. undefined when there is none that may be read. Absent: nobody keeps any.
   */
  readPrevious?(instance: Instance): Promise<string | undefined>;
  /** Read it again before it is used next. The known one stays in use while reading fails in passing. */
  expire(instance: Instance): void;
}
