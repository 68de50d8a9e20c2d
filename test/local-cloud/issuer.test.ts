import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { describeCloud, writeDescription } from "../../src/local-cloud/description.ts";
import { startTestCloud } from "../support/cloud.ts";
import { type CloudService, ordersTarget, startCloudService } from "../support/cloud-service.ts";
import { until } from "../support/until.ts";

const execute = promisify(execFile);
const script = join(import.meta.dirname, "../../scripts/token.ts");
const alice = "alice@example.com";

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

function claimsOf(token: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

describe("the local cloud's issuer of ID tokens", () => {
  let cloud: LocalCloud;
  let service: CloudService;
  let checkout: string;

  before(async () => {
    checkout = await mkdtemp(join(tmpdir(), "checkout-"));
    await mkdir(join(checkout, ".local"));
    cloud = await startTestCloud();
    service = await startCloudService(cloud, { caller: alice });
    await writeDescription(checkout, describeCloud(cloud, service.url));
  });
  afterEach(() => cloud.faults.clear());
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await cloud?.stop();
    await rm(checkout, { recursive: true });
  });

  /** scripts/token.ts, as `npm run token` has it. */
  async function runScript(args: readonly string[], cwd = checkout): Promise<Outcome> {
    try {
      return { ...(await execute(process.execPath, [script, ...args], { cwd })), code: 0 };
    } catch (error) {
      return error as Outcome;
    }
  }

  const as = (token: string) => ({ Authorization: `Bearer ${token.trim()}` });
  const listSchemas = (token: string) => service.call("listSchemas", ordersTarget, as(token));

  it("gives each of the fleet's people and service accounts a token that the service knows them by", async () => {
    const emails = cloud.issuer.principals.map(({ email }) => email);
    assert.deepEqual(emails, [
      ...["alice@example.com", "bob@example.com", "carol@example.com"],
      ...[
        "reporter@demo-project.iam.gserviceaccount.com",
        "cloudsql-manager@demo-project.iam.gserviceaccount.com",
      ],
    ]);
    for (const email of emails) {
      const { stdout, stderr, code } = await runScript([email]);
      assert.deepEqual([stderr, code], ["", 0]);
      assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/, "the token and nothing else");
      const answer = await listSchemas(stdout);
      assert.notEqual(answer.status, 401, answer.text);
      await until(() => service.process.stdout().includes(`"${email}"`), { what: `${email} in the log` });
    }
  });

  it("is told apart from others by who may do what", async () => {
    assert.equal((await listSchemas(cloud.issueIdToken(alice))).status, 200);
    const machine = cloud.issuer.principals.at(-1)?.email ?? "";
    assert.equal((await listSchemas(cloud.issueIdToken(machine))).status, 403);
    assert.equal((await service.call("listSchemas", ordersTarget, { Authorization: "" })).status, 401);
  });

  it("says whom it knows when it is asked for somebody else, or for nobody", async () => {
    for (const email of [
      "mallory@example.com",
      "data-team@example.com",
      "legacy_app",
      "alice@example.com&x=1",
    ]) {
      const { stdout, stderr, code } = await runScript([email]);
      assert.deepEqual([stdout, code], ["", 1], email);
      assert.match(stderr, /There is no .* here\. Known are:\n {2}alice@example\.com\n/);
    }
    const nobody = await runScript([]);
    assert.deepEqual([nobody.stdout, nobody.code], ["", 1]);
    assert.match(nobody.stderr, /Usage: npm run --silent token -- EMAIL[\s\S]*bob@example\.com/);
    assert.equal((await runScript(["ALICE@Example.com"])).code, 0);
  });

  it("is not looked for where no local cloud runs, or when it is down", async () => {
    const elsewhere = await runScript([alice], tmpdir());
    assert.match(elsewhere.stderr, /No local cloud runs from this directory.*npm run local/);
    await cloud.faults.switchOn({ fault: "issuer_down" });
    const down = await runScript([alice]);
    assert.deepEqual([down.stdout, down.code], ["", 1]);
    assert.match(down.stderr, /gives no token/);
    for (const { stderr } of [elsewhere, down]) assert.doesNotMatch(stderr, /\n\s+at /, "no stack trace");
  });

  it("answers programs of this machine only, not pages in a browser", async () => {
    for (const headers of [{ Host: "evil.example.com" }, { Origin: "http://localhost:3000" }]) {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      const url = `${cloud.issuer.tokenUrl}?email=${alice}`;
      request(url, { headers }, (incoming) => resolve(incoming.resume().statusCode))
        .on("error", reject)
        .end();
      assert.equal(await promise, 403);
    }
  });

  it("gives the machine's own account a token for any audience, at the metadata server", async () => {
    const base = `http://${cloud.settings.GCE_METADATA_HOST}/computeMetadata/v1/instance/service-accounts/default/identity`;
    const headers = { "Metadata-Flavor": "Google" };
    const token = await (
      await fetch(`${base}?audience=https://x.example.com&format=full`, { headers })
    ).text();
    const { aud, email, iss } = claimsOf(token);
    assert.deepEqual([aud, iss], ["https://x.example.com", "https://accounts.google.com"]);
    assert.equal(email, cloud.issuer.principals.at(-1)?.email);
    assert.equal((await fetch(base, { headers })).status, 404, "an audience must be named");
  });

  it("refuses what Google's own tokens would be refused for", async () => {
    const wrong = [
      cloud.issueIdToken(alice, { lifetimeS: -60 }),
      cloud.issueIdToken(alice, { audience: "https://another.example.com" }),
      cloud.issueIdToken(alice, { claims: { email_verified: false } }),
    ];
    for (const token of wrong) assert.equal((await listSchemas(token)).status, 401);
  });

  it("may be down: who is known goes on, and so do its keys", async () => {
    const known = cloud.issueIdToken(alice);
    assert.equal((await listSchemas(known)).status, 200);
    const unknown = cloud.issueIdToken(alice, { claims: { jti: "not seen yet" } });
    await cloud.faults.switchOn({ fault: "issuer_down" });
    for (const token of [known, unknown]) assert.equal((await listSchemas(token)).status, 200);
  });

  it("makes a 503 of a new service's first call when it is down or too slow, not a 401", async () => {
    const token = cloud.issueIdToken(alice);
    for (const fault of [{ fault: "issuer_down" }, { fault: "issuer_slow", delay_ms: 60_000 }]) {
      await using another = await startCloudService(cloud, { caller: alice });
      await cloud.faults.switchOn(fault);
      const answer = await another.call("listSchemas", ordersTarget, as(token));
      assert.equal(answer.status, 503, answer.text);
      assert.ok(Number(answer.headers["retry-after"]) > 0);
      assert.equal((await another.succeed("getServiceHealth")).status, "healthy");
      await cloud.faults.clear();
    }
  });

  it("may change its key: new tokens are taken, once the keys may be asked for again", async () => {
    await using another = await startCloudService(cloud, { caller: alice });
    await cloud.faults.switchOn({ fault: "issuer_key_rotated" });
    const token = cloud.issueIdToken(alice);
    const before = cloud.issuer.keyRequests();
    assert.equal((await another.call("listSchemas", ordersTarget, as(token))).status, 200);
    assert.equal(cloud.issuer.keyRequests(), before + 1);
    await cloud.faults.clear();
    assert.notEqual(cloud.issueIdToken(alice).split(".")[0], token.split(".")[0], "the old key is back");
  });

  it("leaves a service that has said no token", async () => {
    await service.end();
  });
});
