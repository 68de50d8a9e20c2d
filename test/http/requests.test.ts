import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import request, { type Response } from "supertest";
import { assertContract, assertProblem } from "../support/contract.ts";
import { demoTarget, startTestServer, type TestServer } from "../support/http.ts";

let service: TestServer;
before(async () => {
  service = await startTestServer();
});
after(() => service.close());

function post(path: string, body: unknown, type = "application/json"): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return request(service.url).post(path).set("Content-Type", type).send(text).then();
}

/** The faults of a refused request, by pointer. */
async function faultsOf(path: string, body: unknown): Promise<Record<string, string>> {
  const response = await post(path, body);
  assertProblem(response, 400, "validation_error");
  const faults: { pointer: string; detail: string }[] = response.body.errors;
  return Object.fromEntries(faults.map(({ pointer, detail }) => [pointer, detail]));
}

test("each missing field is named", async () => {
  assert.deepEqual(await faultsOf("/database/tables", {}), {
    "/project_id": "is required",
    "/region": "is required",
    "/instance_name": "is required",
    "/database_name": "is required",
    "/schema_name": "is required",
  });
});

test("unknown fields are refused by name", async () => {
  const body = { ...demoTarget, schema: "app", "a/b~c": 1 };
  assert.deepEqual(await faultsOf("/database/schemas", body), {
    "/schema": "is not a known field",
    "/a~1b~0c": "is not a known field",
  });
});

test("a field of another operation is unknown", async () => {
  const body = { ...demoTarget, schema_name: "app", force_update: true };
  assert.deepEqual(await faultsOf("/schemas/create", body), { "/force_update": "is not a known field" });
});

test("wrong types are not coerced", async () => {
  const wrong = { ...demoTarget, region: 1, schema_name: null, dry_run: "true", force_update: 1 };
  assert.deepEqual(await faultsOf("/roles/initialize", wrong), {
    "/region": "must be string",
    "/schema_name": "must be string",
    "/dry_run": "must be boolean",
    "/force_update": "must be boolean",
  });
});

test("target fields that are no project, region or instance are refused with a reason", async () => {
  const wrong = {
    project_id: "../demo",
    region: "europe-west1.evil.example",
    instance_name: "orders/db",
    database_name: "",
  };
  assert.deepEqual(await faultsOf("/database/schemas", wrong), {
    "/project_id": "must be a Google Cloud project id, such as demo-project",
    "/region": "must be a Google Cloud region, such as europe-west1",
    "/instance_name": "must be a Cloud SQL instance name, such as orders-db",
    "/database_name": "must not be empty",
  });
});

test("a domain-scoped project is a project", async () => {
  const response = await post("/database/schemas", { ...demoTarget, project_id: "example.com:my-project" });
  assert.equal(response.status, 200);
  assert.equal(response.body.project_id, "example.com:my-project");
});

const names: readonly [name: string, accepted: boolean, what: string][] = [
  ["a".repeat(63), true, "63 bytes"],
  ["a".repeat(64), false, "64 bytes"],
  ["\u00e4".repeat(31), true, "31 characters in 62 bytes"],
  ["\u00e4".repeat(32), false, "32 characters in 64 bytes"],
  ['Quoted "name"; --', true, "quotes and comment markers"],
  ["\u65e5\u672c\u8a9e", true, "Unicode"],
  ["a\u0000b", false, "NUL"],
  ["a\nb", false, "a line feed"],
  ["a\u200bb", false, "a zero-width space"],
  ["a\u202eb", false, "a right-to-left override"],
  ["\ud800", false, "half a surrogate pair"],
  ["   ", false, "only spaces"],
];

for (const [name, accepted, what] of names) {
  test(`a schema name with ${what} is ${accepted ? "taken" : "refused"}`, async () => {
    const response = await post("/database/tables", { ...demoTarget, schema_name: name });
    if (accepted) {
      assertContract("listTables", response);
      assert.equal(response.body.schema_name, name);
    } else {
      assertProblem(response, 400, "validation_error");
      assert.equal(response.body.errors[0].pointer, "/schema_name");
    }
  });
}

test("values are not repeated in a refusal", async () => {
  const response = await post("/database/schemas", { ...demoTarget, region: "hunter2-secret" });
  assertProblem(response, 400, "validation_error");
  assert.ok(!response.text.includes("hunter2"));
});

test("a refusal lists at most twenty faults, however many there are", async () => {
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`field_${index}`, index]));
  const response = await post("/database/schemas", { ...demoTarget, ...many });
  assertProblem(response, 400, "validation_error");
  assert.equal(response.body.errors.length, 20);
  assert.match(response.body.message, /and 2980 more$/);
});

test("the name of an unknown field is shown short and readable", async () => {
  const response = await post("/database/schemas", `{"${"x".repeat(5000)}":1,"\\u0000\\ud800\\u202e":1}`);
  assertProblem(response, 400, "validation_error");
  assert.ok(response.text.length < 3000);
  assert.ok(
    response.body.errors.some(({ pointer }: { pointer: string }) => pointer === "/\ufffd\ufffd\ufffd"),
  );
});

test("a key __proto__ is an unknown field and changes nothing", async () => {
  const own = JSON.stringify(demoTarget).slice(1);
  const response = await post("/database/schemas", `{"__proto__":{"dry_run":true},${own}`);
  assertProblem(response, 400, "validation_error");
  assert.deepEqual(response.body.errors, [{ pointer: "/__proto__", detail: "is not a known field" }]);
  assert.equal(Reflect.get({}, "dry_run"), undefined);
  const other = await post("/database/schemas", `{"constructor":{"prototype":{"a":1}},${own}`);
  assert.deepEqual(other.body.errors, [{ pointer: "/constructor", detail: "is not a known field" }]);
});

test("a field given twice is refused, wherever it is, and a colon in a text is none", async () => {
  const twice = "has the same key twice in one object";
  for (const more of ['"region":"us-central1",', '"x":{"a":1,"a":2},', '"x":[{"\\u0061":1,"a":[]}],']) {
    const response = await post("/database/schemas", JSON.stringify(demoTarget).replace("{", `{${more}`));
    assertProblem(response, 400, "validation_error");
    assert.deepEqual(response.body.errors, [{ pointer: "", detail: twice }]);
  }
  const colons = JSON.stringify({ ...demoTarget, database_name: 'a:b\\":"c:' });
  assert.equal((await post("/database/schemas", colons)).status, 200);
});

for (const [body, what] of [
  ["{", "cut off"],
  ["{'a':1}", "in single quotes"],
  ['{"a":NaN}', "with NaN"],
  ['{"a":1}{"b":2}', "followed by more"],
] as const) {
  test(`JSON that is ${what} is malformed`, async () => {
    const response = await post("/database/schemas", body);
    assertProblem(response, 400, "validation_error");
    assert.deepEqual(response.body.errors, [{ pointer: "", detail: "is not valid JSON" }]);
  });
}

for (const body of ["null", "[]", "1", '"text"', '"{}"', "true"]) {
  test(`a body that is ${body} is refused`, async () => {
    const response = await post("/database/schemas", body);
    assertProblem(response, 400, "validation_error");
    assert.deepEqual(response.body.errors, [{ pointer: "", detail: "must be a JSON object" }]);
  });
}

test("a missing body is refused", async () => {
  for (const send of [
    request(service.url).post("/database/schemas"),
    request(service.url)
      .post("/database/schemas")
      .set("Content-Type", "application/json")
      .set("Content-Length", "0"),
  ]) {
    const response = await send;
    assertProblem(response, 400, "validation_error");
    assert.match(response.body.message, /missing/);
  }
});

test("bytes that are not UTF-8 are refused", async () => {
  const response = await fetch(`${service.url}/database/schemas`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  });
  const text = await response.text();
  assertProblem(
    { status: response.status, headers: Object.fromEntries(response.headers), text },
    400,
    "validation_error",
  );
  assert.deepEqual(JSON.parse(text).errors, [{ pointer: "", detail: "is not valid UTF-8" }]);
});

test("a byte order mark is no fault", async () => {
  assert.equal((await post("/database/schemas", `\ufeff${JSON.stringify(demoTarget)}`)).status, 200);
});

test("nesting without end is refused like any wrong type", async () => {
  const deep = `${"[".repeat(40_000)}${"]".repeat(40_000)}`;
  const response = await post("/database/schemas", `{"project_id":${deep}}`);
  assertProblem(response, 400, "validation_error");
});

test("media types other than JSON in UTF-8 are refused", async () => {
  const body = JSON.stringify(demoTarget);
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json5",
    "application/jsonx; charset=utf-8",
    "application/json; charset=utf-16",
    'application/json; charset="latin1"',
  ]) {
    assertProblem(await post("/database/schemas", body, type), 415, "unsupported_media_type");
  }
  for (const type of [
    "application/json; charset=utf-8",
    'APPLICATION/JSON; Charset="UTF-8"',
    "application/json;charset=utf8; q=1",
  ]) {
    assert.equal((await post("/database/schemas", body, type)).status, 200, type);
  }
});

test("a compressed body is refused", async () => {
  const response = await request(service.url)
    .post("/database/schemas")
    .set("Content-Type", "application/json")
    .set("Content-Encoding", "gzip")
    .send(JSON.stringify(demoTarget));
  assertProblem(response, 415, "unsupported_media_type");
});

test("a body of 100 KiB is read and one byte more is too large", async () => {
  const pad = (size: number): string => JSON.stringify(demoTarget).padEnd(size, " ");
  assert.equal((await post("/database/schemas", pad(102_400))).status, 200);
  const response = await post("/database/schemas", pad(102_401));
  assertProblem(response, 413, "payload_too_large");
  assert.equal(response.body.details.limit_bytes, 102_400);
});

test("what follows a body that was too large is served", async () => {
  const big = "x".repeat(2_000_000);
  for (let round = 0; round < 3; round++) {
    assertProblem(await post("/database/schemas", big), 413, "payload_too_large");
    assert.equal((await post("/database/schemas", demoTarget)).status, 200);
  }
});

test("query parameters are held against the contract as a body is", async () => {
  const { region, ...rest } = demoTarget;
  const get = (query: string) => request(service.url).get(`/roles/status?${query}`);
  const good = new URLSearchParams({ ...rest, region }).toString();
  assertContract("getRolesStatus", await get(good));
  for (const [query, pointer] of [
    [`${good}&extra=1`, "/extra"],
    [`${good}&region=europe-west1`, "/region"],
    [good.replace("region=", "region[x]="), "/region"],
    [good.replace("demo-project", "X"), "/project_id"],
    [good.replace("database_name=orders", "database_name=%00"), "/database_name"],
    [new URLSearchParams({ region }).toString(), "/project_id"],
  ] as const) {
    const response = await get(query);
    assertProblem(response, 400, "validation_error");
    const pointers = response.body.errors.map((fault: { pointer: string }) => fault.pointer);
    assert.ok(pointers.includes(pointer), `${query}: ${pointers}`);
  }
});

test("a POST takes no query", async () => {
  const response = await post("/database/schemas?dry_run=true", demoTarget);
  assertProblem(response, 400, "validation_error");
  assert.equal(response.body.errors[0].pointer, "/dry_run");
});
