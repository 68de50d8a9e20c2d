export type LogLevel = "debug" | "info" | "warning" | "error";

export type LogFields = Readonly<Record<string, unknown>>;

/** A structured log. `child` adds fields to every line, such as the request id. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

/** A log that writes nothing, for tests. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warning() {},
  error() {},
  child: () => silentLog,
};
