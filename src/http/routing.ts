import type { OpenAPIBackend, ParsedRequest, Request } from "openapi-backend";
import type { ApiOperation } from "./document.ts";

/** A request in the form that openapi-backend routes and validates; header names in lower case, as Node has them. */
export interface ApiRequest extends Request {
  /** In lower case. */
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** As it stands in the URL, without the question mark. */
  readonly query: string;
  readonly body?: object;
}

/**
 * Makes the library's router remember. As it comes, it flattens the whole contract several times for each request and
 * parses each request three times, which is most of its cost. The answers stay the library's own: the table of paths
 * is made by asking it, and whatever is not plain is still asked of it.
 */
export function rememberRoutes(api: OpenAPIBackend): void {
  const { router } = api;
  const operations = router.getOperations();
  const byId = new Map(operations.map((operation) => [operation.operationId, operation]));
  router.getOperations = () => operations;
  router.getOperation = (id) => byId.get(id);
  rememberMatches(api, operations);
  rememberParsing(api, operations);
  skipPreparation(api);
}

function rememberMatches({ router }: OpenAPIBackend, operations: readonly ApiOperation[]): void {
  const ask: (request: Request, strict: boolean) => ApiOperation = router.matchOperation.bind(router);
  const table = new Map<string, ApiOperation>();
  for (const { method, path } of operations) {
    if (!isTemplate(path)) table.set(`${method} ${path}`, ask({ method, path, headers: {} }, true));
  }
  const match = (request: Request, strict = false): ApiOperation =>
    table.get(`${request.method} ${request.path}`) ?? ask(request, strict);
  router.matchOperation = match;
}

function rememberParsing({ router }: OpenAPIBackend, operations: readonly ApiOperation[]): void {
  const ask = router.parseRequest.bind(router);
  /** Methods and paths that are as the library would make them. */
  const normal = new Set(operations.flatMap(({ method, path }) => [method, path]));
  const parsed = new WeakMap<Request, ParsedRequest>();
  router.parseRequest = (request, operation) => {
    if (!isPlain(request) || takesParameters(operation)) return ask(request, operation);
    const known = parsed.get(request);
    if (known !== undefined) return known;
    const isNormal = normal.has(request.method) && normal.has(request.path);
    const result = {
      ...(isNormal ? request : router.normalizeRequest(request)),
      params: {},
      query: {},
      cookies: {},
      requestBody: request.body,
    };
    parsed.set(request, result);
    return result;
  };
}

/**
 * Around its validators the library prepares what only parameters need. Where there is nothing but a body, they are
 * asked as they are; what they refuse is still the library's to refuse.
 */
function skipPreparation({ router, validator }: OpenAPIBackend): void {
  const ask = validator.validateRequest.bind(validator);
  validator.validateRequest = (request, operation) => {
    if (typeof operation !== "object" || typeof request.body !== "object") return ask(request, operation);
    if (validator.coerceTypes || !isPlain(request) || takesParameters(operation))
      return ask(request, operation);
    const { params, query, headers, cookies, requestBody } = router.parseRequest(request, operation);
    const parts = { path: params, query, header: headers, cookie: cookies, requestBody };
    for (const validate of validator.getRequestValidatorsForOperation(operation.operationId ?? "") ?? []) {
      if (!validate(parts)) return ask(request, operation);
    }
    return { valid: true, errors: null, coerced: { ...request } };
  };
}

/** Then there is something to parse, and the validator coerces it in place. */
function takesParameters(operation: ApiOperation | undefined): boolean {
  return operation !== undefined && (isTemplate(operation.path) || (operation.parameters ?? []).length > 0);
}

function isTemplate(path: string): boolean {
  return path.includes("{");
}

/** Whether there is nothing in it to parse: no query, no cookie, and a body that is an object already. */
function isPlain(request: Request): boolean {
  return (
    request.query === "" &&
    request.headers.cookie === undefined &&
    (request.body === undefined || typeof request.body === "object")
  );
}

const methods = ["delete", "get", "patch", "post", "put"] as const;

/** The methods of a path as the header Allow lists them; HEAD goes with GET. Empty for an unknown path. */
export function allowedMethods({ router }: OpenAPIBackend, path: string): string[] {
  const known = methods.filter(
    (method) => router.matchOperation({ method, path, headers: {} }) !== undefined,
  );
  return known.flatMap((method) => (method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()]));
}
