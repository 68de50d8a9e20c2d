import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import tls from "node:tls";
import { createInstanceAccess, type InstanceAccessOptions } from "../../src/google/connector.ts";
import { silentLog } from "../../src/log.ts";
import { type InstanceRig, type RigInstance, sayTo, startInstanceRig } from "../support/instance-rig.ts";
import { assertServiceError } from "../support/service-error.ts";
import { until } from "../support/until.ts";

type Access = ReturnType<typeof createInstanceAccess>;

let rig: InstanceRig;
let orders: RigInstance;
let billing: RigInstance;
const opened: Access[] = [];
const timeoutMs = 20_000;

before(async () => {
  rig = await startInstanceRig(["orders-db", "billing-db"]);
  [orders, billing] = rig.instances as [RigInstance, RigInstance];
});

afterEach(async () => {
  Object.assign(rig.api.faults, {
    delayMs: 0,
    status: undefined,
    resetting: false,
    certificateLifetimeMs: undefined,
  });
  await rig.api.resume();
  for (const access of opened.splice(0)) await access.close();
});

after(() => rig.stop());

function createAccess(options: Partial<InstanceAccessOptions> = {}): Access {
  const access = createInstanceAccess({
    sqlAdminEndpoint: rig.api.url,
    ipType: "PRIVATE",
    log: silentLog,
    limitRateIntervalMs: 50,
    ...options,
  });
  opened.push(access);
  return access;
}

async function connect(access: Access, { instance }: RigInstance) {
  const openStream = await access.openStream(instance, { timeoutMs });
  return openStream();
}

async function assertEchoes(access: Access, instance: RigInstance): Promise<void> {
  const stream = await connect(access, instance);
  try {
    assert.equal(await sayTo(stream, "hello"), "hello");
  } finally {
    stream.destroy();
  }
}

/** Long enough for the timers and promises of a library to have run, had they been left. */
async function letTimersRun(): Promise<void> {
  const startedAt = performance.now();
  await until(() => performance.now() - startedAt > 150);
}

test("a connection reaches the instance through the connector", async () => {
  const access = createAccess();
  await assertEchoes(access, orders);
});

test("connections of one look-up share a security context, and those of the next have another", async (t) => {
  const made = t.mock.method(tls, "createSecureContext");
  const access = createAccess();
  for (let i = 0; i < 3; i++) await assertEchoes(access, orders);
  assert.equal(made.mock.callCount(), 1);
  await assertEchoes(access, billing);
  assert.equal(made.mock.callCount(), 2);
  access.refresh(orders.instance);
  await assertEchoes(access, orders);
  assert.equal(made.mock.callCount(), 3);
});

test("simultaneous first calls share one look-up", async () => {
  const access = createAccess();
  const before = orders.certificates();
  await Promise.all(Array.from({ length: 20 }, () => assertEchoes(access, orders)));
  assert.equal(orders.certificates() - before, 1);
});

test("closing after a failed look-up leaves no unhandled rejection", async () => {
  const access = createAccess();
  rig.api.faults.status = 403;
  await assertServiceError(access.openStream(orders.instance, { timeoutMs }), "unavailable");
  await access.close();
  await letTimersRun();
});

test("an instance whose refresh failed before any connection was made recovers", async () => {
  const access = createAccess();
  const openStream = await access.openStream(orders.instance, { timeoutMs });
  rig.api.faults.status = 403;
  await orders.failOver();
  await assert.rejects(sayTo(openStream(), "hello"));
  access.refresh(orders.instance);
  await assertServiceError(connect(access, orders), "unavailable");
  await letTimersRun();
  rig.api.faults.status = undefined;
  await assertEchoes(access, orders);
});

test("certificates of a second do not end the process, and are renewed only when a connection is wanted", async () => {
  const access = createAccess();
  rig.api.faults.certificateLifetimeMs = 2_000;
  const before = orders.certificates();
  await assertEchoes(access, orders);
  await letTimersRun();
  assert.equal(orders.certificates() - before, 1);
  await until(async () => {
    await assertEchoes(access, orders);
    return orders.certificates() - before >= 2;
  });
});

test("an expired certificate is never used", async () => {
  const access = createAccess();
  rig.api.faults.certificateLifetimeMs = 1_000;
  const openStream = await access.openStream(orders.instance, { timeoutMs });
  openStream().destroy();
  const startedAt = Date.now();
  await until(() => Date.now() - startedAt > 2_000);
  rig.api.faults.certificateLifetimeMs = undefined;
  await assertEchoes(access, orders);
});

test("closing while a look-up runs, or waits for the rate limit, neither hangs nor rejects later", async () => {
  const access = createAccess({ limitRateIntervalMs: 60_000 });
  await assertEchoes(access, orders);
  access.refresh(orders.instance);
  rig.api.faults.delayMs = 10_000;
  const waiting = assertServiceError(access.openStream(orders.instance, { timeoutMs }), "unavailable");
  const looking = assertServiceError(access.openStream(billing.instance, { timeoutMs }), "unavailable");
  const startedAt = performance.now();
  await access.close();
  await Promise.all([waiting, looking]);
  assert.ok(performance.now() - startedAt < 5_000);
  await assertServiceError(access.openStream(orders.instance, { timeoutMs }), "unavailable");
  await access.close();
  await letTimersRun();
});

test("a failed look-up is not answered again once the Admin API is back", async () => {
  const access = createAccess();
  await rig.api.pause();
  await assertServiceError(access.openStream(orders.instance, { timeoutMs }), "unavailable");
  await rig.api.resume();
  await assertEchoes(access, orders);
});

test("a failover inside the rate limit's window takes no longer than the window", async () => {
  const access = createAccess({ limitRateIntervalMs: 500 });
  await assertEchoes(access, orders);
  await orders.failOver();
  const startedAt = performance.now();
  await assert.rejects(assertEchoes(access, orders));
  access.refresh(orders.instance);
  await assertEchoes(access, orders);
  assert.ok(performance.now() - startedAt < 8_000, `${performance.now() - startedAt} ms`);
});

test("a look-up that hangs is given up in time, and the next one starts afresh", async () => {
  const access = createAccess({ lookupTimeoutMs: 4_000 });
  rig.api.faults.delayMs = 30_000;
  const startedAt = performance.now();
  await assertServiceError(access.openStream(orders.instance, { timeoutMs: 100 }), "timeout");
  assert.ok(performance.now() - startedAt < 3_500);
  await assertServiceError(access.openStream(orders.instance, { timeoutMs }), "timeout");
  rig.api.faults.delayMs = 0;
  await assertEchoes(access, orders);
  assert.ok(performance.now() - startedAt < 20_000);
});

test("with the Admin API down, connections go on working and new ones are made with what is known", async () => {
  const access = createAccess();
  const stream = await connect(access, orders);
  assert.equal(await sayTo(stream, "one"), "one");
  await rig.api.pause();
  assert.equal(await sayTo(stream, "two"), "two");
  await assertEchoes(access, orders);
  access.refresh(orders.instance);
  await assertEchoes(access, orders);
  stream.destroy();
});

test("an instance that cannot be looked up does not hinder another", async () => {
  const access = createAccess();
  await assertEchoes(access, orders);
  rig.api.faults.delayMs = 3_000;
  let answered = false;
  const slow = access.openStream(billing.instance, { timeoutMs }).finally(() => {
    answered = true;
  });
  await assertEchoes(access, orders);
  assert.equal(answered, false);
  await slow;
});

test("closing leaves the connections that exist to their pools", async () => {
  const access = createAccess();
  const stream = await connect(access, orders);
  assert.equal(await sayTo(stream, "one"), "one");
  await access.close();
  assert.equal(await sayTo(stream, "two"), "two");
  stream.destroy();
});

test("an instance that is dropped is looked up no more than the rate limit allows", async () => {
  const access = createAccess({ limitRateIntervalMs: 100 });
  await assertEchoes(access, orders);
  await orders.proxy.setBehaviour("resetting");
  const before = orders.certificates();
  const startedAt = performance.now();
  let attempts = 0;
  // A busy machine takes long for each.
  while (performance.now() - startedAt < 3_000 || attempts < 30) {
    const openStream = await access.openStream(orders.instance, { timeoutMs });
    attempts += 1;
    await assert.rejects(sayTo(openStream(), "hello"));
    access.refresh(orders.instance);
  }
  await orders.proxy.setBehaviour("ok");
  const lookups = orders.certificates() - before;
  // The interval doubles with each look-up.
  const most = 2 + Math.log2(1 + (performance.now() - startedAt) / 100);
  assert.ok(lookups >= 2 && lookups <= most, `${lookups} look-ups`);
  assert.ok(attempts > 2 * lookups, `${attempts} connections waited for ${lookups} look-ups`);
  await until(() => assertEchoes(access, orders).then(() => true));
});

test("what the Admin API answers is told apart", async () => {
  const access = createAccess();
  const { instance } = orders;
  const unknown = { ...instance, instance: "no-such-db" };
  await assertServiceError(access.openStream(unknown, { timeoutMs }), "not_found", "instance");
  await assertServiceError(
    access.openStream({ ...instance, region: "us-east1" }, { timeoutMs }),
    "not_found",
    "instance",
  );
  await assertServiceError(
    access.openStream({ ...instance, project: "other-project" }, { timeoutMs }),
    "not_found",
    "instance",
  );

  rig.api.faults.status = 403;
  const forbidden = await assertServiceError(access.openStream(instance, { timeoutMs }), "unavailable");
  assert.match(forbidden.message, /cloudsql\.instances\.connect/);
  for (const status of [429, 503] as const) {
    rig.api.faults.status = status;
    const error = await assertServiceError(access.openStream(instance, { timeoutMs: 10_000 }), "unavailable");
    assert.equal(error.details.status, status);
    assert.ok((error.retryAfterS ?? 0) > 0);
  }
  rig.api.faults.status = undefined;
  rig.api.faults.resetting = true;
  await assertServiceError(access.openStream(instance, { timeoutMs }), "unavailable");

  rig.api.faults.resetting = false;
  const psc = createAccess({ ipType: "PSC" });
  const error = await assertServiceError(psc.openStream(instance, { timeoutMs }), "unavailable");
  assert.match(error.message, /CLOUDSQL_IP_TYPE/);
});

test("an instance that may no longer be reached is not reached by what is remembered of it", async () => {
  const access = createAccess();
  await assertEchoes(access, orders);
  rig.api.faults.status = 403;
  access.refresh(orders.instance);
  await assertServiceError(access.openStream(orders.instance, { timeoutMs }), "unavailable");
});
