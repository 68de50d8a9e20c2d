import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { instanceKey, type Target } from "../../src/domain/target.ts";
import { heldStates, requestMs, type StoredAccess } from "../../src/domain/temporary-access.ts";
import { ServiceError } from "../../src/errors.ts";
import { requestAccess } from "../../src/operations/access.ts";
import { approveAccess } from "../../src/operations/access-approval.ts";
import { accessWarnings, sweepAccesses, sweepBeforeRead } from "../../src/operations/access-sweep.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import { listRoles } from "../../src/operations/role-list.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import type { Pools } from "../../src/postgres/session.ts";
import { accessCaller } from "../support/access-callers.ts";
import { createMemoryAccesses } from "../support/memory-accesses.ts";
import { testTarget } from "../support/pools.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const hour = 3_600_000;

describe("the sweep of temporary access", () => {
  const store = createMemoryAccesses();
  let now = Date.UTC(2026, 10, 21);
  let fleet: RoleFleet;
  let target: Target;
  let context: Context;
  /** Uses of an instance that is not there, by its key. */
  const refused = new Map<string, number>();

  before(async () => {
    fleet = await startRoleFleet("permissive", [17]);
    target = await fleet.createDatabase(
      17,
      "swept",
      "CREATE SCHEMA app AUTHORIZATION postgres; CREATE ROLE dave LOGIN; CREATE ROLE erin LOGIN; CREATE ROLE frank LOGIN",
    );
    await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
    const pools: Pools = {
      ...fleet.context.pools,
      async withSession(of, options, fn) {
        if (of.instance.startsWith("pg")) return fleet.context.pools.withSession(of, options, fn);
        refused.set(instanceKey(of), (refused.get(instanceKey(of)) ?? 0) + 1);
        throw new ServiceError("unavailable", `${of.instance} refuses connections`);
      },
    };
    context = { ...fleet.context, pools, accesses: { store, now: () => now } };
  });
  after(() => fleet?.stop());

  const by = (name: string): Call => accessCaller(fleet.call(), name);
  const wish = { schema: "app", role: "reader", durationMs: hour, reason: "a slow report" };
  const isMember = async (user: string): Promise<boolean> =>
    (
      await fleet.sql<{ is: boolean }>(target, "SELECT pg_has_role($1, 'swept_app_reader', 'MEMBER') AS is", [
        user,
      ])
    )[0]?.is === true;

  it("ends what is over though hundreds that were due before are on instances that are not there", async () => {
    const { access } = await requestAccess(context, by("dave"), target, wish);
    const active = (await approveAccess(context, by("approver1"), target, { id: access.id })).access;
    for (let at = 0; at < 450; at += 1) {
      const gone: StoredAccess = {
        ...active,
        id: `gone-${at}`,
        target: testTarget(`gone${at % 2}`, "swept"),
        expiresAt: now + 1,
      };
      await store.create(gone);
    }
    now += hour;
    const swept = await sweepAccesses(context, fleet.call());
    assert.equal(await isMember("dave"), false);
    assert.equal(swept.length, 451);
    assert.deepEqual(
      swept.flatMap(({ access, outcome }) => (outcome === "failed" ? [] : [[access.id, outcome]])),
      [[access.id, "expired"]],
    );
    assert.deepEqual([...refused.values()], [1, 1], "an instance that is not there is asked once");
    assert.equal(accessWarnings(context).length, 2);
    // Another process ends them: they are not overdue here any more.
    for (let at = 0; at < 450; at += 1) await store.change(`gone-${at}`, heldStates, { state: "expired" });
    assert.deepEqual(await sweepAccesses(context, fleet.call()), []);
    assert.deepEqual(accessWarnings(context), []);
  });

  it("lets a request lapse that nobody decided on, which cannot be approved any more before that either", async () => {
    const { access } = await requestAccess(context, by("erin"), target, wish);
    now += requestMs - 1;
    assert.deepEqual(await sweepAccesses(context, fleet.call()), []);
    assert.equal((await requestAccess(context, by("erin"), target, wish)).changed, false);
    now += 1;
    await assert.rejects(
      approveAccess(context, by("approver1"), target, { id: access.id }),
      /cannot be approved any more/,
    );
    assert.equal(await isMember("erin"), false);
    const anew = await requestAccess(context, by("erin"), target, wish);
    assert.equal(anew.changed, true);
    const swept = await sweepAccesses(context, fleet.call());
    assert.deepEqual(
      swept.map((one) => [one.access.id, one.outcome, one.access.state]),
      [[access.id, "lapsed", "lapsed"]],
    );
    await approveAccess(context, by("approver1"), target, { id: anew.access.id });
    assert.equal(await isMember("erin"), true);
  });

  it("goes by its clock, also when that goes forwards and back", async () => {
    const { id } = (await requestAccess(context, by("dave"), target, wish)).access;
    await approveAccess(context, by("approver1"), target, { id });
    const until = (await store.read(id))?.expiresAt ?? 0;
    // What was known is old for a clock that goes back; what is not over then stays.
    await listRoles(context, fleet.call(), target, {});
    assert.equal(sweepBeforeRead(context, fleet.call(), target), undefined);
    now -= 10 * hour;
    assert.notEqual(sweepBeforeRead(context, fleet.call(), target), undefined);
    await listRoles(context, fleet.call(), target, {});
    assert.equal(await isMember("dave"), true);
    assert.equal((await store.read(id))?.expiresAt, until);
    // What ended by a clock that was ahead does not come back with it.
    now = until;
    await listRoles(context, fleet.call(), target, {});
    assert.equal(await isMember("dave"), false);
    now -= 2 * hour;
    assert.deepEqual(await sweepAccesses(context, fleet.call()), []);
    await listRoles(context, fleet.call(), target, {});
    assert.deepEqual([await isMember("dave"), (await store.read(id))?.state], [false, "expired"]);
    await assert.rejects(approveAccess(context, by("approver1"), target, { id }), /is expired already/);
  });

  it("takes an approval back that its process decided by a clock that was behind, once it is over by another's", async () => {
    const { id } = (await requestAccess(context, by("frank"), target, { ...wish, durationMs: hour })).access;
    const behind = { ...context, accesses: { store, now: () => now - 2 * hour } };
    await approveAccess(behind, by("approver1"), target, { id });
    assert.equal(await isMember("frank"), true);
    assert.deepEqual(await sweepAccesses(behind, fleet.call()), []);
    const swept = await sweepAccesses(context, fleet.call());
    assert.deepEqual(
      swept.map(({ access, outcome }) => [access.id, outcome]),
      [[id, "expired"]],
    );
    assert.equal(await isMember("frank"), false);
  });
});
