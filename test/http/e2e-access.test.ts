import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import pg from "pg";
import { accessStates, type StoredAccess } from "../../src/domain/temporary-access.ts";
import { createAccessStore, type FirestoreAccessStore } from "../../src/google/access-store.ts";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { silentLog } from "../../src/log.ts";
import { startTestCloud } from "../support/cloud.ts";
import { type CloudService, type Fields, ordersTarget, startCloudService } from "../support/cloud-service.ts";
import { until } from "../support/until.ts";

const minute = 60_000;
/** The lock that every change of an instance takes; who waits for it gets it in turn. */
const takeLock = "SELECT pg_advisory_lock(27992949303109490)";
const dropLock = "SELECT pg_advisory_unlock(27992949303109490)";
const people = ["user:alice@example.com", "user:bob@example.com", "user:carol@example.com"];
const policy = {
  version: 1,
  bindings: [
    { principals: people.slice(0, 1), role: "admin", targets: ["*"] },
    { principals: people.slice(1, 2), role: "operator", targets: ["*"] },
    { principals: people, role: "viewer", targets: ["*"], access: { approvers: people, max_duration: "1d" } },
  ],
};

describe("temporary access, on the whole service", () => {
  let cloud: LocalCloud;
  let one: CloudService;
  let other: CloudService;
  let store: FirestoreAccessStore;
  let directory: string;
  const server = () => cloud.instance("orders-db").server;
  const sql = async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> =>
    (await server().querySuperuser<Row>("orders", text, values)).rows;
  const as = (name: string) => ({ Authorization: `Bearer ${cloud.issueIdToken(`${name}@example.com`)}` });
  const start = (settings: Readonly<Record<string, string>> = {}) =>
    startCloudService(cloud, {
      caller: "alice@example.com",
      settings: { POLICY_FILE: join(directory, "policy.yaml"), ...settings },
    });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "access-"));
    await writeFile(join(directory, "policy.yaml"), JSON.stringify(policy));
    cloud = await startTestCloud();
    one = await start();
    other = await start();
    store = createAccessStore({
      projectId: cloud.projectId,
      collection: "role_registries",
      emulatorHost: cloud.firestore.host,
      timeoutMs: 20_000,
      log: silentLog,
    });
    for (const each of [one, other]) await each.warmUp();
    await one.succeed("createSchema", { ...ordersTarget, schema_name: "desk" });
    await one.succeed("initializeRoles", { ...ordersTarget, schema_name: "desk" });
  });
  after(async () => {
    await store?.close();
    await one?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
    await cloud?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const wish = { schema_name: "desk", role_name: "reader", duration_seconds: 3600, reason: "a slow report" };
  const isMember = async (user: string, role = "orders_desk_reader"): Promise<boolean> =>
    (await sql<{ is: boolean }>("SELECT pg_has_role($1, $2, 'MEMBER') AS is", [user, role]))[0]?.is === true;
  const chosen = (id: string) => ({ ...ordersTarget, access_id: id });
  const idOf = ({ access }: Fields): string => String((access as Fields).access_id);
  const stateOf = async (id: string) => (await store.read(id))?.state;

  async function ask(user: string, more: Fields = {}): Promise<string> {
    return idOf(
      await one.succeed("requestAccess", { ...ordersTarget, ...wish, username: user, ...more }, as("bob")),
    );
  }
  /** As if it had begun so much earlier. */
  async function age(id: string, ms: number): Promise<void> {
    const { startsAt, expiresAt } = (await store.read(id)) as StoredAccess;
    const earlier = { startsAt: (startsAt ?? 0) - ms, expiresAt: (expiresAt ?? 0) - ms };
    assert.ok(await store.change(id, accessStates, earlier));
  }
  async function createLogin(user: string): Promise<void> {
    await sql(`CREATE ROLE "${user}" LOGIN PASSWORD 'of ${user}'`);
  }
  async function connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  it("is refused to whoever approves for themselves, and that is audited", async () => {
    const asked = await one.succeed("requestAccess", { ...ordersTarget, ...wish }, as("carol"));
    for (const dryRun of [true, false]) {
      const refused = await other.call(
        "approveAccess",
        { ...chosen(idOf(asked)), dry_run: dryRun },
        as("carol"),
      );
      const { reason } = refused.body.details as Fields;
      assert.deepEqual([refused.status, reason], [403, "self_approval"]);
    }
    const audited = await until(() => {
      const records = other.process
        .log()
        .flatMap(({ audit }) => (audit === undefined ? [] : [audit as Fields]));
      return records.length === 2 && records;
    });
    assert.deepEqual(
      audited.map(({ principal, operation, status, outcome }) => [principal, operation, status, outcome]),
      [
        ["carol@example.com", "approveAccess", 403, "permission_error"],
        ["carol@example.com", "approveAccess", 403, "permission_error"],
      ],
    );
    assert.equal(await isMember("carol@example.com"), false);
    await one.succeed("denyAccess", chosen(idOf(asked)), as("carol"));
  });

  it("is left alone by apply, drift and initialize while it lasts, and by apply no longer after it", async () => {
    const { state } = await one.succeed("importRoles", ordersTarget);
    const asked = await one.succeed("requestAccess", { ...ordersTarget, ...wish }, as("carol"));
    const id = idOf(asked);
    const planned = await other.succeed("approveAccess", { ...chosen(id), dry_run: true });
    assert.match(JSON.stringify(planned.plan), /GRANT \\"orders_desk_reader\\" TO \\"carol@example.com\\"/);
    await other.succeed("approveAccess", chosen(id));
    const wanted = { ...ordersTarget, mode: "authoritative", state };
    for (const service of [one, other]) {
      await service.succeed("applyRoles", { ...wanted, dry_run: false });
      const { drift } = await service.succeed("readDrift", ordersTarget);
      assert.deepEqual(drift, []);
      await service.succeed("initializeRoles", { ...ordersTarget, schema_name: "desk", force_update: true });
      assert.equal(await isMember("carol@example.com"), true);
    }
    await age(id, 61 * minute);
    await one.succeed("applyRoles", { ...wanted, dry_run: false });
    assert.equal(await isMember("carol@example.com"), false);
    await one.succeed("expireAccess", {});
    assert.equal(await stateOf(id), "expired");
  });

  it("ends the sessions that are open when it ends, in a region that is not allowed any more too", async () => {
    await createLogin("worker");
    const id = await ask("worker");
    await one.succeed("approveAccess", chosen(id));
    const url = new URL(server().superuserUrl("orders"));
    [url.username, url.password] = ["worker", encodeURIComponent("of worker")];
    const session = await connect(url.href);
    const ended = new Promise((done) => session.once("end", done));
    await session.query("SET ROLE orders_desk_reader; SELECT 1");
    await using narrowed = await start({ ALLOWED_REGIONS: "us-central1" });
    assert.equal((await narrowed.call("revokeAccess", chosen(id))).status, 403);
    await age(id, 61 * minute);
    const planned = await narrowed.succeed("expireAccess", { dry_run: true });
    assert.match(JSON.stringify(planned.plan), /REVOKE \\"orders_desk_reader\\" FROM \\"worker\\"/);
    assert.equal(await isMember("worker"), true);
    const { results } = await narrowed.succeed("expireAccess", {});
    assert.deepEqual(
      (results as Fields[]).map(({ outcome, access }) => [outcome, (access as Fields).access_id]),
      [["expired", id]],
    );
    await ended;
    assert.equal(await isMember("worker"), false);
  });

  it("ends with its user, and so does what it only asked for", async () => {
    const leaver = { ...ordersTarget, username: "leaver", user_type: "built_in" };
    await one.succeed("createUser", leaver);
    const [active, requested] = [await ask("leaver"), await ask("leaver", { role_name: "writer" })];
    await one.succeed("approveAccess", chosen(active));
    await other.succeed("offboardUser", { ...ordersTarget, username: "leaver" });
    assert.deepEqual([await stateOf(active), await stateOf(requested)], ["revoked", "denied"]);
    await one.succeed("createUser", leaver);
    assert.equal((await one.call("approveAccess", chosen(requested))).status, 409);
    assert.equal(await isMember("leaver"), false);
  });

  /** Until so many wait for a lock of a kind. */
  const untilWaiting = (kind: "advisory" | "relation", count: number): Promise<unknown> =>
    until(
      async () =>
        (await sql("SELECT FROM pg_locks WHERE locktype = $1 AND NOT granted", [kind])).length === count,
      { what: `${count} wait for a lock (${kind})` },
    );

  /** A process that is killed after this, with the calls that it has not answered. */
  async function killed(work: (begin: (operation: string, id: string) => void) => Promise<unknown>) {
    const service = await start();
    const calls: Promise<unknown>[] = [];
    await work((operation, id) => calls.push(service.call(operation, chosen(id)).catch(() => undefined)));
    service.process.child.kill("SIGKILL");
    await service.process.exited;
    await Promise.all(calls);
  }
  /** While a session of its own holds a lock. */
  async function holding(text: string, work: (holder: pg.Client) => Promise<void>): Promise<void> {
    const holder = await connect(server().superuserUrl("postgres"));
    try {
      await holder.query(text);
      await work(holder);
    } finally {
      await holder.end();
    }
  }
  async function given(user: string): Promise<string> {
    await createLogin(user);
    const id = await ask(user);
    await one.succeed("approveAccess", chosen(id));
    return id;
  }
  const statesOf = (ids: readonly string[]) => Promise.all(ids.map(stateOf));

  it("is mended, or ends, when the service starts again after it was killed between any two steps", async () => {
    const users = ["early", "late", "granted"];
    for (const user of users) await createLogin(user);
    const [early, late, granted] = [await ask("early"), await ask("late"), await ask("granted")];
    const [unrevoked, revoked] = [await given("unrevoked"), await given("revoked")];
    const all = [early, late, granted, unrevoked, revoked];
    let nextHolder: pg.Client | undefined;

    // Between the grant and its record.
    await holding("BEGIN; LOCK TABLE pg_auth_members IN SHARE MODE", (holder) =>
      killed(async (begin) => {
        begin("approveAccess", granted);
        await untilWaiting("relation", 1);
        cloud.firestore.faults.set({ unavailable: true });
        await holder.query("COMMIT");
        await until(() => isMember("granted"));
      }),
    );
    cloud.firestore.faults.clear();
    // Between the revocation and its record; of others, between the intent and the revocation, or the grant.
    await holding(takeLock, (holder) =>
      killed(async (begin) => {
        begin("revokeAccess", revoked);
        await untilWaiting("advisory", 1);
        begin("revokeAccess", unrevoked);
        await until(async () => (await stateOf(unrevoked)) === "ending");
        for (const id of [early, late]) begin("approveAccess", id);
        await until(async () => (await statesOf([early, late])).every((state) => state === "granting"));
        const next = await connect(server().superuserUrl("postgres"));
        const turn = next.query(takeLock);
        await untilWaiting("advisory", 2);
        await holder.query(dropLock);
        await turn;
        await untilWaiting("advisory", 1);
        nextHolder = next;
      }),
    );
    await nextHolder?.end();
    const names = [...users, "unrevoked", "revoked"];
    assert.deepEqual(await statesOf(all), ["granting", "granting", "granting", "ending", "ending"]);
    const membersBefore = await Promise.all(names.map((name) => isMember(name)));
    assert.deepEqual(membersBefore, [false, false, true, true, false]);

    await age(early, 2 * minute);
    await age(late, 61 * minute);
    await age(granted, 2 * minute);
    await using next = await start();
    const wanted = ["active", "expired", "active", "revoked", "revoked"];
    await until(async () => JSON.stringify(await statesOf(all)) === JSON.stringify(wanted), {
      deadlineMs: 90_000,
      what: `all are settled: ${next.process.stdout}`,
    });
    const membersAfter = await Promise.all(names.map((name) => isMember(name)));
    assert.deepEqual(membersAfter, [true, false, true, false, false]);
    assert.equal((await store.read(granted))?.grants, true);
    const { accesses } = await other.succeed("listAccess", ordersTarget);
    const listed = (accesses as Fields[]).find(({ access_id }) => access_id === revoked);
    assert.deepEqual(
      [listed?.state, listed?.ended_by, listed?.overdue],
      ["revoked", "alice@example.com", false],
    );

    await age(granted, 61 * minute);
    await other.succeed("expireAccess", {});
    assert.equal(await isMember("granted"), false);
  });

  it("leaves services that end in order", async () => {
    await one.end();
    await other.end();
  });
});
