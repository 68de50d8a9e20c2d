import pg from "pg";
import type { Target } from "../domain/target.ts";
import { ServiceError } from "../errors.ts";
import { arePlain, createNamedQuery, type Shapes } from "./named-query.ts";
import type { Notice, Rows } from "./session.ts";
import { sessionEnded, sqlstate, sqlstateOf } from "./sqlstate.ts";

/** What pg keeps per connection about prepared statements; not in its types. */
interface PreparedStatements {
  parsedStatements: Record<string, string>;
  submittedNamedStatements: Record<string, string>;
}

/** How to cancel what a connection runs: BackendKeyData. */
export interface BackendKey {
  readonly processId: number;
  readonly secretKey: number;
}

export interface ConnectionOptions {
  readonly client: pg.Client;
  readonly target: Target;
  readonly versionNum: number;
  readonly user: string;
  readonly backendKey: BackendKey | undefined;
  readonly applicationName: string;
  /** The session's own, of its start; 0 for none. */
  readonly statementTimeoutMs: number;
  readonly now: () => number;
  /** All on the pool's clock. */
  readonly begunAt: number;
  readonly openedAt: number;
  readonly expiresAt: number;
}

/** Why the service itself ends a connection under its borrower. */
export type EndReason = "connection_killed" | "shutting_down";

export type LeftBehind = "nothing" | "session" | "statement";

/** One connection to a database, whoever uses it. */
export interface Connection {
  readonly target: Target;
  readonly versionNum: number;
  readonly user: string;
  readonly backendKey: BackendKey | undefined;
  /** When its opening began: its password and settings were read later. */
  readonly begunAt: number;
  readonly openedAt: number;
  readonly expiresAt: number;
  /** The session's own, of its start; 0 for none. */
  readonly statementTimeoutMs: number;
  /** Since when it lies idle, on the pool's clock; kept by the pool. */
  idleSince: number;
  /** Its `application_name`, as last set through here. */
  applicationName: string;
  /** What its borrower set `statement_timeout` to, where that is more. */
  raisedTimeoutMs: number;
  /** A statement ran that may have changed the session's state. */
  dirty: boolean;
  /** Since when the server owes an answer, on the pool's clock; undefined when it owes none. */
  unansweredSince(): number | undefined;
  /** Statements of the borrower that were sent and not yet answered. */
  pending(): number;
  /** The same, with those of the pool itself. */
  busy(): boolean;
  /** Resolves when it is not busy. */
  settled(): Promise<void>;
  /** It failed, and cannot be used any more. */
  broken(): boolean;
  /** In a transaction, or its state is unknown. */
  inTransaction(): boolean;
  /** How many names of prepared statements it holds. */
  preparedStatements(): number;
  query<Row extends object>(text: string, values?: readonly unknown[], name?: string): Promise<Rows<Row>>;
  /** A statement of the pool itself: it is nobody's fault when it is not answered yet. */
  housekeep<Row extends object>(text: string): Promise<Rows<Row>>;
  /** What `fn` sends before it returns goes out in one write. */
  together(fn: () => void): void;
  /** DISCARD ALL ran: settings are those of the start, and names of prepared statements are free again. */
  wasDiscarded(): void;
  /** Calls back once when the connection fails or ends by itself. */
  onBroken(fn: (error: Error) => void): void;
  /** Settles when the stream is closed, for whatever reason. */
  readonly closed: Promise<void>;
  /**
   * What the server may still have when the stream is closed: nothing once it closed the stream itself; a session that is
   * about to end; or one that runs a statement, and so does not notice at once.
   */
  readonly leftBehind: LeftBehind;
  /** Sends no further statement, and says why to whoever asks; what runs is for the caller to end. */
  condemn(reason: EndReason): void;
  /** Gives it up: it does not answer any more. */
  abandon(): void;
  /** Says goodbye to the server. */
  end(): void;
  /** Cuts the stream. */
  destroy(): void;
}

interface Statement {
  readonly text: string;
  values?: readonly unknown[] | undefined;
  name?: string | undefined;
}

type Answered = (error: Error | null, rows: unknown[], rowCount: number) => void;

/** Gathers the notices of one statement; they come before its answer. */
interface Collector {
  notices: Notice[] | undefined;
}

const noNotices: readonly Notice[] = Object.freeze([]);

/** Wraps a connected client. The client must be in pipeline mode: statements are sent at once, answered in order. */
export function wrapClient(options: ConnectionOptions): Connection {
  const { client } = options;
  const collectors: Collector[] = [];
  const names = new Set<string>();
  const shapes: Shapes = new Map();
  let housekeeping = 0;
  let heardAt = options.openedAt;
  /** After an error the server's ReadyForQuery is still to come, and with it the transaction's true state. */
  let awaitsReady = false;
  let failure: Error | undefined;
  let leftBehind: LeftBehind = "nothing";
  let condemned: EndReason | undefined;
  let brokenListener: ((error: Error) => void) | undefined;
  const whenSettled: (() => void)[] = [];
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();

  const isBusy = () => collectors.length > 0 || (awaitsReady && failure === undefined);

  function tellIfSettled(): void {
    if (whenSettled.length > 0 && !isBusy()) for (const tell of whenSettled.splice(0)) tell();
  }

  function cut(error: Error): void {
    const serverEnds = sessionEnded.has(sqlstateOf(error) ?? "");
    if (leftBehind === "nothing") leftBehind = collectors.length > 0 && !serverEnds ? "statement" : "session";
    failure ??= error;
    client.connection.stream.destroy();
  }

  function fail(error: Error): void {
    if (failure !== undefined) return;
    cut(error);
    tellIfSettled();
    brokenListener?.(error);
  }

  client.on("error", fail);
  client.on("notice", ({ severity, code, message }) => {
    const collector = collectors[0];
    if (collector === undefined) return;
    collector.notices ??= [];
    collector.notices.push({ severity: severity ?? "", code: code ?? "", message: message ?? "" });
  });
  client.connection.on("readyForQuery", () => {
    awaitsReady = false;
    tellIfSettled();
  });
  client.connection.stream.once("close", () => {
    fail(new Error("the connection was closed"));
    onClosed();
  });

  /** An error of the statement stays as it is; one of the connection says what is not known. */
  function asQueryError(error: Error): Error {
    if (sessionEnded.has(sqlstateOf(error) ?? "")) fail(error);
    if (condemned !== undefined && (failure !== undefined || sqlstateOf(error) === sqlstate.queryCanceled)) {
      return connectionEnded(condemned, "during", error);
    }
    return failure === undefined ? error : connectionLost(error, "during");
  }

  function send<Row extends object>(statement: Statement, isHousekeeping: boolean): Promise<Rows<Row>> {
    return new Promise((resolve, reject) => {
      if (condemned !== undefined) return reject(connectionEnded(condemned, "before", failure));
      if (failure !== undefined) return reject(connectionLost(failure, "before"));
      const collector: Collector = { notices: undefined };
      if (collectors.length === 0) heardAt = options.now();
      collectors.push(collector);
      if (isHousekeeping) housekeeping += 1;
      const answered = (error: Error | null, rows: unknown[], rowCount: number): void => {
        if (collectors[0] === collector) collectors.shift();
        else collectors.splice(collectors.indexOf(collector), 1);
        if (collectors.length > 0) heardAt = options.now();
        if (isHousekeeping) housekeeping -= 1;
        awaitsReady ||= error !== null && sqlstateOf(error) !== undefined;
        tellIfSettled();
        if (error !== null) reject(asQueryError(error));
        else resolve({ rows: rows as Row[], rowCount, notices: collector.notices ?? noNotices });
      };
      client.query(queryOf(statement, answered));
    });
  }

  function queryOf({ text, values = [], name }: Statement, answered: Answered): pg.Query {
    if (name !== undefined) {
      names.add(name);
      if (arePlain(values))
        return createNamedQuery({ name, text, values, client, shapes, callback: answered });
    }
    const config = { text, values: values as unknown[], ...(name === undefined ? {} : { name }) };
    return new pg.Query(config, (error, result) => {
      if (error) return answered(error, [], 0);
      const { rows, rowCount } = Array.isArray(result) ? result[result.length - 1] : result;
      answered(null, rows, rowCount ?? 0);
    });
  }

  const connection: Connection = {
    target: options.target,
    versionNum: options.versionNum,
    user: options.user,
    backendKey: options.backendKey,
    begunAt: options.begunAt,
    openedAt: options.openedAt,
    expiresAt: options.expiresAt,
    statementTimeoutMs: options.statementTimeoutMs,
    idleSince: 0,
    applicationName: options.applicationName,
    raisedTimeoutMs: 0,
    dirty: false,
    unansweredSince: () => (collectors.length > 0 ? heardAt : undefined),
    pending: () => collectors.length - housekeeping,
    busy: isBusy,
    settled() {
      if (!isBusy()) return Promise.resolve();
      return new Promise((resolve) => whenSettled.push(resolve));
    },
    broken: () => failure !== undefined,
    inTransaction: () => client.getTransactionStatus() !== "I",
    preparedStatements: () => names.size,
    query: (text, values, name) => send({ text, values, name }, false),
    housekeep: (text) => send({ text }, true),
    together(fn) {
      const { stream } = client.connection;
      stream.cork();
      try {
        fn();
      } finally {
        stream.uncork();
      }
    },
    wasDiscarded() {
      const known: pg.Connection & Partial<PreparedStatements> = client.connection;
      known.parsedStatements = {};
      known.submittedNamedStatements = {};
      names.clear();
      shapes.clear();
      connection.dirty = false;
      connection.applicationName = options.applicationName;
    },
    onBroken(fn) {
      if (failure === undefined) brokenListener = fn;
      else fn(failure);
    },
    closed,
    get leftBehind() {
      return leftBehind;
    },
    condemn(reason) {
      condemned ??= reason;
    },
    abandon: () => fail(new Error("the server does not answer")),
    end() {
      failure ??= new Error("the connection was ended");
      client.end().catch(() => client.connection.stream.destroy());
    },
    destroy: () => cut(new Error("the connection was cut")),
  };
  return connection;
}

function connectionLost(cause: Error, when: "before" | "during"): ServiceError {
  const state = sqlstateOf(cause);
  const message =
    when === "before"
      ? "The connection to the database was lost before the statement could be sent."
      : "The connection to the database was lost while a statement ran; it is not known whether it took effect.";
  return new ServiceError("unavailable", message, {
    cause,
    retryAfterS: 1,
    details: { reason: "connection_lost", ...(state === undefined ? {} : { sqlstate: state }) },
  });
}

const endReasons: Readonly<Record<EndReason, string>> = {
  connection_killed: "The connection to the database was ended by an operator",
  shutting_down: "The service is shutting down and ended the connection to the database",
};

function connectionEnded(
  reason: EndReason,
  when: "before" | "during",
  cause: Error | undefined,
): ServiceError {
  const what =
    when === "before"
      ? "before the statement could be sent."
      : "while a statement ran; it is not known whether it took effect.";
  return new ServiceError("unavailable", `${endReasons[reason]} ${what}`, {
    cause,
    retryAfterS: 1,
    details: { reason },
  });
}
