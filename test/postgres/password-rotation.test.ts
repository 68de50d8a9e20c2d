import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import type { Context } from "../../src/operations/context.ts";
import { type RotatePasswordInput, rotatePassword } from "../../src/operations/password-rotation.ts";
import { createUser } from "../../src/operations/user-create.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { createFakeCloud, type FakeCloud } from "../support/fake-cloud.ts";
import { withClient } from "../support/postgres.ts";
import {
  type Mode,
  type majors,
  majorsAndModes,
  type RoleFleet,
  startRoleFleet,
} from "../support/role-fleet.ts";

const hostile = 'bob "the\'builder" $$; --';
const longest = `${"ä".repeat(31)}x`;

function suite(major: (typeof majors)[number], mode: Mode): void {
  let fleet: RoleFleet;
  let cloud: FakeCloud;
  let context: Context;
  let target: Target;

  before(async () => {
    fleet = await startRoleFleet(mode, [major]);
    cloud = createFakeCloud(fleet);
    context = { ...fleet.context, cloud: cloud.services };
    target = await fleet.createDatabase(major, "shop");
  });
  after(() => fleet.stop());

  const rotate = (input: RotatePasswordInput) =>
    rotatePassword(context, fleet.call("rotatePassword"), target, input);
  const create = (username: string) =>
    createUser(context, fleet.call("createUser"), target, { username, type: "built_in", initialRoles: [] });
  const idOf = (user: string): string => `pg${major}/${user}`;
  const stored = (user: string): string[] => cloud.passwords.get(idOf(user)) ?? [];
  const enabled = (user: string): string[] =>
    stored(user).filter((_, at) => !cloud.disabled.has(`${idOf(user)}/versions/${at + 1}`));
  const logIn = (user: string, password: string | undefined): Promise<unknown> => {
    const url = new URL(fleet.server(major).adminUrl("shop"));
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password ?? "");
    return withClient(url.href, (client) => client.query("SELECT 1"));
  };

  for (const user of ["robot", hostile, longest, "select"]) {
    test(`a new password for ${JSON.stringify(user)}`, async () => {
      await create(user);
      const [old] = stored(user);
      const planned = await rotate({ username: user, dryRun: true });
      assert.deepEqual([planned.changed, stored(user).length], [true, 1]);
      const done = await rotate({ username: user });
      assert.deepEqual([done.changed, done.isAdmin, done.state], [true, false, "succeeded"]);
      assert.deepEqual(
        done.steps.map(({ kind, outcome }) => `${kind} ${outcome}`),
        ["secret done", "sql done", "login done", "secret done"],
      );
      assert.deepEqual(enabled(user), [stored(user)[1]]);
      await logIn(user, stored(user)[1]);
      await assert.rejects(logIn(user, old), { code: "28P01" });
      const again = await rotate({ username: user, ifOlderThanMs: 60_000 });
      assert.deepEqual([again.changed, again.operationId, stored(user).length], [false, null, 2]);
      const said = JSON.stringify([
        planned,
        done,
        again,
        fleet.registry.history(target),
        cloud.operations.all(),
      ]);
      for (const password of stored(user)) assert.ok(!said.includes(password));
      assert.doesNotMatch(said, /SCRAM-SHA-256\$/);
    });
  }

  test("a user whose password no secret has gets one", async () => {
    await fleet.server(major).createUser({ name: "legacy", type: "BUILT_IN", password: "by hand" });
    if (major >= 16) {
      // Cloud SQL made it, and the admin has no ADMIN OPTION: nothing is stored for it.
      const error = await serviceErrorOf(rotate({ username: "legacy" }));
      assert.deepEqual([error.kind, error.details.reason], ["conflict", "needs_admin_option"]);
      assert.deepEqual(stored("legacy"), []);
      await logIn("legacy", "by hand");
      return;
    }
    const done = await rotate({ username: "legacy" });
    assert.deepEqual([done.changed, enabled("legacy").length], [true, 1]);
    await logIn("legacy", stored("legacy")[0]);
  });

  test("whoever has no password of this kind is refused", async () => {
    await fleet.server(major).createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
    await fleet.sql(target, "CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE no_login");
    const kind = async (username: string) => (await serviceErrorOf(rotate({ username }))).kind;
    assert.equal(await kind("alice@example.com"), "conflict");
    assert.equal(await kind("boss"), "conflict");
    assert.equal(await kind("no_login"), "conflict");
    assert.equal(await kind("nobody"), "not_found");
    assert.equal(await kind("x".repeat(64)), "validation_error");
  });

  test("a refused password leaves the old one; what it left in the secret is disabled", async () => {
    await create("visitor");
    const [old] = stored("visitor");
    const { versions } = cloud.services;
    const spoiled: Context = {
      ...context,
      cloud: {
        ...cloud.services,
        versions: {
          ...versions,
          async add(...input) {
            await fleet.sql(target, "ALTER ROLE visitor SUPERUSER");
            return versions.add(...input);
          },
        },
      },
    };
    const error = await serviceErrorOf(
      rotatePassword(spoiled, fleet.call("rotatePassword"), target, { username: "visitor" }),
    );
    await fleet.sql(target, "ALTER ROLE visitor NOSUPERUSER");
    assert.deepEqual([error.kind, error.details.rolled_back], ["conflict", true]);
    assert.equal(enabled("visitor").at(-1), old, "the latest version is the password");
    assert.ok(!JSON.stringify([error.message, error.details]).includes("SCRAM-SHA-256$"));
    await logIn("visitor", old);
  });

  test("an expired user's password goes back, and the rotation succeeds when it may log in again", async () => {
    await create("guest");
    const [old] = stored("guest");
    await fleet.sql(target, "ALTER ROLE guest VALID UNTIL '2000-01-01'");
    const error = await serviceErrorOf(rotate({ username: "guest" }));
    assert.equal(error.kind, "conflict");
    await fleet.sql(target, "ALTER ROLE guest VALID UNTIL 'infinity'");
    const done = await rotate({ username: "guest" });
    assert.equal(done.state, "succeeded");
    await logIn("guest", stored("guest").at(-1));
    assert.deepEqual(enabled("guest"), [stored("guest").at(-1)]);
    await assert.rejects(logIn("guest", old), { code: "28P01" });
  });

  test("what a killed process left behind is gone on with", async () => {
    await create("left");
    // As if it had ended between the new version and ALTER ROLE.
    const base = `${idOf("left")}/versions/1`;
    await cloud.services.versions.add(target, idOf("left"), "Half-way.1", { signal: fleet.call().signal });
    const { rotationWork } = await import("../../src/operations/password-rotation-work.ts");
    const run = async (steps: readonly { run(): Promise<{ changed: boolean }> }[]): Promise<boolean> => {
      let changed = false;
      for (const step of steps) changed = (await step.run()).changed || changed;
      return changed;
    };
    const work = rotationWork(context, target, { user: "left", base });
    assert.equal((await work(fleet.call(), { run })).changed, true);
    await logIn("left", "Half-way.1");
    assert.deepEqual(enabled("left"), ["Half-way.1"]);
    // Whoever begins once more finds it done.
    await work(fleet.call(), { run });
    assert.deepEqual(enabled("left"), ["Half-way.1"]);
  });
}

for (const [major, mode] of majorsAndModes) {
  describe(`the rotation of passwords on PostgreSQL ${major}, ${mode}`, () => suite(major, mode));
}
