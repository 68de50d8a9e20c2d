import type { Target } from "../domain/target.ts";
import type { EndReason } from "./connection-errors.ts";
import type { Rows } from "./session.ts";

/** How to cancel what a connection runs: BackendKeyData. */
export interface BackendKey {
  readonly processId: number;
  readonly secretKey: number;
}

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
  /** One ran that may have prepared statements by SQL, or dropped some. */
  mayHavePrepared: boolean;
  /** Since when the server owes an answer, on the pool's clock; undefined when it owes none. */
  unansweredSince(): number | undefined;
  /** Statements of the borrower that were sent and not yet answered. */
  pending(): number;
  /** The same, with those of the pool itself. */
  busy(): boolean;
  /** Resolves with the server's next answer, and when it is not busy. */
  answered(): Promise<void>;
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
  /** Settings are those of the start again, and nothing else is left but what is prepared. */
  wasTidied(): void;
  /** DISCARD ALL ran: besides, names of prepared statements are free again. */
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
  /** Why the service ends it under its borrower, if it does. */
  readonly condemned: EndReason | undefined;
  /** Sends no further statement, and says why to whoever asks; what runs is for the caller to end. */
  condemn(reason: EndReason): void;
  /** Gives it up: it does not answer any more. */
  abandon(): void;
  /** Says goodbye to the server. */
  end(): void;
  /** Cuts the stream. */
  destroy(): void;
}
