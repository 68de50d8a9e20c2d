import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import { type CloudService, type Fields, ordersTarget, startCloudService } from "../support/cloud-service.ts";
import { withClient } from "../support/postgres.ts";
import { until } from "../support/until.ts";

const hostile = "robot \"x'; -- $$ é";

/** All that a secret ever held; the stand-in keeps what is disabled. */
function everyValue(cloud: LocalCloud): string[] {
  const { secrets } = cloud.secretManager.snapshot() as {
    secrets: { versions: { payload: string }[] }[];
  };
  return secrets
    .flatMap(({ versions }) => versions.map(({ payload }) => Buffer.from(payload, "base64").toString()))
    .filter((value) => value.length > 0);
}

describe("the rotation of passwords, on the whole service", () => {
  let cloud: LocalCloud;
  let service: CloudService;
  /** Keeps no connection for long, and so logs in again and again. */
  let other: CloudService;
  let secret: string;
  const spoken: string[] = [];

  before(async () => {
    cloud = await startTestCloud();
    secret = cloud.secretOf(cloud.instance("orders-db"));
    service = await startCloudService(cloud);
    other = await startCloudService(cloud, {
      settings: { CONNECTION_MAX_LIFETIME: "1", LOG_LEVEL: "INFO" },
    });
    for (const one of [service, other]) await one.warmUp();
  });
  afterEach(() => cloud.secretManager.faults.clear());
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
    await cloud?.stop();
  });

  const server = () => cloud.instance("orders-db").server;
  const states = (name = secret): string[] => {
    const { secrets } = cloud.secretManager.snapshot() as {
      secrets: { name: string; versions: { state: string }[] }[];
    };
    return secrets.find((one) => one.name === name)?.versions.map(({ state }) => state) ?? [];
  };
  const logIn = (user: string, password: string): Promise<unknown> => {
    const url = new URL(server().adminUrl("orders"));
    url.username = encodeURIComponent(user);
    url.password = encodeURIComponent(password);
    return withClient(url.href, (client) => client.query("SELECT 1"));
  };
  const latest = (name = secret): string => cloud.secretManager.peekSecret(name) ?? "";
  /** The latest version is the admin's password, and nothing else is enabled. */
  const assertRotated = async (): Promise<void> => {
    await logIn("postgres", latest());
    const all = states();
    assert.equal(all.at(-1), "ENABLED");
    assert.ok(
      all.slice(0, -1).every((state) => state !== "ENABLED"),
      all.join(),
    );
  };
  const listSchemas = (on: CloudService) => on.call("listSchemas", ordersTarget);

  it("shows its steps, and hides the verifier", async () => {
    const count = states().length;
    const planned = await service.succeed("rotatePassword", { ...ordersTarget, dry_run: true });
    const { steps, statements } = planned.plan as { steps: Fields[]; statements: Fields[] };
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ["secret", "sql", "login", "secret"],
    );
    assert.equal(statements[0]?.sql, `ALTER ROLE "postgres" PASSWORD '[hidden]'`);
    assert.deepEqual([planned.operation_id, states().length], [null, count]);
  });

  it("gives the admin a new password, and the service goes on by it", async () => {
    const old = latest();
    const rotated = await service.succeed("rotatePassword", ordersTarget);
    assert.deepEqual([rotated.is_admin, rotated.changed, rotated.state], [true, true, "succeeded"]);
    assert.deepEqual(
      (rotated.steps as Fields[]).map(({ outcome }) => outcome),
      ["done", "done", "done", "done"],
    );
    assert.notEqual(latest(), old);
    await assertRotated();
    await assert.rejects(logIn("postgres", old), { code: "28P01" });
    assert.equal((await listSchemas(service)).status, 200);
  });

  it("does nothing while the password is young enough, however often it is asked", async () => {
    const count = states().length;
    const answers = await Promise.all(
      Array.from({ length: 3 }, () =>
        service.succeed("rotatePassword", { ...ordersTarget, if_older_than: "P30D" }),
      ),
    );
    for (const answer of answers) assert.deepEqual([answer.changed, answer.operation_id], [false, null]);
    assert.equal(states().length, count);
    const older = await service.succeed("rotatePassword", { ...ordersTarget, if_older_than: "PT0S" });
    assert.equal(older.changed, true);
    const wrong = await service.call("rotatePassword", { ...ordersTarget, if_older_than: "30 days" });
    assert.equal(wrong.status, 400);
  });

  it("built-in users, whatever they are called; others are refused", async () => {
    await service.succeed("createUser", { ...ordersTarget, username: hostile, user_type: "built_in" });
    const done = await service.succeed("rotatePassword", { ...ordersTarget, username: hostile });
    const name = `projects/demo-project/locations/europe-west1/secrets/${done.secret_id}`;
    assert.deepEqual([done.is_admin, states(name)], [false, ["DISABLED", "ENABLED"]]);
    await logIn(hostile, latest(name));
    await assertRotated();
    const status = async (username: string) =>
      (await service.call("rotatePassword", { ...ordersTarget, username })).status;
    assert.equal(await status("alice@example.com"), 409);
    assert.equal(await status("nobody_there"), 404);
    assert.equal(await status("pg_monitor"), 400);
    await server().querySuperuser(
      "orders",
      "CREATE ROLE a_group; GRANT a_group TO postgres WITH ADMIN OPTION",
    );
    assert.equal(await status("a_group"), 409);
  });

  it("two processes at once: the admin has one password, and both go on", async () => {
    const answers = await Promise.all(
      [service, other, service, other].map((one) => one.call("rotatePassword", ordersTarget)),
    );
    for (const { status, text } of answers) assert.equal(status, 200, text);
    await assertRotated();
    for (const one of [service, other]) assert.equal((await listSchemas(one)).status, 200);
  });

  describe("a step that fails leaves all as it was", () => {
    const fails = async (input: Fields = {}) => {
      const answer = await service.call("rotatePassword", { ...ordersTarget, ...input });
      assert.ok(answer.status >= 400, answer.text);
      return answer.body.details as Fields;
    };

    it("Secret Manager is not there", async () => {
      const old = latest();
      cloud.secretManager.faults.set({
        before: (method) => {
          if (method === "AddSecretVersion") throw new Error("no");
        },
      });
      assert.equal((await fails()).rolled_back, true);
      assert.equal(latest(), old);
      await assertRotated();
    });

    it("PostgreSQL refuses the password", async () => {
      await service.succeed("createUser", { ...ordersTarget, username: "visitor", user_type: "built_in" });
      const name = "projects/demo-project/locations/europe-west1/secrets/orders-db__user__visitor";
      const old = latest(name);
      cloud.secretManager.faults.set({
        before: async (method) => {
          if (method !== "AddSecretVersion") return;
          cloud.secretManager.faults.clear();
          await server().querySuperuser("orders", "ALTER ROLE visitor SUPERUSER");
        },
      });
      const details = await fails({ username: "visitor" });
      await server().querySuperuser("orders", "ALTER ROLE visitor NOSUPERUSER");
      assert.deepEqual([details.rolled_back, details.sqlstate], [true, "42501"]);
      assert.equal(latest(name), old);
      await logIn("visitor", old);
    });

    it("the new password lets nobody in", async () => {
      const name = "projects/demo-project/locations/europe-west1/secrets/orders-db__user__visitor";
      const old = latest(name);
      cloud.secretManager.faults.set({
        before: async (method) => {
          if (method !== "AddSecretVersion") return;
          cloud.secretManager.faults.clear();
          await server().querySuperuser("orders", "ALTER ROLE visitor VALID UNTIL '2000-01-01'");
        },
      });
      const details = await fails({ username: "visitor" });
      await server().querySuperuser("orders", "ALTER ROLE visitor VALID UNTIL 'infinity'");
      assert.equal(details.rolled_back, true);
      assert.equal(latest(name), old);
      await logIn("visitor", old);
      // A password that went back is not a new one, and the next rotation clears up.
      await service.succeed("rotatePassword", { ...ordersTarget, username: "visitor" });
      assert.deepEqual(states(name).filter((state) => state === "ENABLED").length, 1);
      await logIn("visitor", latest(name));
    });

    it("an old version that cannot be disabled is said, and the next rotation does it", async () => {
      cloud.secretManager.faults.set({
        before: (method) => {
          if (method === "DisableSecretVersion") throw new Error("no");
        },
      });
      const done = await service.succeed("rotatePassword", ordersTarget);
      cloud.secretManager.faults.clear();
      assert.equal((done.warnings as string[]).length, 1);
      await logIn("postgres", latest());
      assert.equal((await service.succeed("rotatePassword", ordersTarget)).changed, true);
      await assertRotated();
    });
  });

  describe("a process that is killed leaves nobody outside", () => {
    /** What a killed process has left is for this one, which is then killed itself. */
    let next: CloudService;
    const startNext = async (): Promise<void> => {
      // It answers before a rotation's end, and takes over soon what others have left, but only when it is asked.
      const settings = { OPERATION_WAIT: "0.05", OPERATION_LEASE: "2", OPERATION_SWEEP_INTERVAL: "0" };
      next = await startCloudService(cloud, { settings });
    };
    before(async () => {
      await startNext();
      await next.warmUp();
    });
    after(() => next?.[Symbol.asyncDispose]());

    /** Kills a process when its rotation has come to a place, and looks what a new one makes of it. */
    async function killedAt(
      reach: (reached: () => void) => unknown,
      afterKill: () => unknown = () => {},
      goOn: "by its id" | "by the next call" = "by its id",
    ): Promise<void> {
      const killed = next;
      const { promise: there, resolve: reached } = Promise.withResolvers<void>();
      await reach(reached);
      const answer = await killed.call("rotatePassword", ordersTarget);
      assert.equal(answer.status, 202, answer.text);
      await there;
      killed.process.child.kill("SIGKILL");
      await killed.process.exited;
      spoken.push(killed.process.stdout(), answer.text);
      cloud.secretManager.faults.clear();
      cloud.firestore.faults.clear();
      await afterKill();
      await startNext();
      assert.equal((await listSchemas(next)).status, 200, "a new process logs in");
      await next.warmUp();
      const count = states().length;
      const id =
        goOn === "by its id"
          ? answer.body.operation_id
          : (await next.call("rotatePassword", ordersTarget)).body.operation_id;
      const ended = await until(
        async () => {
          const { body } = await next.call("readOperation", { operation_id: id, wait_seconds: 2 });
          return body.state === "running" ? undefined : body;
        },
        { deadlineMs: 90_000 },
      );
      assert.deepEqual([ended.state, ended.failure], ["succeeded", null]);
      await assertRotated();
      if (goOn === "by the next call") assert.ok(states().length > count, "there is a new version");
      for (const one of [next, service]) assert.equal((await listSchemas(one)).status, 200);
      spoken.push(JSON.stringify(ended), next.process.stdout());
    }
    const holdAt =
      (wanted: string, which = 1) =>
      (reached: () => void) => {
        let seen = 0;
        cloud.secretManager.faults.set({
          before: async (method) => {
            if (method !== wanted) return;
            seen += 1;
            if (seen !== which) return;
            reached();
            await sleep(3_000);
            throw new Error("held");
          },
        });
      };

    it("before the new version is stored", () =>
      killedAt(holdAt("AddSecretVersion"), undefined, "by the next call"));

    for (const goesOn of [false, true]) {
      it(`at ALTER ROLE, which PostgreSQL ${goesOn ? "does all the same" : "does not do"}`, async () => {
        const other = new pg.Client(server().superuserUrl("postgres"));
        await other.connect();
        await other.query("BEGIN");
        await other.query("ALTER ROLE postgres CONNECTION LIMIT -1");
        const waiting =
          "pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER ROLE%'";
        const blocked = async () =>
          (await server().querySuperuser("postgres", `SELECT ${waiting}`)).rows.length > 0;
        await killedAt(
          (reached) => void until(blocked, { deadlineMs: 60_000 }).then(reached),
          async () => {
            if (!goesOn)
              await server().querySuperuser(
                "postgres",
                `SELECT pg_terminate_backend(pid) FROM (SELECT ${waiting}) w`,
              );
            await other.query("ROLLBACK");
            await other.end();
          },
          goesOn ? "by the next call" : "by its id",
        );
      });
    }

    it("before the old version is looked for", () =>
      killedAt(holdAt("ListSecretVersions", 3), undefined, "by the next call"));
    it("before the old version is disabled", () => killedAt(holdAt("DisableSecretVersion")));
    it("before its end is recorded", () =>
      killedAt((reached) => {
        cloud.secretManager.faults.set({
          before: (method) => {
            if (method !== "DisableSecretVersion") return;
            cloud.firestore.faults.set({ slowMs: 60_000 });
            setTimeout(reached, 300);
          },
        });
      }));

    it("on its way back, after PostgreSQL had the former password again", async () => {
      const username = "homecomer";
      await service.succeed("createUser", { ...ordersTarget, username, user_type: "built_in" });
      const name = `projects/demo-project/locations/europe-west1/secrets/orders-db__user__${username}`;
      const killed = next;
      const { promise: there, resolve: reached } = Promise.withResolvers<void>();
      let additions = 0;
      cloud.secretManager.faults.set({
        before: async (method) => {
          if (method !== "AddSecretVersion") return;
          additions += 1;
          if (additions === 1) {
            await server().querySuperuser("orders", `ALTER ROLE ${username} VALID UNTIL '2000-01-01'`);
            return;
          }
          reached();
          await sleep(2_000);
          throw new Error("held");
        },
      });
      assert.equal((await killed.call("rotatePassword", { ...ordersTarget, username })).status, 202);
      await there;
      killed.process.child.kill("SIGKILL");
      await killed.process.exited;
      spoken.push(killed.process.stdout());
      cloud.secretManager.faults.clear();
      await server().querySuperuser("orders", `ALTER ROLE ${username} VALID UNTIL 'infinity'`);
      assert.deepEqual(states(name), ["ENABLED", "ENABLED"]);
      await service.succeed("rotatePassword", { ...ordersTarget, username });
      assert.deepEqual(states(name), ["DISABLED", "DISABLED", "ENABLED"]);
      await logIn(username, latest(name));
    });
  });

  it("ten rotations in a row fail no request of 50 a second", async () => {
    await listSchemas(other);
    const countLogins = async (): Promise<number> => {
      const text = "SELECT sessions::int AS logins FROM pg_stat_database WHERE datname = 'orders'";
      return (await server().querySuperuser<{ logins: number }>("orders", text)).rows[0]?.logins ?? 0;
    };
    const loginsBefore = await countLogins();
    const failures: string[] = [];
    let asked = 0;
    let rotated = 0;
    const pending = new Set<Promise<void>>();
    const timer = setInterval(() => {
      asked += 1;
      const call = listSchemas(asked % 2 === 0 ? other : service)
        .then(({ status, text }) => void (status === 200 || failures.push(text)))
        .catch((error: unknown) => void failures.push(String(error)))
        .finally(() => pending.delete(call));
      pending.add(call);
    }, 20);
    for (; rotated < 10; rotated += 1) {
      await service.succeed("rotatePassword", ordersTarget);
      await sleep(700);
    }
    clearInterval(timer);
    await Promise.all(pending);
    assert.deepEqual(failures, []);
    assert.ok(asked > 100, `${asked} requests`);
    const logins = (await countLogins()) - loginsBefore;
    assert.ok(logins > 10, `${logins} logins`);
    await assertRotated();
    spoken.push(other.process.stdout());
    await other.end();
  });

  it("says no password and no verifier anywhere", async () => {
    const { body } = await service.call("listHistory", ordersTarget);
    await service.end();
    const said = [...spoken, service.process.stdout(), JSON.stringify([body, cloud.firestore])].join("\n");
    for (const value of everyValue(cloud)) assert.ok(!said.includes(value), "a password was said");
    assert.doesNotMatch(said, /SCRAM-SHA-256\$/);
  });
});
