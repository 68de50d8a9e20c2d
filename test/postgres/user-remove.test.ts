import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import pg from "pg";
import type { Target } from "../../src/domain/target.ts";
import type { Context } from "../../src/operations/context.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { createUser } from "../../src/operations/user-create.ts";
import { deleteUser, offboardUser, type RemoveUserInput } from "../../src/operations/user-remove.ts";
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

const databases = ["one", "three", "two"];
const alice = "alice@example.com";
const robot = "robot \"r2\" 'd2'";

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

async function suite(major: (typeof majors)[number], mode: Mode): Promise<void> {
  let fleet: RoleFleet;
  let cloud: FakeCloud;
  let context: Context;
  let target: Target;
  // From 16 on the stock server does not let the admin act for a role that it did not create.
  const actsForIam = major < 16 || mode === "permissive";

  before(async () => {
    fleet = await startRoleFleet(mode, [major]);
    cloud = createFakeCloud(fleet);
    context = { ...fleet.context, cloud: cloud.services };
    await fleet.server(major).querySuperuser("postgres", "GRANT cloudsqlsuperuser TO postgres");
    for (const name of databases) {
      const made = await fleet.createDatabase(
        major,
        name,
        "CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser",
      );
      if (name === "one") target = made;
      await initializeRoles(context, fleet.call(), { ...made, database: name }, { schema: "app" });
    }
    await withClient(fleet.server(major).adminUrl("one"), (client) =>
      client.query("CREATE ROLE keeper; CREATE ROLE other"),
    );
  });
  after(() => fleet.stop());

  /** Owns, holds, grants and is granted things in every database. */
  async function settle(user: string): Promise<void> {
    if (user === alice) await fleet.server(major).createUser({ name: alice, type: "CLOUD_IAM_USER" });
    else
      await createUser(context, fleet.call(), target, { username: user, type: "built_in", initialRoles: [] });
    for (const database of databases) {
      const place = { ...target, database };
      await assignRole(context, fleet.call(), place, { schema: "app", username: user, role: "admin" });
      await fleet.as(
        place,
        user,
        `CREATE TABLE app.made (id serial PRIMARY KEY); CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE VIEW app.v AS SELECT 1 AS x; CREATE TYPE app.e AS ENUM ('a');
         GRANT SELECT ON app.made TO other; ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO other`,
        "keep",
      );
    }
  }

  async function dropThings(): Promise<void> {
    for (const database of databases) {
      await fleet.sql(
        { ...target, database },
        "DROP TABLE IF EXISTS app.made; DROP FUNCTION IF EXISTS app.f(); DROP VIEW IF EXISTS app.v; DROP TYPE IF EXISTS app.e",
      );
    }
  }

  const offboard = (input: Omit<RemoveUserInput, "force">) =>
    offboardUser(context, fleet.call("offboardUser"), target, input);
  const remove = (input: Partial<RemoveUserInput> & { username: string }) =>
    deleteUser(context, fleet.call("deleteUser"), target, { force: false, ...input });
  const exists = async (user: string): Promise<boolean> =>
    (await fleet.sql(target, "SELECT FROM pg_roles WHERE rolname::text = $1", [user])).length > 0;
  const owners = async (database: string): Promise<Record<string, string>[]> =>
    fleet.sql(
      { ...target, database },
      "SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'app'::regnamespace",
    );

  for (const user of [robot, ...(actsForIam ? [alice] : [])]) {
    describe(`offboarding ${user}`, () => {
      beforeEach(dropThings);

      test("is planned in full, and changes nothing as a dry run", async () => {
        await settle(user);
        const result = await offboard({ username: user, dryRun: true });
        const kinds = result.plan?.steps.map(({ kind }) => kind) ?? [];
        assert.equal(kinds.at(-1), user === alice ? "cloud_sql_api" : "sql");
        assert.deepEqual(
          [...new Set(result.plan?.statements.map(({ database }) => database))].sort(),
          databases,
        );
        assert.ok(await exists(user));
        const refused = await serviceErrorOf(remove({ username: user }));
        assert.equal(refused.kind, "conflict");
        assert.equal((refused.details.owns as unknown[]).length, 3);
        await settleAgain(user);
      });

      test("leaves nothing of it in any database; what it owned goes to the schemas' owners", async () => {
        const open = new pg.Client({ connectionString: fleet.server(major).superuserUrl("two") });
        open.on("error", () => {});
        await open.connect();
        await settle(user);
        const result = await offboard({ username: user });
        assert.deepEqual([result.existed, result.changed, result.state], [true, true, "succeeded"]);
        assert.deepEqual(result.warnings, []);
        assert.ok(!(await exists(user)));
        for (const database of databases)
          assert.deepEqual(await owners(database), [{ owner: "cloudsqlsuperuser" }]);
        const again = await offboard({ username: user });
        assert.deepEqual([again.existed, again.changed, again.steps], [false, false, []]);
        await open.end();
      });

      test("hands over to the role that is named, or refuses before anything is touched", async () => {
        await settle(user);
        assert.equal(
          (await serviceErrorOf(offboard({ username: user, newOwner: "nobody" }))).kind,
          "not_found",
        );
        assert.equal((await serviceErrorOf(offboard({ username: user, newOwner: user }))).kind, "conflict");
        assert.equal(
          (await serviceErrorOf(offboard({ username: user, newOwner: "cloudsqladmin" }))).kind,
          "conflict",
        );
        for (const database of databases) {
          await fleet.sql({ ...target, database }, "GRANT CREATE ON SCHEMA app TO keeper");
        }
        await offboard({ username: user, newOwner: "keeper" });
        assert.ok(!(await exists(user)));
        for (const database of databases) assert.deepEqual(await owners(database), [{ owner: "keeper" }]);
      });

      if (user === alice) return;

      test("goes on from where it failed", async () => {
        await settle(user);
        const blocker = new pg.Client({ connectionString: fleet.server(major).superuserUrl("three") });
        await blocker.connect();
        await blocker.query("BEGIN; LOCK TABLE app.made IN ACCESS EXCLUSIVE MODE");
        const error = await serviceErrorOf(offboard({ username: user }));
        await blocker.end();
        const steps = error.details.steps as { database?: string; outcome: string }[];
        const [failed] = steps.filter(({ outcome }) => outcome === "failed");
        assert.equal(failed?.database, "three", JSON.stringify(steps));
        assert.equal(steps.at(-1)?.outcome, "not_attempted");
        assert.deepEqual(await owners("one"), [{ owner: "cloudsqlsuperuser" }]);
        const [stored] = cloud.operations.all().filter(({ id }) => id === error.details.operation_id);
        assert.deepEqual([stored?.state, stored?.steps.length], ["failed", steps.length]);
        const result = await offboard({ username: user });
        assert.ok(!(await exists(user)));
        const free = result.steps.filter(({ description }) => description.startsWith("Free"));
        assert.deepEqual(
          free.map(({ database, outcome }) => [database, outcome]),
          [
            ["one", "nothing_to_do"],
            ["postgres", "nothing_to_do"],
            ["three", "done"],
            ["two", "done"],
          ],
        );
      });
    });
  }

  /** The next test makes the user anew. */
  async function settleAgain(user: string): Promise<void> {
    await offboard({ username: user });
  }

  test("a user with a session is not deleted, unless told: then the session ends", async () => {
    const made = await createUser(context, fleet.call(), target, {
      username: robot,
      type: "built_in",
      initialRoles: [],
    });
    assert.ok(made.created);
    const url = new URL(fleet.server(major).adminUrl("two"));
    url.username = encodeURIComponent(robot);
    url.password = cloud.passwords.get(`pg${major}/${robot}`)?.at(-1) ?? "";
    const session = new pg.Client({ connectionString: url.href });
    const ended = new Promise<void>((resolve) => session.on("error", () => resolve()));
    await session.connect();
    const refused = await serviceErrorOf(remove({ username: robot }));
    assert.deepEqual([refused.kind, refused.details.sessions], ["conflict", 1]);
    assert.ok(await exists(robot));
    await remove({ username: robot, force: true });
    await ended;
    assert.ok(!(await exists(robot)));
  });

  test("a user who granted roles to others, and one who holds grants alone, is deleted without force", async () => {
    await createUser(context, fleet.call(), target, {
      username: robot,
      type: "built_in",
      initialRoles: [{ schema: "app", role: "reader" }],
    });
    await fleet.sql(target, `GRANT other TO ${quoted(robot)} WITH ADMIN OPTION`);
    await fleet.as(target, robot, "GRANT other TO keeper", "keep");
    await fleet
      .sql({ ...target, database: "two" }, `GRANT CREATE ON SCHEMA app TO ${quoted(robot)}`)
      .catch(() => {});
    const result = await remove({ username: robot }).catch((error: unknown) => error);
    if (major >= 16 && result instanceof Error) {
      // cloudsqladmin's own rows are not the admin's to end; they end with the role.
      assert.fail(String(result));
    }
    assert.ok(!(await exists(robot)));
    await fleet.sql(target, "REVOKE other FROM keeper").catch(() => {});
  });

  test("a built-in user that Cloud SQL made is deleted by Cloud SQL where the admin may not alter it", async () => {
    const user = 'made by "Cloud SQL"';
    await fleet
      .server(major)
      .createUser({ name: user, type: "BUILT_IN", password: "a password of theirs 1" });
    await assignRole(context, fleet.call(), target, { schema: "app", username: user, role: "reader" });
    const planned = await offboard({ username: user, dryRun: true });
    const kinds = planned.plan?.steps.map(({ kind }) => kind) ?? [];
    assert.equal(kinds.at(-1), major < 16 ? "sql" : "cloud_sql_api");
    const result = await offboard({ username: user });
    assert.deepEqual([result.state, result.changed], ["succeeded", true]);
    assert.match(result.warnings.join(), major < 16 ? /^$/ : /may log in until it is deleted/);
    assert.ok(!(await exists(user)));
  });

  test("the admin, system roles and managed roles are not removed", async () => {
    const kind = async (username: string): Promise<string> =>
      (await serviceErrorOf(offboard({ username }))).kind;
    assert.equal(await kind("postgres"), "validation_error");
    assert.equal(await kind("cloudsqladmin"), "validation_error");
    assert.equal(await kind("one_app_reader"), "conflict");
  });

  test("who is in Cloud SQL alone is deleted there; who is an IAM principal in PostgreSQL alone is named", async () => {
    await fleet.server(major).createUser({ name: "orphan@example.com", type: "CLOUD_IAM_USER" });
    cloud.hidden.add("orphan@example.com");
    const error = await serviceErrorOf(offboard({ username: "orphan@example.com" }));
    assert.equal(error.kind, "conflict");
    cloud.hidden.clear();
    await offboard({ username: "orphan@example.com" });
    assert.equal(cloud.calls.at(-1), "delete orphan@example.com");
    assert.ok(!(await exists("orphan@example.com")));
  });

  test("the admin can still log in with its password", async () => {
    await withClient(fleet.server(major).adminUrl("one"), (client) => client.query("SELECT 1"));
  });
}

/** What may be done to a login is another thing from 16 on, and with each mode; 15 is as 14 is, and 17 as 16. */
const servers = majorsAndModes.filter(
  ([major, mode]) => major !== 15 && !(major === 17 && mode === "permissive"),
);

for (const [major, mode] of servers) {
  describe(`removing users on PostgreSQL ${major}, ${mode}`, () => suite(major, mode));
}
