import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseError } from "pg";
import request from "supertest";
import { type ErrorKind, invalidField, notFound, ServiceError } from "../../src/errors.ts";
import { problems } from "../../src/http/problem.ts";
import { assertContract, assertProblem } from "../support/contract.ts";
import { demoTarget, startTestServer, type TestServer, type TestServerOptions } from "../support/http.ts";

async function withService<T>(
  options: TestServerOptions,
  fn: (service: TestServer) => Promise<T>,
): Promise<T> {
  const service = await startTestServer(options);
  try {
    return await fn(service);
  } finally {
    await service.close();
  }
}

/** What a request is answered whose operation throws. */
async function answerTo(error: unknown) {
  const operations = {
    listSchemas: async (): Promise<never> => {
      throw error;
    },
  };
  return withService({ operations }, async (service) => {
    const response = await request(service.url).post("/database/schemas").send(demoTarget);
    assertContract("listSchemas", response);
    return { response, line: service.requestLines()[0] };
  });
}

function databaseError(code: string): DatabaseError {
  const error = new DatabaseError("duplicate key: Key (email)=(alice@example.com) exists", 90, "error");
  return Object.assign(error, { code, severity: "ERROR", detail: "password = hunter2" });
}

test("each kind of error has its status", async () => {
  for (const [kind, { status, title }] of Object.entries(problems)) {
    const { response, line } = await answerTo(new ServiceError(kind as ErrorKind, "It went wrong"));
    assertProblem(response, status, kind);
    assert.equal(response.body.title, title);
    assert.equal(response.body.type, `/docs#${kind}`);
    assert.equal(line?.fields.outcome, kind);
    assert.equal(line?.level, status < 500 ? "info" : kind === "internal_error" ? "error" : "warning");
  }
});

test("a failure tells details, faults and when to try again, and keeps its cause", async () => {
  const cause = new Error("password hunter2 is wrong");
  const error = new ServiceError("unavailable", "Instance orders-db is down", {
    cause,
    details: { resource: "instance" },
    retryAfterS: 12.3,
  });
  const { response } = await answerTo(error);
  assertProblem(response, 503, "unavailable");
  assert.equal(response.headers["retry-after"], "13");
  assert.deepEqual(response.body.details, { resource: "instance" });
  assert.ok(!response.text.includes("hunter2"));
  const { response: faulty } = await answerTo(invalidField("username", "is reserved"));
  assert.deepEqual(faulty.body.errors, [{ pointer: "/username", detail: "is reserved" }]);
});

test("unavailable and too many requests always say when to try again", async () => {
  for (const kind of ["unavailable", "too_many_requests"] as const) {
    const { response } = await answerTo(new ServiceError(kind, "Later"));
    assert.ok(Number(response.headers["retry-after"]) >= 1, kind);
  }
});

test("an unknown caller is told how to say who calls", async () => {
  const { response } = await answerTo(new ServiceError("authentication_error", "No token"));
  assert.equal(response.headers["www-authenticate"], "Bearer");
});

test("not found says what was not found", async () => {
  const { response } = await answerTo(
    notFound("schema", "Schema nowhere does not exist", { schema_name: "nowhere" }),
  );
  assertProblem(response, 404, "not_found");
  assert.deepEqual(response.body.details, { resource: "schema", schema_name: "nowhere" });
});

for (const [sqlstate, status, kind] of [
  ["42601", 500, "database_error"],
  ["57014", 504, "timeout"],
  ["57P01", 503, "unavailable"],
] as const) {
  test(`SQLSTATE ${sqlstate} is ${kind} and the server's words stay inside`, async () => {
    const { response } = await answerTo(databaseError(sqlstate));
    assertProblem(response, status, kind);
    assert.equal(response.body.details.sqlstate, sqlstate);
    assert.ok(!/alice|hunter2|duplicate/.test(response.text));
  });
}

test("an error that nobody expected is answered without its text and logged with its stack", async () => {
  for (const error of [new TypeError("secret hunter2"), "a string", undefined, null, { code: "EPIPE" }]) {
    const { response, line } = await answerTo(error);
    assertProblem(response, 500, "internal_error");
    assert.ok(!/hunter2|TypeError|at |\.ts/.test(response.text), response.text);
    assert.equal(line?.level, "error");
    if (error instanceof Error) assert.equal(line?.fields.error, error);
  }
});

test("an unknown path is 404, whatever its method and body", async () => {
  await withService({}, async ({ url }) => {
    for (const path of [
      "/",
      "/nowhere",
      "/database",
      "/database/schemas/x",
      "//health",
      "/%68ealth",
      "/HEALTH",
    ]) {
      const response = await request(url).get(path);
      assertProblem(response, 404, "not_found");
      assert.equal(response.body.details.resource, "path");
    }
    const odd = await request(url)
      .post("/nowhere?a=1")
      .set("Content-Type", "text/plain")
      .send("x".repeat(200_000));
    assertProblem(odd, 404, "not_found");
  });
});

test("a hostile path is a valid reference in the problem", async () => {
  await withService({}, async ({ url }) => {
    const path = `/${"a|^`{}<>%%41%zz".repeat(60)}`;
    const response = await request(url).get(path);
    assertProblem(response, 404, "not_found");
    assert.ok(response.body.instance.length < 1000);
  });
});

test("a wrong method is 405 with the methods that the path has", async () => {
  await withService({}, async ({ url }) => {
    const cases = [
      ["get", "/database/schemas", "POST"],
      ["put", "/database/schemas", "POST"],
      ["options", "/database/schemas", "POST"],
      ["post", "/health", "GET, HEAD"],
      ["delete", "/roles/status", "GET, HEAD"],
      ["patch", "/docs/", "GET, HEAD"],
    ] as const;
    for (const [method, path, allow] of cases) {
      const response = await request(url)[method](path);
      assertProblem(response, 405, "method_not_allowed");
      assert.equal(response.headers.allow, allow, `${method} ${path}`);
    }
    const head = await request(url).head("/database/schemas");
    assert.equal(head.status, 405);
    assert.equal(head.headers.allow, "POST");
  });
});

test("a region that is not allowed is refused for every operation with a target", async () => {
  await withService({ settings: { allowedRegions: ["us-central1"] } }, async ({ url }) => {
    const bodies: Record<string, object> = {
      "/database/schemas": demoTarget,
      "/database/tables": { ...demoTarget, schema_name: "app" },
      "/database/health": demoTarget,
      "/schemas/create": { ...demoTarget, schema_name: "app" },
      "/roles/initialize": { ...demoTarget, schema_name: "app" },
      "/roles/assign": { ...demoTarget, schema_name: "app", username: "a@example.com", role_name: "reader" },
      "/roles/revoke": { ...demoTarget, schema_name: "app", username: "a@example.com", role_name: "reader" },
      "/roles/users": { ...demoTarget, schema_name: "app" },
      "/roles/list": demoTarget,
      "/database/postgres-inheritance/grant": { ...demoTarget, username: "a@example.com" },
      "/database/postgres-inheritance/revoke": { ...demoTarget, username: "a@example.com" },
      "/database/users/cleanup": { ...demoTarget, username: "a@example.com" },
    };
    const responses = await Promise.all([
      ...Object.entries(bodies).map(([path, body]) => request(url).post(path).send(body)),
      request(url).get("/roles/status").query(demoTarget),
    ]);
    for (const response of responses) {
      assertProblem(response, 403, "permission_error");
      assert.deepEqual(response.body.details, { region: "europe-west1" });
    }
    const allowed = await request(url)
      .post("/database/schemas")
      .send({ ...demoTarget, region: "us-central1" });
    assert.equal(allowed.status, 200);
  });
});

test("a caller who cannot be identified is refused before the body is looked at", async () => {
  const identifyCaller = async (): Promise<never> => {
    throw new ServiceError("authentication_error", "The token has expired");
  };
  await withService({ identifyCaller }, async ({ url }) => {
    const response = await request(url)
      .post("/database/schemas")
      .set("Content-Type", "application/json")
      .send("{");
    assertProblem(response, 401, "authentication_error");
  });
});

test("key servers that are down are not the caller's fault", async () => {
  const identifyCaller = async (): Promise<never> => {
    throw new ServiceError("unavailable", "Tokens cannot be verified now");
  };
  await withService({ identifyCaller }, async ({ url }) => {
    assertProblem(await request(url).post("/database/schemas").send(demoTarget), 503, "unavailable");
  });
});

test("who calls reaches the operation and the log, and a token that nobody verified does not", async () => {
  const actors: string[] = [];
  const operations = {
    listSchemas: async (_context: unknown, call: { actor: string }) => {
      actors.push(call.actor);
      return [];
    },
  };
  const identifyCaller = async () => ({ name: "alice@example.com", kind: "user" as const });
  await withService({ operations, identifyCaller }, async ({ url, requestLines }) => {
    await request(url).post("/database/schemas").send(demoTarget);
    assert.equal(requestLines()[0]?.fields.caller, "alice@example.com");
  });
  await withService({ operations }, async ({ url, lines }) => {
    await request(url).post("/database/schemas").set("Authorization", "Bearer root-token").send(demoTarget);
    assert.ok(!JSON.stringify(lines).includes("root-token"));
  });
  assert.deepEqual(actors, ["alice@example.com", "anonymous"]);
});
