import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import { type CloudService, type Fields, ordersTarget, startCloudService } from "../support/cloud-service.ts";
import { withClient } from "../support/postgres.ts";
import { until } from "../support/until.ts";

const builtIn = 'reports "2026"';
const secretName =
  "projects/demo-project/locations/europe-west1/secrets/orders-db__user__reports_20_222026_22";

describe("users, on the whole service", () => {
  let cloud: LocalCloud;
  let service: CloudService;
  /** Answers before an operation's end, and takes over soon what others have left, but only when it is asked. */
  const startQuick = async (): Promise<CloudService> => {
    const settings = { OPERATION_WAIT: "0.05", OPERATION_LEASE: "2", OPERATION_SWEEP_INTERVAL: "0" };
    const quick = await startCloudService(cloud, { settings });
    await quick.warmUp();
    return quick;
  };
  let quick: CloudService | undefined;

  before(async () => {
    cloud = await startTestCloud();
    service = await startCloudService(cloud);
    await service.warmUp();
    await service.succeed("createSchema", { ...ordersTarget, schema_name: "desk" });
    await service.succeed("initializeRoles", { ...ordersTarget, schema_name: "desk" });
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await quick?.[Symbol.asyncDispose]();
    await cloud?.stop();
  });

  const server = () => cloud.instance("orders-db").server;
  const roles = async (user: string): Promise<string[]> => {
    const { rows } = await server().querySuperuser<{ name: string }>(
      "orders",
      `SELECT g.rolname::text AS name FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
         JOIN pg_roles u ON u.oid = m.member WHERE u.rolname::text = $1 AND g.rolname !~ '^cloudsql' ORDER BY 1`,
      [user],
    );
    return rows.map(({ name }) => name);
  };
  const exists = async (user: string): Promise<boolean> =>
    (await server().querySuperuser("orders", "SELECT FROM pg_roles WHERE rolname::text = $1", [user])).rows
      .length > 0;
  const desk = [{ schema_name: "desk", role_name: "writer" }];
  const until202Ends = (id: unknown, process: CloudService): Promise<Fields> =>
    until(
      async () => {
        const { body } = await process.call("readOperation", { operation_id: id, wait_seconds: 2 });
        return body.state === "running" ? undefined : body;
      },
      { deadlineMs: 90_000 },
    );

  it("a built-in user logs in with what Secret Manager has, and with nothing that was said", async () => {
    const input = { ...ordersTarget, username: builtIn, user_type: "built_in", initial_roles: desk };
    const planned = await service.succeed("createUser", { ...input, dry_run: true });
    assert.equal(cloud.secretManager.peekSecret(secretName), undefined);
    assert.ok(JSON.stringify(planned.plan).includes("[hidden]"));
    const made = await service.succeed("createUser", input);
    assert.deepEqual(
      [made.created, made.state, made.secret_id],
      [true, "succeeded", secretName.split("/").at(-1)],
    );
    const password = cloud.secretManager.peekSecret(secretName) ?? "";
    assert.match(password, /^[\w.~-]{40}$/);
    const url = new URL(server().adminUrl("orders"));
    url.username = encodeURIComponent(builtIn);
    url.password = password;
    await withClient(url.href, (client) => client.query("SELECT 1"));
    assert.deepEqual(await roles(builtIn), ["orders_desk_writer"]);
    const again = await service.succeed("createUser", input);
    assert.deepEqual([again.created, again.changed, again.operation_id], [false, false, null]);
    const said = service.process.stdout() + JSON.stringify([made, again, cloud.firestore]);
    assert.ok(!said.includes(password));
  });

  it("a secret of that name that is somebody else's is left alone", async () => {
    const name = "projects/demo-project/locations/europe-west1/secrets/orders-db__user__taken";
    cloud.secretManager.seedSecret(name, "of somebody else");
    const input = { ...ordersTarget, username: "taken", user_type: "built_in" };
    const answer = await service.call("createUser", input);
    assert.deepEqual([answer.status, answer.body.error_type], [409, "conflict"]);
    assert.equal(cloud.secretManager.peekSecret(name), "of somebody else");
    assert.ok(!(await exists("taken")));
  });

  it("Secret Manager down: nothing is created, and repeating goes on", async () => {
    cloud.secretManager.faults.set({ unavailable: true });
    const input = { ...ordersTarget, username: "later", user_type: "built_in" };
    const answer = await service.call("createUser", input);
    cloud.secretManager.faults.clear();
    assert.equal(answer.status, 503);
    assert.ok(!(await exists("later")));
    assert.equal((await service.succeed("createUser", input)).created, true);
  });

  it("an answer before the end, and the end by the operation's id", async () => {
    quick = await startQuick();
    const input = {
      ...ordersTarget,
      username: "grace@example.com",
      user_type: "iam_user",
      initial_roles: desk,
    };
    cloud.sqlAdmin.faults.delayMs = 100;
    const answer = await quick.call("createUser", input);
    assert.deepEqual([answer.status, answer.body.state], [202, "running"]);
    assert.equal(answer.headers.location, `/operations/${answer.body.operation_id}`);
    const ended = await until202Ends(answer.body.operation_id, service);
    cloud.sqlAdmin.faults.delayMs = 0;
    assert.deepEqual([ended.state, ended.failure], ["succeeded", null], JSON.stringify(ended));
    assert.deepEqual(await roles("grace@example.com"), ["orders_desk_writer"]);
  });

  it("a process that is killed between the steps leaves the rest to another one", async () => {
    const killed = quick ?? (await startQuick());
    const input = {
      ...ordersTarget,
      username: "heidi@example.com",
      user_type: "iam_user",
      initial_roles: desk,
    };
    cloud.sqlAdmin.faults.delayMs = 400;
    const answer = await killed.call("createUser", input);
    assert.equal(answer.status, 202);
    await until(() => exists("heidi@example.com"));
    killed.process.child.kill("SIGKILL");
    await killed.process.exited;
    cloud.sqlAdmin.faults.delayMs = 0;
    assert.deepEqual(await roles("heidi@example.com"), []);
    // Two processes ask for it at once, when the lease has ended.
    const other = await startQuick();
    quick = other;
    const ends = await Promise.all(
      [service, other].map((one) => until202Ends(answer.body.operation_id, one)),
    );
    for (const ended of ends) assert.equal(ended.state, "succeeded", JSON.stringify(ended));
    assert.deepEqual(await roles("heidi@example.com"), ["orders_desk_writer"]);
    const { body } = await service.call("listHistory", { ...ordersTarget, username: "heidi@example.com" });
    assert.equal((body.entries as unknown[]).length, 1, "done once");
  });

  it("an offboarding that is killed is completed by repeating it", async () => {
    await server().querySuperuser(
      "orders",
      `GRANT CREATE ON SCHEMA desk TO "grace@example.com"; CREATE TABLE desk.hers (); ALTER TABLE desk.hers OWNER TO "grace@example.com"`,
    );
    const input = { ...ordersTarget, username: "grace@example.com" };
    for (const afterMs of [60, 200]) {
      const killed = quick ?? (await startQuick());
      quick = undefined;
      const call = killed.call("offboardUser", input).catch(() => undefined);
      await Promise.race([call, new Promise((resolve) => setTimeout(resolve, afterMs))]);
      killed.process.child.kill("SIGKILL");
      await killed.process.exited;
      await call;
    }
    const done = await service.succeed("offboardUser", input);
    assert.ok(done.state === "succeeded");
    assert.ok(!(await exists("grace@example.com")));
    const { rows } = await server().querySuperuser(
      "orders",
      "SELECT relowner::regrole::text AS owner, (SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'desk') AS schema FROM pg_class WHERE oid = 'desk.hers'::regclass",
    );
    assert.equal(rows[0]?.owner, rows[0]?.schema);
    const again = await service.succeed("offboardUser", input);
    assert.deepEqual([again.existed, again.changed], [false, false]);
  });

  it("an operation of Cloud SQL that fails is a failure, and is told by the operation too", async () => {
    cloud.sqlAdmin.faults.operationsFail = true;
    const input = { ...ordersTarget, username: "ivan@example.com", user_type: "iam_user" };
    const answer = await service.call("createUser", input);
    cloud.sqlAdmin.faults.operationsFail = false;
    assert.equal(answer.status, 503);
    const { operation_id, steps } = answer.body.details as Fields;
    assert.equal((steps as Fields[])[0]?.outcome, "failed");
    const { body } = await service.call("readOperation", { operation_id });
    assert.deepEqual([body.state, (body.failure as Fields).error_type], ["failed", "unavailable"]);
    assert.equal((await service.succeed("createUser", input)).created, true);
  });

  it("leaves a service that ends in order, and no secret anywhere", async () => {
    const unknown = { operation_id: "00000000-0000-4000-8000-000000000000" };
    assert.equal((await service.call("readOperation", unknown)).status, 404);
    assert.equal((await service.call("readOperation", { operation_id: "../../x" })).status, 400);
    await service.end();
  });
});
