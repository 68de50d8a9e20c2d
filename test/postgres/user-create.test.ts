import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import type { Context } from "../../src/operations/context.ts";
import type { StoredOperation } from "../../src/operations/operation-store.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { type CreateUserInput, createUser } from "../../src/operations/user-create.ts";
import { readOperation, resumeOperations } from "../../src/operations/user-operations.ts";
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
import { until } from "../support/until.ts";

const hostile = 'bob "the\'builder" $$; --';
const longest = `${"ä".repeat(31)}x`;

async function suite(major: (typeof majors)[number], mode: Mode): Promise<void> {
  let fleet: RoleFleet;
  let cloud: FakeCloud;
  let context: Context;
  let target: Target;

  before(async () => {
    fleet = await startRoleFleet(mode, [major]);
    cloud = createFakeCloud(fleet);
    context = { ...fleet.context, cloud: cloud.services };
    target = await fleet.createDatabase(major, "shop", "CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser");
    await initializeRoles(context, fleet.call(), target, { schema: "app" });
  });
  after(() => fleet.stop());

  const create = (input: Partial<CreateUserInput> & { username: string }) =>
    createUser(context, fleet.call("createUser"), target, { type: "built_in", initialRoles: [], ...input });
  const rolesOf = async (user: string): Promise<string[]> => {
    const rows = await fleet.sql<{ name: string }>(
      target,
      `SELECT g.rolname::text AS name FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
         JOIN pg_roles u ON u.oid = m.member WHERE u.rolname::text = $1 ORDER BY 1`,
      [user],
    );
    return rows.map(({ name }) => name);
  };
  const logIn = (user: string, password: string): Promise<unknown> => {
    const url = new URL(fleet.server(major).adminUrl("shop"));
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password);
    return withClient(url.href, (client) => client.query("CREATE TABLE app.made (); SELECT * FROM app.made"));
  };
  const latest = (user: string): string => cloud.passwords.get(`pg${major}/${user}`)?.at(-1) ?? "";

  test("a dry run shows the steps in order, contacts nobody and hides the verifier", async () => {
    const result = await create({
      username: "robot",
      initialRoles: [{ schema: "app", role: "admin" }],
      dryRun: true,
    });
    assert.deepEqual([result.created, result.changed, result.operationId], [true, true, null]);
    assert.deepEqual([...new Set(result.plan?.steps.map(({ kind }) => kind))], ["secret", "sql"]);
    assert.equal(
      result.plan?.statements[0]?.sql,
      `CREATE ROLE "robot" LOGIN NOCREATEDB NOCREATEROLE INHERIT PASSWORD '[hidden]'`,
    );
    assert.deepEqual([cloud.passwords.size, cloud.calls], [0, []]);
    assert.deepEqual(await rolesOf("robot"), []);
  });

  for (const user of ["robot", hostile, longest, "select"]) {
    test(`a built-in user ${JSON.stringify(user)} has its role and nothing else, and logs in with the stored password`, async () => {
      const result = await create({ username: user, initialRoles: [{ schema: "app", role: "admin" }] });
      assert.deepEqual([result.created, result.changed, result.state], [true, true, "succeeded"]);
      assert.deepEqual(
        result.steps.map(({ kind, outcome }) => [kind, outcome]),
        [
          ["secret", "done"],
          ["sql", "done"],
        ],
      );
      assert.deepEqual(await rolesOf(user), ["shop_app_admin"]);
      await logIn(user, latest(user));
      // What it makes is covered, so it must go by the way that the service has for it.
      const readers = await fleet.sql<{ may: boolean }>(
        target,
        "SELECT has_table_privilege('shop_app_reader', 'app.made', 'SELECT') AS may",
      );
      assert.deepEqual(readers, [{ may: true }]);
      await fleet.sql(target, "DROP TABLE app.made");
      const again = await create({ username: user, initialRoles: [{ schema: "app", role: "admin" }] });
      assert.deepEqual([again.created, again.changed, again.steps], [false, false, []]);
      assert.equal(cloud.passwords.get(`pg${major}/${user}`)?.length, 1);
      const said = JSON.stringify([result, fleet.registry.history(target), cloud.operations.all()]);
      assert.ok(!said.includes(latest(user)) && !/SCRAM-SHA-256\$/.test(said));
    });
  }

  test("IAM principals are made by Cloud SQL, under the names that it gives them", async () => {
    const principals = [
      { username: "Carol@Example.com", type: "iam_user", name: "carol@example.com" },
      { username: "app@p.iam.gserviceaccount.com", type: "iam_service_account", name: "app@p.iam" },
      { username: "Team@Example.com", type: "iam_group", name: "team@example.com" },
    ] as const;
    for (const { username, type, name } of principals) {
      const input = { username, type, initialRoles: [{ schema: "app", role: "writer" }] };
      const planned = await create({ ...input, dryRun: true });
      assert.deepEqual(
        planned.plan?.steps.map(({ kind }) => kind),
        ["cloud_sql_api", "sql"],
      );
      const result = await create(input);
      assert.deepEqual([result.normalizedUsername, result.created], [name, true]);
      assert.ok((await rolesOf(name)).includes("shop_app_writer"));
      const again = await create(input);
      assert.deepEqual([again.created, again.changed], [false, false]);
    }
    assert.deepEqual(
      cloud.calls,
      principals.map(({ name }) => `insert ${name}`),
    );
  });

  test("names that cannot be, or are somebody else's, are refused before anything is done", async () => {
    const refused = async (input: Parameters<typeof create>[0]): Promise<string> =>
      (await serviceErrorOf(create(input))).kind;
    const before = cloud.calls.length;
    const none = { initialRoles: [] };
    assert.equal(await refused({ ...none, username: "x".repeat(64) }), "validation_error");
    assert.equal(await refused({ ...none, username: "postgres" }), "validation_error");
    assert.equal(await refused({ ...none, username: "pg_mine" }), "validation_error");
    assert.equal(await refused({ ...none, username: "alice@example.com" }), "validation_error");
    assert.equal(await refused({ ...none, username: "plain", type: "iam_user" }), "validation_error");
    assert.equal(await refused({ ...none, username: "app@p.iam", type: "iam_user" }), "validation_error");
    const long = `${"l".repeat(60)}@example.com`;
    assert.equal(await refused({ username: long, type: "iam_user" }), "validation_error");
    assert.equal(await refused({ ...none, username: "shop_app_reader" }), "conflict");
    assert.equal(await refused({ username: "carol@example.com", type: "iam_group" }), "conflict");
    assert.equal(
      await refused({ username: "new", initialRoles: [{ schema: "no", role: "reader" }] }),
      "not_found",
    );
    assert.equal(
      await refused({ username: "new", initialRoles: [{ schema: "app", role: "no" }] }),
      "not_found",
    );
    cloud.listed.push({ name: "ghost@example.com", type: "iam_user" });
    assert.equal(await refused({ username: "ghost@example.com", type: "iam_user" }), "conflict");
    cloud.listed.length = 0;
    assert.equal(cloud.calls.length, before);
  });

  test("a failure between the steps says what was done, and repeating goes on", async () => {
    cloud.failSecrets("unavailable");
    const noSecret = await serviceErrorOf(create({ username: "late" }));
    assert.equal(noSecret.kind, "unavailable");
    assert.deepEqual(outcomes(noSecret.details.steps), ["failed", "not_attempted"]);
    cloud.failSecrets(undefined);
    assert.deepEqual(await fleet.sql(target, "SELECT FROM pg_roles WHERE rolname = 'late'"), []);

    cloud.fail(undefined);
    const input = { username: "dave@example.com", type: "iam_user" } as const;
    const roles = [{ schema: "app", role: "reader" }];
    await fleet.sql(target, "ALTER ROLE shop_app_reader RENAME TO away");
    const raced = createUser(context, fleet.call("createUser"), target, { ...input, initialRoles: [] });
    await raced;
    const second = await serviceErrorOf(create({ ...input, initialRoles: roles }));
    assert.equal(second.kind, "not_found");
    await fleet.sql(target, "ALTER ROLE away RENAME TO shop_app_reader");
    const third = await create({ ...input, initialRoles: roles });
    assert.deepEqual(
      [third.created, third.changed, outcomes(third.steps)],
      [false, true, ["nothing_to_do", "done"]],
    );
  });

  test("what takes long goes on after its answer, and another process takes over what nobody works on", async () => {
    const slow = createFakeCloud(fleet, { patienceMs: 30 });
    slow.slow(4);
    const first: Context = { ...fleet.context, cloud: slow.services };
    const input = {
      username: "erin@example.com",
      type: "iam_user",
      initialRoles: [{ schema: "app", role: "reader" }],
    } as const;
    const answered = await createUser(first, fleet.call("createUser"), target, input);
    assert.equal(answered.state, "running");
    const id = answered.operationId ?? "";
    const ended = await until(async () => {
      const now = await readOperation(first, fleet.call(), { id, waitMs: 100 });
      return now.state === "running" ? undefined : now;
    });
    assert.deepEqual(
      [ended.state, ended.changed, outcomes(ended.steps)],
      ["succeeded", true, ["done", "done"]],
    );
    assert.deepEqual((await rolesOf("erin@example.com")).includes("shop_app_reader"), true);

    // As if the process had ended when Cloud SQL had made the user, and nothing else.
    await fleet.server(major).createUser({ name: "frank@example.com", type: "CLOUD_IAM_USER" });
    const left = {
      ...ended,
      id: "left",
      state: "running",
      steps: [],
      username: "frank@example.com",
    } as const;
    const asked = { ...left, input: { ...ended.input, username: "frank@example.com" } };
    await slow.services.operations.create(asked, { owner: "gone", forMs: 60_000 });
    const other: Context = { ...fleet.otherProcess(), cloud: { ...slow.services } };
    const held = await readOperation(other, fleet.call(), { id: "left", waitMs: 50 });
    assert.equal(held.state, "running");
    slow.operations.loseLeases();
    const taken = await Promise.all(
      [other, first].map((process) => readOperation(process, fleet.call(), { id: "left", waitMs: 60_000 })),
    );
    assert.ok(taken.some(({ state }) => state === "succeeded"));
    assert.ok((await rolesOf("frank@example.com")).includes("shop_app_reader"));
    const entries = fleet.registry.history(target).filter(({ username }) => username === "frank@example.com");
    assert.equal(entries.length, 1, "done once");
    assert.equal(
      (await serviceErrorOf(readOperation(other, fleet.call(), { id: "none", waitMs: 0 }))).kind,
      "not_found",
    );
    const call = { ...fleet.call(), permits: async () => false };
    assert.equal((await serviceErrorOf(readOperation(other, call, { id, waitMs: 0 }))).kind, "not_found");
  });

  test("what a process left is not gone on with when a later operation on the same user began", async () => {
    const left: StoredOperation = {
      ...{ id: "left", action: "offboardUser", target, username: "gina", input: { username: "gina" } },
      ...{ actor: "alice@example.com", requestId: "r", steps: [] },
      state: "running",
      ...{ createdAt: new Date(0), updatedAt: new Date(0), changed: false, warnings: [], failure: null },
    };
    const own = createFakeCloud(fleet);
    const other: Context = { ...fleet.otherProcess(), cloud: own.services };
    await own.services.operations.create(left, { owner: "gone", forMs: 0 });
    await createUser(other, fleet.call("createUser"), target, {
      ...{ username: "gina", type: "built_in", initialRoles: [] },
    });
    assert.equal(await resumeOperations(other, fleet.call()), 0);
    const ended = await readOperation(other, fleet.call(), { id: "left", waitMs: 0 });
    assert.deepEqual([ended.state, ended.failure?.kind], ["failed", "conflict"]);
    assert.match(ended.failure?.message ?? "", /createUser began on the same user after it/);
    assert.equal((await fleet.sql(target, "SELECT FROM pg_roles WHERE rolname = 'gina'")).length, 1);
    await own.services.operations.create(
      { ...left, id: "alone", createdAt: new Date() },
      { owner: "gone", forMs: 0 },
    );
    assert.equal(await resumeOperations(other, fleet.call()), 1, "one that nothing came after is");
    await until(async () => (await own.services.operations.read("alone"))?.state === "succeeded");
    assert.deepEqual(await fleet.sql(target, "SELECT FROM pg_roles WHERE rolname = 'gina'"), []);
  });
}

function outcomes(steps: unknown): unknown[] {
  return Array.isArray(steps) ? steps.map((step: { outcome: string }) => step.outcome) : [];
}

for (const [major, mode] of majorsAndModes) {
  describe(`creating users on PostgreSQL ${major}, ${mode}`, () => suite(major, mode));
}
