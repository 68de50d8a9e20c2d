import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import {
  type Answer,
  analyticsTarget,
  type CloudService,
  ordersTarget,
  startCloudService,
} from "../support/cloud-service.ts";
import { countStatuses, type Load, startLoad } from "../support/load.ts";
import { until } from "../support/until.ts";

const billingTarget = { ...ordersTarget, database_name: "billing" };
const orders = { instance_name: "orders-db" };

/** A fault of the instance that is named. */
const of =
  (fault: string, more = {}) =>
  (instance_name: string) => ({ fault, instance_name, ...more });

/** Each has an instance of its own, of which the service knows nothing yet. */
const cold: readonly (readonly [string, (instance_name: string) => object, number])[] = [
  ["the Admin API is down", () => ({ fault: "sql_admin_down" }), 503],
  ["the Admin API is too slow", () => ({ fault: "sql_admin_slow", delay_ms: 3500 }), 503],
  ["the Admin API answers 403", () => ({ fault: "sql_admin_status", status: 403 }), 503],
  ["the Admin API answers 503", () => ({ fault: "sql_admin_status", status: 503 }), 503],
  ["the secret is missing", of("secret_missing"), 404],
  ["the secret is forbidden", of("secret_forbidden"), 503],
  ["Secret Manager is unavailable", () => ({ fault: "secret_manager_unavailable" }), 503],
  ["Secret Manager is too slow", () => ({ fault: "secret_manager_slow", delay_ms: 3500 }), 503],
  ["the instance refuses connections", of("instance_refusing"), 503],
  ["the instance is silent", of("instance_silent"), 503],
  ["the instance is shut down", of("instance_stopped"), 503],
  ["the secret is out of date", of("password_rotated", { secret: "unchanged" }), 503],
];
const coldTarget = (at: number) => ({
  ...ordersTarget,
  ...{ instance_name: `cold-${at + 1}`, database_name: "postgres" },
});

const { project_id, region } = ordersTarget;
const fleet = {
  project_id,
  instances: [
    { ...{ instance_name: "orders-db", region }, ...{ version: 17, databases: ["orders", "billing"] } },
    {
      ...{ instance_name: "analytics-db", region: analyticsTarget.region, secret: "global" },
      ...{ version: 15, databases: ["analytics"] },
    },
    ...cold.map((_, at) => ({ instance_name: `cold-${at + 1}`, region, version: 17 })),
  ],
};

/** Waits and pauses are short, so that what takes a minute in production takes a second here. */
const settings = {
  LOG_LEVEL: "INFO",
  CONNECTION_TIMEOUT: "2",
  CONNECTION_RETRY_ATTEMPTS: "2",
  CONNECTION_POOL_SIZE: "2",
  CONNECTION_POOL_MAX_OVERFLOW: "2",
  BREAKER_RESET_TIMEOUT: "0.5",
  REQUEST_TIMEOUT: "60",
};

/** CONNECTION_TIMEOUT, and what a busy machine adds. */
const refusedWithinMs = 15_000;

function assertRefusal({ status, headers, text, elapsedMs, body }: Answer): void {
  assert.ok([404, 503].includes(status), `${status} ${text}`);
  if (status === 503) assert.match(String(headers["retry-after"]), /^[1-9][0-9]*$/);
  assert.ok(elapsedMs < refusedWithinMs, `${Math.round(elapsedMs)} ms: ${text}`);
  assert.equal(body.success, false);
}

function assertAllWell(answers: readonly Answer[]): void {
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200).map(({ text }) => text),
    [],
  );
}

let cloud: LocalCloud;

before(async () => {
  cloud = await startTestCloud(fleet);
});
afterEach(() => cloud.faults.clear());
after(() => cloud?.stop());

describe("a fault that comes while the service is under load", () => {
  let service: CloudService;
  let load: Load | undefined;

  before(async () => {
    service = await startCloudService(cloud, { settings });
  });
  afterEach(async () => {
    await load?.stop();
    load = undefined;
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
  });

  function startReads(): Load {
    load = startLoad({
      orders: () => service.call("listSchemas", ordersTarget),
      analytics: () => service.call("listSchemas", analyticsTarget),
    });
    return load;
  }

  const harmless: readonly (readonly [string, object])[] = [
    ["the Admin API is down", { fault: "sql_admin_down" }],
    ["the Admin API resets connections", { fault: "sql_admin_reset" }],
    ["the Admin API is slow", { fault: "sql_admin_slow", delay_ms: 3500 }],
    ["the Admin API answers 403", { fault: "sql_admin_status", status: 403 }],
    ["the Admin API answers 429", { fault: "sql_admin_status", status: 429 }],
    ["the Admin API answers 503", { fault: "sql_admin_status", status: 503 }],
    ["the secret is gone", { fault: "secret_missing", ...orders }],
    ["the secret may not be read", { fault: "secret_forbidden", ...orders }],
    ["Secret Manager is unavailable", { fault: "secret_manager_unavailable" }],
    [
      "the password was rotated and the secret follows",
      { fault: "password_rotated", secret: "updated", ...orders },
    ],
    ["the instance refuses new connections", { fault: "instance_refusing", ...orders }],
    ["Firestore is unavailable", { fault: "firestore_unavailable" }],
  ];
  for (const [what, fault] of harmless) {
    it(`does no harm to connections that live: ${what}`, async () => {
      const reads = startReads();
      await reads.recovered(10);
      await cloud.faults.switchOn(fault);
      const during = await reads.next(60);
      await cloud.faults.clear();
      assertAllWell([...during, ...(await reads.next(20))]);
    });
  }

  const harmful: readonly (readonly [string, object])[] = [
    ["resets its connections", { fault: "instance_dropping", ...orders }],
    ["is shut down", { fault: "instance_stopped", ...orders }],
  ];
  for (const [what, fault] of harmful) {
    it(`is over when it ends, and does not touch other instances: an instance ${what}`, async () => {
      const reads = startReads();
      await reads.recovered(10);
      await cloud.faults.switchOn(fault);
      const during = await reads.next(30);
      const sick = during.filter(({ name, status }) => name === "orders" && status !== 200);
      assert.ok(sick.length > 0, JSON.stringify(countStatuses(during)));
      for (const answer of sick) assertRefusal(answer);
      assertAllWell(during.filter(({ name }) => name === "analytics"));
      await cloud.faults.clear();
      await reads.recovered(20);
      assertAllWell(reads.answers.filter(({ name }) => name === "analytics"));
    });
  }

  it("is over when it ends: an instance goes silent for new connections", async () => {
    const reads = startReads();
    await reads.recovered(10);
    await cloud.faults.switchOn({ fault: "instance_silent", ...orders });
    const cold = await Promise.all([1, 2, 3].map(() => service.call("listSchemas", billingTarget)));
    for (const answer of cold) {
      assert.equal(answer.status, 503, answer.text);
      assertRefusal(answer);
    }
    await cloud.faults.clear();
    await until(async () => (await service.call("listSchemas", billingTarget)).status === 200);
    assertAllWell(reads.answers);
  });

  it("is over when it ends: the password was rotated and the secret did not follow", async () => {
    await cloud.faults.switchOn({ fault: "password_rotated", secret: "unchanged", ...orders });
    await terminateSessions();
    const reads = startReads();
    const during = await reads.next(20);
    const sick = during.filter(({ name }) => name === "orders");
    for (const answer of sick) {
      assert.equal(answer.status, 503, answer.text);
      assertRefusal(answer);
    }
    assertAllWell(during.filter(({ name }) => name === "analytics"));
    await cloud.faults.clear();
    await reads.recovered(20);
  });

  it("goes unnoticed: the password was rotated, the secret follows, and all connections end", async () => {
    const reads = startReads();
    await reads.recovered(10);
    await cloud.faults.switchOn({ fault: "password_rotated", secret: "updated", ...orders });
    await terminateSessions();
    const during = await reads.next(60);
    // Only what ran when its connection was ended may fail.
    const failed = during.filter(({ status }) => status !== 200);
    assert.ok(failed.length <= 4, JSON.stringify(countStatuses(during)));
    for (const answer of failed) assertRefusal(answer);
    await reads.recovered(20);
  });

  it("is over when it ends: the admin was made a member of an IAM role", async () => {
    const reads = startReads();
    await reads.recovered(10);
    await cloud.faults.switchOn({ fault: "admin_in_iam_role", ...orders });
    await terminateSessions();
    await until(() => reads.answers.some(({ body }) => Object(body.details).sqlstate === "28000"));
    const sick = reads.answers.filter(({ status }) => status !== 200);
    for (const answer of sick) assertRefusal(answer);
    await cloud.faults.clear();
    await reads.recovered(20);
  });

  it("ends in order after all of them, without having said a secret", async () => {
    await service.end();
  });

  async function terminateSessions(): Promise<void> {
    await cloud
      .instance("orders-db")
      .server.querySuperuser(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
      );
  }
});

describe("a fault that is there when an instance is asked for the first time", () => {
  let service: CloudService;

  before(async () => {
    service = await startCloudService(cloud, { settings: { ...settings, CONNECTION_TIMEOUT: "1.5" } });
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
  });

  for (const [at, [what, fault, status]] of cold.entries()) {
    it(`is answered ${status} in time and is over when it ends: ${what}`, async () => {
      const target = coldTarget(at);
      // Another instance, so that Google's clients are loaded, and what the last fault has left is over.
      await until(async () => (await service.call("listSchemas", analyticsTarget)).status === 200);
      await cloud.faults.switchOn(fault(target.instance_name));
      const ask = () => service.call("listSchemas", target);
      const other = { ...target, database_name: "template1" };
      const answers = await Promise.all([ask(), ask(), service.call("checkDatabaseHealth", other)]);
      for (const answer of [...answers, await ask()]) {
        assert.equal(answer.status, status, answer.text);
        assertRefusal(answer);
      }
      assert.equal((await service.call("getServiceHealth")).status, 200);
      await cloud.faults.clear();
      await until(async () => (await ask()).status === 200);
    });
  }

  it("leaves a service that ends in order", () => service.end());

  it("is waited for as long as there is time: the Admin API is slower than one attempt of three may be", async () => {
    const patient = { ...settings, CONNECTION_TIMEOUT: "12", CONNECTION_RETRY_ATTEMPTS: "3" };
    await using service = await startCloudService(cloud, { settings: patient });
    await until(async () => (await service.call("listSchemas", analyticsTarget)).status === 200);
    // A look-up takes two requests one after the other.
    await cloud.faults.switchOn({ fault: "sql_admin_slow", delay_ms: 2_500 });
    await service.succeed("listSchemas", ordersTarget);
    await service.end();
  });
});
