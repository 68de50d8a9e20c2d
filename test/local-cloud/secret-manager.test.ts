import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import type { SecretManagerServiceClient } from "@google-cloud/secret-manager";
import { crc32c } from "../../src/local-cloud/secret-manager/crc32c.ts";
import { type SecretManagerServer, startSecretManager } from "../../src/local-cloud/secret-manager.ts";
import { connectSecretManager, withCode } from "../support/google-clients.ts";

const GLOBAL = "projects/demo-project";
const REGIONAL = "projects/demo-project/locations/europe-west1";

const noRetry = { timeout: 20_000, retry: null };
describe("the Secret Manager stand-in", () => {
  let server: SecretManagerServer;
  let client: SecretManagerServiceClient;
  let count = 0;

  before(async () => {
    server = await startSecretManager();
    client = connectSecretManager(server);
  });
  afterEach(() => server.faults.clear());
  after(async () => {
    await client.close();
    server.stop();
  });

  async function createSecret(parent = GLOBAL, secretId = `secret-${++count}`): Promise<string> {
    const secret = parent === GLOBAL ? { replication: { automatic: {} } } : {};
    const [created] = await client.createSecret({ parent, secretId, secret });
    return created.name ?? "";
  }

  async function addVersion(name: string, value: string): Promise<string> {
    const [version] = await client.addSecretVersion({ parent: name, payload: { data: Buffer.from(value) } });
    return version.name ?? "";
  }

  async function access(name: string): Promise<string> {
    const [response] = await client.accessSecretVersion({ name }, noRetry);
    return Buffer.from(response.payload?.data ?? "").toString();
  }

  for (const parent of [GLOBAL, REGIONAL]) {
    test(`a secret of ${parent} is created, added to, accessed, listed and deleted`, async () => {
      const name = await createSecret(parent);
      assert.match(name, new RegExp(`^${parent}/secrets/secret-\\d+$`));
      assert.equal(await addVersion(name, "one"), `${name}/versions/1`);
      assert.equal(await addVersion(name, "zwei ü"), `${name}/versions/2`);
      assert.equal(await access(`${name}/versions/1`), "one");
      assert.equal(await access(`${name}/versions/latest`), "zwei ü");
      const [[first, second]] = await client.listSecretVersions({ parent: name });
      assert.deepEqual([first?.name, second?.name], [`${name}/versions/2`, `${name}/versions/1`]);
      const [secrets] = await client.listSecrets({ parent });
      assert.ok(secrets.some((secret) => secret.name === name));
      await client.deleteSecret({ name });
      await assert.rejects(client.getSecret({ name }), withCode(5));
    });
  }

  test("regional and global secrets of one id are two secrets", async () => {
    await createSecret(GLOBAL, "twin");
    await addVersion(`${GLOBAL}/secrets/twin`, "global");
    await assert.rejects(access(`${REGIONAL}/secrets/twin/versions/latest`), withCode(5));
    await createSecret(REGIONAL, "twin");
    await addVersion(`${REGIONAL}/secrets/twin`, "regional");
    assert.equal(await access(`${GLOBAL}/secrets/twin/versions/latest`), "global");
    assert.equal(await access(`${REGIONAL}/secrets/twin/versions/latest`), "regional");
  });

  test("creating a secret again is ALREADY_EXISTS", async () => {
    const name = await createSecret();
    await assert.rejects(createSecret(GLOBAL, name.split("/").at(-1)), withCode(6));
  });

  test("a secret without versions, an unknown version and an unknown secret are NOT_FOUND", async () => {
    const name = await createSecret();
    await assert.rejects(access(`${name}/versions/latest`), withCode(5));
    await assert.rejects(access(`${name}/versions/7`), withCode(5));
    await assert.rejects(access(`${GLOBAL}/secrets/nothing/versions/latest`), withCode(5));
    await assert.rejects(addVersion(`${GLOBAL}/secrets/nothing`, "x"), withCode(5));
  });

  test("latest is the newest version even when it is disabled or destroyed", async () => {
    const name = await createSecret();
    await addVersion(name, "one");
    const newest = await addVersion(name, "two");
    await client.disableSecretVersion({ name: newest });
    await assert.rejects(access(`${name}/versions/latest`), withCode(9));
    await client.enableSecretVersion({ name: newest });
    assert.equal(await access(`${name}/versions/latest`), "two");
    const [destroyed] = await client.destroySecretVersion({ name: newest });
    assert.equal(destroyed.state, "DESTROYED");
    assert.ok(destroyed.destroyTime?.seconds);
    await assert.rejects(access(`${name}/versions/latest`), withCode(9));
    await assert.rejects(client.enableSecretVersion({ name: newest }), withCode(9));
    assert.equal(await access(`${name}/versions/1`), "one");
    const [state] = await client.getSecretVersion({ name: `${name}/versions/latest` });
    assert.equal(state.name, newest);
  });

  test("payloads carry a right CRC-32C, and a wrong one is refused", async () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
    const name = await createSecret();
    const data = Buffer.from("123456789");
    await client.addSecretVersion({ parent: name, payload: { data, dataCrc32c: 0xe3069283 } });
    const [response] = await client.accessSecretVersion({ name: `${name}/versions/1` });
    assert.equal(Number(response.payload?.dataCrc32c), 0xe3069283);
    const wrong = client.addSecretVersion({ parent: name, payload: { data, dataCrc32c: 1 } });
    await assert.rejects(wrong, withCode(3));
  });

  test("empty and over-long payloads are refused, 64 KiB is taken", async () => {
    const name = await createSecret();
    await assert.rejects(addVersion(name, ""), withCode(3));
    await assert.rejects(addVersion(name, "x".repeat(65_537)), withCode(3));
    assert.equal(await addVersion(name, "x".repeat(65_536)), `${name}/versions/1`);
  });

  test("names that are not names are INVALID_ARGUMENT", async () => {
    await assert.rejects(createSecret(GLOBAL, "with space"), withCode(3));
    await assert.rejects(createSecret(GLOBAL, "x".repeat(256)), withCode(3));
    await assert.rejects(access(`${GLOBAL}/secrets/a/versions/`), withCode(3));
    await assert.rejects(access(`${GLOBAL}/secrets/a/versions/0`), withCode(3));
    await assert.rejects(access("projects/demo-project/secrets/a/b/versions/1"), withCode(3));
    await assert.rejects(
      client.createSecret({ parent: GLOBAL, secretId: "no-replication", secret: {} }),
      withCode(3),
    );
  });

  test("lists are paged, and the pages make up the whole", async () => {
    const parent = "projects/paged-project";
    const wanted = ["a", "b", "c", "d", "e"].map((id) => `${parent}/secrets/${id}`);
    for (const name of wanted) server.seedSecret(name, "x");
    const seen: string[] = [];
    let pageToken = "";
    do {
      const [secrets, , response] = await client.listSecrets(
        { parent, pageSize: 2, pageToken },
        { autoPaginate: false },
      );
      assert.ok(secrets.length <= 2);
      assert.equal(response.totalSize, 5);
      seen.push(...secrets.map((secret) => secret.name ?? ""));
      pageToken = response.nextPageToken ?? "";
    } while (pageToken !== "");
    assert.deepEqual(seen, wanted.toReversed());
    const [all] = await client.listSecrets({ parent, pageSize: 2 });
    assert.equal(all.length, 5);
    const bad = client.listSecrets({ parent, pageToken: "!" }, { autoPaginate: false });
    await assert.rejects(bad, withCode(3));
  });

  test("versions are listed by state", async () => {
    const name = await createSecret();
    const first = await addVersion(name, "one");
    await addVersion(name, "two");
    await client.disableSecretVersion({ name: first });
    const [disabled] = await client.listSecretVersions({ parent: name, filter: "state:DISABLED" });
    assert.deepEqual(
      disabled.map((version) => version.name),
      [first],
    );
  });

  test("labels and aliases are updated through the mask only, and etags are checked", async () => {
    const name = await createSecret();
    await addVersion(name, "one");
    await addVersion(name, "two");
    const [before] = await client.getSecret({ name });
    const [updated] = await client.updateSecret({
      secret: {
        name,
        etag: before.etag ?? "",
        labels: { a: "b" },
        annotations: { not: "masked" },
        versionAliases: { old: 1 },
      },
      updateMask: { paths: ["labels", "version_aliases"] },
    });
    assert.deepEqual([updated.labels, updated.annotations], [{ a: "b" }, {}]);
    assert.equal(await access(`${name}/versions/old`), "one");
    assert.notEqual(updated.etag, before.etag);
    const stale = { name, etag: before.etag ?? "" };
    await assert.rejects(client.deleteSecret(stale), withCode(9));
    await assert.rejects(
      client.updateSecret({ secret: { name, replication: {} }, updateMask: { paths: ["replication"] } }),
      withCode(3),
    );
    const [version] = await client.getSecretVersion({ name: `${name}/versions/1` });
    await client.disableSecretVersion({ name: `${name}/versions/1`, etag: version.etag ?? "" });
    await assert.rejects(
      client.enableSecretVersion({ name: `${name}/versions/1`, etag: version.etag ?? "" }),
      withCode(9),
    );
  });

  test("a secret can be missing or forbidden, by full name or by id, and only that one", async () => {
    const one = await createSecret();
    const other = await createSecret();
    await addVersion(one, "one");
    await addVersion(other, "other");
    server.faults.set({ forbidden: [one] });
    await assert.rejects(access(`${one}/versions/latest`), withCode(7));
    assert.equal(await access(`${other}/versions/latest`), "other");
    server.faults.set({ forbidden: [], missing: [one.split("/").at(-1) ?? ""] });
    await assert.rejects(access(`${one}/versions/latest`), withCode(5));
    server.faults.clear();
    assert.equal(await access(`${one}/versions/latest`), "one");
  });

  test("unavailable and slow are seen by the client as such", async () => {
    const name = `${server.seedSecret(`${GLOBAL}/secrets/faulty`, "x")}`;
    const call = (timeout: number) => client.accessSecretVersion({ name }, { timeout, retry: null });
    server.faults.set({ unavailable: true });
    await assert.rejects(call(20_000), withCode(14));
    server.faults.set({ unavailable: false, slowMs: 30_000 });
    const start = performance.now();
    await assert.rejects(call(300), withCode(4));
    assert.ok(performance.now() - start < 10_000);
  });

  test("a seeded secret is rotated by seeding it again", async () => {
    const name = `${REGIONAL}/secrets/rotated`;
    assert.equal(server.seedSecret(name, "old"), `${name}/versions/1`);
    assert.equal(server.seedSecret(name, "new"), `${name}/versions/2`);
    assert.equal(await access(`${name}/versions/latest`), "new");
    assert.equal(server.peekSecret(name), "new");
    assert.equal(server.peekSecret(`${name}-not`), undefined);
  });
});

test("secrets kept in a file are there after a restart, and nobody else may read the file", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "secrets-"));
  const stopping: (() => void)[] = [];
  t.after(() => {
    for (const stop of stopping) stop();
    rmSync(directory, { recursive: true });
  });
  const stateFile = join(directory, "secrets.json");
  const first = await startSecretManager({ stateFile });
  stopping.push(first.stop);
  first.seedSecret(`${GLOBAL}/secrets/kept`, "value");
  const snapshot = first.snapshot();
  first.stop();
  assert.equal(statSync(stateFile).mode & 0o777, 0o600);
  JSON.parse(readFileSync(stateFile, "utf8"));

  const second = await startSecretManager({ stateFile });
  stopping.push(second.stop);
  assert.equal(second.peekSecret(`${GLOBAL}/secrets/kept`), "value");
  const client = connectSecretManager(second);
  t.after(() => client.close());
  const [response] = await client.accessSecretVersion({ name: `${GLOBAL}/secrets/kept/versions/latest` });
  assert.equal(String(response.payload?.data), "value");
  second.seedSecret(`${GLOBAL}/secrets/more`, "x");
  second.restore(snapshot);
  assert.equal(second.peekSecret(`${GLOBAL}/secrets/more`), undefined);
});

test("a port that is taken is an error", async (t) => {
  const server = await startSecretManager();
  t.after(server.stop);
  await assert.rejects(startSecretManager({ port: server.port }));
});
