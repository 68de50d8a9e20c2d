import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { grpc } from "google-gax";
import type { Instance } from "../../src/domain/target.ts";
import { crc32c } from "../../src/google/crc32c.ts";
import { type AdminPasswordsOptions, createAdminPasswords } from "../../src/google/secrets.ts";
import { loadService, RpcError, serveGrpc } from "../../src/local-cloud/grpc-server.ts";
import { type SecretManagerServer, startSecretManager } from "../../src/local-cloud/secret-manager.ts";
import { silentLog } from "../../src/log.ts";
import { assertServiceError } from "../support/service-error.ts";
import { until } from "../support/until.ts";

const orders: Instance = { project: "demo-project", region: "europe-west1", instance: "orders-db" };
const globalName = "projects/demo-project/secrets/orders-db-postgres-password";
const regionalName = "projects/demo-project/locations/europe-west1/secrets/orders-db-postgres-password";

let server: SecretManagerServer;
let empty: unknown;
const stops: (() => void)[] = [];
const opened: ReturnType<typeof createAdminPasswords>[] = [];

before(async () => {
  server = await startSecretManager();
  empty = server.snapshot();
});
beforeEach(() => server.restore(empty));
afterEach(async () => {
  server.faults.clear();
  for (const passwords of opened.splice(0)) await passwords.close();
  for (const stop of stops.splice(0)) stop();
});
after(() => server.stop());

function createPasswords(options: Partial<AdminPasswordsOptions> = {}) {
  const passwords = createAdminPasswords({
    endpoint: `127.0.0.1:${server.port}`,
    suffix: "postgres-password",
    timeoutMs: 15_000,
    log: silentLog,
    ...options,
  });
  opened.push(passwords);
  return passwords;
}

function payloadOf(value: string) {
  const data = Buffer.from(value);
  return { payload: { data, dataCrc32c: String(crc32c(data)) } };
}

/** A Secret Manager that gives one answer after the other, the last one for ever. */
async function startScripted(answers: readonly (() => unknown)[]) {
  let calls = 0;
  const scripted = await serveGrpc({
    service: loadService(
      "@google-cloud/secret-manager",
      "protos.json",
      "google.cloud.secretmanager.v1.SecretManagerService",
    ),
    handlers: {
      unary: { AccessSecretVersion: () => answers[Math.min(calls++, answers.length - 1)]?.() },
    },
    gate: () => {},
    port: 0,
  });
  stops.push(scripted.stop);
  return { endpoint: `127.0.0.1:${scripted.port}`, calls: () => calls };
}

test("the regional secret is preferred to the global one", async () => {
  server.seedSecret(globalName, "global");
  assert.equal(await createPasswords().read(orders), "global");
  server.seedSecret(regionalName, "regional");
  assert.equal(await createPasswords().read(orders), "regional");
});

test("an expired password is read again before its next use, and kept while that fails in passing", async () => {
  const scripted = await startScripted([
    () => payloadOf("first"),
    () => payloadOf("second"),
    () => {
      throw new RpcError(grpc.status.UNAVAILABLE, "away");
    },
  ]);
  const passwords = createPasswords({ endpoint: scripted.endpoint, timeoutMs: 2_000 });
  passwords.expire(orders);
  for (let i = 0; i < 2; i++) assert.equal(await passwords.read(orders), "first");
  passwords.expire(orders);
  for (let i = 0; i < 2; i++) assert.equal(await passwords.read(orders), "second");
  passwords.expire(orders);
  assert.equal(await passwords.read(orders), "second");
});

test("the latest version is read, from the secrets' own project when there is one", async () => {
  server.seedSecret(globalName, "wrong");
  const name = globalName.replace("demo-project", "secrets-project");
  server.seedSecret(name, "old");
  server.seedSecret(name, "new");
  assert.equal(await createPasswords({ secretProject: "secrets-project" }).read(orders), "new");
});

test("one newline at the end is not part of the password, and nothing else is taken off", async () => {
  for (const [value, password] of [
    ["pässwörd\n", "pässwörd"],
    ["password\r\n", "password"],
    ["password\n\n", "password\n"],
    [" pass word ", " pass word "],
  ] as const) {
    server.seedSecret(globalName, value);
    assert.equal(await createPasswords().read(orders), password);
  }
});

test("simultaneous callers share one read, and it is not repeated within its time", async () => {
  const scripted = await startScripted([() => payloadOf("password")]);
  const passwords = createPasswords({ endpoint: scripted.endpoint });
  const read = await Promise.all(Array.from({ length: 20 }, () => passwords.read(orders)));
  assert.deepEqual(new Set(read), new Set(["password"]));
  assert.equal(await passwords.read(orders), "password");
  assert.equal(scripted.calls(), 1);
});

test("a password that was refused is read again, and another one stays", async () => {
  server.seedSecret(globalName, "old");
  const passwords = createPasswords();
  assert.equal(await passwords.read(orders), "old");
  server.seedSecret(globalName, "new");
  passwords.forget(orders, "older");
  assert.equal(await passwords.read(orders), "old");
  passwords.forget(orders, "old");
  assert.equal(await passwords.read(orders), "new");
  passwords.forget(orders, "old");
  server.seedSecret(globalName, "newest");
  assert.equal(await passwords.read(orders), "new");
});

test("a password that is refused to many at once is read again once", async () => {
  const scripted = await startScripted([() => payloadOf("wrong")]);
  const passwords = createPasswords({ endpoint: scripted.endpoint });
  await passwords.read(orders);
  for (let i = 0; i < 5; i++) {
    passwords.forget(orders, "wrong");
    await passwords.read(orders);
  }
  assert.equal(scripted.calls(), 2);
});

test("a password whose time is over is read again, and kept while Secret Manager is down", async () => {
  server.seedSecret(globalName, "old");
  const passwords = createPasswords({ ttlMs: 50 });
  assert.equal(await passwords.read(orders), "old");
  server.faults.set({ unavailable: true });
  const startedAt = performance.now();
  await until(() => performance.now() - startedAt > 60);
  assert.equal(await passwords.read(orders), "old");
  server.faults.clear();
  server.seedSecret(globalName, "new");
  await until(async () => (await passwords.read(orders)) === "new");
});

test("a password that may no longer be read is not used beyond its time", async () => {
  server.seedSecret(globalName, "old");
  const passwords = createPasswords({ ttlMs: 50 });
  await passwords.read(orders);
  server.faults.set({ forbidden: ["orders-db-postgres-password"] });
  await until(() =>
    passwords.read(orders).then(
      () => false,
      (error) => error.kind === "unavailable",
    ),
  );
});

test("a refused password is not kept, even while Secret Manager is down", async () => {
  server.seedSecret(globalName, "old");
  const passwords = createPasswords();
  await passwords.read(orders);
  server.faults.set({ unavailable: true });
  passwords.forget(orders, "old");
  await assertServiceError(passwords.read(orders), "unavailable");
  server.faults.clear();
  assert.equal(await passwords.read(orders), "old");
});

test("a secret that is nowhere is not found, by its name", async () => {
  const error = await assertServiceError(createPasswords().read(orders), "not_found", "secret");
  assert.equal(error.details.secret, "orders-db-postgres-password");
  server.seedSecret(regionalName, "regional");
  assert.equal(await createPasswords().read(orders), "regional");
});

test("a secret that may not be read is unavailable, and the message says what is needed", async () => {
  server.seedSecret(regionalName, "regional");
  server.faults.set({ forbidden: [regionalName] });
  const error = await assertServiceError(createPasswords().read(orders), "unavailable");
  assert.match(error.message, /secretmanager\.versions\.access/);
  assert.ok(!JSON.stringify([error.message, error.details]).includes("regional"));
});

test("a regional secret that may not be read does not hide a global one", async () => {
  server.seedSecret(globalName, "global");
  server.faults.set({ forbidden: [regionalName] });
  assert.equal(await createPasswords().read(orders), "global");
});

test("a latest version that is disabled or destroyed is unavailable, and older ones are not used", async () => {
  server.seedSecret(globalName, "old");
  const version = server.seedSecret(globalName, "new");
  const client = new SecretManagerServiceClient({
    apiEndpoint: server.host,
    port: server.port,
    sslCreds: grpc.credentials.createInsecure(),
    clientOptions: { universeDomain: "googleapis.com" },
  });
  await client.disableSecretVersion({ name: version });
  const error = await assertServiceError(createPasswords().read(orders), "unavailable");
  assert.match(error.message, /disabled or destroyed/);
  await client.destroySecretVersion({ name: version });
  await assertServiceError(createPasswords().read(orders), "unavailable");
  await client.close();
});

test("a value that cannot be a password is refused without being shown", async () => {
  for (const value of ["\n", Buffer.from([0x70, 0xff, 0xfe])]) {
    server.seedSecret(globalName, value);
    await assertServiceError(createPasswords().read(orders), "unavailable");
  }
});

test("Secret Manager being down is unavailable, quickly, and over when it is back", async () => {
  server.seedSecret(globalName, "password");
  const passwords = createPasswords();
  server.faults.set({ unavailable: true });
  const startedAt = performance.now();
  const error = await assertServiceError(passwords.read(orders), "unavailable");
  assert.ok(performance.now() - startedAt < 10_000);
  assert.ok((error.retryAfterS ?? 0) > 0);
  server.faults.clear();
  assert.equal(await passwords.read(orders), "password");
});

test("a short outage is ridden out", async () => {
  const down = () => {
    throw new RpcError(grpc.status.UNAVAILABLE, "down");
  };
  const scripted = await startScripted([down, down, () => payloadOf("password")]);
  assert.equal(await createPasswords({ endpoint: scripted.endpoint }).read(orders), "password");
  assert.equal(scripted.calls(), 3);
});

test("a value that does not match its checksum is refused", async () => {
  const damaged = {
    payload: { data: Buffer.from("passwort"), dataCrc32c: payloadOf("password").payload.dataCrc32c },
  };
  const scripted = await startScripted([() => damaged, () => payloadOf("password")]);
  const passwords = createPasswords({ endpoint: scripted.endpoint });
  const error = await assertServiceError(passwords.read(orders), "unavailable");
  assert.match(error.message, /damaged/);
  assert.equal(await passwords.read(orders), "password");
});

test("a Secret Manager that does not answer is a timeout, on time", async () => {
  server.faults.set({ slowMs: 30_000 });
  const startedAt = performance.now();
  await assertServiceError(createPasswords({ timeoutMs: 300 }).read(orders), "timeout");
  assert.ok(performance.now() - startedAt < 5_000);
});

test("an address where nobody listens, or nobody answers, is an error on time", async () => {
  await assertServiceError(createPasswords({ endpoint: "127.0.0.1:1" }).read(orders), "unavailable");
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket.on("error", () => {})));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as { port: number };
  const startedAt = performance.now();
  const passwords = createPasswords({ endpoint: `127.0.0.1:${port}`, timeoutMs: 300 });
  await assertServiceError(passwords.read(orders), "timeout");
  assert.ok(performance.now() - startedAt < 5_000);
  await passwords.close();
  // gRPC leaves a connection that is being made.
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test("closing ends what waits, is quick, and may be repeated", async () => {
  server.faults.set({ slowMs: 30_000 });
  const passwords = createPasswords();
  const waiting = assertServiceError(passwords.read(orders), "unavailable");
  const startedAt = performance.now();
  await passwords.close();
  await waiting;
  await passwords.close();
  assert.ok(performance.now() - startedAt < 5_000);
  await assertServiceError(passwords.read(orders), "unavailable");
});
