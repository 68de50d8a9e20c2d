import { isUnexpected, loggable } from "./log-fields.ts";
import { redactPlainText, redactText } from "./log-redaction.ts";

export type LogLevel = "debug" | "info" | "warning" | "error";

export type LogFields = Readonly<Record<string, unknown>>;

/** A structured log. `child` adds fields to every line, such as the request id. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** What must be written whatever the level is: the audit log. */
  notice(message: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
  /**
   * Only where lines are JSON and this level is written: a line of level info in less time. `message` is a JSON string
   * and `fields` the inside of a JSON object, both redacted already and without secrets, line feeds and `labels`.
   */
  readonly infoJson?: ((message: string, ids: CorrelationIds, fields: string) => void) | undefined;
}

/** What ties a line to its request. */
export interface CorrelationIds {
  /** In letters, digits and `-_.`. */
  readonly requestId: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly sampled?: boolean;
}

/** A log that writes nothing, for tests. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warning() {},
  error() {},
  notice() {},
  child: () => silentLog,
};

export interface LogOptions {
  readonly level: LogLevel;
  /** `json` for Cloud Logging, one object a line; `text` for people. */
  readonly format: "json" | "text";
  /** Takes whole lines; by default the standard output. */
  readonly write?: (lines: string) => void;
  /** The Google Cloud project, which a trace's full name needs. */
  readonly project?: string | undefined;
  /** false leaves the trace, the span and the request id out. */
  readonly correlationIds: boolean;
  readonly service?: { readonly name: string; readonly version: string };
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const collectMs = 10;
const collectChars = 32_768;

type LineLevel = LogLevel | "notice";

const order: Readonly<Record<LineLevel, number>> = {
  debug: 0,
  info: 1,
  warning: 2,
  error: 3,
  notice: Number.POSITIVE_INFINITY,
};

/** What one line is made of, before it has a format. */
interface Entry {
  readonly level: LineLevel;
  readonly timeMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

/**
 * The real log. These fields have a meaning of their own in Cloud Logging: `traceId` (32 hex digits), `spanId`,
 * `sampled`, `httpRequest`, `labels`; an Error may be the value of any field, by custom of `error`.
 * https://cloud.google.com/logging/docs/structured-logging
 *
 * Lines are collected for one turn of the event loop, under load for up to 10 ms, and written together: each write
 * to a pipe blocks and wakes its reader. `flush` writes what is left, at once.
 */
export function createLog(options: LogOptions): Log & { flush(): void } {
  const write = options.write ?? ((lines) => void process.stdout.write(lines));
  const now = options.now ?? Date.now;
  const format = options.format === "json" ? formatJson : formatText;
  let pending = "";
  let flushedAt = Number.NEGATIVE_INFINITY;

  function flush(): void {
    const lines = pending;
    if (lines === "") return;
    pending = "";
    flushedAt = performance.now();
    write(lines);
  }

  function flushSoon(level: LineLevel): void {
    if (pending.length >= collectChars) flush();
    else if (level === "error" || performance.now() - flushedAt > collectMs) setImmediate(flush);
    else setTimeout(flush, collectMs);
  }

  function put(level: LineLevel, message: string, fields: LogFields): void {
    add(level, redactText(line({ level, timeMs: now(), message, fields })));
  }

  function add(level: LineLevel, text: string): void {
    const isFirst = pending === "";
    pending += `${text}\n`;
    if (isFirst || level === "error" || pending.length >= collectChars) flushSoon(level);
  }

  function line(entry: Entry): string {
    try {
      return format(entry, options);
    } catch (error) {
      // A field that cannot be read (a getter that throws) must not cost the line, nor the request.
      return format({ ...entry, fields: { unloggable: String(error) } }, options);
    }
  }

  const infoJson = (message: string, ids: CorrelationIds, fields: string): void => {
    const correlated = options.correlationIds ? `${correlationJson(ids, options)},` : "";
    add("info", `{"severity":"INFO","time":"${isoTime(now())}","message":${message},${correlated}${fields}}`);
  };
  const isFast = options.format === "json" && order.info >= order[options.level];
  return Object.assign(new BaseLog({}, options.level, put), {
    infoJson: isFast ? infoJson : undefined,
    flush,
  });
}

const known = new Map<string, string>();
const mostKnown = 1_000;

/** A text as JSON without secrets, for `infoJson`. It remembers: requests have few texts, and each many times. */
export function textJson(text: string): string {
  const before = known.get(text);
  if (before !== undefined) return before;
  const json = redactText(JSON.stringify(text));
  if (known.size >= mostKnown) known.clear();
  known.set(text, json);
  return json;
}

let lastTime = { ms: Number.NaN, iso: "" };

/** Under load many lines are of the same millisecond. */
function isoTime(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, iso: new Date(ms).toISOString() };
  return lastTime.iso;
}

function correlationJson({ requestId, traceId, ...span }: CorrelationIds, options: LogOptions): string {
  const request = `"requestId":${redactText(`"${requestId}"`)}`;
  if (traceId === undefined) return request;
  const trace = correlation({ traceId, ...span }, options);
  return `${request},${redactText(JSON.stringify(trace)).slice(1, -1)}`;
}

type Put = (level: LineLevel, message: string, fields: LogFields) => void;

/** A log whose lines all have the `base` fields. There is one for each request, so that it must cost little. */
class BaseLog implements Log {
  readonly #base: LogFields;
  readonly #threshold: LogLevel;
  readonly #put: Put;

  constructor(base: LogFields, threshold: LogLevel, put: Put) {
    this.#base = base;
    this.#threshold = threshold;
    this.#put = put;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  warning(message: string, fields?: LogFields): void {
    this.#write("warning", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  notice(message: string, fields?: LogFields): void {
    this.#write("notice", message, fields);
  }

  child(fields: LogFields): Log {
    return new BaseLog({ ...this.#base, ...fields }, this.#threshold, this.#put);
  }

  #write(level: LineLevel, message: string, fields: LogFields | undefined): void {
    if (order[level] < order[this.#threshold]) return;
    this.#put(level, message, fields === undefined ? this.#base : { ...this.#base, ...fields });
  }
}

/** Cloud Logging's names for what a caller of the log calls traceId, spanId and sampled. */
function correlation(fields: LogFields, options: LogOptions): Record<string, unknown> {
  const own = { traceId: undefined, spanId: undefined, sampled: undefined };
  if (!options.correlationIds) return { ...own, requestId: undefined };
  if (fields.traceId === undefined) return {};
  const { project } = options;
  return {
    ...own,
    "logging.googleapis.com/trace":
      project === undefined ? fields.traceId : `projects/${project}/traces/${fields.traceId}`,
    "logging.googleapis.com/spanId": fields.spanId,
    "logging.googleapis.com/trace_sampled": fields.sampled,
  };
}

function formatJson({ level, timeMs, message, fields }: Entry, options: LogOptions): string {
  const fixed = { severity: level.toUpperCase(), time: new Date(timeMs).toISOString(), message };
  const entry: Record<string, unknown> = { ...fixed, ...(loggable(fields) as LogFields) };
  if (fields.traceId !== undefined || !options.correlationIds) {
    Object.assign(entry, correlation(fields, options));
  }
  if (fields.labels !== undefined) {
    entry.labels = undefined;
    entry["logging.googleapis.com/labels"] = loggable(fields.labels);
  }
  if (level === "error") Object.assign(entry, errorReport(fields, options));
  return JSON.stringify(Object.assign(entry, fixed));
}

/** What Error Reporting looks for: the service, and the stack of an unexpected error. */
function errorReport(fields: LogFields, options: LogOptions): Record<string, unknown> {
  const report: Record<string, unknown> = {};
  if (options.service !== undefined) {
    report.serviceContext = { service: options.service.name, version: options.service.version };
  }
  const { error } = fields;
  if (error instanceof Error && isUnexpected(error)) report.stack_trace = error.stack;
  return report;
}

function formatText({ level, timeMs, message, fields }: Entry, options: LogOptions): string {
  const shown = { ...(loggable(fields) as LogFields) };
  const rest = Object.entries({ ...shown, ...(options.correlationIds ? {} : correlation(fields, options)) })
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        `${key}=${typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`,
    );
  const time = new Date(timeMs).toISOString();
  // One line an entry, whatever a caller managed to put into a message.
  const oneLine = redactPlainText(message).replace(/\p{Cc}/gu, (control) =>
    JSON.stringify(control).slice(1, -1),
  );
  return [time, level.toUpperCase().padEnd(7), oneLine, ...rest].join(" ");
}
