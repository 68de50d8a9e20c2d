import type { IncomingMessage } from "node:http";
import { connectionName, type Target } from "../domain/target.ts";
import type { ServiceError } from "../errors.ts";
import { type Log, type LogFields, textJson } from "../log.ts";
import { ClientGone } from "./request-end.ts";
import type { RequestIds } from "./request-id.ts";

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
  readonly timings: Readonly<Record<string, number>> | undefined;
}

/** One line for each request. Of the URL it has the path only: the query may hold names. */
export function logRequest(log: Log, ids: RequestIds, record: RequestRecord): void {
  const { error, status } = record;
  if (log.infoJson !== undefined && isUsual(record)) {
    log.infoJson(messageJson(record), ids, usualFields(record));
    return;
  }
  const message = messageOf(record);
  const fields = requestFields(record);
  const own = log.child(ids);
  if (error === undefined || error instanceof ClientGone || status < 500) own.info(message, fields);
  else if (error.kind === "internal_error") own.error(message, { ...fields, error: error.cause ?? error });
  else own.warning(message, { ...fields, error });
}

const messageOf = ({ request, path, status }: RequestRecord): string => `${request.method} ${path} ${status}`;

function requestFields(record: RequestRecord): LogFields {
  const { operation, target, caller, timings } = record;
  return {
    httpRequest: httpRequestField(record),
    ...(operation === undefined ? {} : { operation }),
    ...(target === undefined ? {} : { target: targetField(target) }),
    ...(caller === undefined ? {} : { caller }),
    outcome: outcomeOf(record.error),
    ...(timings === undefined ? {} : { timings }),
  };
}

/** Longer ones would be shortened. */
const longestUsualPath = 500;

/** A request of which nothing is told but what all have: nearly every one. */
function isUsual({ error, operation, target, path }: RequestRecord): boolean {
  const isWhole = operation !== undefined && target !== undefined;
  return error === undefined && isWhole && path.length <= longestUsualPath;
}

const messageJson = (record: RequestRecord): string => textJson(messageOf(record));

/** What `requestFields` says of a usual request, as redacted JSON. */
function usualFields(record: RequestRecord): string {
  const { request, path, status, seconds, operation = "", target, caller, timings } = record;
  const userAgent = request.headers["user-agent"];
  const remoteIp = request.socket.remoteAddress;
  let json = `"httpRequest":{"requestMethod":"${request.method}","requestUrl":${textJson(path)},"status":${status},"latency":"${seconds.toFixed(6)}s"`;
  if (userAgent !== undefined) json += `,"userAgent":${textJson(userAgent.slice(0, longestUserAgent))}`;
  if (remoteIp !== undefined) json += `,"remoteIp":"${remoteIp}"`;
  json += `},"operation":"${operation}"`;
  if (target !== undefined) {
    json += `,"target":{"instance":${textJson(connectionName(target))},"database":${textJson(target.database)}}`;
  }
  if (caller !== undefined) json += `,"caller":${textJson(caller)}`;
  json += `,"outcome":"success"`;
  return timings === undefined ? json : `${json},"timings":${JSON.stringify(timings)}`;
}

const longestUserAgent = 200;

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
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, longestUserAgent) }),
    ...(remoteIp === undefined ? {} : { remoteIp }),
  };
}

function targetField(target: Target): LogFields {
  return { instance: connectionName(target), database: target.database };
}
