import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import type { Client } from "pg";
import { type LocalCloud, startLocalCloud } from "../../src/local-cloud/cloud.ts";
import { loadFleet } from "../../src/local-cloud/fleet.ts";
import { preparePostgresDirectories } from "../../src/local-cloud/postgres-directories.ts";
import { startTestCloud } from "../support/cloud.ts";
import { connectAs } from "../support/connect-as.ts";
import { until } from "../support/until.ts";

const manager = "cloudsql-manager@demo-project.iam.gserviceaccount.com";
let cloud: LocalCloud;

before(async () => {
  cloud = await startTestCloud();
});

afterEach(() => cloud.faults.clear());

after(() => cloud.stop());

function connectAdmin(password = cloud.instance("orders-db").server.adminPassword) {
  return connectAs({
    endpoint: cloud.sqlAdmin.url,
    token: cloud.issueAccessToken(manager),
    connectionName: cloud.instance("orders-db").connectionName,
    user: "postgres",
    database: "orders",
    password,
  });
}

/** The error of connecting: its SQLSTATE or system code, or its message. */
async function connectFailure(password?: string): Promise<string> {
  try {
    const { end } = await connectAdmin(password);
    await end();
    return "connected";
  } catch (error) {
    assert.ok(error instanceof Error);
    return "code" in error && error.code !== undefined ? String(error.code) : error.message;
  }
}

async function lost(client: Client): Promise<void> {
  await until(() =>
    client.query("SELECT 1").then(
      () => false,
      () => true,
    ),
  );
}

async function callApi(): Promise<number> {
  const answer = await fetch(`${cloud.sqlAdmin.url}/sql/v1beta4/projects/demo-project/instances`, {
    headers: { Authorization: `Bearer ${cloud.issueAccessToken(manager)}` },
  });
  await answer.arrayBuffer();
  return answer.status;
}

const secretOf = (name: string) => cloud.secretOf(cloud.instance(name));

test("every part of the demo fleet is there", async () => {
  assert.equal(await connectFailure(), "connected");
  assert.equal(
    secretOf("orders-db"),
    "projects/demo-project/locations/europe-west1/secrets/orders-db-postgres-password",
  );
  assert.equal(secretOf("analytics-db"), "projects/demo-project/secrets/analytics-db-postgres-password");
  for (const { name, server } of cloud.instances) {
    assert.equal(cloud.secretManager.peekSecret(secretOf(name)), server.adminPassword);
  }
  const kinds = await cloud.instance("orders-db").server.querySuperuser<{ kinds: string }>(
    "orders",
    `SELECT string_agg(DISTINCT relkind::text, '' ORDER BY relkind::text) AS kinds FROM pg_class
      WHERE relnamespace IN ('app'::regnamespace, 'sales'::regnamespace, 'audit'::regnamespace, 'legacy'::regnamespace)`,
  );
  for (const kind of ["r", "p", "v", "m", "S", "c"]) assert.ok(kinds.rows[0]?.kinds.includes(kind), kind);
  const owned = "SELECT count(*)::int AS count FROM pg_class WHERE relowner = 'legacy_app'::regrole";
  for (const database of ["orders", "billing"]) {
    const { rows } = await cloud.instance("orders-db").server.querySuperuser(database, owned);
    assert.ok(Number(rows[0]?.count) > 0, database);
  }
});

test("an IAM user logs in with a token of its own", async () => {
  const { client, end } = await connectAs({
    endpoint: cloud.sqlAdmin.url,
    token: cloud.issueAccessToken("bob@example.com"),
    connectionName: "demo-project:us-central1:analytics-db",
    user: "bob@example.com",
    database: "analytics",
  });
  const { rows } = await client.query("SELECT session_user AS name");
  await end();
  assert.equal(rows[0].name, "bob@example.com");
});

test("with the Admin API down, connections are refused; afterwards it is at its address again", async () => {
  await cloud.faults.switchOn({ fault: "sql_admin_down" });
  await assert.rejects(
    callApi(),
    (error: Error) => (error.cause as { code?: string }).code === "ECONNREFUSED",
  );
  await cloud.faults.clear();
  assert.equal(await callApi(), 200);
});

test("the Admin API resets connections", async () => {
  await cloud.faults.switchOn({ fault: "sql_admin_reset" });
  await assert.rejects(callApi(), (error: Error) => (error.cause as { code?: string }).code === "ECONNRESET");
});

test("the Admin API is slow", async () => {
  await cloud.faults.switchOn({ fault: "sql_admin_slow", delay_ms: 200 });
  const start = performance.now();
  assert.equal(await callApi(), 200);
  assert.ok(performance.now() - start >= 199);
});

test("the Admin API answers 403, 429 or 503", async () => {
  for (const status of [403, 429, 503]) {
    await cloud.faults.switchOn({ fault: "sql_admin_status", status });
    assert.equal(await callApi(), status);
  }
  assert.equal(cloud.faults.list().length, 1);
  await cloud.faults.clear();
  assert.equal(await callApi(), 200);
});

async function issueCertificate(): Promise<X509Certificate> {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const answer = await fetch(
    `${cloud.sqlAdmin.url}/sql/v1beta4/projects/demo-project/instances/orders-db:generateEphemeralCert`,
    {
      method: "POST",
      headers: { Authorization: `Bearer ${cloud.issueAccessToken(manager)}` },
      body: JSON.stringify({ public_key: publicKey.export({ type: "spki", format: "pem" }) }),
    },
  );
  const body = (await answer.json()) as { ephemeralCert: { cert: string } };
  return new X509Certificate(body.ephemeralCert.cert);
}

test("certificates are short-lived", async () => {
  const lifetimeMs = async () => (await issueCertificate()).validToDate.getTime() - Date.now();
  assert.ok((await lifetimeMs()) > 3500_000);
  await cloud.faults.switchOn({ fault: "certificates_short_lived", lifetime_seconds: 2 });
  assert.ok((await lifetimeMs()) <= 2000);
  await cloud.faults.clear();
  assert.ok((await lifetimeMs()) > 3500_000);
});

test("an instance refuses new connections, and those that live go on", async () => {
  const { client, end } = await connectAdmin();
  await cloud.faults.switchOn({ fault: "instance_refusing", instance_name: "orders-db" });
  assert.equal(await connectFailure(), "ECONNREFUSED");
  assert.equal((await client.query("SELECT 1 AS one")).rows[0].one, 1);
  await end();
  await cloud.faults.clear();
  assert.equal(await connectFailure(), "connected");
});

test("an instance drops its connections", async () => {
  const { client, end } = await connectAdmin();
  await cloud.faults.switchOn({ fault: "instance_dropping", instance_name: "orders-db" });
  await lost(client);
  await end();
  assert.equal(await connectFailure(), "ECONNRESET");
});

test("an instance says nothing any more", async () => {
  await cloud.faults.switchOn({ fault: "instance_silent", instance_name: "orders-db" });
  assert.match(await connectFailure(), /timeout/);
  await cloud.faults.clear();
  assert.equal(await connectFailure(), "connected");
});

test("an instance's PostgreSQL is shut down and comes back", async () => {
  const { client, end } = await connectAdmin();
  await cloud.faults.switchOn({ fault: "instance_stopped", instance_name: "orders-db" });
  await lost(client);
  await end();
  assert.notEqual(await connectFailure(), "connected");
  await cloud.faults.clear();
  assert.equal(await connectFailure(), "connected");
});

test("the admin's password is rotated, without the secret or with it, and is the old one afterwards", async () => {
  const before = cloud.instance("orders-db").server.adminPassword;
  const secret = () => cloud.secretManager.peekSecret(secretOf("orders-db"));
  await cloud.faults.switchOn({ fault: "password_rotated", instance_name: "orders-db" });
  assert.equal(secret(), before);
  assert.equal(await connectFailure(before), "28P01");
  await cloud.faults.switchOn({ fault: "password_rotated", instance_name: "orders-db", secret: "updated" });
  assert.notEqual(secret(), before);
  assert.equal(await connectFailure(secret()), "connected");
  await cloud.faults.clear();
  assert.equal(secret(), before);
  assert.equal(await connectFailure(before), "connected");
});

test("the admin is locked out by a standing membership in an IAM role", async () => {
  await cloud.faults.switchOn({ fault: "admin_in_iam_role", instance_name: "orders-db" });
  assert.equal(await connectFailure(), "28000");
  await cloud.faults.clear();
  assert.equal(await connectFailure(), "connected");
});

test("secrets are missing or forbidden, each instance's for itself", async () => {
  await cloud.faults.switchOn({ fault: "secret_missing", instance_name: "orders-db" });
  await cloud.faults.switchOn({ fault: "secret_forbidden", instance_name: "analytics-db" });
  await cloud.faults.switchOn({ fault: "secret_missing", instance_name: "analytics-db" });
  const { missing, forbidden } = cloud.secretManager.faults.get();
  assert.deepEqual(missing, [secretOf("orders-db"), secretOf("analytics-db")]);
  assert.deepEqual(forbidden, [secretOf("analytics-db")]);
  await cloud.faults.clear();
  assert.deepEqual(cloud.secretManager.faults.get().missing, []);
});

test("Firestore and Secret Manager have faults, and none when they are cleared", async () => {
  const { firestore, secretManager } = cloud;
  const atRest = [firestore.faults.get(), secretManager.faults.get()];
  await cloud.faults.switchOn({ fault: "firestore_unavailable" });
  await cloud.faults.switchOn({ fault: "firestore_forbidden" });
  await cloud.faults.switchOn({ fault: "firestore_contended", commits: 7 });
  await cloud.faults.switchOn({ fault: "firestore_slow", delay_ms: 5 });
  await cloud.faults.switchOn({ fault: "secret_manager_unavailable" });
  await cloud.faults.switchOn({ fault: "secret_manager_slow" });
  assert.deepEqual(firestore.faults.get(), {
    unavailable: true,
    permissionDenied: true,
    contendedCommits: 7,
    slowMs: 5,
  });
  assert.equal(secretManager.faults.get().unavailable, true);
  assert.equal(secretManager.faults.get().slowMs, 1000);
  await cloud.faults.clear();
  assert.deepEqual([firestore.faults.get(), secretManager.faults.get()], atRest);
});

async function control(method: string, body?: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${cloud.controlUrl}/faults`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test("faults are switched over HTTP, and listed with what there is to switch", async () => {
  const fault = { fault: "instance_refusing", instance_name: "orders-db" };
  assert.equal((await control("POST", JSON.stringify(fault))).status, 200);
  const { body } = await control("GET");
  assert.deepEqual(body.faults, [fault]);
  assert.ok(Array.isArray(body.available) && body.available.length >= 20);
  assert.equal(await connectFailure(), "ECONNREFUSED");
  assert.deepEqual((await control("DELETE")).body.faults, []);
  assert.equal(await connectFailure(), "connected");
});

test("a wrong request for a fault is a 400 that says what is wrong", async () => {
  const wrong: [string, RegExp][] = [
    ["{", /not valid JSON/],
    ["[]", /must be a JSON object/],
    ["{}", /\/fault must be the name/],
    ['{"fault":"toString"}', /\/fault is unknown; known are sql_admin_down/],
    ['{"fault":"instance_refusing"}', /\/instance_name must be the name of an instance/],
    ['{"fault":"instance_refusing","instance_name":"nothing"}', /\/instance_name must be/],
    ['{"fault":"sql_admin_status","status":500}', /\/status must be one of 503, 429, 403/],
    ['{"fault":"sql_admin_slow","delay_ms":"1"}', /\/delay_ms must be a whole number/],
    ['{"fault":"sql_admin_down","delay":1}', /\/delay is no parameter/],
  ];
  for (const [body, message] of wrong) {
    const answer = await control("POST", body);
    assert.equal(answer.status, 400, body);
    assert.match(String(answer.body.message), message);
  }
  assert.deepEqual(cloud.faults.list(), []);
});

test("a page in a browser cannot switch faults", async () => {
  assert.equal((await control("DELETE", undefined, { Origin: "https://example.com" })).status, 403);
  assert.equal((await control("PUT")).status, 405);
});

/** The directories of this process's servers. */
async function countRunDirectories(): Promise<number> {
  const { run } = await preparePostgresDirectories();
  const owners = await Promise.all(
    (await readdir(run)).map((id) => readFile(join(run, id, "owner.json"), "utf8").catch(() => "{}")),
  );
  return owners.filter((owner) => JSON.parse(owner).pid === process.pid).length;
}

test("a fleet whose SQL fails does not start, and nothing of it stays", async () => {
  const fleet = await loadFleet(
    {
      project_id: "demo-project",
      instances: [{ instance_name: "broken", region: "europe-west1", sql: { postgres: "broken.sql" } }],
    },
    join(import.meta.dirname, "fleets", "fleet.json"),
  );
  const before = await countRunDirectories();
  await assert.rejects(startLocalCloud({ fleet }), /broken\.sql:3 failed in database postgres: syntax error/);
  assert.equal(await countRunDirectories(), before);
});

test("a kept cloud has its data, passwords and secrets again", async () => {
  const { keep } = await preparePostgresDirectories();
  const directory = join(keep, `test-${randomBytes(6).toString("hex")}`);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const fleet = await loadFleet(
    {
      project_id: "demo-project",
      instances: [
        {
          instance_name: "kept",
          region: "europe-west1",
          databases: ["shop"],
          users: [{ name: "app", type: "BUILT_IN" }],
        },
      ],
    },
    import.meta.filename,
  );
  try {
    const first = await startLocalCloud({ fleet, directory });
    const { adminPassword } = first.instance("kept").server;
    const { userPasswords } = first.instance("kept");
    await first
      .instance("kept")
      .server.querySuperuser("shop", "CREATE TABLE survivor AS SELECT 42 AS answer");
    await first.stop();

    const second = await startLocalCloud({ fleet, directory });
    const kept = second.instance("kept");
    const { rows } = await kept.server.querySuperuser("shop", "SELECT answer FROM survivor");
    assert.equal(rows[0]?.answer, 42);
    assert.equal(kept.server.adminPassword, adminPassword);
    assert.deepEqual(kept.userPasswords, userPasswords);
    assert.equal(second.secretManager.peekSecret(second.secretOf(kept)), adminPassword);
    await second.stop();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
