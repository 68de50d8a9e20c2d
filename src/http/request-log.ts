import type { IncomingMessage } from "node:http";
import { connectionName, type Target } from "../domain/target.ts";
import type { ServiceError } from "../errors.ts";
import type { Log, LogFields } from "../log.ts";
import { ClientGone } from "./request-end.ts";

/** What is known of a request when it ends. */
export interface RequestRecord {
  readonly request: IncomingMessage;
  readonly path: string;
  readonly status: number;
  readonly seconds: number;
  readonly operation: string | undefined;
  readonly target: Target | undefined;
  readonly caller: string | undefined;
  readonly error: ServiceError | ClientGone | undefined;
  /** Where the time went, in milliseconds; undefined unless it is to be logged. */
  readonly timings: LogFields | undefined;
}

/** One line for each request. Of the URL it has the path only: the query may hold names. */
export function logRequest(log: Log, record: RequestRecord): void {
  const { error, operation } = record;
  const fields = {
    httpRequest: httpRequestField(record),
    ...(operation === undefined ? {} : { operation }),
    ...(record.target === undefined ? {} : { target: targetField(record.target) }),
    ...(record.caller === undefined ? {} : { caller: record.caller }),
    outcome: outcomeOf(error),
    ...(record.timings === undefined ? {} : { timings: record.timings }),
  };
  const message = `${record.request.method} ${record.path} ${record.status}`;
  if (error === undefined || error instanceof ClientGone || record.status < 500) log.info(message, fields);
  else if (error.kind === "internal_error") log.error(message, { ...fields, error: error.cause ?? error });
  else log.warning(message, { ...fields, error });
}

/** `success`, the kind of failure, or that nobody waited for the answer. */
export function outcomeOf(error: RequestRecord["error"]): string {
  if (error === undefined) return "success";
  return error instanceof ClientGone ? "client_gone" : error.kind;
}

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#HttpRequest */
function httpRequestField({ request, path, status, seconds }: RequestRecord): LogFields {
  const userAgent = request.headers["user-agent"];
  const remoteIp = request.socket.remoteAddress;
  return {
    requestMethod: request.method,
    requestUrl: path,
    status,
    latency: `${seconds.toFixed(6)}s`,
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, 200) }),
    ...(remoteIp === undefined ? {} : { remoteIp }),
  };
}

function targetField(target: Target): LogFields {
  return { instance: connectionName(target), database: target.database };
}
