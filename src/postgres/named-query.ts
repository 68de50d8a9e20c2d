import pg from "pg";
import utilities from "pg/lib/utils.js";
import { sqlstate, sqlstateOf } from "./sqlstate.ts";

/** A value that pg turns into a parameter by `toString`. */
type Scalar = string | number | boolean | bigint | null | undefined;

/** Those that become text; others are left to pg. */
type PlainValue = Scalar | readonly Scalar[];

interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** The statements that were prepared on one connection, by name, and what is known of their rows. */
export type Statements = Map<string, readonly Column[] | undefined>;

export interface NamedQueryOptions {
  readonly name: string;
  readonly text: string;
  readonly values: readonly PlainValue[];
  readonly client: pg.Client;
  readonly statements: Statements;
  readonly callback: (error: Error | null, rows: unknown[], rowCount: number) => void;
}

/** pg's own bookkeeping of a connection; not in its types. */
interface WireConnection {
  readonly stream: {
    readonly writable: boolean;
    write(bytes: Buffer): boolean;
    cork(): void;
    uncork(): void;
  };
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements: Record<string, string>;
  parse(query: { name: string; text: string }): void;
}

interface RowDescription {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

export function arePlain(values: readonly unknown[]): values is readonly PlainValue[] {
  return values.every((value) => isScalar(value) || (Array.isArray(value) && value.every(isScalar)));
}

function isScalar(value: unknown): value is Scalar {
  return value === null || (typeof value !== "object" && typeof value !== "symbol");
}

function textOf(value: PlainValue): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === "object" ? utilities.prepareValue(value) : value.toString();
}

/**
 * A prepared statement as pg's Query sends and reads it, at less than half the cost: it is one write, and the
 * server describes the rows the first time only. A plan whose rows have become others is an error of the server
 * (0A000), so that a known shape holds for as long as the statement is prepared.
 * https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
export function createNamedQuery(options: NamedQueryOptions): pg.Query {
  return new NamedQuery(options) as NamedQuery & pg.Query;
}

/** What pg's Client asks of a query; it passes for pg's Query, which alone may be pipelined. */
class NamedQuery {
  readonly name: string;
  readonly text: string;
  readonly callback: NamedQueryOptions["callback"];
  readonly #options: NamedQueryOptions;
  #columns: readonly Column[] | undefined;
  readonly #rows: unknown[] = [];
  #rowCount = 0;
  #unreadable: Error | undefined;
  /** Who prepares it: this one, or one before that is not answered yet. */
  #preparedBy: "this" | "other" | undefined;
  #connection: WireConnection | undefined;

  constructor(options: NamedQueryOptions) {
    this.#options = options;
    this.name = options.name;
    this.text = options.text;
    this.callback = options.callback;
  }

  submit(connection: WireConnection): Error | null {
    const { name, text } = this;
    const { stream, parsedStatements, submittedNamedStatements } = connection;
    this.#connection = connection;
    const known = parsedStatements[name] ?? submittedNamedStatements[name];
    if (known === undefined) {
      this.#preparedBy = "this";
      stream.cork();
      try {
        connection.parse({ name, text });
        submittedNamedStatements[name] = text;
        this.#run(connection);
      } finally {
        stream.uncork();
      }
      return null;
    }
    if (known !== text) return new Error(`the name ${name} belongs to another statement already`);
    if (parsedStatements[name] === undefined) this.#preparedBy = "other";
    this.#run(connection);
    return null;
  }

  #run({ stream }: WireConnection): void {
    const { statements, values } = this.#options;
    this.#columns = statements.get(this.name);
    if (stream.writable) stream.write(runMessages(this.name, values, this.#columns === undefined));
  }

  handleRowDescription({ fields }: RowDescription): void {
    const { client, statements } = this.#options;
    this.#columns = columnsOf(this.name, fields, client);
    statements.set(this.name, this.#columns);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const columns = this.#columns ?? [];
    const row: Record<string, unknown> = {};
    try {
      for (let at = 0; at < columns.length; at += 1) {
        const column = columns[at] as Column;
        const value = fields[at];
        row[column.name] = value === null || value === undefined ? null : column.parse(value);
      }
      this.#rows.push(row);
    } catch (error) {
      this.#unreadable ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    // "SELECT 5", "INSERT 0 5", "CREATE TABLE"
    const count = Number(text.slice(text.lastIndexOf(" ") + 1));
    this.#rowCount = Number.isNaN(count) ? 0 : count;
  }

  handleReadyForQuery(): void {
    if (this.#unreadable !== undefined) this.callback(this.#unreadable, [], 0);
    else this.callback(null, this.#rows, this.#rowCount);
  }

  handleError(error: Error): void {
    this.callback(this.#connection === undefined ? error : this.#trueError(error, this.#connection), [], 0);
  }

  /** Who relied on another to prepare it hears why that failed, rather than that there is no such statement. */
  #trueError(error: Error, connection: WireConnection): Error {
    if (this.#preparedBy === "this") {
      const failures = failedToPrepare.get(connection) ?? new Map<string, Error>();
      failedToPrepare.set(connection, failures.set(this.name, error));
    }
    const isUnknown = this.#preparedBy === "other" && sqlstateOf(error) === sqlstate.noSuchStatement;
    return (isUnknown ? failedToPrepare.get(connection)?.get(this.name) : undefined) ?? error;
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  handleCopyInResponse(connection: { sendCopyFail(message: string): void }): void {
    connection.sendCopyFail("No source stream defined");
  }

  handleCopyData(): void {}
}

/** What the last one that was to prepare a statement came to, by its name, where it failed. */
const failedToPrepare = new WeakMap<WireConnection, Map<string, Error>>();

Object.setPrototypeOf(NamedQuery.prototype, pg.Query.prototype);

/** As last described on any connection, by the statement's name: a thousand connections need not keep the same thing. */
const lastColumns = new Map<string, readonly Column[]>();

function columnsOf(name: string, fields: RowDescription["fields"], client: pg.Client): readonly Column[] {
  const columns = fields.map(({ name, dataTypeID }) => ({
    name,
    parse: client.getTypeParser(dataTypeID, "text"),
  }));
  const last = lastColumns.get(name);
  if (last !== undefined && areSame(last, columns)) return last;
  if (last !== undefined || lastColumns.size < mostNames) lastColumns.set(name, columns);
  return columns;
}

function areSame(some: readonly Column[], others: readonly Column[]): boolean {
  if (some.length !== others.length) return false;
  return some.every(({ name, parse }, at) => name === others[at]?.name && parse === others[at]?.parse);
}

const describePortal = Buffer.from("D\0\0\0\x06P\0", "latin1");
const executeAndSync = Buffer.from("E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04", "latin1");

/** Messages of statements without parameters, by whether they describe, and then by name: they never change. */
const constantMessages = [new Map<string, Buffer>(), new Map<string, Buffer>()] as const;
const mostNames = 500;

/** Bind, Describe if asked for, Execute and Sync. */
function runMessages(name: string, values: readonly PlainValue[], describe: boolean): Buffer {
  if (values.length > 0) return encodeMessages(name, values, describe);
  const messages = constantMessages[describe ? 1 : 0];
  const known = messages.get(name);
  if (known !== undefined) return known;
  const made = encodeMessages(name, values, describe);
  if (messages.size < mostNames) messages.set(name, made);
  return made;
}

function encodeMessages(name: string, values: readonly PlainValue[], describe: boolean): Buffer {
  const bind = encodeBind(name, values);
  return Buffer.concat(describe ? [bind, describePortal, executeAndSync] : [bind, executeAndSync]);
}

/** https://www.postgresql.org/docs/current/protocol-message-formats.html: all parameters and all results as text. */
function encodeBind(name: string, values: readonly PlainValue[]): Buffer {
  const texts = values.map(textOf);
  const nameLength = Buffer.byteLength(name);
  const lengths = texts.map((text) => (text === null ? 0 : Buffer.byteLength(text)));
  const length = 4 + 1 + nameLength + 1 + 2 + 2 + lengths.reduce((sum, each) => sum + 4 + each, 0) + 2;
  const bytes = Buffer.allocUnsafe(1 + length);
  bytes[0] = 0x42;
  let at = bytes.writeInt32BE(length, 1);
  bytes[at++] = 0;
  at += bytes.write(name, at);
  bytes[at++] = 0;
  at = bytes.writeInt16BE(0, at);
  at = bytes.writeInt16BE(texts.length, at);
  for (const [index, text] of texts.entries()) {
    at = bytes.writeInt32BE(text === null ? -1 : (lengths[index] ?? 0), at);
    if (text !== null) at += bytes.write(text, at);
  }
  bytes.writeInt16BE(0, at);
  return bytes;
}
