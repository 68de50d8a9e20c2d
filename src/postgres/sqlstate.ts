/**
 * Named SQLSTATEs and sets of them; decisions are made by these, never by message text.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const sqlstate = {
  privilegeNotGranted: "01007",
  privilegeNotRevoked: "01006",
  warning: "01000",
  uniqueViolation: "23505",
  activeSqlTransaction: "25001",
  noSuchStatement: "26000",
  invalidAuthorization: "28000",
  invalidPassword: "28P01",
  dependentObjects: "2BP01",
  undefinedDatabase: "3D000",
  undefinedSchema: "3F000",
  serializationFailure: "40001",
  deadlockDetected: "40P01",
  syntaxError: "42601",
  insufficientPrivilege: "42501",
  nameTooLong: "42622",
  duplicateSchema: "42P06",
  duplicateObject: "42710",
  undefinedTable: "42P01",
  undefinedObject: "42704",
  tooManyConnections: "53300",
  objectNotInPrerequisiteState: "55000",
  objectInUse: "55006",
  lockNotAvailable: "55P03",
  queryCanceled: "57014",
  adminShutdown: "57P01",
  crashShutdown: "57P02",
  cannotConnectNow: "57P03",
  databaseDropped: "57P04",
  idleSessionTimeout: "57P05",
  idleInTransactionTimeout: "25P03",
  transactionTimeout: "25P04",
  internalError: "XX000",
} as const;

/** The server refuses to connect for now; the same attempt may succeed a moment later. */
export const retryableOnConnect: ReadonlySet<string> = new Set([
  sqlstate.cannotConnectNow,
  sqlstate.tooManyConnections,
  sqlstate.adminShutdown,
  sqlstate.crashShutdown,
]);

/** The server ended the session. */
export const sessionEnded: ReadonlySet<string> = new Set([
  sqlstate.adminShutdown,
  sqlstate.crashShutdown,
  sqlstate.databaseDropped,
  sqlstate.idleSessionTimeout,
  sqlstate.idleInTransactionTimeout,
  sqlstate.transactionTimeout,
]);

/** The SQLSTATE of an error from the server; undefined for anything else, such as a system error (ECONNRESET). */
export function sqlstateOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error) || !("severity" in error)) {
    return undefined;
  }
  return typeof error.code === "string" && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}
