import type { Options as AjvOptions } from "ajv";
import { type Context, OpenAPIBackend } from "openapi-backend";
import type { Target } from "../domain/target.ts";
import type { Place } from "../domain/target-pattern.ts";
import { notFound, ServiceError } from "../errors.ts";
import type { AccessPolicy, Call, Noted } from "../operations/context.ts";
import type { Access, Grant } from "./access.ts";
import type { Caller } from "./caller.ts";
import type { ApiDocument, ApiOperation } from "./document.ts";
import { type OperationPermission, type Permission, readPermissions } from "./permissions.ts";
import { parsePlace } from "./place.ts";
import { assertQueryKeys, assertReadable } from "./readable.ts";
import { type ApiRequest, allowedMethods, rememberRoutes } from "./routing.ts";
import type { Handlers, OperationId } from "./typed.ts";
import { validationError } from "./validation-faults.ts";

/** What goes with a request on its way through the API, and what is learnt of it there. */
export interface Exchange {
  readonly caller: Caller;
  readonly call: Call;
  /** Set as soon as it is known, for the log. */
  target?: Target;
  /** The same, but also of a request that names no more than a part of a target, for the audit log. */
  place?: Place;
}

export interface Outcome {
  /** What the handler answered; a string is a page. */
  readonly answer: string | Readonly<Record<string, unknown>>;
  /** Whether it is to have the fields that successes share, such as `success`. */
  readonly enveloped: boolean;
  readonly target?: Target;
}

export interface ApiOptions {
  readonly document: ApiDocument;
  readonly handlers: Handlers;
  /** Empty: every region. */
  readonly allowedRegions: readonly string[];
  readonly access: Access;
}

export interface Api {
  /** The operation that would serve it, if there is one. */
  find(method: string, path: string): ApiOperation | undefined;
  /** Whether the contract opens the operation to everybody, known or not. */
  isOpen(operationId: string): boolean;
  /** What the contract says that an operation needs. */
  permissionOf(operationId: string): OperationPermission | undefined;
  /** Routes, validates, authorizes and runs. Rejects with what the handler threw, or a ServiceError that says what is wrong. */
  handle(request: ApiRequest, exchange: Exchange): Promise<Outcome>;
  /** Rejects with what the API says to a request that no operation serves: `not_found` or `method_not_allowed`. */
  refuse(request: ApiRequest): Promise<never>;
  /** Compiles one more operation's validators, which takes milliseconds; false when all are compiled. */
  compileNext(): boolean;
}

const ajvOptions: AjvOptions = {
  ...{ strict: false, allErrors: true, verbose: true },
  // The contract's schemas are the linter's to check. The library makes an Ajv for each validator, and each would
  // compile JSON Schema's own schema first: three quarters of all compiling.
  ...{ validateSchema: false, meta: false },
  // Ajv's own optimizer takes as long as the rest of compiling; V8 does as well without it.
  code: { optimize: false },
};

/** Sets openapi-backend up strict, with every hook: what is not served by a handler is a ServiceError. */
export async function createApi(options: ApiOptions): Promise<Api> {
  const api = new OpenAPIBackend({
    definition: withoutSecurity(options.document),
    strict: true,
    // Does not validate the document itself, which the linter has done, and compiles validators on first use.
    quick: true,
    ajvOpts: ajvOptions,
    handlers: hooks,
  });
  await api.init();
  rememberRoutes(api);
  const permissions = readPermissions(options.document);
  registerHandlers(api, options, permissions);
  const open = findOpenOperations(options.document);
  const uncompiled = api.getOperations().map((operation) => operation.operationId);
  return {
    find: (method, path) => api.router.matchOperation({ method, path, headers: {} }),
    isOpen: (operationId) => open.has(operationId),
    permissionOf: (operationId) => permissions.get(operationId),
    async handle(request, exchange) {
      if (request.query !== "") assertQueryKeys(request.query);
      return api.handleRequest(request, exchange);
    },
    async refuse(request) {
      await api.handleRequest(request);
      throw new Error(`${request.method} ${request.path} has an operation after all`);
    },
    compileNext() {
      const id = uncompiled.shift();
      if (id !== undefined) api.validator.getRequestValidatorsForOperation(id);
      return uncompiled.length > 0;
    },
  };
}

const methods = ["get", "put", "post", "delete", "patch"] as const;

/** Open is only what says so itself, with `security: []`. */
function findOpenOperations({ paths = {} }: ApiDocument): ReadonlySet<string> {
  const operations = Object.values(paths).flatMap((path) => methods.map((method) => path?.[method]));
  const open = operations.filter((operation) => operation?.security?.length === 0);
  return new Set(open.map((operation) => operation?.operationId ?? ""));
}

/** Who calls is known before the library is asked, whose own check would turn every failure of it into a 401. */
function withoutSecurity(document: ApiDocument): ApiDocument {
  const copy = structuredClone(document);
  delete copy.security;
  for (const path of Object.values(copy.paths ?? {})) {
    for (const method of methods) delete path?.[method]?.security;
  }
  return copy;
}

const hooks = {
  notFound(context: Context): never {
    throw notFound("path", `There is nothing at ${context.request.path}`);
  },
  methodNotAllowed(context: Context): never {
    const allow = allowedMethods(context.api, context.request.path);
    throw new ServiceError("method_not_allowed", `${context.request.path} takes ${allow.join(", ")}`, {
      details: { allow },
    });
  },
  validationFail(context: Context): never {
    throw validationError(context.validation.errors ?? []);
  },
  unauthorizedHandler(): never {
    throw new ServiceError("authentication_error", "The caller is not known");
  },
  notImplemented(context: Context): never {
    throw new Error(`Operation ${context.operation.operationId} has no handler`);
  },
  postResponseHandler: (context: Context): unknown => context.response,
};

type AnyHandler = (input: unknown, call: Call & { target?: Target }) => Promise<Outcome["answer"]>;

function registerHandlers(
  api: OpenAPIBackend,
  { handlers, allowedRegions, access }: ApiOptions,
  permissions: ReadonlyMap<string, OperationPermission>,
): void {
  for (const operation of api.getOperations()) {
    const id = operation.operationId as OperationId;
    // The compiler held the handler against the contract, and the validator holds the input against it.
    const handler = handlers[id] as AnyHandler;
    const permission = permissions.get(id) ?? "none";
    const enveloped = isEnveloped(operation);
    api.register(id, async ({ request }: Context, exchange: Exchange): Promise<Outcome> => {
      const input: unknown =
        operation.requestBody === undefined ? { ...request.params, ...request.query } : request.requestBody;
      assertReadable(input);
      const place = parsePlace(input);
      exchange.place = place;
      const target = isTarget(place) ? place : undefined;
      if (target !== undefined) exchange.target = target;
      // Nothing is contacted before this.
      const call =
        permission === "none" ? exchange.call : await authorize(access, permission, place, exchange);
      if (place.region !== undefined) assertRegion(place.region, allowedRegions);
      if (permission !== "none" && permission.changes) noteDryRun(call, input);
      const answer = await handler(input, target === undefined ? call : { ...call, target });
      if (call.noted?.dryRun) notePlan(call.noted, answer);
      return target === undefined ? { answer, enveloped } : { answer, enveloped, target };
    });
  }
}

function noteDryRun({ noted }: Call, input: unknown): void {
  const { dry_run: dryRun } = { ...(input as { dry_run?: unknown }) };
  if (noted !== undefined && typeof dryRun === "boolean") noted.dryRun = dryRun;
}

/** Of a dry run the audit record names the plan that was shown. */
function notePlan(noted: Noted, answer: Outcome["answer"]): void {
  const { plan } = answer as { plan?: { plan_id?: unknown } };
  if (typeof plan?.plan_id === "string") noted.planIds = [plan.plan_id];
}

/** The call with what the caller may do in it. Rejects when it is not the caller's to make. */
async function authorize(
  access: Access,
  permission: Permission,
  place: Place,
  { caller, call }: Exchange,
): Promise<Call> {
  const { database: _, ...instance } = place;
  const wish = { caller, permission, place: permission.on === "instance" ? instance : place };
  const answer = access.authorize(wish);
  const grant: Grant = answer instanceof Promise ? await answer : answer;
  const permits = async (other: Place): Promise<boolean> => {
    try {
      await access.authorize({ caller, permission: { ...permission, on: "target" }, place: other });
      return true;
    } catch (error) {
      if (error instanceof ServiceError && error.kind === "permission_error") return false;
      throw error;
    }
  };
  const { rulesFor } = access;
  if (rulesFor === undefined || !permission.name.startsWith("access.")) return { ...call, ...grant, permits };
  const accessPolicy: AccessPolicy = {
    caller,
    rulesFor: (requester, where) => rulesFor(caller, requester, where),
    async isOperator(where) {
      try {
        await access.authorize({ caller, permission: { ...permission, role: "operator" }, place: where });
        return true;
      } catch (error) {
        if (error instanceof ServiceError && error.kind === "permission_error") return false;
        throw error;
      }
    },
  };
  return { ...call, ...grant, permits, accessPolicy };
}

/** Whether the contract's success has the envelope's fields; all have, but for the contract itself and its page. */
function isEnveloped(operation: ApiOperation): boolean {
  const { responses } = operation as {
    responses?: { 200?: { content?: { "application/json"?: { schema?: unknown } } } };
  };
  const schema = responses?.[200]?.content?.["application/json"]?.schema;
  return typeof schema === "object" && schema !== null && "allOf" in schema;
}

function isTarget(place: Place): place is Target {
  return (
    place.project !== undefined &&
    place.region !== undefined &&
    place.instance !== undefined &&
    place.database !== undefined
  );
}

/** ALLOWED_REGIONS holds for every operation that names a region. */
export function assertRegion(region: string, allowed: readonly string[]): void {
  if (allowed.length === 0 || allowed.includes(region)) return;
  throw new ServiceError(
    "permission_error",
    `Region ${region} is not among the regions that this service may work in`,
    { details: { region } },
  );
}
