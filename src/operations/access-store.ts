import type { Instance } from "../domain/target.ts";
import type { AccessState, StoredAccess } from "../domain/temporary-access.ts";

/** The accesses, where all processes of the service see them. Failures are `unavailable` or `timeout`. */
export interface AccessStore {
  create(access: StoredAccess): Promise<void>;
  read(id: string): Promise<StoredAccess | undefined>;
  /** In one transaction, if its state is one of `from`, and `onlyIf` holds; undefined, and nothing is written, if not. */
  change(
    id: string,
    from: readonly AccessState[],
    fields: Partial<StoredAccess>,
    onlyIf?: (stored: StoredAccess) => boolean,
  ): Promise<StoredAccess | undefined>;
  /** Newest first, ended ones too, at most `limit`. */
  list(instance: Instance, limit: number): Promise<readonly StoredAccess[]>;
  /** All of the instance that are requested or held. */
  open(instance: Instance): Promise<readonly StoredAccess[]>;
  /** Of every instance, those that a sweep has to look at, earliest first; the page that follows `after`. */
  due(atMs: number, limit: number, after?: StoredAccess): Promise<readonly StoredAccess[]>;
}
