/** All times in milliseconds. */
export interface PoolSettings {
  /** The login role of every connection. */
  readonly adminUser: string;
  /** Connections that a database's pool may keep. */
  readonly size: number;
  /** Connections above `size` under load; closed soon after use. */
  readonly maxOverflow: number;
  /** Connections that a pool keeps open once it was used; 0 lets an idle service hold nothing. */
  readonly minSize: number;
  /** Readers of one operation that share a connection at most; 1, as when absent: each has its own. */
  readonly maxReads?: number;
  /** How long a borrower waits for a connection, connecting included. */
  readonly connectionTimeoutMs: number;
  /** Attempts to connect before giving up, the first included. */
  readonly retryAttempts: number;
  readonly idleTimeoutMs: number;
  /** A connection's lifetime; shortened by up to a tenth at random, so that they don't all end together. */
  readonly maxLifetimeMs: number;
  readonly statementTimeoutMs: number;
  /** A statement that is not answered so long after its timeout never will be: its connection is given up. */
  readonly unansweredGraceMs?: number;
  readonly lockTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  /** Connections to one instance, all its databases together; derived from the server's settings when absent. */
  readonly instanceLimit?: number;
  /** Processes that share an instance, for the derived limit; 1 when absent. */
  readonly cloudRunMaxInstances?: number;
  /** Databases that may have a pool at the same time. */
  readonly maxPools?: number;
  /** Connections of the whole process. */
  readonly totalLimit?: number;
  /** Consecutive failures to connect that open an instance's breaker. */
  readonly breakerThreshold: number;
  /** How long an open breaker refuses before it lets one attempt through. */
  readonly breakerResetMs: number;
  /** The same, at most, when the server answers, and lets nobody in for now; 5 s when absent. */
  readonly breakerRecoveryMs?: number;
  /** `application_name` of the sessions; the operation is added to it. */
  readonly applicationName: string;
  /** A connection idle for longer is checked with a round trip before it is lent; 30 s when absent. */
  readonly checkAfterIdleMs?: number;
}
