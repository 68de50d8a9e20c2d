import type { Target } from "../domain/target.ts";
import type { ErrorKind } from "../errors.ts";

/** What became of one step of an operation: a transaction, a call of the Admin API, a new version of a secret. */
export interface StepReport {
  readonly kind: "sql" | "cloud_sql_api" | "secret" | "login";
  readonly description: string;
  /** Of a step in SQL. */
  readonly database?: string;
  readonly outcome: "done" | "nothing_to_do" | "failed" | "not_attempted";
}

/** An operation on a user that may outlast its request and its process. It holds no secret. */
export interface StoredOperation {
  readonly id: string;
  /** The operationId of the contract, such as `createUser`. */
  readonly action: string;
  readonly target: Target;
  readonly username: string;
  /** What it was asked for: enough to begin anew in another process, since all of them look at what is there first. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly actor: string;
  readonly requestId: string;
  readonly state: "running" | "succeeded" | "failed";
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly steps: readonly StepReport[];
  readonly changed: boolean;
  readonly warnings: readonly string[];
  readonly failure: {
    readonly kind: ErrorKind;
    readonly message: string;
  } | null;
}

export type OperationProgress = Partial<
  Pick<StoredOperation, "state" | "steps" | "changed" | "warnings" | "failure">
>;

/** Whoever works on an operation holds its lease, and renews it; it ends by itself when the process does. */
export interface Lease {
  readonly owner: string;
  readonly forMs: number;
}

/** The operations, where all processes of the service see them. Failures are `unavailable` or `timeout`. */
export interface OperationStore {
  create(operation: StoredOperation, lease: Lease): Promise<void>;
  read(id: string): Promise<StoredOperation | undefined>;
  /** Those that have not ended and whose lease has, at most so many: nobody works on them. */
  listAbandoned(limit: number): Promise<readonly StoredOperation[]>;
  /**
   * An operation on the same user of the same instance that began after this one: then this one is not gone on with,
   * since it would undo what was asked for later.
   */
  findLater(operation: StoredOperation): Promise<StoredOperation | undefined>;
  /** Takes a running operation over, if nobody holds its lease; else undefined. */
  takeOver(id: string, lease: Lease): Promise<StoredOperation | undefined>;
  /** Renews the lease and keeps what became of it; false when another holds the lease now: then nothing is written. */
  save(id: string, lease: Lease, progress: OperationProgress): Promise<boolean>;
}
