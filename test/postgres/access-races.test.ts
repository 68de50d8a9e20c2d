import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import type { StoredAccess } from "../../src/domain/temporary-access.ts";
import { ServiceError } from "../../src/errors.ts";
import { requestAccess, revokeAccess } from "../../src/operations/access.ts";
import { approveAccess } from "../../src/operations/access-approval.ts";
import { sweepAccesses } from "../../src/operations/access-sweep.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import { withInstanceLock } from "../../src/operations/instance-lock.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { accessCaller } from "../support/access-callers.ts";
import { createMemoryAccesses } from "../support/memory-accesses.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";
import { until } from "../support/until.ts";

const minute = 60_000;
const hour = 60 * minute;

describe("temporary access, when others are at it too", () => {
  const start = Date.UTC(2026, 10, 21);
  let store = createMemoryAccesses();
  let now = start;
  let fleet: RoleFleet;
  let target: Target;
  let context: Context;
  let other: Context;
  const asked: string[] = [];

  before(async () => {
    fleet = await startRoleFleet("permissive", [17]);
    target = await fleet.createDatabase(17, "races", "CREATE SCHEMA app AUTHORIZATION postgres");
    await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
    context = fleet.context;
    other = fleet.otherProcess();
  });
  beforeEach(() => {
    store = createMemoryAccesses();
    now = start;
    context = { ...context, accesses: { store, now: () => now } };
    other = { ...other, accesses: { store, now: () => now } };
  });
  after(() => fleet?.stop());

  const by = (name: string): Call => accessCaller(fleet.call(), name);
  const isMember = async (user: string): Promise<boolean> =>
    (
      await fleet.sql<{ is: boolean }>(target, "SELECT pg_has_role($1, 'races_app_reader', 'MEMBER') AS is", [
        user,
      ])
    )[0]?.is === true;
  const stateOf = async (id: string) => (await store.read(id))?.state;

  /** A request of a user of its own. */
  async function ask(user: string, durationMs = hour): Promise<StoredAccess> {
    if (!asked.includes(user)) await fleet.sql(target, `CREATE ROLE "${user}" LOGIN`);
    asked.push(user);
    const wish = { schema: "app", role: "reader", durationMs, reason: "a slow report" };
    return (await requestAccess(context, by(user), target, wish)).access;
  }

  /** Runs `meanwhile` while another process's approval waits for the instance's lock; then lets it have it. */
  async function whileApprovalWaits(id: string, meanwhile: () => Promise<unknown>) {
    const waits = async () =>
      (await fleet.sql(target, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).length >
      0;
    let approval: Promise<unknown> = Promise.resolve();
    let after: Promise<unknown> = Promise.resolve();
    await withInstanceLock(context, fleet.call(), target, async () => {
      approval = approveAccess(other, by("approver1"), target, { id });
      approval.catch(() => {});
      await until(waits, { what: "the approval waits for the lock" });
      after = Promise.resolve(meanwhile());
      after.catch(() => {});
      await until(async () => (await stateOf(id)) !== "granting" || now > start);
    });
    const [outcome] = await Promise.allSettled([approval]);
    await after;
    return outcome;
  }

  function assertRefused(outcome: PromiseSettledResult<unknown> | undefined): void {
    assert.equal(outcome?.status, "rejected");
    const { reason } = outcome as PromiseRejectedResult;
    assert.ok(reason instanceof ServiceError && reason.kind === "conflict", String(reason));
    assert.match(reason.message, /was not granted/);
  }

  it("is not granted by an approval that a revocation overtakes", async () => {
    const { id } = await ask("dave");
    const outcome = await whileApprovalWaits(id, () => revokeAccess(context, by("dave"), target, { id }));
    assertRefused(outcome);
    assert.equal(await stateOf(id), "revoked");
    assert.equal(await isMember("dave"), false);
    now += 10 * hour;
    assert.deepEqual(await sweepAccesses(context, fleet.call()), []);
    assert.equal(await isMember("dave"), false);
  });

  it("is not granted when its time runs out before it is its turn, and its request waits as before", async () => {
    const { id } = await ask("erin", minute);
    const outcome = await whileApprovalWaits(id, async () => {
      now += 2 * minute;
    });
    assertRefused(outcome);
    assert.equal(await isMember("erin"), false);
    assert.equal(await stateOf(id), "requested");
    await approveAccess(context, by("approver1"), target, { id });
    assert.equal(await isMember("erin"), true);
  });

  it("is taken back at once when it is revoked between the grant and its record", async () => {
    const { id } = await ask("frank");
    const change = store.change;
    const revoking: Promise<unknown>[] = [];
    const slow: typeof store = {
      ...store,
      async change(...args) {
        if (args[2].state === "active") {
          assert.equal(await isMember("frank"), true);
          revoking.push(revokeAccess(context, by("frank"), target, { id }));
          await until(async () => (await stateOf(id)) === "ending");
        }
        return change(...args);
      },
    };
    const process = { ...other, accesses: { store: slow, now: () => now } };
    assertRefused((await Promise.allSettled([approveAccess(process, by("approver1"), target, { id })]))[0]);
    assert.equal(await isMember("frank"), false);
    await Promise.all(revoking);
    assert.equal(await stateOf(id), "revoked");
  });

  it("stays recorded when it cannot be recorded as done, and a sweep mends it", async () => {
    const { id } = await ask("gina");
    const failing: typeof store = {
      ...store,
      async change(...args) {
        if (args[2].state === "active") throw new ServiceError("unavailable", "Firestore is not to be had.");
        return store.change(...args);
      },
    };
    const process = { ...other, accesses: { store: failing, now: () => now } };
    await assert.rejects(approveAccess(process, by("approver1"), target, { id }), /could not be recorded/);
    assert.equal(await stateOf(id), "granting");
    now += 2 * minute;
    const swept = await sweepAccesses(context, fleet.call());
    assert.deepEqual(
      swept.map(({ outcome }) => outcome),
      ["mended"],
    );
    now += hour;
    await sweepAccesses(context, fleet.call());
    assert.equal(await isMember("gina"), false);
  });

  it("is not given back by the process that began it once a sweep has taken it over", async () => {
    const { id } = await ask("hank");
    // The approval fails after the sweep has granted, before the sweep has recorded that.
    const { promise: granted, resolve: grant } = Promise.withResolvers<void>();
    const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
    const registry = {
      ...other.registry,
      read: async (of: Target) => {
        if ((await stateOf(id)) !== "granting") return fleet.registry.read(of);
        await granted;
        throw new ServiceError("unavailable", "The registry is not to be had.");
      },
    };
    const approval = approveAccess({ ...other, registry }, by("approver1"), target, { id }).catch(fail);
    await until(async () => (await stateOf(id)) === "granting");
    now += 2 * minute;
    const sweeping: typeof store = {
      ...store,
      async change(...args) {
        if (args[2].state === "active") {
          grant();
          await failed;
          await approval;
        }
        return store.change(...args);
      },
    };
    await sweepAccesses({ ...context, accesses: { store: sweeping, now: () => now } }, fleet.call());
    assert.equal(await stateOf(id), "active");
    now += hour;
    await sweepAccesses(context, fleet.call());
    assert.equal(await isMember("hank"), false);
  });

  it("is granted when the standing membership that was there ends before it is its turn", async () => {
    const { id } = await ask("ivan");
    await fleet.sql(target, "GRANT races_app_reader TO ivan");
    await whileApprovalWaits(id, async () => {
      await fleet.sql(target, "REVOKE races_app_reader FROM ivan");
      now += 1;
    });
    assert.equal(await isMember("ivan"), true);
    now += 2 * hour;
    await sweepAccesses(context, fleet.call());
    assert.equal(await isMember("ivan"), false);
  });
});
