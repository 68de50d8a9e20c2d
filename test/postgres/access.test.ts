import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { PolicyCaller } from "../../src/domain/policy.ts";
import type { Target } from "../../src/domain/target.ts";
import { requestAccess, revokeAccess } from "../../src/operations/access.ts";
import { approveAccess } from "../../src/operations/access-approval.ts";
import { sweepAccesses, sweepBeforeRead } from "../../src/operations/access-sweep.ts";
import type { Call, Context } from "../../src/operations/context.ts";
import { listRoles } from "../../src/operations/role-list.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { createMemoryAccesses } from "../support/memory-accesses.ts";
import { testTarget } from "../support/pools.ts";
import { majorsAndModes, type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const hour = 3_600_000;
const who = (name: string): PolicyCaller => ({ name, kind: "user" });
const hostile = `he"l'lo; -- $$ \u00fc`;

for (const mode of ["permissive", "strict"] as const) {
  describe(`temporary access, ${mode}`, () => {
    const majors = majorsAndModes.flatMap(([major, one]) => (one === mode ? [major] : []));
    const store = createMemoryAccesses();
    let now = Date.UTC(2026, 10, 21);
    let fleet: RoleFleet;
    let context: Context;
    const accesses = { store, now: () => now };

    function by(name: string, maxDurationMs = 8 * hour): Call {
      return {
        ...fleet.call(),
        actor: name,
        accessPolicy: {
          caller: who(name),
          rulesFor: async () => [
            { roleKinds: ["reader"], maxDurationMs, approves: name.startsWith("approver") },
          ],
          isOperator: async () => name.startsWith("approver"),
        },
      };
    }
    const members = async (target: Target, user: string): Promise<number> =>
      (
        await fleet.sql(
          target,
          "SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = $1 AND r.rolname LIKE '%reader'",
          [user],
        )
      ).length;
    const ask = { schema: "app", role: "reader", durationMs: hour, reason: "a slow report" };
    const from = (user: string) => ({ ...ask, username: user });

    before(async () => {
      fleet = await startRoleFleet(mode, majors);
      context = { ...fleet.context, accesses };
    });
    after(() => fleet?.stop());

    for (const major of majors) {
      it(`begins by approval, holds until its end, and ends by itself, on ${major}`, async () => {
        const target = await fleet.createDatabase(
          major,
          "access",
          `CREATE SCHEMA app AUTHORIZATION postgres; CREATE ROLE "dave" LOGIN; CREATE ROLE "erin" LOGIN;
           CREATE ROLE "${hostile.replaceAll('"', '""')}" LOGIN`,
        );
        await initializeRoles(context, fleet.call(), target, { schema: "app" });

        await assert.rejects(
          requestAccess(context, by("erin", 60_000), target, ask),
          /60 seconds are the most/,
        );
        await assert.rejects(requestAccess(context, by("erin"), target, from("dave")), /for itself only/);
        await assert.rejects(
          requestAccess(context, by("erin"), target, { ...ask, role: "writer" }),
          /no rule of the policy/,
        );

        for (const user of ["dave", hostile]) {
          const asked = await requestAccess(context, by(user), target, ask);
          assert.equal((await requestAccess(context, by(user), target, ask)).changed, false);
          assert.equal(await members(target, user), 0);
          await assert.rejects(
            approveAccess(context, by(user), target, { id: asked.access.id }),
            /asked for/,
          );
          await assert.rejects(
            approveAccess(context, by("other"), target, { id: asked.access.id }),
            /no rule/,
          );
          const race = await Promise.allSettled(
            ["approver1", "approver2"].map((name) =>
              approveAccess({ ...fleet.context, accesses }, by(name), target, { id: asked.access.id }),
            ),
          );
          assert.deepEqual(race.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
          assert.equal(await members(target, user), 1);
        }
        // A second, overlapping one: the membership ends with the last.
        const second = await requestAccess(context, by("dave"), target, { ...ask, durationMs: 2 * hour });
        await approveAccess(context, by("approver1"), target, { id: second.access.id });

        await sweepBeforeRead(context, fleet.call(), target);
        const calls = store.calls;
        assert.equal(sweepBeforeRead(context, fleet.call(), target), undefined);
        assert.equal(store.calls, calls);

        now += hour + 1;
        await listRoles(context, fleet.call(), target, {});
        assert.equal(await members(target, hostile), 0);
        assert.equal(await members(target, "dave"), 1);
        now -= hour;
        assert.deepEqual(await sweepAccesses(context, fleet.call()), []);
        now += 2 * hour + 1;
        const swept = await sweepAccesses(context, fleet.call());
        assert.deepEqual(
          swept.map(({ outcome }) => outcome),
          ["expired"],
        );
        assert.equal(await members(target, "dave"), 0);
        assert.deepEqual(await sweepAccesses(context, fleet.call()), []);
      });

      it(`leaves a standing member one, is revoked once, and is mended after a crash, on ${major}`, async () => {
        const target = testTarget(`pg${major}`, "access");
        await fleet.sql(target, "GRANT access_app_reader TO erin");
        const asked = await requestAccess(context, by("erin"), target, ask);
        assert.equal(asked.alreadyMember, true);
        await approveAccess(context, by("approver1"), target, { id: asked.access.id });
        now += hour + 1;
        await sweepAccesses(context, fleet.call());
        assert.equal(await members(target, "erin"), 1);

        const other = await requestAccess(context, by("dave"), target, ask);
        const { id } = other.access;
        // As a process leaves it that ends between the intent and the grant.
        const intent = {
          state: "granting",
          decidedBy: "approver1",
          startsAt: now,
          expiresAt: now + hour,
          granter: "another process",
          grants: null,
        };
        await store.change(id, ["requested"], intent as Parameters<typeof store.change>[2]);
        now += 61_000;
        const swept = await sweepAccesses(context, fleet.call());
        assert.deepEqual(
          swept.map(({ outcome }) => outcome),
          ["mended"],
        );
        assert.equal(await members(target, "dave"), 1);
        const ended = await revokeAccess(context, by("dave"), target, { id });
        assert.equal(ended.access.state, "revoked");
        assert.equal(await members(target, "dave"), 0);
        assert.equal((await revokeAccess(context, by("dave"), target, { id })).changed, false);
      });
    }
  });
}
