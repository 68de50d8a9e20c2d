import { createServer, IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import express, { type Express } from "express";
import type { Log } from "../log.ts";
import type { Context } from "../operations/context.ts";
import { type Access, createAccess } from "./access.ts";
import { type Api, type ApiOptions, createApi } from "./api.ts";
import { declaresTooMuch } from "./body.ts";
import { type IdentifyCaller, identifyNobody } from "./caller.ts";
import type { CorsSettings } from "./cors.ts";
import { readDocument } from "./document.ts";
import { createHandlers } from "./handlers/all.ts";
import { type Operations, realOperations } from "./operations.ts";
import { createRateLimits, type RateLimitSettings } from "./rate-limits.ts";
import { rawProblem } from "./raw-problem.ts";
import { createServe } from "./serve.ts";

export interface HttpSettings {
  /** ALLOWED_REGIONS; empty: every region. */
  readonly allowedRegions: readonly string[];
  readonly cors: CorsSettings;
  /** Absent: none. */
  readonly rateLimits?: RateLimitSettings;
  /** How many of the proxies before the service tell the truth about who called them; 0 when absent. */
  readonly trustedHops?: number;
  /** After this the request is answered 504 and its operation's signal aborts. */
  readonly requestTimeoutMs: number;
  /** Adds to each request's log line where its time went. */
  readonly logPerformanceMetrics: boolean;
}

const noLimits: RateLimitSettings = { perPrincipal: 0, total: 0, unauthenticated: 0 };

export interface AppOptions {
  readonly context: Context;
  readonly settings: HttpSettings;
  readonly log: Log;
  readonly service: { readonly name: string; readonly version: string };
  readonly identifyCaller?: IdentifyCaller;
  /** Without it nobody may do anything who is known by name. */
  readonly access?: Access;
  /** Others than the real ones, for tests. */
  readonly operations?: Operations;
  readonly now?: () => number;
  /** Another contract and its handlers, for measurements. */
  readonly contract?: Pick<ApiOptions, "document" | "handlers">;
}

/** The service as an Express app. Nothing is contacted before a request asks for it. */
export async function createApp(options: AppOptions): Promise<Express> {
  return (await createAppAndApi(options)).app;
}

/**
 * The service as an HTTP server that is not listening yet. Beside the app it answers what is no HTTP as a problem, and
 * it compiles the contract's validators when it has nothing else to do.
 */
export async function createHttpServer(options: AppOptions): Promise<Server> {
  const { app, api, isIdle } = await createAppAndApi(options);
  const server = createServer(adoptPrototypes(app), app);
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (declaresTooMuch(request)) response.shouldKeepAlive = false;
    else response.writeContinue();
    app(request, response);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
    else socket.end(rawProblem(error.code));
  });
  server.once("listening", () => compileWhenIdle(api, () => server.listening, isIdle));
  return server;
}

async function createAppAndApi(
  options: AppOptions,
): Promise<{ app: Express; api: Api; isIdle: () => boolean }> {
  const { context, settings, log, service } = options;
  const access = options.access ?? createAccess({});
  const handlers = createHandlers({
    context,
    access,
    service,
    operations: options.operations ?? realOperations,
    document: readDocument(),
    allowedRegions: settings.allowedRegions,
    now: options.now ?? Date.now,
  });
  const api = await createApi({
    ...(options.contract ?? { document: readDocument(), handlers }),
    allowedRegions: settings.allowedRegions,
    access,
  });
  const serve = createServe({
    api,
    log,
    identifyCaller: options.identifyCaller ?? identifyNobody,
    limits: createRateLimits(settings.rateLimits ?? noLimits),
    trustedHops: settings.trustedHops ?? 0,
    cors: settings.cors,
    requestTimeoutMs: settings.requestTimeoutMs,
    logPerformanceMetrics: settings.logPerformanceMetrics,
  });
  const app = express();
  app.disable("x-powered-by");
  app.use((request, response) => serve(request, response));
  return { app, api, isIdle: serve.isIdle };
}

/**
 * Express changes the prototype of each request and response, which is more than half of its own time. Those that are
 * made with the right one stay as they are.
 */
function adoptPrototypes(app: Express) {
  class AppRequest extends IncomingMessage {}
  class AppResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {}
  Object.setPrototypeOf(AppRequest.prototype, app.request);
  Object.setPrototypeOf(AppResponse.prototype, app.response);
  Object.assign(app, { request: AppRequest.prototype, response: AppResponse.prototype });
  return { IncomingMessage: AppRequest, ServerResponse: AppResponse };
}

const idlePauseMs = 10;

/**
 * Compiling an operation's validators takes milliseconds, in which nobody is answered: not while somebody waits, and no
 * more once the server is closed.
 */
function compileWhenIdle(api: Api, isOpen: () => boolean, isIdle: () => boolean): void {
  setTimeout(() => {
    if (isOpen() && (!isIdle() || api.compileNext())) compileWhenIdle(api, isOpen, isIdle);
  }, idlePauseMs).unref();
}
