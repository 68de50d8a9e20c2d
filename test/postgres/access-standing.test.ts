import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { emptyState } from "../../src/domain/desired-state.ts";
import type { Target } from "../../src/domain/target.ts";
import { ServiceError } from "../../src/errors.ts";
import { requestAccess } from "../../src/operations/access.ts";
import { approveAccess } from "../../src/operations/access-approval.ts";
import { sweepAccesses } from "../../src/operations/access-sweep.ts";
import { assignMany } from "../../src/operations/bulk-memberships.ts";
import type { Context } from "../../src/operations/context.ts";
import { applyState, planState } from "../../src/operations/desired-state.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { importState } from "../../src/operations/state-import.ts";
import { createUser } from "../../src/operations/user-create.ts";
import { accessCaller } from "../support/access-callers.ts";
import { createFakeCloud } from "../support/fake-cloud.ts";
import { createMemoryAccesses } from "../support/memory-accesses.ts";
import { testTarget } from "../support/pools.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const hour = 3_600_000;
const majors = [15, 17] as const;

describe("a membership that is asked for as a standing one while an access holds it", () => {
  const store = createMemoryAccesses();
  let now = Date.UTC(2026, 10, 21);
  let fleet: RoleFleet;
  let context: Context;
  const accesses = { store, now: () => now };

  before(async () => {
    fleet = await startRoleFleet("permissive", majors);
    context = { ...fleet.context, accesses, cloud: createFakeCloud(fleet).services };
  });
  after(() => fleet?.stop());

  const isMember = async (target: Target, user: string): Promise<boolean> =>
    (
      await fleet.sql<{ is: boolean }>(
        target,
        "SELECT pg_has_role($1, 'standing_app_reader', 'MEMBER') AS is",
        [user],
      )
    )[0]?.is === true;

  async function give(target: Target, user: string): Promise<string> {
    await fleet.sql(target, `CREATE ROLE "${user}" LOGIN`);
    const wish = { schema: "app", role: "reader", durationMs: hour, reason: "a slow report" };
    const { access } = await requestAccess(context, accessCaller(fleet.call(), user), target, wish);
    await approveAccess(context, accessCaller(fleet.call(), "approver1"), target, { id: access.id });
    return access.id;
  }
  async function end(): Promise<void> {
    now += hour + 1;
    const swept = await sweepAccesses(context, fleet.call());
    assert.deepEqual([...new Set(swept.map(({ outcome }) => outcome))], ["expired"]);
  }

  for (const major of majors) {
    it(`stays when that ends, however it was asked for, on ${major}`, async () => {
      const target = await fleet.createDatabase(
        major,
        "standing",
        "CREATE SCHEMA app AUTHORIZATION postgres",
      );
      await initializeRoles(context, fleet.call(), target, { schema: "app" });
      const users = ["dave", "erin", "frank", "gina", "hank"];
      const ids: string[] = [];
      for (const user of users) ids.push(await give(target, user));
      const role = { schema: "app", role: "reader" };
      const told = (at: number) => [
        `${users[at]} is a member of standing_app_reader by the temporary access ${ids[at]}: it stays one when that ends.`,
      ];

      const planned = await assignRole(context, fleet.call(), target, {
        ...role,
        username: "dave",
        dryRun: true,
      });
      assert.deepEqual([planned.changed, planned.plan, planned.warnings], [true, [], told(0)]);
      assert.equal((await store.read(ids[0] ?? ""))?.grants, true);

      const assigned = await assignRole(context, fleet.call(), target, { ...role, username: "dave" });
      assert.deepEqual([assigned.changed, assigned.warnings], [true, told(0)]);
      const again = await assignRole(context, fleet.call(), target, { ...role, username: "dave" });
      assert.deepEqual([again.changed, again.warnings], [false, []]);
      const history = await fleet.registry.readHistory(target, { newestFirst: true, limit: 1 });
      assert.match(history?.records[0]?.summary ?? "", /^assign standing_app_reader to dave/);

      const [bulk] = await assignMany(context, fleet.call(), target, {
        memberships: [{ ...role, username: "erin" }],
      });
      assert.deepEqual([bulk?.outcome, bulk?.done?.warnings], ["changed", told(1)]);

      const created = await createUser(context, fleet.call("createUser"), target, {
        username: "frank",
        type: "built_in",
        initialRoles: [role],
      });
      assert.deepEqual([created.created, created.changed, created.warnings], [false, true, told(2)]);

      const membership = {
        role: "standing_app_reader",
        member: "gina",
        inherit: true,
        set: true,
        admin: false,
      };
      const state = { ...emptyState, memberships: [membership] };
      const wish = { mode: "additive", state } as const;
      const plan = await planState(context, fleet.call(), target, wish);
      assert.deepEqual(plan.warnings, told(3));
      const applied = await applyState(context, fleet.call(), target, wish);
      assert.deepEqual([applied.changed, applied.warnings], [true, told(3)]);
      assert.equal((await applyState(context, fleet.call(), target, wish)).changed, false);

      await end();
      const left = await Promise.all(users.map((user) => isMember(target, user)));
      assert.deepEqual(left, [true, true, true, true, false]);
    });
  }

  it("is said not to be kept when that cannot be recorded, and is by repeating the call", async () => {
    const target = testTarget("pg17", "standing");
    await give(target, "ivan");
    const failing = {
      ...store,
      change: async () => {
        throw new ServiceError("unavailable", "Firestore is not to be had.");
      },
    };
    const input = { schema: "app", role: "reader", username: "ivan" };
    await assert.rejects(
      assignRole({ ...context, accesses: { ...accesses, store: failing } }, fleet.call(), target, input),
      /could not be recorded. Repeat the call/,
    );
    assert.equal((await assignRole(context, fleet.call(), target, input)).changed, true);
    await end();
    assert.equal(await isMember(target, "ivan"), true);
  });

  it("is not in a plan that is made after its end: what is over is ended first", async () => {
    const target = testTarget("pg17", "standing");
    await give(target, "judy");
    await give(target, "kim");
    const { memberships } = await declared(target);
    const wish = { mode: "authoritative", state: { ...emptyState, memberships } } as const;
    now += hour + 1;
    const { statements } = await planState(context, fleet.call(), target, wish);
    assert.deepEqual(
      statements.filter(({ sql }) => /judy|kim/.test(sql)),
      [],
    );
    assert.deepEqual([await isMember(target, "judy"), await isMember(target, "kim")], [false, false]);
  });

  it("is not in a state that is read after its end", async () => {
    const target = testTarget("pg17", "standing");
    await give(target, "lena");
    now += hour + 1;
    const { state } = await importState(context, fleet.call(), target);
    assert.ok(state.memberships.some(({ member }) => member === "dave"));
    assert.ok(!state.memberships.some(({ member }) => member === "lena"));
  });

  /** The standing members of the reader. */
  async function declared(target: Target) {
    const rows = await fleet.sql<{ member: string }>(
      target,
      `SELECT u.rolname::text AS member FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
        WHERE m.roleid = 'standing_app_reader'::regrole AND u.rolname NOT IN ('judy', 'kim', 'postgres') AND u.rolcanlogin`,
    );
    const memberships = rows.map(({ member }) => ({
      ...{ role: "standing_app_reader", member, inherit: true, set: true, admin: false },
    }));
    return { memberships };
  }
});
