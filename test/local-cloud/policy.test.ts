import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Firestore } from "@google-cloud/firestore";
import { createCloudIdentityGroups } from "../../src/google/cloud-identity.ts";
import { createPolicyDocument } from "../../src/google/policy-document.ts";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { silentLog } from "../../src/log.ts";
import { createLivePolicy } from "../../src/operations/policy.ts";
import { startTestCloud } from "../support/cloud.ts";
import { connectFirestore } from "../support/google-clients.ts";
import { collectingLog, type LogLine } from "../support/http.ts";
import { startServiceProcess } from "../support/service-process.ts";

const bindings = [{ principals: ["user:alice@example.com"], role: "admin", targets: ["*"] }];

describe("a policy in a document of Firestore", () => {
  let cloud: LocalCloud;
  let firestore: Firestore;
  before(async () => {
    cloud = await startTestCloud();
    firestore = connectFirestore(cloud.settings.FIRESTORE_EMULATOR_HOST ?? "");
  });
  after(async () => {
    await firestore?.terminate();
    await cloud?.stop();
  });

  it("is read again when it changes, as fields or as YAML, and gone when it is deleted", async () => {
    const lines: LogLine[] = [];
    const source = createPolicyDocument({
      path: "policies/main",
      projectId: cloud.projectId,
      emulatorHost: cloud.settings.FIRESTORE_EMULATOR_HOST,
      log: silentLog,
    });
    const policy = createLivePolicy({ source, ttlMs: 0, log: collectingLog(lines) });
    const count = async () => {
      await policy.refresh();
      return policy.current()?.bindings.length;
    };
    try {
      assert.equal(await count(), 0, "no document, no policy");
      assert.match(policy.warnings().join(), /no policy/);
      const document = firestore.doc("policies/main");
      await document.set({ version: 1, bindings });
      assert.equal(await count(), 1);
      assert.deepEqual(policy.warnings(), []);
      const before = policy.current();
      await policy.refresh();
      assert.equal(policy.current(), before, "the same version is not read twice");
      await document.set({ version: 1, bindings: [{ ...bindings[0], role: "king" }] });
      assert.equal(await count(), 1, "the last good one");
      assert.match(policy.warnings().join(), /is wrong/);
      await document.set({ yaml: `version: 1\nbindings: ${JSON.stringify([...bindings, ...bindings])}\n` });
      assert.equal(await count(), 2);
      await document.delete();
      assert.equal(await count(), 0);
    } finally {
      await source.close();
    }
  });

  it("is not asked for ever when Firestore is down, and the last good one holds", async () => {
    // The client believes it rather than what it is told.
    delete process.env.FIRESTORE_EMULATOR_HOST;
    const source = createPolicyDocument({
      path: "policies/main",
      projectId: cloud.projectId,
      emulatorHost: "127.0.0.1:9",
      timeoutMs: 500,
      log: silentLog,
    });
    const policy = createLivePolicy({ source, ttlMs: 0, log: silentLog });
    const startedAt = performance.now();
    await policy.refresh();
    assert.ok(performance.now() - startedAt < 10_000);
    assert.equal(policy.current(), undefined, "nothing can be decided");
    await source.close();
  });
});

describe("a service whose policy's file is wrong", () => {
  it("does not start, and says all that is wrong with it", async () => {
    const service = startServiceProcess({
      AUTH_MODE: "none",
      API_HOST: "127.0.0.1",
      PORT: "0",
      POLICY_FILE: "package.json",
    });
    assert.equal(await service.exited, 1);
    assert.match(service.stderr(), /POLICY_FILE: \/version must be 1/);
    assert.match(service.stderr(), /POLICY_FILE: \/bindings is required/);
    const missing = startServiceProcess({
      AUTH_MODE: "none",
      API_HOST: "127.0.0.1",
      PORT: "0",
      POLICY_FILE: "/nowhere",
    });
    assert.equal(await missing.exited, 1);
    assert.match(missing.stderr(), /cannot be read \(ENOENT\)/);
  });
});

describe("groups of Cloud Identity", () => {
  const asked: string[] = [];
  let answer = (_url: URL, response: ServerResponse): void => void response.end("{}");
  const server = createServer((request, response) => {
    asked.push(decodeURIComponent(request.url ?? ""));
    response.setHeader("Content-Type", "application/json");
    answer(new URL(request.url ?? "/", "http://localhost"), response);
  });
  let endpoint = "";
  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const request = async <T>({ url, signal }: { url?: string | URL; signal?: AbortSignal | null }) => {
    const response = await fetch(String(url), signal ? { signal } : {});
    if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
    return { data: (await response.json()) as T } as never;
  };
  const create = (now: () => number = () => 0) =>
    createCloudIdentityGroups({
      endpoint,
      log: silentLog,
      timeoutMs: 2_000,
      auth: { request } as never,
      now,
    });

  const serve = (member: boolean) => (url: URL, response: ServerResponse) =>
    void response.end(
      JSON.stringify(
        url.pathname === "/v1/groups:lookup" ? { name: "groups/0abc" } : { hasMembership: member },
      ),
    );

  it("are asked once and then remembered for a while, with the account's name quoted", async () => {
    let time = 0;
    const groups = create(() => time);
    answer = serve(true);
    asked.length = 0;
    assert.equal(await groups.isMember("dba@example.com", "o'hara@example.com"), true);
    assert.equal(await groups.isMember("dba@example.com", "o'hara@example.com"), true);
    assert.deepEqual(asked, [
      "/v1/groups:lookup?groupKey.id=dba@example.com",
      "/v1/groups/0abc/memberships:checkTransitiveMembership?query=member_key_id == 'o\\'hara@example.com'",
    ]);
    answer = serve(false);
    time = 60_001;
    assert.equal(await groups.isMember("dba@example.com", "o'hara@example.com"), false);
  });

  it("that do not exist, or may not be seen, have no members", async () => {
    for (const status of [403, 404]) {
      answer = (_url, response) => void response.writeHead(status).end("{}");
      assert.equal(await create().isMember("dba@example.com", "alice@example.com"), false);
    }
  });

  it("cannot be told while Cloud Identity fails, is silent or is away; and are asked again then", async () => {
    const groups = create();
    const ask = () => groups.isMember("dba@example.com", "alice@example.com");
    answer = (_url, response) => void response.writeHead(503).end("{}");
    await assert.rejects(ask(), { kind: "unavailable", retryAfterS: 5 });
    answer = () => {};
    const startedAt = performance.now();
    await assert.rejects(ask(), { kind: "unavailable" });
    assert.ok(performance.now() - startedAt < 10_000);
    answer = serve(true);
    assert.equal(await ask(), true);
  });
});
