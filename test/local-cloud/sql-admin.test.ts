import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client } from "pg";
import { type AccessTokens, createAccessTokens } from "../../src/local-cloud/access-tokens.ts";
import type { FleetInstance } from "../../src/local-cloud/fleet-parser.ts";
import { type LocalInstance, startLocalInstance } from "../../src/local-cloud/local-instance.ts";
import { type SqlAdminApi, startSqlAdminApi } from "../../src/local-cloud/sql-admin-api.ts";
import { connectAs } from "../support/connect-as.ts";
import { until } from "../support/until.ts";

const alice = { name: "alice@example.com", role: "alice@example.com", type: "CLOUD_IAM_USER" } as const;
const reporter = {
  name: "reporter@demo-project.iam.gserviceaccount.com",
  role: "reporter@demo-project.iam",
  type: "CLOUD_IAM_SERVICE_ACCOUNT",
} as const;
const description: FleetInstance = {
  name: "orders-db",
  region: "europe-west1",
  major: 17,
  mode: "permissive",
  secret: "regional",
  databases: ["orders"],
  users: [alice, reporter, { name: "legacy_app", role: "legacy_app", type: "BUILT_IN", password: "old" }],
  sql: [],
};

let tokens: AccessTokens;
let instance: LocalInstance;
let other: LocalInstance;
let api: SqlAdminApi;
let token: string;

before(async () => {
  tokens = createAccessTokens();
  const projectId = "demo-project";
  [instance, other] = await Promise.all([
    startLocalInstance({ projectId, instance: description, scripts: [] }),
    startLocalInstance({ projectId, instance: { ...description, name: "other-db", users: [] }, scripts: [] }),
  ]);
  // What answers for `impostor-db` shows a certificate of other-db.
  const impostor = { ...other, name: "impostor-db" };
  api = await startSqlAdminApi({
    projectId,
    instances: [instance, other, impostor],
    tokens,
    pendingMs: 10,
    runningMs: 30,
  });
  token = tokens.issue("manager@demo-project.iam.gserviceaccount.com").token;
});

after(async () => {
  await api.stop();
  await Promise.all([instance.stop(), other.stop()]);
});

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the answers of many resources
  readonly body: any;
}

async function call(method: string, path: string, body?: unknown, bearer = token): Promise<Answer> {
  const answer = await fetch(`${api.url}/sql/v1beta4/projects/demo-project/${path}`, {
    method,
    headers: bearer === "" ? {} : { Authorization: `Bearer ${bearer}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

const users = "instances/orders-db/users";
const databases = "instances/orders-db/databases";

/** Waits for the operation that an answer holds; gives it when it is done. */
async function finish({ status, body }: Answer): Promise<Answer["body"]> {
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.kind, "sql#operation");
  return until(async () => {
    const operation = (await call("GET", `operations/${body.name}`)).body;
    return operation.status === "DONE" && operation;
  });
}

interface ConnectOptions {
  readonly as?: string;
  readonly user: string;
  readonly password?: string;
  readonly instanceName?: string;
}

/** Connects through Google's connector; `as` is the principal of an IAM login. */
function connect({ as, user, password, instanceName = "orders-db" }: ConnectOptions) {
  return connectAs({
    endpoint: api.url,
    token: tokens.issue(as ?? "manager@demo-project.iam.gserviceaccount.com").token,
    connectionName: `demo-project:europe-west1:${instanceName}`,
    user,
    database: "orders",
    password,
  });
}

async function currentUser(options: ConnectOptions): Promise<string> {
  const { client, end } = await connect(options);
  try {
    const { rows } = await client.query("SELECT current_user AS name");
    return rows[0].name;
  } finally {
    await end();
  }
}

test("the admin logs in with its password through Google's connector, unchanged", async () => {
  const { adminPassword } = instance.server;
  assert.equal(await currentUser({ user: "postgres", password: adminPassword }), "postgres");
  await assert.rejects(currentUser({ user: "postgres", password: "wrong" }), { code: "28P01" });
});

test("IAM principals log in through Google's connector as themselves and as nobody else", async () => {
  assert.equal(await currentUser({ as: alice.name, user: alice.role }), alice.role);
  assert.equal(await currentUser({ as: reporter.name, user: reporter.role }), reporter.role);
  await assert.rejects(currentUser({ as: alice.name, user: reporter.role }), { code: "28000" });
  await assert.rejects(currentUser({ as: alice.name, user: "postgres" }), { code: "28000" });
});

test("an IAM user cannot log in with a password, and a certificate without IAM does not help", async () => {
  await assert.rejects(currentUser({ user: alice.role, password: "x" }), { code: "28000" });
});

test("a server that shows another instance's name is refused by the connector", async () => {
  await assert.rejects(
    currentUser({ user: "postgres", password: other.server.adminPassword, instanceName: "impostor-db" }),
    { code: "EBADSQLADMINVERIFYCERT" },
  );
});

test("connectSettings and instances say where an instance is and what it runs", async () => {
  const settings = (await call("GET", "instances/orders-db/connectSettings")).body;
  assert.equal(settings.region, "europe-west1");
  assert.equal(settings.databaseVersion, "POSTGRES_17");
  assert.equal(settings.backendType, "SECOND_GEN");
  assert.equal(settings.dnsName, undefined);
  assert.deepEqual(settings.ipAddresses, [
    { type: "PRIMARY", ipAddress: instance.address },
    { type: "PRIVATE", ipAddress: instance.address },
  ]);
  const one = (await call("GET", "instances/orders-db")).body;
  assert.equal(one.connectionName, "demo-project:europe-west1:orders-db");
  assert.equal(one.state, "RUNNABLE");
  const all = (await call("GET", "instances")).body.items.map(({ name }: { name: string }) => name);
  assert.deepEqual(all, ["orders-db", "other-db", "impostor-db"]);
});

test("what does not exist is 404 and what is not authenticated 401, in Google's JSON", async () => {
  const missing = await call("GET", "instances/nothing/connectSettings");
  assert.equal(missing.status, 404);
  assert.deepEqual(missing.body.error, {
    code: 404,
    message: "The Cloud SQL instance does not exist.",
    errors: [
      {
        message: "The Cloud SQL instance does not exist.",
        domain: "global",
        reason: "instanceDoesNotExist",
      },
    ],
    status: "NOT_FOUND",
  });
  assert.equal((await call("GET", "instances", undefined, "")).status, 401);
  assert.equal(
    (await call("GET", "instances", undefined, "ya29.guess")).body.error.status,
    "UNAUTHENTICATED",
  );
  assert.equal((await call("GET", "../another-project/instances")).status, 404);
  assert.equal((await call("GET", "instances/orders-db/nothing")).status, 404);
  assert.equal(
    (await call("GET", "operations/nothing")).body.error.errors[0].reason,
    "operationDoesNotExist",
  );
});

test("a certificate request that is wrong is 400", async () => {
  const request = (body: unknown) => call("POST", "instances/orders-db:generateEphemeralCert", body);
  assert.equal((await request({})).status, 400);
  assert.equal((await request({ public_key: "hello" })).status, 400);
  const key = tokens.issue("x@example.com", 0).token;
  assert.equal((await request({ public_key: "hello", access_token: key })).status, 400);
});

test("a built-in user lives through create, list, get, a new password and delete", async () => {
  const created = await finish(await call("POST", users, { name: "Shop App", password: "one" }));
  assert.equal(created.operationType, "CREATE_USER");
  assert.equal(created.error, undefined);
  assert.ok(created.startTime && created.endTime);
  assert.equal(await currentUser({ user: "Shop App", password: "one" }), "Shop App");

  const { items } = (await call("GET", users)).body;
  const listed = items.find(({ name }: { name: string }) => name === "Shop App");
  assert.equal(listed.type, "BUILT_IN");
  assert.deepEqual(listed.databaseRoles, ["cloudsqlsuperuser"]);
  assert.equal((await call("GET", `${users}/Shop%20App`)).body.name, "Shop App");

  await finish(await call("PUT", `${users}?name=Shop%20App`, { password: "two" }));
  await assert.rejects(currentUser({ user: "Shop App", password: "one" }), { code: "28P01" });
  assert.equal(await currentUser({ user: "Shop App", password: "two" }), "Shop App");

  await finish(await call("DELETE", `${users}?name=Shop%20App`));
  assert.equal((await call("GET", `${users}/Shop%20App`)).status, 404);
  assert.equal(
    (await call("DELETE", `${users}?name=Shop%20App`)).body.error.errors[0].reason,
    "userDoesNotExist",
  );
});

test("a built-in user with databaseRoles gets those instead of cloudsqlsuperuser", async () => {
  await finish(await call("POST", users, { name: "viewer", password: "x", databaseRoles: ["pg_monitor"] }));
  assert.deepEqual((await call("GET", `${users}/viewer`)).body.databaseRoles, ["pg_monitor"]);
  await finish(
    await call("PUT", `${users}?name=viewer&databaseRoles=pg_read_all_settings&revokeExistingRoles=true`, {}),
  );
  assert.deepEqual((await call("GET", `${users}/viewer`)).body.databaseRoles, ["pg_read_all_settings"]);
  const missing = { name: "v2", password: "x", databaseRoles: ["nothing"] };
  assert.equal((await call("POST", users, missing)).status, 400);
  await finish(await call("DELETE", `${users}?name=viewer`));
});

test("IAM users of each kind have their names as Cloud SQL gives them", async () => {
  const wanted = [
    ["CLOUD_IAM_USER", "Dave@Example.com", "dave@example.com"],
    ["CLOUD_IAM_SERVICE_ACCOUNT", "job@demo-project.iam", "job@demo-project.iam"],
    ["CLOUD_IAM_GROUP", "team@example.com", "team@example.com"],
  ] as const;
  for (const [type, name] of wanted) await finish(await call("POST", users, { type, name }));
  for (const [type, , name] of wanted) {
    const user = (await call("GET", `${users}/${encodeURIComponent(name)}`)).body;
    assert.equal(user.type, type);
    assert.equal(user.iamEmail, undefined);
    await finish(await call("DELETE", `${users}?name=${encodeURIComponent(name)}`));
  }
});

test("a user that cannot be is refused at once", async () => {
  const refused = [
    { name: "", password: "x" },
    { name: "nopassword" },
    { name: "pg_monitor2", password: "x" },
    { name: "cloudsqlx", password: "x" },
    { name: "e".repeat(64), password: "x" },
    { name: "x", password: "x", type: "SOMETHING" },
    { name: "not an address", type: "CLOUD_IAM_USER" },
    { name: "a@b.com", type: "CLOUD_IAM_USER", password: "x" },
    { name: "job@demo-project.iam.gserviceaccount.com", type: "CLOUD_IAM_SERVICE_ACCOUNT" },
    { name: "job@demo-project.iam", type: "CLOUD_IAM_USER" },
    { name: `${"l".repeat(60)}@example.com`, type: "CLOUD_IAM_USER" },
  ];
  for (const body of refused) {
    const { status } = await call("POST", users, body);
    assert.equal(status, 400, JSON.stringify(body));
  }
  assert.equal((await call("POST", users, { name: "legacy_app", password: "x" })).status, 409);
});

test("a user that owns objects cannot be deleted", async () => {
  await instance.server.querySuperuser(
    "orders",
    "CREATE TABLE public.kept (); ALTER TABLE public.kept OWNER TO legacy_app",
  );
  const { status, body } = await call("DELETE", `${users}?name=legacy_app`);
  assert.equal(status, 400);
  assert.match(body.error.message, /role "legacy_app" cannot be dropped because some objects depend on it/);
  assert.equal((await call("GET", `${users}/legacy_app`)).status, 200);
});

test("one mutation at a time for an instance: the second is 409 operationInProgress", async () => {
  const blocker = new Client({ connectionString: instance.server.superuserUrl() });
  await blocker.connect();
  await blocker.query("BEGIN; LOCK TABLE pg_database IN EXCLUSIVE MODE");
  const answers = await Promise.all(
    ["first", "second", "third"].map((name) => call("POST", databases, { name })),
  );
  const [accepted, ...rest] = answers.toSorted((a, b) => a.status - b.status);
  assert.equal(accepted?.body.status, "PENDING");
  assert.deepEqual(
    rest.map(({ status, body }) => [status, body.error.errors[0].reason]),
    [
      [409, "operationInProgress"],
      [409, "operationInProgress"],
    ],
  );
  // Another instance is free meanwhile.
  await finish(await call("POST", "instances/other-db/databases", { name: "meanwhile" }));
  await blocker.end();
  if (accepted) await finish(accepted);
});

test("an operation goes from PENDING over RUNNING to DONE and is listed", async () => {
  const blocker = new Client({ connectionString: instance.server.superuserUrl() });
  await blocker.connect();
  await blocker.query("BEGIN; LOCK TABLE pg_authid IN EXCLUSIVE MODE");
  const answer = await call("POST", users, { name: "observed", password: "x" });
  assert.equal(answer.body.status, "PENDING");
  const status = async () => (await call("GET", `operations/${answer.body.name}`)).body.status;
  await until(async () => (await status()) === "RUNNING");
  assert.equal((await call("POST", users, { name: "other", password: "x" })).status, 409);
  await blocker.end();
  await until(async () => (await status()) === "DONE");
  const list = (await call("GET", "operations?instance=orders-db&maxResults=1")).body;
  assert.equal(list.items[0].name, answer.body.name);
  assert.ok(list.nextPageToken);
  const next = (await call("GET", `operations?instance=orders-db&pageToken=${list.nextPageToken}`)).body;
  assert.ok(next.items.length > 1);
});

test("a database lives through create, get, list, patch and delete, and belongs to cloudsqlsuperuser", async () => {
  await finish(await call("POST", databases, { name: "Shop Data" }));
  const path = `${databases}/Shop%20Data`;
  assert.equal((await call("GET", path)).body.charset, "UTF8");
  const { rows } = await instance.server.querySuperuser(
    "postgres",
    "SELECT pg_get_userbyid(datdba) AS owner FROM pg_database WHERE datname = 'Shop Data'",
  );
  assert.equal(rows[0]?.owner, "cloudsqlsuperuser");
  assert.equal((await call("POST", databases, { name: "Shop Data" })).status, 400);
  assert.equal((await call("PATCH", path, { charset: "LATIN1" })).status, 400);
  await finish(await call("PATCH", path, { charset: "UTF8" }));
  await finish(await call("DELETE", path));
  assert.equal((await call("GET", path)).status, 404);
});

test("a database in use, or made by SQL, cannot be deleted", async () => {
  const { client, end } = await connect({ user: "postgres", password: instance.server.adminPassword });
  const used = await call("DELETE", `${databases}/orders`);
  assert.equal(used.status, 400);
  assert.match(used.body.error.message, /is being accessed by other users/);
  await client.query("CREATE DATABASE by_sql");
  await end();
  const foreign = await call("DELETE", `${databases}/by_sql`);
  assert.equal(foreign.status, 400);
  assert.match(foreign.body.error.message, /must be owner of database by_sql/);
});

test("an operation that fails says why", async () => {
  api.faults.operationsFail = true;
  try {
    const operation = await finish(await call("POST", databases, { name: "never" }));
    assert.equal(operation.error.errors[0].code, "INTERNAL_ERROR");
    assert.equal((await call("GET", `${databases}/never`)).status, 404);
  } finally {
    api.faults.operationsFail = false;
  }
});
