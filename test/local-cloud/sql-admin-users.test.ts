import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Instance } from "../../src/domain/target.ts";
import { createSqlAdminUsers, type SqlAdminUsers } from "../../src/google/sql-admin.ts";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { silentLog } from "../../src/log.ts";
import type { CloudOperation } from "../../src/operations/cloud-users.ts";
import { startTestCloud } from "../support/cloud.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { until } from "../support/until.ts";

const orders: Instance = { project: "demo-project", region: "europe-west1", instance: "orders-db" };

describe("users through the Cloud SQL Admin API", () => {
  let cloud: LocalCloud;
  let users: SqlAdminUsers;
  /** Gives up soon. */
  let impatient: SqlAdminUsers;
  const use = { signal: new AbortController().signal };

  before(async () => {
    cloud = await startTestCloud();
    Object.assign(process.env, cloud.settings);
    const { url: endpoint } = cloud.sqlAdmin;
    const create = (requestTimeoutMs: number, retryForMs: number) =>
      createSqlAdminUsers({ endpoint, requestTimeoutMs, retryForMs, log: silentLog });
    users = create(20_000, 20_000);
    impatient = create(1_500, 2_000);
  });
  after(async () => {
    users?.close();
    impatient?.close();
    await cloud?.stop();
  });

  const ended = (operation: CloudOperation): Promise<CloudOperation> =>
    until(async () => {
      const now = await users.readOperation(orders, operation.name, use);
      return now.done ? now : undefined;
    });
  const names = async (): Promise<readonly string[]> =>
    (await users.list(orders, use)).map(({ name }) => name);

  test("are listed with their types, made and deleted", async () => {
    const made = await users.insert(orders, { name: "o'brien@example.com", type: "iam_user" }, use);
    assert.deepEqual(await ended(made), { name: made.name, done: true });
    assert.deepEqual(
      (await users.list(orders, use)).find(({ name }) => name === "o'brien@example.com"),
      { name: "o'brien@example.com", type: "iam_user" },
    );
    const gone = await users.delete(orders, "o'brien@example.com", use);
    assert.ok(gone);
    await ended(gone);
    assert.ok(!(await names()).includes("o'brien@example.com"));
    assert.equal(await users.delete(orders, "o'brien@example.com", use), undefined);
  });

  test("are made one after the other, however many are asked for at once", async () => {
    const wanted = Array.from({ length: 6 }, (_, at) => `at-once-${at}@example.com`);
    await Promise.all(wanted.map((name) => users.insert(orders, { name, type: "iam_user" }, use)));
    await until(async () => {
      const present = await names();
      return wanted.every((name) => present.includes(name));
    });
  });

  test("who exists already is a conflict, and tells so by Google's reason", async () => {
    const type = "iam_user" as const;
    const error = await serviceErrorOf(users.insert(orders, { name: "alice@example.com", type }, use));
    assert.deepEqual([error.kind, error.details.reason], ["conflict", "alreadyExists"]);
  });

  test("an instance that does not exist is not found; another project is refused", async () => {
    const nowhere = await serviceErrorOf(users.list({ ...orders, instance: "no-such-db" }, use));
    assert.deepEqual([nowhere.kind, nowhere.details.resource], ["not_found", "instance"]);
    const elsewhere = await serviceErrorOf(users.delete({ ...orders, project: "other" }, "x", use));
    assert.equal(elsewhere.kind, "not_found");
  });

  test("a short failure is waited out, a long one is unavailable, a refusal at once", async () => {
    cloud.sqlAdmin.faults.status = 503;
    setTimeout(() => {
      cloud.sqlAdmin.faults.status = undefined;
    }, 300);
    assert.ok((await names()).length > 0);
    for (const status of [429, 503] as const) {
      cloud.sqlAdmin.faults.status = status;
      assert.equal((await serviceErrorOf(impatient.list(orders, use))).kind, "unavailable");
    }
    cloud.sqlAdmin.faults.status = 403;
    const startedAt = performance.now();
    const refused = await serviceErrorOf(users.list(orders, use));
    assert.deepEqual([refused.kind, refused.retryAfterS], ["unavailable", 60]);
    assert.ok(performance.now() - startedAt < 10_000);
    cloud.sqlAdmin.faults.status = undefined;
  });

  test("no answer is unavailable or a timeout, and giving up ends the wait at once", async () => {
    cloud.sqlAdmin.faults.delayMs = 30_000;
    assert.equal((await serviceErrorOf(impatient.list(orders, use))).kind, "timeout");
    const startedAt = performance.now();
    await assert.rejects(users.list(orders, { signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
    assert.ok(performance.now() - startedAt < 10_000);
    cloud.sqlAdmin.faults.delayMs = 0;
    await cloud.sqlAdmin.pause();
    assert.equal((await serviceErrorOf(impatient.list(orders, use))).kind, "unavailable");
    await cloud.sqlAdmin.resume();
    assert.ok((await names()).length > 0);
  });

  test("an operation that fails says so", async () => {
    cloud.sqlAdmin.faults.operationsFail = true;
    const made = await users.insert(orders, { name: "never@example.com", type: "iam_user" }, use);
    assert.equal((await ended(made)).failure, "INTERNAL_ERROR");
    cloud.sqlAdmin.faults.operationsFail = false;
  });
});
