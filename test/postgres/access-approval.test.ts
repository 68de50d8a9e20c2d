import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import { ServiceError } from "../../src/errors.ts";
import { denyAccess, expireAccesses, requestAccess, revokeAccess } from "../../src/operations/access.ts";
import { approveAccess } from "../../src/operations/access-approval.ts";
import { sweepAccesses } from "../../src/operations/access-sweep.ts";
import type { Accesses, Call, Context } from "../../src/operations/context.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { accessCaller } from "../support/access-callers.ts";
import { createMemoryAccesses } from "../support/memory-accesses.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const hour = 3_600_000;
const approver = "approver1@example.com";

describe("approving temporary access", () => {
  const start = Date.UTC(2026, 10, 21);
  let store = createMemoryAccesses();
  let now = start;
  let fleet: RoleFleet;
  let target: Target;
  let context: Context;

  before(async () => {
    fleet = await startRoleFleet("permissive", [17]);
    for (const name of ["team@example.com", "others@example.com"])
      await fleet.server(17).createUser({ name, type: "CLOUD_IAM_GROUP" });
    for (const name of [approver, "carol@example.com", "dave@example.com"])
      await fleet.server(17).createUser({ name, type: "CLOUD_IAM_USER" });
    target = await fleet.createDatabase(
      17,
      "asked",
      `CREATE SCHEMA app AUTHORIZATION postgres; CREATE ROLE robot LOGIN; CREATE ROLE crew;
       GRANT robot TO crew; GRANT crew TO "${approver}"`,
    );
    await initializeRoles(fleet.context, fleet.call(), target, { schema: "app" });
  });
  beforeEach(() => {
    store = createMemoryAccesses();
    now = start;
    context = { ...fleet.context, accesses: { store, now: () => now } };
  });
  after(() => fleet?.stop());

  const by = (name: string): Call => accessCaller(fleet.call(), name);
  const isMember = async (user: string): Promise<boolean> =>
    (
      await fleet.sql<{ is: boolean }>(target, "SELECT pg_has_role($1, 'asked_app_reader', 'MEMBER') AS is", [
        user,
      ])
    )[0]?.is === true;
  const wish = { schema: "app", role: "reader", durationMs: hour, reason: "a slow report" };
  const withGroups = (groups: Accesses["groups"]): Context => ({
    ...context,
    accesses: { store, now: () => now, ...(groups === undefined ? {} : { groups }) },
  });
  const askFor = async (username: string, on = context): Promise<string> =>
    (await requestAccess(on, by("approver2@example.com"), target, { ...wish, username })).access.id;
  const selfApproval = (error: unknown): boolean =>
    error instanceof ServiceError &&
    error.kind === "permission_error" &&
    error.details.reason === "self_approval";

  it("is not for whoever may act as the user that gets it", async () => {
    const id = await askFor("robot");
    await assert.rejects(approveAccess(context, by(approver), target, { id }), selfApproval);
    assert.equal(await isMember("robot"), false);
    assert.equal((await approveAccess(context, by("approver3@example.com"), target, { id })).changed, true);
  });

  it("is not for the members of the group that gets it, and a group gets none where nobody knows them", async () => {
    await assert.rejects(askFor("team@example.com"), /without CLOUD_IDENTITY_GROUPS nobody can say/);
    const asked: string[] = [];
    const known = withGroups({
      isMember: async (group, account) => {
        asked.push(`${group} ${account}`);
        return group === "team@example.com" && account === approver;
      },
    });
    const id = await askFor("team@example.com", known);
    await assert.rejects(approveAccess(known, by(approver), target, { id }), selfApproval);
    await assert.rejects(
      approveAccess(context, by("approver3@example.com"), target, { id }),
      /nobody can say/,
    );
    const away = withGroups({
      isMember: async () => {
        throw new ServiceError("unavailable", "Cloud Identity does not answer.");
      },
    });
    await assert.rejects(approveAccess(away, by("approver3@example.com"), target, { id }), /does not answer/);
    assert.equal(await isMember("team@example.com"), false);
    await approveAccess(known, by("approver3@example.com"), target, { id });
    assert.equal(await isMember("team@example.com"), true);
    assert.deepEqual(asked, [
      "team@example.com approver1@example.com",
      "team@example.com approver3@example.com",
    ]);
  });

  it("can be tried with each of its steps: a dry run says what would be done, refuses what would be, and stores nothing", async () => {
    const carol = by("carol@example.com");
    const planned = await requestAccess(context, carol, target, { ...wish, dryRun: true });
    assert.deepEqual([planned.changed, planned.access.state, planned.plan], [true, "requested", []]);
    assert.equal(await store.read(planned.access.id), undefined);
    await assert.rejects(
      requestAccess(context, carol, target, { ...wish, role: "writer", dryRun: true }),
      /no rule/,
    );

    const { id } = (await requestAccess(context, carol, target, wish)).access;
    const before = await store.read(id);
    const dry = { id, dryRun: true };
    await assert.rejects(approveAccess(context, carol, target, dry), selfApproval);
    const approval = await approveAccess(context, by(approver), target, dry);
    assert.match(approval.plan?.[0]?.sql ?? "", /^GRANT "asked_app_reader" TO "carol@example.com"/);
    assert.deepEqual((await denyAccess(context, by(approver), target, dry)).plan, []);
    await assert.rejects(revokeAccess(context, carol, target, dry), /is requested already/);
    assert.deepEqual(await store.read(id), before);
    assert.equal(await isMember("carol@example.com"), false);

    await approveAccess(context, by(approver), target, { id });
    const active = await store.read(id);
    const revocation = await revokeAccess(context, carol, target, dry);
    assert.match(revocation.plan?.[0]?.sql ?? "", /^REVOKE "asked_app_reader" FROM "carol@example.com"/);
    now += hour;
    const due = await expireAccesses(context, fleet.call(), { dryRun: true });
    assert.deepEqual(
      due.map((one) => [one.outcome, one.access.state, one.plan?.length]),
      [["expired", "active", 1]],
    );
    assert.deepEqual(await store.read(id), active);
    assert.equal(await isMember("carol@example.com"), true);
    await revokeAccess(context, carol, target, { id });
    assert.deepEqual((await revokeAccess(context, carol, target, dry)).plan, []);
    assert.equal(await isMember("carol@example.com"), false);
  });

  it("takes, for a role that leads to a guarded one, an approver whom the policy allows that by name", async () => {
    await fleet.sql(target, "GRANT pg_read_all_data TO asked_app_reader");
    const { id } = (await requestAccess(context, by("carol@example.com"), target, wish)).access;
    const allowed = (...allowedNativeRoles: string[]) => ({ ...by(approver), allowedNativeRoles });
    await assert.rejects(approveAccess(context, allowed("pg_monitor"), target, { id }), {
      kind: "permission_error",
      details: { native_role: "pg_read_all_data", allowed_native_roles: ["pg_monitor"] },
    });
    assert.equal((await store.read(id))?.state, "requested");
    await approveAccess(context, allowed("pg_read_all_data"), target, { id });
    await revokeAccess(context, by("carol@example.com"), target, { id });
    await fleet.sql(target, "REVOKE pg_read_all_data FROM asked_app_reader");
  });

  it("ends in a region that is not allowed any more: what was granted, and what was about to be", async () => {
    const dave = by("dave@example.com");
    const { id } = (await requestAccess(context, dave, target, wish)).access;
    await approveAccess(context, by(approver), target, { id });
    const begun = (await requestAccess(context, by("carol@example.com"), target, wish)).access;
    await store.change(begun.id, ["requested"], {
      ...{ state: "granting", startsAt: now, expiresAt: now + hour, grants: null, granter: "a process" },
    });
    const narrowed = { ...context, accesses: { store, now: () => now, mayGrantIn: () => false } };
    now += 61_000;
    const outcomes = async () =>
      (await sweepAccesses(narrowed, fleet.call())).map(({ access, outcome }) => [access.username, outcome]);
    assert.deepEqual(await outcomes(), [["carol@example.com", "revoked"]]);
    now += hour;
    assert.deepEqual(await outcomes(), [["dave@example.com", "expired"]]);
    assert.deepEqual(
      [await isMember("dave@example.com"), await isMember("carol@example.com")],
      [false, false],
    );
  });
});
