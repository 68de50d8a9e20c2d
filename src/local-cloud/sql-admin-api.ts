import type { AccessTokens } from "./access-tokens.ts";
import { type HttpAnswer, type HttpRequest, type LoopbackHttp, startLoopbackHttp } from "./loopback-http.ts";
import { databaseRoutes } from "./sql-admin-databases.ts";
import { AdminApiError, errorAnswer, invalidRequest } from "./sql-admin-errors.ts";
import { describeConnectSettings, describeInstance, generateEphemeralCert } from "./sql-admin-instances.ts";
import { createOperations, type Operations } from "./sql-admin-operations.ts";
import { type AdminInstance, type AdminRoute, matchRoute } from "./sql-admin-routes.ts";
import { userRoutes } from "./sql-admin-users.ts";

/** Set from outside at any time. */
export interface SqlAdminFaults {
  /** Every answer waits so long. */
  delayMs: number;
  /** Every answer is this refusal. */
  status: 403 | 429 | 503 | undefined;
  /** Every connection is reset when a request has arrived. */
  resetting: boolean;
  operationsFail: boolean;
  /** Client certificates live so long instead of an hour. */
  certificateLifetimeMs: number | undefined;
}

export interface SqlAdminApiOptions {
  readonly projectId: string;
  readonly instances: readonly AdminInstance[];
  readonly tokens: AccessTokens;
  readonly port?: number | undefined;
  readonly pendingMs?: number;
  readonly runningMs?: number;
}

export interface SqlAdminApi {
  readonly url: string;
  readonly faults: SqlAdminFaults;
  /** Connections are refused until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The Cloud SQL Admin API v1beta4, as far as connectors and managers of users and databases use it
 * (https://docs.cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4). Also served under `/v1/`.
 */
export async function startSqlAdminApi(options: SqlAdminApiOptions): Promise<SqlAdminApi> {
  const faults: SqlAdminFaults = {
    delayMs: 0,
    status: undefined,
    resetting: false,
    operationsFail: false,
    certificateLifetimeMs: undefined,
  };
  const operations = createOperations({ ...options, failing: () => faults.operationsFail });
  const answer = createAnswerer(options, faults, operations);
  const http: LoopbackHttp = await startLoopbackHttp(
    async (request) => {
      if (faults.delayMs > 0) await abortableDelay(faults.delayMs, stopping.signal);
      if (faults.resetting) request.reset();
      return answer(request, http.url);
    },
    { port: options.port },
  );
  const stopping = new AbortController();
  return {
    url: http.url,
    faults,
    pause: http.pause,
    resume: http.resume,
    async stop() {
      stopping.abort();
      await http.stop();
      await operations.settle();
    },
  };
}

function abortableDelay(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

const faultRefusals = {
  403: ["notAuthorized", "The client is not authorized to make this request."],
  429: [
    "rateLimitExceeded",
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user'.",
  ],
  503: ["backendError", "The service is currently unavailable."],
} as const;

function createAnswerer(options: SqlAdminApiOptions, faults: SqlAdminFaults, operations: Operations) {
  const instances = new Map(options.instances.map((instance) => [instance.name, instance]));
  const routes = [...instanceRoutes(options.tokens, faults), ...userRoutes, ...databaseRoutes];

  async function route(request: HttpRequest, rootUrl: string): Promise<unknown> {
    const email = authenticate(request, options.tokens);
    const segments = parsePath(request.url.pathname);
    if (segments[0] !== options.projectId) {
      throw new AdminApiError(404, "notFound", "The project does not exist or is not accessible.");
    }
    const { method, url } = request;
    if (segments[1] === "operations" && method === "GET") {
      return answerOperations(segments.slice(2), url.searchParams, operations);
    }
    if (segments[1] !== "instances") throw unknownPath();
    if (segments.length === 2 && method === "GET") {
      const items = [...instances.values()].map((each) => describeInstance(each, rootUrl));
      return { kind: "sql#instancesList", items };
    }
    const [name = "", verb] = (segments[2] ?? "").split(":");
    const rest = verb === undefined ? segments.slice(3) : [`:${verb}`];
    const matched = matchRoute(routes, method, rest);
    if (!matched) throw unknownPath();
    const instance = instances.get(name);
    if (!instance) {
      throw new AdminApiError(404, "instanceDoesNotExist", "The Cloud SQL instance does not exist.");
    }
    return matched.route.answer({
      instance,
      params: matched.params,
      query: url.searchParams,
      email,
      rootUrl,
      operations,
      readJson: () => readJson(request),
    });
  }

  return async (request: HttpRequest, rootUrl: string): Promise<HttpAnswer> => {
    try {
      if (faults.status !== undefined) {
        const [reason, message] = faultRefusals[faults.status];
        throw new AdminApiError(faults.status, reason, message);
      }
      return { status: 200, body: await route(request, rootUrl) };
    } catch (error) {
      if (error instanceof AdminApiError) return errorAnswer(error);
      const message = error instanceof Error ? error.message : String(error);
      return errorAnswer(new AdminApiError(500, "internalError", message));
    }
  };
}

function instanceRoutes(tokens: AccessTokens, faults: SqlAdminFaults): AdminRoute[] {
  return [
    {
      method: "GET",
      path: "",
      answer: async ({ instance, rootUrl }) => describeInstance(instance, rootUrl),
    },
    {
      method: "GET",
      path: "connectSettings",
      answer: async ({ instance }) => describeConnectSettings(instance),
    },
    {
      method: "POST",
      path: ":generateEphemeralCert",
      answer: async ({ instance, readJson }) =>
        generateEphemeralCert(instance, await readJson(), {
          tokens,
          lifetimeMs: faults.certificateLifetimeMs,
        }),
    },
  ];
}

function authenticate(request: HttpRequest, tokens: AccessTokens): string {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const email = token === undefined ? undefined : tokens.readEmail(token);
  if (email === undefined) {
    const message =
      token === undefined
        ? "Request is missing required authentication credential."
        : "Request had invalid authentication credentials.";
    throw new AdminApiError(401, token === undefined ? "required" : "authError", message);
  }
  return email;
}

function unknownPath(): AdminApiError {
  return new AdminApiError(404, "notFound", "Not Found");
}

/** The segments after `projects/`. */
function parsePath(pathname: string): string[] {
  const path = /^\/(?:sql\/v1beta4|sql\/v1|v1)\/projects\/(.+)$/.exec(pathname)?.[1];
  if (path === undefined) throw unknownPath();
  try {
    return path.split("/").map(decodeURIComponent);
  } catch {
    throw unknownPath();
  }
}

function answerOperations(rest: readonly string[], query: URLSearchParams, operations: Operations): unknown {
  if (rest.length === 1) return operations.get(rest[0] ?? "");
  if (rest.length > 1) throw unknownPath();
  const all = operations.list(query.get("instance") ?? undefined);
  const from = Number(query.get("pageToken") ?? 0);
  const size = Number(query.get("maxResults") ?? 100);
  const items = all.slice(from, from + size);
  const more = from + size < all.length;
  return { kind: "sql#operationsList", items, ...(more ? { nextPageToken: String(from + size) } : {}) };
}

async function readJson(request: HttpRequest): Promise<Readonly<Record<string, unknown>>> {
  const text = await request.readBody();
  let body: unknown;
  try {
    body = text === "" ? {} : JSON.parse(text);
  } catch {
    throw invalidRequest("the body is not valid JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidRequest("the body is not a JSON object");
  }
  return { ...body };
}
