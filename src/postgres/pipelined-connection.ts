import pg from "pg";
import type { Target } from "../domain/target.ts";
import type { BackendKey, Connection, LeftBehind } from "./connection.ts";
import { connectionEnded, connectionLost, type EndReason } from "./connection-errors.ts";
import { arePlain, createNamedQuery, type Statements } from "./named-query.ts";
import type { Notice, Rows } from "./session.ts";
import { sessionEnded, sqlstate, sqlstateOf } from "./sqlstate.ts";

/** What pg keeps per connection about prepared statements; not in its types. */
interface PreparedStatements {
  parsedStatements: Record<string, string>;
  submittedNamedStatements: Record<string, string>;
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
  return new PipelinedConnection(options);
}

/** A class, since there may be thousands: as an object of closures each takes 3 KiB more. */
class PipelinedConnection implements Connection {
  readonly target: Target;
  readonly versionNum: number;
  readonly user: string;
  readonly backendKey: BackendKey | undefined;
  readonly begunAt: number;
  readonly openedAt: number;
  readonly expiresAt: number;
  readonly statementTimeoutMs: number;
  readonly closed: Promise<void>;
  idleSince = 0;
  applicationName: string;
  raisedTimeoutMs = 0;
  dirty = false;
  mayHavePrepared = false;
  leftBehind: LeftBehind = "nothing";
  condemned: EndReason | undefined;
  readonly #client: pg.Client;
  readonly #now: () => number;
  readonly #firstApplicationName: string;
  readonly #collectors: Collector[] = [];
  readonly #statements: Statements = new Map();
  #housekeeping = 0;
  #heardAt: number;
  /** After an error the server's ReadyForQuery is still to come, and with it the transaction's true state. */
  #awaitsReady = false;
  #failure: Error | undefined;
  #brokenListener: ((error: Error) => void) | undefined;
  #whenAnswered: (() => void)[] | undefined;

  constructor(options: ConnectionOptions) {
    const { client } = options;
    this.target = options.target;
    this.versionNum = options.versionNum;
    this.user = options.user;
    this.backendKey = options.backendKey;
    this.begunAt = options.begunAt;
    this.openedAt = options.openedAt;
    this.expiresAt = options.expiresAt;
    this.statementTimeoutMs = options.statementTimeoutMs;
    this.applicationName = options.applicationName;
    this.#client = client;
    this.#now = options.now;
    this.#firstApplicationName = options.applicationName;
    this.#heardAt = options.openedAt;
    client.on("error", (error) => this.#fail(error));
    client.on("notice", (notice) => this.#noteNotice(notice));
    client.connection.on("readyForQuery", () => {
      this.#awaitsReady = false;
      this.#tellAnswered();
    });
    this.closed = new Promise((resolve) => {
      client.connection.stream.once("close", () => {
        this.#fail(new Error("the connection was closed"));
        resolve();
      });
    });
  }

  unansweredSince(): number | undefined {
    return this.#collectors.length > 0 ? this.#heardAt : undefined;
  }

  pending(): number {
    return this.#collectors.length - this.#housekeeping;
  }

  busy(): boolean {
    return this.#collectors.length > 0 || (this.#awaitsReady && this.#failure === undefined);
  }

  answered(): Promise<void> {
    if (!this.busy()) return Promise.resolve();
    this.#whenAnswered ??= [];
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenAnswered.push(resolve);
    return promise;
  }

  async settled(): Promise<void> {
    while (this.busy()) await this.answered();
  }

  broken(): boolean {
    return this.#failure !== undefined;
  }

  inTransaction(): boolean {
    return this.#client.getTransactionStatus() !== "I";
  }

  preparedStatements(): number {
    return this.#statements.size;
  }

  query<Row extends object>(text: string, values?: readonly unknown[], name?: string): Promise<Rows<Row>> {
    return this.#send({ text, values, name }, false);
  }

  housekeep<Row extends object>(text: string): Promise<Rows<Row>> {
    return this.#send({ text }, true);
  }

  together(fn: () => void): void {
    const { stream } = this.#client.connection;
    stream.cork();
    try {
      fn();
    } finally {
      stream.uncork();
    }
  }

  wasTidied(): void {
    this.dirty = false;
    this.mayHavePrepared = false;
    this.applicationName = this.#firstApplicationName;
  }

  wasDiscarded(): void {
    const known: pg.Connection & Partial<PreparedStatements> = this.#client.connection;
    known.parsedStatements = {};
    known.submittedNamedStatements = {};
    this.#statements.clear();
    this.wasTidied();
  }

  onBroken(fn: (error: Error) => void): void {
    if (this.#failure === undefined) this.#brokenListener = fn;
    else fn(this.#failure);
  }

  condemn(reason: EndReason): void {
    this.condemned ??= reason;
  }

  abandon(): void {
    this.#fail(new Error("the server does not answer"));
  }

  end(): void {
    this.#failure ??= new Error("the connection was ended");
    this.#tellAnswered();
    this.#client.end().catch(() => this.#client.connection.stream.destroy());
  }

  destroy(): void {
    this.#cut(new Error("the connection was cut"));
    this.#tellAnswered();
  }

  #cut(error: Error): void {
    if (this.leftBehind === "nothing") {
      const serverEnds = sessionEnded.has(sqlstateOf(error) ?? "");
      this.leftBehind = this.#collectors.length > 0 && !serverEnds ? "statement" : "session";
    }
    this.#failure ??= error;
    this.#client.connection.stream.destroy();
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#cut(error);
    this.#tellAnswered();
    this.#brokenListener?.(error);
  }

  #tellAnswered(): void {
    if (this.#whenAnswered === undefined) return;
    const waiting = this.#whenAnswered;
    this.#whenAnswered = undefined;
    for (const tell of waiting) tell();
  }

  #noteNotice({ severity, code, message }: { [Key in keyof Notice]: Notice[Key] | undefined }): void {
    const collector = this.#collectors[0];
    if (collector === undefined) return;
    collector.notices ??= [];
    collector.notices.push({ severity: severity ?? "", code: code ?? "", message: message ?? "" });
  }

  /** An error of the statement stays as it is; one of the connection says what is not known. */
  #asQueryError(error: Error): Error {
    const state = sqlstateOf(error);
    if (sessionEnded.has(state ?? "")) this.#fail(error);
    const isLost = this.#failure !== undefined;
    if (this.condemned !== undefined && (isLost || state === sqlstate.queryCanceled)) {
      return connectionEnded(this.condemned, "during", error);
    }
    return isLost ? connectionLost(error, "during") : error;
  }

  #send<Row extends object>(statement: Statement, isHousekeeping: boolean): Promise<Rows<Row>> {
    return new Promise((resolve, reject) => {
      const failure = this.#failure;
      if (this.condemned !== undefined) return reject(connectionEnded(this.condemned, "before", failure));
      if (failure !== undefined) return reject(connectionLost(failure, "before"));
      const collectors = this.#collectors;
      const collector: Collector = { notices: undefined };
      if (collectors.length === 0) this.#heardAt = this.#now();
      collectors.push(collector);
      if (isHousekeeping) this.#housekeeping += 1;
      const answered = (error: Error | null, rows: unknown[], rowCount: number): void => {
        if (collectors[0] === collector) collectors.shift();
        else collectors.splice(collectors.indexOf(collector), 1);
        if (collectors.length > 0) this.#heardAt = this.#now();
        if (isHousekeeping) this.#housekeeping -= 1;
        this.#awaitsReady ||= error !== null && sqlstateOf(error) !== undefined;
        this.#tellAnswered();
        if (error !== null) reject(this.#asQueryError(error));
        else resolve({ rows: rows as Row[], rowCount, notices: collector.notices ?? noNotices });
      };
      this.#client.query(this.#queryOf(statement, answered));
    });
  }

  #queryOf({ text, values = [], name }: Statement, answered: Answered): pg.Query {
    const client = this.#client;
    const statements = this.#statements;
    if (name !== undefined) {
      if (!statements.has(name)) statements.set(name, undefined);
      if (arePlain(values))
        return createNamedQuery({ name, text, values, client, statements, callback: answered });
    }
    const config = { text, values: values as unknown[], ...(name === undefined ? {} : { name }) };
    return new pg.Query(config, (error, result) => {
      if (error) return answered(error, [], 0);
      const { rows, rowCount } = Array.isArray(result) ? result[result.length - 1] : result;
      answered(null, rows, rowCount ?? 0);
    });
  }
}
