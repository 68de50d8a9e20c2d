import assert from "node:assert/strict";
import { describe, test } from "node:test";
import request from "supertest";
import { ServiceError } from "../../src/errors.ts";
import type { HttpSettings } from "../../src/http/app.ts";
import type { Caller } from "../../src/http/caller.ts";
import { assertProblem } from "../support/contract.ts";
import { demoTarget, startTestServer, type TestServer } from "../support/http.ts";

async function withServer(
  settings: Partial<HttpSettings>,
  use: (service: TestServer) => Promise<void>,
): Promise<void> {
  const service = await startTestServer({
    settings,
    identifyCaller: ({ headers }): Caller => {
      const name = headers["x-test-caller"];
      if (name === "anonymous") return { name, kind: "anonymous" };
      if (typeof name === "string") return { name, kind: "user" };
      throw new ServiceError("authentication_error", "Who calls is not known");
    },
  });
  try {
    await use(service);
  } finally {
    await service.close();
  }
}

function call(service: TestServer, headers: Record<string, string>): request.Test {
  return request(service.url).post("/database/schemas").set(headers).send(demoTarget);
}

const as = (name: string) => ({ "X-Test-Caller": `${name}@example.com` });

describe("the rate of requests", () => {
  test("is limited for each caller and for all together, and each answer says what is left", async () => {
    await withServer({ rateLimits: { perPrincipal: 3, total: 5, unauthenticated: 0 } }, async (service) => {
      const first = await call(service, as("alice"));
      assert.equal(first.status, 200);
      assert.equal(first.headers["ratelimit-policy"], '"principal";q=3;w=60, "total";q=5;w=60');
      assert.match(first.headers.ratelimit ?? "", /^"principal";r=2;t=(59|60), "total";r=4;t=(59|60)$/);
      for (let more = 0; more < 2; more += 1) assert.equal((await call(service, as("alice"))).status, 200);
      const refused = await call(service, as("alice"));
      assertProblem(refused, 429, "too_many_requests");
      const wait = Number(refused.headers["retry-after"]);
      assert.ok(wait > 0 && wait <= 60);
      assert.match(refused.headers.ratelimit ?? "", /^"principal";r=0;t=\d+$/);
      assert.deepEqual(refused.body.details, { limit: "principal", quota: 3, window_seconds: 60 });
      // What was refused took nothing from the others.
      assert.equal((await call(service, as("bob"))).status, 200);
      assert.equal((await call(service, as("bob"))).status, 200);
      const crowded = await call(service, as("carol"));
      assertProblem(crowded, 429, "too_many_requests");
      assert.equal(crowded.body.details.limit, "total");
      const audited = service.lines.filter(({ level }) => level === "notice");
      assert.equal(audited.length, 2, "each refusal leaves a record");
    });
  });

  test("has no limit for who is anonymous, who is on this machine, and none at all where it is switched off", async () => {
    await withServer({ rateLimits: { perPrincipal: 1, total: 1, unauthenticated: 1 } }, async (service) => {
      for (let round = 0; round < 3; round += 1) {
        const answer = await call(service, { "X-Test-Caller": "anonymous" });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.ratelimit, undefined);
        assert.equal((await request(service.url).get("/health")).status, 200);
      }
    });
    await withServer({}, async (service) => {
      for (let round = 0; round < 3; round += 1) assert.equal((await call(service, as("alice"))).status, 200);
    });
  });

  test("of unknown callers is limited by address, and takes nothing from known ones at the same address", async () => {
    const rateLimits = { perPrincipal: 0, total: 3, unauthenticated: 2 };
    await withServer({ rateLimits, trustedHops: 0 }, async (service) => {
      assert.equal((await call(service, {})).status, 401);
      assert.equal((await call(service, { "X-Forwarded-For": "198.51.100.1" })).status, 401);
      const refused = await call(service, { "X-Forwarded-For": "198.51.100.2" });
      assertProblem(refused, 429, "too_many_requests");
      assert.equal(refused.body.details.limit, "unauthenticated");
      for (let round = 0; round < 3; round += 1) assert.equal((await call(service, as("alice"))).status, 200);
    });
  });

  test("counts the address that the last trusted proxy saw, whatever the caller put before it", async () => {
    const rateLimits = { perPrincipal: 0, total: 0, unauthenticated: 1 };
    await withServer({ rateLimits, trustedHops: 1 }, async (service) => {
      const from = (addresses: string) => call(service, { "X-Forwarded-For": addresses });
      assert.equal((await from("198.51.100.1")).status, 401);
      assert.equal((await from("10.0.0.1, 198.51.100.1")).status, 429, "an invented hop");
      assert.equal((await from("198.51.100.1, 203.0.113.7")).status, 401, "another address");
      assert.equal((await from("2001:db8:1:2::1")).status, 401);
      assert.equal((await from("2001:db8:1:2:ffff:1:2:3")).status, 429, "the same network");
      assert.equal((await from("2001:db8:1:3::1")).status, 401, "another network");
      const addresses = service.lines
        .filter(({ level }) => level === "notice")
        .map(({ fields }) => (fields.audit as { client_address: string }).client_address);
      assert.equal(addresses[1], "198.51.100.1");
      assert.equal((await from("not an address")).status, 401, "then it is who holds the connection");
    });
  });
});
