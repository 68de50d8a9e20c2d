import type { IncomingMessage, ServerResponse } from "node:http";
import { ServiceError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Api, Exchange, Outcome } from "./api.ts";
import { isAudited, writeAudit } from "./audit.ts";
import { readJsonBody } from "./body.ts";
import { anonymous, type Caller, type IdentifyCaller } from "./caller.ts";
import { clientAddress } from "./client-address.ts";
import { type CorsSettings, corsHeaders, type Headers, preflightHeaders } from "./cors.ts";
import { createDeadlines, type Deadlines } from "./deadlines.ts";
import { toServiceError } from "./problem.ts";
import { limitHeaders, type RateLimits } from "./rate-limits.ts";
import { problemReply, type Reply, sendReply, successReply } from "./reply.ts";
import { ClientGone, type RequestEnd, watchRequest } from "./request-end.ts";
import { type RequestIds, readRequestIds } from "./request-id.ts";
import { logRequest, outcomeOf, type RequestRecord } from "./request-log.ts";

export interface ServeOptions {
  readonly api: Api;
  readonly log: Log;
  readonly identifyCaller: IdentifyCaller;
  readonly limits: RateLimits;
  /** How many of the proxies before the service tell the truth about who called them. */
  readonly trustedHops: number;
  readonly cors: CorsSettings;
  readonly requestTimeoutMs: number;
  readonly logPerformanceMetrics: boolean;
}

/** One request on its way, and what became known of it. */
interface Passage {
  readonly request: IncomingMessage;
  readonly ids: RequestIds;
  readonly log: Log;
  readonly path: string;
  readonly query: string;
  readonly end: RequestEnd;
  /** On performance.now(). */
  readonly startedAt: number;
  operation?: string;
  exchange?: Exchange;
  /** What is left of the caller's rate limits. */
  limits?: Headers;
  /** When the body had been read. */
  readMs?: number;
  error?: RequestRecord["error"];
}

export interface Serve {
  (request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Whether no request is being served. */
  isIdle(): boolean;
}

/** Serves one request, from its headers to its line in the log. It never rejects. */
export function createServe(options: ServeOptions): Serve {
  const deadlines = createDeadlines(options.requestTimeoutMs);
  const serveOne = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const passage = begin(options, request, response, deadlines);
    const reply = preflightReply(request, options.cors) ?? (await answer(options, passage));
    const doneMs = elapsedMs(passage);
    passage.end.settle();
    sendReply(response, reply, {
      ...corsHeaders(request, options.cors),
      ...passage.limits,
      "X-Request-Id": passage.ids.requestId,
    });
    logRequest(options.log, passage.ids, {
      request,
      path: passage.path,
      status: reply.status,
      seconds: doneMs / 1000,
      operation: passage.operation,
      target: passage.exchange?.target,
      caller: passage.exchange?.caller.name,
      error: passage.error,
      timings: options.logPerformanceMetrics ? timings(passage, doneMs) : undefined,
    });
    audit(options, passage, reply.status);
  };
  let serving = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    serving += 1;
    try {
      await serveOne(request, response);
    } finally {
      serving -= 1;
    }
  };
  return Object.assign(serve, { isIdle: () => serving === 0 });
}

function audit({ api, trustedHops }: ServeOptions, passage: Passage, status: number): void {
  const { operation, exchange, request } = passage;
  const permission = operation === undefined ? undefined : api.permissionOf(operation);
  if (operation === undefined || !isAudited(permission, status)) return;
  writeAudit(passage.log, {
    operation,
    permission,
    caller: exchange?.caller,
    place: exchange?.place,
    status,
    outcome: outcomeOf(passage.error),
    noted: exchange?.call.noted ?? {},
    requestId: passage.ids.requestId,
    clientAddress: () => clientAddress(request, trustedHops),
  });
}

function begin(
  options: ServeOptions,
  request: IncomingMessage,
  response: ServerResponse,
  deadlines: Deadlines,
): Passage {
  const startedAt = performance.now();
  const { path, query } = splitUrl(request.url ?? "/");
  const end = watchRequest(response, startedAt, deadlines);
  const ids = readRequestIds(request.headers);
  return { request, ids, log: options.log.child(ids), path, query, end, startedAt };
}

const elapsedMs = ({ startedAt }: Passage): number => performance.now() - startedAt;

async function answer(options: ServeOptions, passage: Passage): Promise<Reply> {
  const work = pass(options, passage);
  try {
    const outcome = await passage.end.orEnd(work);
    return successReply(outcome, seconds(passage));
  } catch (error) {
    if (passage.end.signal.aborted) logLateFailure(passage, work);
    passage.error = error instanceof ClientGone ? error : toServiceError(error);
    if (passage.error instanceof ServiceError && passage.error.kind === "too_many_requests")
      passage.limits = limitHeaders(passage.error);
    return problemReply(passage.error, {
      path: passage.path,
      requestId: passage.ids.requestId,
      seconds: seconds(passage),
    });
  }
}

/** Nobody waits for the outcome any more; that it failed is worth a line all the same. */
function logLateFailure({ log, operation, end }: Passage, work: Promise<unknown>): void {
  work.catch((error: unknown) => {
    if (error !== end.signal.reason)
      log.warning(`${operation} failed after its request had ended`, { error });
  });
}

/** Finds the operation, then who calls, then reads the body, and then lets the API validate and run it. */
async function pass(options: ServeOptions, passage: Passage): Promise<Outcome> {
  const { api, limits } = options;
  const { request, path, query, log, end, ids } = passage;
  const method = request.method === "HEAD" ? "get" : (request.method ?? "").toLowerCase();
  const headers = request.headers as Record<string, string | string[]>;
  const operation = api.find(method, path);
  if (operation === undefined) return api.refuse({ method, path, query, headers });
  const operationId = operation.operationId ?? "";
  passage.operation = operationId;
  const identified = api.isOpen(operationId) ? anonymous : identify(options, request);
  const caller = identified instanceof Promise ? await identified : identified;
  const call = {
    operation: operationId,
    actor: caller.name,
    requestId: ids.requestId,
    log,
    signal: end.signal,
  };
  passage.exchange = { caller, call: { ...call, noted: {} } };
  const taken = limits.take(caller);
  if (taken !== undefined) passage.limits = await taken;
  const body = operation.requestBody === undefined ? undefined : await readJsonBody(request);
  passage.readMs = elapsedMs(passage);
  return api.handle(
    { method, path, query, headers, ...(body === undefined ? {} : { body }) },
    passage.exchange,
  );
}

/** A request whose caller is not known counts for the address that it came from. */
function identify(options: ServeOptions, request: IncomingMessage): Caller | Promise<Caller> {
  const refuse = async (error: unknown): Promise<never> => {
    if (!(error instanceof ServiceError)) throw error;
    throw await options.limits.refuse(error, clientAddress(request, options.trustedHops));
  };
  try {
    const caller = options.identifyCaller(request);
    return caller instanceof Promise ? caller.catch(refuse) : caller;
  } catch (error) {
    return refuse(error);
  }
}

function preflightReply(request: IncomingMessage, cors: CorsSettings): Reply | undefined {
  const headers = preflightHeaders(request, cors);
  return headers === undefined ? undefined : { status: 204, headers, body: "" };
}

/** Seconds with microseconds. */
function seconds(passage: Passage): number {
  return Math.round(elapsedMs(passage) * 1000) / 1e6;
}

function timings({ readMs }: Passage, doneMs: number): RequestRecord["timings"] {
  const total_ms = Math.round(doneMs * 1000) / 1000;
  if (readMs === undefined) return { total_ms };
  const read_ms = Math.round(readMs * 1000) / 1000;
  return { read_ms, operation_ms: Math.round((doneMs - readMs) * 1000) / 1000, total_ms };
}

/** Path and query of a request target; the absolute form is for proxies, but every server must take it (RFC 9112). */
function splitUrl(target: string): { path: string; query: string } {
  let url = target;
  if (!target.startsWith("/") && URL.canParse(target)) {
    const { pathname, search } = new URL(target);
    url = pathname + search;
  }
  const mark = url.indexOf("?");
  return mark < 0 ? { path: url, query: "" } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}
