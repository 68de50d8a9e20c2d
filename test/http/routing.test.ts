import assert from "node:assert/strict";
import { before, test } from "node:test";
import fc from "fast-check";
import { type Context, type Document, OpenAPIBackend, type Request } from "openapi-backend";
import { readDocument } from "../../src/http/document.ts";
import { allowedMethods, rememberRoutes } from "../../src/http/routing.ts";

/** Paths with templates beside paths without, as later operations may have them. */
function templatedDocument(): Document {
  const operation = (operationId: string, extra: object = {}) => ({
    operationId,
    responses: { "200": { description: "done" } },
    ...extra,
  });
  const id = {
    name: "id",
    in: "path",
    required: true,
    schema: { type: "string", pattern: "^[a-z0-9-]+$" },
  } as const;
  const body = {
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: { type: "object", required: ["a"], properties: { a: { type: "string" } } },
        },
      },
    },
  } as const;
  return {
    openapi: "3.1.0",
    info: { title: "templates", version: "1" },
    paths: {
      "/things": { get: operation("list"), post: operation("add", body) },
      "/things/special": { get: operation("special") },
      "/counted": {
        get: operation("counted", {
          parameters: [{ name: "X-Count", in: "header", schema: { type: "integer" } }],
        }),
      },
      "/things/{id}": {
        parameters: [id],
        get: operation("read", { parameters: [{ name: "deep", in: "query", schema: { type: "boolean" } }] }),
        delete: operation("remove"),
      },
      "/things/{id}/parts": { get: operation("parts", { parameters: [id] }) },
    },
  };
}

/** Everything that the library made of a request, in a form that can be compared. */
async function outcome(api: OpenAPIBackend, request: Request): Promise<unknown> {
  return JSON.parse(JSON.stringify(await api.handleRequest(structuredClone(request))));
}

async function backend(document: Document, remember: boolean): Promise<OpenAPIBackend> {
  const report = (what: string) => (context: Context) => ({
    what,
    operation: context.operation?.operationId,
    request: { ...context.request, cookies: { ...context.request.cookies } },
    faults: context.validation?.errors?.map(({ instancePath, keyword, params }) => ({
      instancePath,
      keyword,
      params,
    })),
  });
  const hooks = ["notFound", "methodNotAllowed", "validationFail", "unauthorizedHandler", "notImplemented"];
  const api = new OpenAPIBackend({
    definition: document,
    strict: true,
    quick: true,
    ajvOpts: { strict: false, allErrors: true, verbose: true },
    handlers: Object.fromEntries(hooks.map((hook) => [hook, report(hook)])),
  });
  await api.init();
  for (const { operationId = "" } of api.getOperations()) api.register(operationId, report("handled"));
  if (remember) rememberRoutes(api);
  return api;
}

const methods = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("get", "post") },
  { weight: 1, arbitrary: fc.constantFrom("put", "delete", "patch", "options", "head", "trace") },
);
const queries = fc.oneof(
  fc.constant(""),
  fc.constantFrom(
    "a=1",
    "deep=true",
    "deep=1&deep=2",
    "project_id=demo-project&instance_name=orders-db&database_name=orders",
    "region=europe-west1",
    "a?b=1?c",
    "x[y]=1",
    "__proto__=1",
    "=",
    "&&",
    "%zz",
  ),
  fc.webQueryParameters(),
);
const bodies = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom(
    {},
    { a: "1" },
    { a: 1 },
    {
      project_id: "demo-project",
      region: "europe-west1",
      instance_name: "orders-db",
      database_name: "orders",
    },
  ),
  fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 }),
);
const headers = fc.constantFrom<Record<string, string>>(
  { "content-type": "application/json" },
  { "x-count": "1" },
  { cookie: "a=b; c=d" },
  { cookie: "" },
);

function pathsOf(document: Document): fc.Arbitrary<string> {
  const known = Object.keys(document.paths ?? {}).map((path) => path.replace("{id}", "some-id"));
  const changed = fc
    .tuple(fc.constantFrom(...known), fc.constantFrom("", "/", "//", "/x", "?", "%20", " ", "{id}"))
    .map(([path, more]) => path + more);
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...known, "/things/ALL", "/things/a%2Fb", "/things//parts") },
    { weight: 2, arbitrary: changed },
    {
      weight: 1,
      arbitrary: fc.constantFrom("", "/", "//", "*", "/Health", "health", "/\u0000", "/things/{id}"),
    },
    { weight: 1, arbitrary: fc.webPath() },
  );
}

for (const [name, read] of [
  ["the contract", readDocument],
  ["a contract with templates", templatedDocument],
] as const) {
  test(`with remembered routes, ${name} is routed, parsed and validated as by the library alone`, async () => {
    const plain = await backend(read(), false);
    const quick = await backend(read(), true);
    const requests = fc.record({
      method: methods,
      path: pathsOf(read()),
      query: queries,
      body: bodies,
      headers,
    });
    const property = fc.asyncProperty(requests, async ({ body, ...request }) => {
      const whole = { ...request, ...(body === undefined ? {} : { body }) } as Request;
      assert.deepEqual(await outcome(quick, whole), await outcome(plain, whole));
    });
    await fc.assert(property, { numRuns: 1500 });
  });
}

let templated: OpenAPIBackend;
before(async () => {
  templated = await backend(templatedDocument(), true);
});

test("a path's methods are those of its template too", () => {
  assert.deepEqual(allowedMethods(templated, "/things"), ["GET", "HEAD", "POST"]);
  assert.deepEqual(allowedMethods(templated, "/things/x"), ["DELETE", "GET", "HEAD"]);
  assert.deepEqual(allowedMethods(templated, "/other"), []);
});

test("what was remembered of one request is not used for another", async () => {
  const first: Request = { method: "post", path: "/things", query: "", headers: {}, body: { a: "1" } };
  const second: Request = { method: "post", path: "/things", query: "", headers: {}, body: { a: "2" } };
  const handled = await Promise.all([outcome(templated, first), outcome(templated, second)]);
  assert.deepEqual(
    handled.map((result) => (result as { request: { requestBody: unknown } }).request.requestBody),
    [{ a: "1" }, { a: "2" }],
  );
});
