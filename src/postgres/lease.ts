import type { Connection } from "./connection.ts";
import { keptName } from "./kept-statements.ts";
import type { Session, StatementOptions } from "./session.ts";

/** A connection in the hands of a borrower. */
export interface Lease {
  readonly session: Session;
  /** Takes the session out of the borrower's hands: further use of it is refused. */
  end(): void;
}

/** The longest that PostgreSQL keeps of an application_name. */
const longestNameBytes = 63;

/**
 * `applicationName` is set with the first statement, in the same write: it costs no round trip. Who may only read shares
 * the connection with others, and cannot run anything else.
 */
export function lend(
  connection: Connection,
  applicationName: string,
  { readsOnly = false }: { readonly readsOnly?: boolean } = {},
): Lease {
  let ended = false;
  connection.raisedTimeoutMs = 0;
  const session: Session = {
    versionNum: connection.versionNum,
    user: connection.user,
    target: connection.target,
    query<Row extends object>(text: string, values?: readonly unknown[], options?: StatementOptions) {
      if (ended) return Promise.reject(new Error("the session was used after it had been given back"));
      if (readsOnly && options?.read !== true)
        return Promise.reject(new Error("a session that is for reads only was to run something else"));
      if (connection.applicationName !== applicationName) introduce(connection, applicationName);
      noteTraces(connection, options);
      if (options?.raisesTimeoutToMs !== undefined) connection.raisedTimeoutMs = options.raisesTimeoutToMs;
      const name = options?.keep === true ? keptName(text, values) : options?.name;
      return connection.query<Row>(text, values, name);
    },
  };
  return {
    session,
    end() {
      ended = true;
    },
  };
}

function noteTraces(connection: Connection, options: StatementOptions | undefined): void {
  if (options?.read === true) return;
  connection.dirty = true;
  if (options?.keep !== true && options?.plain !== true) connection.mayHavePrepared = true;
}

function introduce(connection: Connection, applicationName: string): void {
  connection.applicationName = applicationName;
  connection.housekeep(`SET application_name TO '${applicationName}'`).catch(() => {
    connection.dirty = true;
  });
}

/** `service/operation` in letters, digits and `-_./`, as long as PostgreSQL keeps it; safe inside a literal. */
export function applicationNameOf(service: string, operation: string): string {
  return `${service}/${operation}`.replace(/[^A-Za-z0-9_./-]/g, "_").slice(0, longestNameBytes);
}
