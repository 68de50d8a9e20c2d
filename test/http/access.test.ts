import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import request from "supertest";
import { policyRoles } from "../../src/domain/policy.ts";
import { ServiceError } from "../../src/errors.ts";
import { type AccessOptions, createAccess } from "../../src/http/access.ts";
import type { Caller } from "../../src/http/caller.ts";
import { readDocument } from "../../src/http/document.ts";
import { readPermissions } from "../../src/http/permissions.ts";
import { createLivePolicy } from "../../src/operations/policy.ts";
import { createPolicyFile } from "../../src/operations/policy-file.ts";
import { assertProblem, contractOperations } from "../support/contract.ts";
import {
  collectingLog,
  demoTarget,
  type LogLine,
  startTestServer,
  type TestServer,
} from "../support/http.ts";
import { until } from "../support/until.ts";

const directory = mkdtempSync(join(tmpdir(), "policy-"));
const file = join(directory, "policy.yaml");
const lines: LogLine[] = [];

/** As somebody who saves a file does it, whole. */
function writePolicy(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

const bindings = (
  rows: readonly (readonly [who: string, role: string, target: string, more?: string])[],
): string =>
  `version: 1\nbindings:\n${rows
    .map(
      ([who, role, target, more = ""]) =>
        `  - { principals: ["${who}"], role: ${role}, targets: ["${target}"]${more} }\n`,
    )
    .join("")}`;

const onOrders = "demo-project/europe-west1/orders-db/orders";
const fleet = policyRoles.flatMap((role) => [
  [`user:${role}-all@example.com`, role, "*"] as const,
  [`user:${role}-instance@example.com`, role, "demo-project/*/orders-*/*"] as const,
  [`user:${role}-database@example.com`, role, onOrders] as const,
  [`user:${role}-elsewhere@example.com`, role, "demo-project/us-central1/*/*"] as const,
]);
const matrix = bindings([...fleet, ["group:team@example.com", "operator", onOrders]]);

/** The header stands for a token that was verified. */
const identifyCaller = ({ headers }: { headers: Record<string, unknown> }): Caller => {
  const name = String(headers["x-test-caller"] ?? "");
  if (name === "") throw new ServiceError("authentication_error", "Who calls is not known");
  return { name, kind: "user" };
};

let groups: AccessOptions["groups"];
let service: TestServer;
before(async () => {
  writePolicy(matrix);
  const policy = createLivePolicy({ source: createPolicyFile(file), ttlMs: 0, log: collectingLog(lines) });
  const isMember: NonNullable<AccessOptions["groups"]>["isMember"] = async (...asked) =>
    (await groups?.isMember(...asked)) ?? false;
  service = await startTestServer({
    identifyCaller,
    access: createAccess({ policy, groups: { isMember }, groupTtlMs: 0, asksWhoCalls: true }),
  });
});
after(async () => {
  await service.close();
  rmSync(directory, { recursive: true });
});

const permissions = readPermissions(readDocument());

interface Sent {
  readonly status: number;
  readonly body: Readonly<Record<string, never>>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends the contract's example of an operation. */
async function send(operationId: string, caller: string, fields: object = {}): Promise<Sent> {
  const operation = contractOperations.find((one) => one.operationId === operationId);
  assert.ok(operation, operationId);
  const { method, path, requestBody, parameters = [] } = operation;
  const example = requestBody?.content["application/json"]?.example;
  const url = path.replaceAll(/\{(\w+)\}/g, (_, name) =>
    String(parameters.find((one) => one.name === name)?.example),
  );
  const query = parameters
    .filter((one) => one.in === "query")
    .map(({ name, example }) => [name, String(example)]);
  const sending =
    method === "get"
      ? request(service.url).get(url).query(Object.fromEntries(query))
      : request(service.url)
          .post(url)
          .send({ ...(example as object), ...fields });
  return (await sending.set("X-Test-Caller", caller)) as unknown as Sent;
}

test("every operation of the contract declares its permission, and the open ones that they are open", () => {
  assert.deepEqual(
    [...permissions].filter(([, permission]) => permission === "none").map(([id]) => id),
    ["getServiceHealth", "getOpenapi", "getDocs"],
  );
  for (const wrong of [
    undefined,
    {},
    { name: "x.y", role: "root" },
    { name: "x.y", role: "viewer", extra: 1 },
    "none",
  ]) {
    const document = { paths: { "/x": { post: { operationId: "x", "x-permission": wrong } } } };
    assert.throws(() => readPermissions(document as never), /does not declare its permission/);
  }
  const open = { operationId: "x", security: [], "x-permission": { name: "x.y", role: "viewer" } };
  assert.throws(() => readPermissions({ paths: { "/x": { post: open } } } as never), /does not declare/);
});

/** What the contract's example names of a target; undefined for what it leaves open. */
function placeOf(operationId: string): Readonly<Record<string, unknown>> {
  const operation = contractOperations.find((one) => one.operationId === operationId);
  const example = operation?.requestBody?.content["application/json"]?.example ?? {};
  const query = (operation?.parameters ?? []).map(({ name, example }) => [name, example]);
  return { ...(example as object), ...Object.fromEntries(query) };
}

/** Whether a binding for a pattern is enough, by where the contract says that the permission is needed. */
function covers(pattern: string, operationId: string): boolean {
  const permission = permissions.get(operationId);
  if (permission === undefined || permission === "none" || pattern === "all") return true;
  const { instance_name, region, database_name } = placeOf(operationId);
  if (instance_name === undefined) return permission.on === "any";
  if (pattern === "elsewhere") return region === "us-central1";
  const whole = permission.on === "instance" || database_name === undefined;
  return instance_name === "orders-db" && (pattern === "instance" || !whole);
}

describe("who has a role at a pattern of targets", () => {
  for (const [operationId, permission] of permissions) {
    if (permission === "none") continue;
    test(`may ${permission.name} (${operationId}) if the role is ${permission.role} or more, and the pattern covers it`, async () => {
      for (const [index, role] of policyRoles.entries()) {
        for (const pattern of ["all", "instance", "database", "elsewhere"]) {
          const caller = `${role}-${pattern}@example.com`;
          const { status, body } = await send(operationId, caller);
          const expected: boolean =
            index >= policyRoles.indexOf(permission.role) && covers(pattern, operationId);
          assert.equal(status !== 403, expected, `${caller}: ${status} ${JSON.stringify(body)}`);
          assert.notEqual(status, 401);
        }
      }
    });
  }
});

test("a refusal says what is missing, as it was named, and not what exists", async () => {
  const missing = { ...demoTarget, database_name: "no such database" };
  for (const target of [demoTarget, missing]) {
    const answer = await send("initializeRoles", "viewer-all@example.com", target);
    assertProblem(answer as never, 403, "permission_error");
    assert.deepEqual(answer.body.details, {
      permission: "roles.initialize",
      required_role: "admin",
      target: `demo-project/europe-west1/orders-db/${target.database_name}`,
    });
  }
});

test("who is in no binding may do nothing, but read the contract and the health", async () => {
  for (const [operationId, permission] of permissions) {
    const { status } = await send(operationId, "eve@example.com");
    assert.equal(status, permission === "none" ? 200 : 403, operationId);
  }
});

test("who is not known is 401, and never reaches the policy", async () => {
  for (const [operationId, permission] of permissions) {
    const { status } = await send(operationId, "");
    assert.equal(status, permission === "none" ? 200 : 401, operationId);
  }
});

describe("a group of the policy", () => {
  after(() => {
    groups = undefined;
  });

  test("counts while it is known who is in it", async () => {
    const asked: string[] = [];
    groups = {
      async isMember(group, account) {
        asked.push(`${account} in ${group}`);
        return account === "dana@example.com";
      },
    };
    assert.equal((await send("assignRole", "dana@example.com")).status, 200);
    assert.equal((await send("assignRole", "eve@example.com")).status, 403);
    assert.equal((await send("assignRole", "operator-all@example.com")).status, 200);
    assert.deepEqual(asked, ["dana@example.com in team@example.com", "eve@example.com in team@example.com"]);
  });

  test("that cannot be asked is 503 for whom it matters to, and nothing to others", async () => {
    groups = {
      async isMember() {
        throw new ServiceError("unavailable", "Cloud Identity is down", { retryAfterS: 5 });
      },
    };
    const answer = await send("assignRole", "dana@example.com");
    assertProblem(answer as never, 503, "unavailable");
    assert.equal((await send("assignRole", "operator-database@example.com")).status, 200);
    assert.equal((await send("assignRole", "admin-all@example.com")).status, 200);
    assert.equal((await send("initializeRoles", "dana@example.com")).status, 403, "no group could give it");
  });
});

describe("a policy that changes", () => {
  test("holds from the next request on, while others run", async () => {
    const caller = "newcomer@example.com";
    let stop = false;
    const statuses: number[] = [];
    const load = (async () => {
      while (!stop) statuses.push((await send("listSchemas", "viewer-all@example.com")).status);
    })();
    for (let round = 0; round < 5; round += 1) {
      assert.equal((await send("listSchemas", caller)).status, 403);
      writePolicy(
        `${matrix}${bindings([[`user:${caller}`, "viewer", onOrders]])
          .split("\n")
          .slice(2)
          .join("\n")}`,
      );
      assert.equal((await send("listSchemas", caller)).status, 200);
      writePolicy(matrix);
    }
    stop = true;
    await load;
    assert.ok(statuses.length > 0);
    assert.deepEqual(new Set(statuses), new Set([200]));
  });

  test("and is broken leaves the last good one in force, and shows in the health of the service", async () => {
    writePolicy("version: 1\nbindings:\n  - { principals: [nobody], role: king, targets: [x] }\n");
    assert.equal((await send("listSchemas", "viewer-all@example.com")).status, 200);
    assert.equal((await send("listSchemas", "eve@example.com")).status, 403);
    const { body } = await request(service.url).get("/health");
    assert.match(body.warnings.join(), /policy .* is wrong: the last good one stays in force/);
    const faults = lines.flatMap(({ fields }) => (fields.faults ?? []) as { pointer: string }[]);
    assert.deepEqual(
      faults.map(({ pointer }) => pointer).sort(),
      ["/bindings/0/principals/0", "/bindings/0/role", "/bindings/0/targets/0"],
      "told once, with every fault",
    );
    rmSync(file);
    assert.equal((await send("listSchemas", "viewer-all@example.com")).status, 200);
    writePolicy(matrix);
    await until(async () => {
      await send("listSchemas", "viewer-all@example.com");
      return (await request(service.url).get("/health")).body.warnings.length === 0;
    });
  });
});

test("without a policy nobody may do anything who has a name, and who is anonymous only where nobody is asked", async () => {
  const wish = {
    caller: { name: "alice@example.com", kind: "user" } as Caller,
    permission: { name: "schemas.list", role: "viewer", on: "target", changes: false } as const,
    place: {},
  };
  const anonymous = { ...wish, caller: { name: "anonymous", kind: "anonymous" } as Caller };
  assert.throws(() => createAccess({}).authorize(wish), { kind: "permission_error" });
  assert.throws(() => createAccess({ asksWhoCalls: true }).authorize(anonymous), {
    kind: "permission_error",
  });
  assert.deepEqual(createAccess({}).authorize(anonymous), {});
});

test("a policy that could never be read decides nothing: 503", async () => {
  const policy = createLivePolicy({
    source: createPolicyFile(join(directory, "none.yaml")),
    ttlMs: 0,
    log: collectingLog([]),
  });
  const own = await startTestServer({ identifyCaller, access: createAccess({ policy }) });
  try {
    const answer = await request(own.url)
      .post("/database/schemas")
      .set("X-Test-Caller", "alice@example.com")
      .send(demoTarget);
    assertProblem(answer, 503, "unavailable");
  } finally {
    await own.close();
  }
});

test("of pools and recorded regions a caller sees those only that are the caller's to see", async () => {
  const pools = await send("listPools", "viewer-elsewhere@example.com");
  assert.equal(pools.status, 200);
  assert.deepEqual(pools.body.pools, []);
  assert.deepEqual(pools.body.paused, []);
  const { region: _, ...withoutRegion } = demoTarget;
  const ask = (caller: string) =>
    request(service.url).get("/roles/status").query(withoutRegion).set("X-Test-Caller", caller);
  assert.equal((await ask("viewer-database@example.com")).body.roles_initialized, true);
  const elsewhere = await ask("viewer-elsewhere@example.com");
  assert.equal(elsewhere.status, 200);
  assert.equal(elsewhere.body.roles_initialized, false);
  assert.equal((await ask("eve@example.com")).status, 403);
});

describe("the audit log", () => {
  const records = () =>
    service.lines
      .filter(({ level }) => level === "notice")
      .map(({ fields }) => fields.audit as Record<string, unknown>);

  test("has a record of each request that could change something or was refused, and of no other", async () => {
    const from = records().length;
    await send("listSchemas", "viewer-all@example.com");
    await send("assignRole", "operator-all@example.com");
    await send("assignRole", "operator-all@example.com", { dry_run: true });
    await send("assignRole", "operator-all@example.com", { schema_name: 7 });
    await send("assignRole", "eve@example.com");
    await send("listSchemas", "");
    const found = records().slice(from);
    assert.deepEqual(
      found.map(({ principal, operation, outcome, status }) => [principal, operation, outcome, status]),
      [
        ["operator-all@example.com", "assignRole", "success", 200],
        ["operator-all@example.com", "assignRole", "success", 200],
        ["operator-all@example.com", "assignRole", "validation_error", 400],
        ["eve@example.com", "assignRole", "permission_error", 403],
        ["unknown", "listSchemas", "authentication_error", 401],
      ],
    );
    const [, dryRun, , refused] = found;
    assert.equal(dryRun?.dry_run, true);
    assert.match(String(dryRun?.plan_id), /^[0-9a-f]{64}$/);
    assert.deepEqual(refused?.target, {
      connection_name: "demo-project:europe-west1:orders-db",
      project_id: "demo-project",
      region: "europe-west1",
      instance_name: "orders-db",
      database_name: "orders",
    });
    assert.match(String(refused?.request_id), /^[0-9a-f]{32}$/);
    assert.match(String(refused?.client_address), /^(::ffff:)?127\.0\.0\.1$/);
  });

  test("never has what a caller sent beside the target", async () => {
    const from = service.lines.length;
    const secret = "hunter2-SCRAM-SHA-256$4096";
    await request(service.url)
      .post("/roles/assign")
      .set("X-Test-Caller", "eve@example.com")
      .set("Authorization", `Bearer ${secret}`)
      .set("Cookie", secret)
      .send({ ...demoTarget, schema_name: secret, username: secret, role_name: secret });
    const said = JSON.stringify(service.lines.slice(from));
    assert.match(said, /"audit"/);
    assert.ok(!said.includes("hunter2"), said);
  });
});
