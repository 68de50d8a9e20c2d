import type { Target } from "../domain/target.ts";
import type { PoolConsole } from "./console.ts";
import type { Login } from "./login.ts";

/** A notice or warning that the server sent while a statement ran. */
export interface Notice {
  readonly severity: string;
  /** The SQLSTATE, such as 01007 for a GRANT that granted nothing. */
  readonly code: string;
  readonly message: string;
}

export interface Rows<Row> {
  readonly rows: Row[];
  readonly rowCount: number;
  /** The notices that arrived while this statement ran (a GRANT can succeed doing nothing and only warn). */
  readonly notices: readonly Notice[];
}

/** A borrowed connection. It is good until the function it was lent to settles, and not after. */
export interface Session {
  /** `server_version_num`, such as 170010. */
  readonly versionNum: number;
  /** The login role of the connection: the admin. */
  readonly user: string;
  readonly target: Target;
  /**
   * Runs one statement. Statements that are not awaited one by one are sent together and run in order. Rejects
   * with pg's DatabaseError, or with a ServiceError `unavailable` (details.reason `connection_lost`) when the
   * connection is lost; a statement is never sent twice.
   */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
    options?: StatementOptions,
  ): Promise<Rows<Row>>;
}

export interface StatementOptions {
  /** Runs it as a prepared statement of that name; a name belongs to one constant text. */
  readonly name?: string;
  /**
   * A promise that the text is one of few, and reads catalogs by PostgreSQL's own functions alone: the server keeps it prepared,
   * and may keep its plan. It is as `plain` then.
   */
  readonly keep?: boolean;
  /**
   * A promise that the statement runs no code of users, such as event triggers: it neither prepares statements nor drops
   * any. What was prepared before stays then, without a look at what there is.
   */
  readonly plain?: boolean;
  /**
   * A promise that the statement leaves nothing behind in the session: no setting, lock, temporary object,
   * cursor or open transaction. A session that ran nothing else goes back without the round trip that cleans it.
   */
  readonly read?: boolean;
  /**
   * It sets `statement_timeout` to so much: an answer to this borrower may take as long. A server that owes one for
   * longer than it may run a statement is taken for gone.
   */
  readonly raisesTimeoutToMs?: number;
}

export interface BorrowOptions {
  /** The operationId, which becomes part of application_name. */
  readonly operation: string;
  /** When it aborts, a waiting borrower leaves the queue; what runs is not interrupted. */
  readonly signal?: AbortSignal;
  /** Looks after the instance's health: may use the connection that is kept back for that. */
  readonly healthCheck?: boolean;
  /**
   * A promise that it runs few statements, each of them a `read`: it may share its connection with others of the same
   * operation, whose reads are sent together with its own.
   */
  readonly readsOnly?: boolean;
  /** It stands by while the same request works on others: it takes no place of its pool, but one of the budget. */
  readonly aside?: boolean;
}

/** How much of an instance's connections is in use. */
export interface InstanceUse {
  /** The connection name. */
  readonly name: string;
  readonly checkedOut: number;
  /** The most that its present pools may have, without what is kept back for health checks. */
  readonly limit: number;
}

export interface PoolTotals {
  readonly pools: number;
  readonly size: number;
  readonly checkedOut: number;
  readonly idle: number;
  readonly waiting: number;
  /** Connections above CONNECTION_POOL_SIZE, summed over the pools. */
  readonly overflow: number;
  /** The most connections that all present pools may hold together. */
  readonly limit: number;
  /** The instance of whose connections the greatest part is in use; absent when there is no pool. */
  readonly mostUsed?: InstanceUse;
}

/**
 * Pools of connections, one per target. `withSession` lends a connection and takes it back; it waits at most the
 * connection timeout and then rejects with a ServiceError `unavailable`. Failures to connect are ServiceErrors:
 * `not_found` (details.resource instance, database or secret), `unavailable`, `timeout`. An error thrown by `fn`
 * passes through unchanged.
 */
export interface Pools {
  withSession<T>(target: Target, options: BorrowOptions, fn: (session: Session) => Promise<T>): Promise<T>;
  totals(): PoolTotals;
  /** Whether the server takes a user's password: see `tryLogin`. Needs no room in a pool. */
  tryLogin(target: Target, login: Login): Promise<boolean>;
  readonly console: PoolConsole;
}
