import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import pg from "pg";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import type { PostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { startTestCloud } from "../support/cloud.ts";
import {
  analyticsTarget,
  type CloudService,
  type Fields,
  ordersTarget,
  startCloudService,
} from "../support/cloud-service.ts";
import { until } from "../support/until.ts";

const user = 'leaver "x" 離職者';
const quoted = `"${user.replaceAll('"', '""')}"`;
/** The lock that every change of an instance takes; who waits for it gets it in turn. */
const takeLock = "SELECT pg_advisory_lock(27992949303109490)";
const dropLock = "SELECT pg_advisory_unlock(27992949303109490)";
/** After so many steps a user is left, until a service starts and goes on with it. */
const leftOver = 3;

/** An instance that the user leaves. */
interface Place {
  readonly server: PostgresServer;
  readonly input: typeof ordersTarget & { readonly username: string };
  readonly databases: readonly string[];
}

describe("offboarding, stopped between any two steps", () => {
  let cloud: LocalCloud;
  let service: CloudService;
  let orders: Place;
  let analytics: Place;
  const server = () => orders.server;
  const input = { ...ordersTarget, username: user };
  const literal = `'${user.replaceAll("'", "''")}'`;

  before(async () => {
    cloud = await startTestCloud();
    // Otherwise it would go on, at a time of its own, with what the killed processes leave.
    service = await startCloudService(cloud, {
      settings: { OPERATION_SWEEP_INTERVAL: "0", LOCK_TIMEOUT: "5" },
    });
    await service.warmUp();
    orders = await prepare(ordersTarget);
    analytics = await prepare(analyticsTarget);
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await cloud?.stop();
  });

  async function prepare(target: typeof ordersTarget): Promise<Place> {
    const { server } = cloud.instance(target.instance_name);
    await server.createDatabase("ledger");
    const { rows } = await server.querySuperuser<{ name: string }>(
      "postgres",
      "SELECT datname::text AS name FROM pg_database WHERE datallowconn AND datname !~ '^(template|cloudsql)' ORDER BY 1",
    );
    const databases = rows.map(({ name }) => name);
    for (const database of databases) {
      await server.querySuperuser(database, "CREATE SCHEMA exit AUTHORIZATION cloudsqlsuperuser");
    }
    await server.querySuperuser("postgres", "CREATE ROLE colleague; CREATE ROLE crew");
    return { server, input: { ...target, username: user }, databases };
  }

  /** Owns, holds and has granted something in every database. */
  async function settle({ server, input, databases }: Place = orders): Promise<void> {
    await service.succeed("createUser", { ...input, user_type: "built_in" });
    await server.querySuperuser("postgres", `GRANT crew TO ${quoted} WITH ADMIN OPTION`);
    await server.querySuperuser("postgres", `SET ROLE ${quoted}; GRANT crew TO colleague`);
    for (const database of databases) {
      await server.querySuperuser(
        database,
        `DROP TABLE IF EXISTS exit.theirs; DROP TABLE IF EXISTS exit.made; CREATE TABLE exit.theirs (); ALTER TABLE exit.theirs OWNER TO cloudsqlsuperuser;
         GRANT ALL ON SCHEMA exit TO ${quoted} WITH GRANT OPTION; GRANT SELECT ON exit.theirs TO ${quoted};
         GRANT CREATE ON DATABASE "${database}" TO ${quoted};
         ALTER DEFAULT PRIVILEGES FOR ROLE cloudsqlsuperuser GRANT SELECT ON TABLES TO ${quoted};
         SET ROLE ${quoted}; CREATE TABLE exit.made (id serial); GRANT SELECT ON exit.made TO colleague;
         ALTER DEFAULT PRIVILEGES IN SCHEMA exit GRANT SELECT ON TABLES TO colleague;
         ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO colleague`,
      );
    }
  }

  /** Whatever tells of the user, or of a role that is no more, in each database, as psql would see it. */
  async function assertNothingLeft({ server, databases }: Place = orders): Promise<void> {
    const left = `
      WITH live AS (SELECT oid FROM pg_roles UNION ALL SELECT 0::oid), acls AS (
        SELECT relacl AS acl FROM pg_class UNION ALL SELECT nspacl FROM pg_namespace UNION ALL SELECT proacl FROM pg_proc
        UNION ALL SELECT typacl FROM pg_type UNION ALL SELECT attacl FROM pg_attribute
        UNION ALL SELECT datacl FROM pg_database UNION ALL SELECT defaclacl FROM pg_default_acl)
      SELECT 'role' AS what FROM pg_roles WHERE rolname = ${literal}
      UNION ALL SELECT 'session' FROM pg_stat_activity WHERE usename = ${literal}
      UNION ALL SELECT 'acl' FROM acls, aclexplode(acl) a
        WHERE NOT EXISTS (SELECT FROM live WHERE oid = a.grantee) OR NOT EXISTS (SELECT FROM live WHERE oid = a.grantor)
      UNION ALL SELECT 'owner' FROM (SELECT relowner AS o FROM pg_class UNION ALL SELECT proowner FROM pg_proc
        UNION ALL SELECT typowner FROM pg_type UNION ALL SELECT nspowner FROM pg_namespace
        UNION ALL SELECT defaclrole FROM pg_default_acl) s WHERE NOT EXISTS (SELECT FROM live WHERE oid = o)
      UNION ALL SELECT 'dependency' FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass
        AND NOT EXISTS (SELECT FROM live WHERE oid = d.refobjid)
      UNION ALL SELECT 'membership' FROM pg_auth_members m WHERE NOT EXISTS (SELECT FROM live WHERE oid = m.member)
        OR NOT EXISTS (SELECT FROM live WHERE oid = m.roleid)`;
    for (const database of databases) {
      const { rows } = await server.querySuperuser<{ what: string }>(database, left);
      assert.deepEqual(rows, [], database);
      const made = await server.querySuperuser<{ owner: string; tables: number }>(
        database,
        "SELECT relowner::regrole::text AS owner FROM pg_class WHERE oid = 'exit.made'::regclass",
      );
      assert.equal(made.rows[0]?.owner, "cloudsqlsuperuser", database);
    }
  }

  async function open({ server }: Place): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: server.superuserUrl("postgres") });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  /** Until so many wait for the lock. */
  const untilWaiting = ({ server }: Place, count: number): Promise<unknown> =>
    until(async () => {
      const { rows } = await server.querySuperuser<{ count: number }>(
        "postgres",
        "SELECT count(*)::int AS count FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
      );
      return rows[0]?.count === count;
    });

  /** Lets a process go on until so many steps are done, and the next has not begun; holds it there until it is killed. */
  async function stopAfter(killed: CloudService, place: Place, steps: number): Promise<() => Promise<void>> {
    let [holder, next] = [await open(place), await open(place)];
    const end = async () => {
      await holder.end();
      await next.end();
    };
    try {
      await holder.query(takeLock);
      const call = killed.call("offboardUser", place.input).catch(() => undefined);
      await untilWaiting(place, 1);
      for (let step = 0; step < steps; step += 1) {
        const turn = next.query(takeLock);
        await untilWaiting(place, 2);
        await holder.query(dropLock);
        await turn;
        [holder, next] = [next, holder];
        await untilWaiting(place, 1);
      }
      return async () => {
        await call;
        await end();
      };
    } catch (error) {
      await end();
      throw error;
    }
  }

  /** A process that is killed when so many steps are done in each place, and the next has not begun. */
  async function killAfter(ordersSteps: number, analyticsSteps: number): Promise<void> {
    await settle(orders);
    await settle(analytics);
    await using killed = await startCloudService(cloud, {
      settings: { OPERATION_WAIT: "0.05", OPERATION_LEASE: "2", OPERATION_SWEEP_INTERVAL: "0" },
    });
    await killed.warmUp();
    const releases = await Promise.all([
      stopAfter(killed, orders, ordersSteps),
      stopAfter(killed, analytics, analyticsSteps),
    ]);
    killed.process.child.kill("SIGKILL");
    await killed.process.exited;
    for (const release of releases) await release();
  }

  /** Repeats it in the other process, when so many of its steps are done. */
  async function complete(place: Place, done: number): Promise<void> {
    const ended = await service.succeed("offboardUser", place.input);
    const outcomes = (ended.steps as Fields[]).map(({ outcome }) => outcome);
    assert.equal(outcomes.length, place.databases.length + 3);
    assert.deepEqual(
      outcomes.slice(0, done).filter((outcome) => outcome !== "nothing_to_do"),
      [],
      "what was done is not done again",
    );
    assert.equal(outcomes.at(-1), "done");
    await assertNothingLeft(place);
  }

  it("is completed by repeating it in another process, after each of its steps", async () => {
    await settle();
    const plan = (await service.succeed("offboardUser", { ...input, dry_run: true })).plan as Fields;
    const about = (plan.statements as Fields[]).map(({ database }) => database);
    assert.deepEqual([...new Set(about)].sort(), orders.databases);
    const total = orders.databases.length + 3;
    assert.equal(analytics.databases.length, orders.databases.length);
    for (let done = 0; done < total; done += 2) {
      // One step is left for the test of a service that starts again.
      const other = done + 1 < total ? done + 1 : leftOver;
      await killAfter(done, other);
      await complete(orders, done);
      if (done + 1 < total) await complete(analytics, other);
    }
    const again = await service.succeed("offboardUser", input);
    assert.deepEqual([again.existed, again.changed], [false, false]);
  });

  it("tells what is left after a failure in the third database, and the plan has no more than that", async () => {
    await settle();
    const order = [ordersTarget.database_name, ...orders.databases.filter((name) => name !== "orders")];
    const third = order[2] ?? "";
    const blocker = new pg.Client({ connectionString: server().superuserUrl(third) });
    await blocker.connect();
    await blocker.query("BEGIN; LOCK TABLE exit.made IN ACCESS EXCLUSIVE MODE");
    const failed = await service.call("offboardUser", input);
    await blocker.end();
    assert.ok(failed.status >= 400, failed.text);
    const { operation_id, steps } = failed.body.details as Fields;
    const outcomes = (list: unknown) =>
      (list as Fields[])
        .filter(({ description }) => String(description).startsWith("Free"))
        .map(({ outcome }) => outcome);
    const expected = order.map((_, at) => (at < 2 ? "done" : at === 2 ? "failed" : "not_attempted"));
    assert.deepEqual(outcomes(steps), expected);
    const { body } = await service.call("readOperation", { operation_id });
    assert.equal(body.state, "failed");
    assert.deepEqual(outcomes(body.steps), expected);
    const planned = (await service.succeed("offboardUser", { ...input, dry_run: true })).plan as Fields;
    const left = [...new Set((planned.statements as Fields[]).map(({ database }) => database))];
    // The last is where the role is dropped.
    assert.deepEqual(left, [...order.slice(2), "orders"]);
    await service.succeed("offboardUser", input);
    await assertNothingLeft();
  });

  it("names what stands in the way of the last step, and in which database", async () => {
    await settle();
    await server().querySuperuser(
      "ledger",
      `CREATE TABLE exit.hidden (); GRANT SELECT ON exit.hidden TO ${quoted}`,
    );
    const failed = await service.call("offboardUser", input);
    assert.equal(failed.status, 409, failed.text);
    const { because, kept } = failed.body.details as Fields;
    assert.match(String(because), /exit\.hidden in ledger/);
    assert.ok(
      (kept as string[]).some((one) => one.includes("exit.hidden")),
      JSON.stringify(kept),
    );
    const { rows } = await server().querySuperuser(
      "postgres",
      `SELECT rolcanlogin FROM pg_roles WHERE rolname = ${literal}`,
    );
    assert.deepEqual(rows, [{ rolcanlogin: false }]);
    await server().querySuperuser("ledger", "DROP TABLE exit.hidden");
    await service.succeed("offboardUser", input);
    await assertNothingLeft();
  });

  it("goes on with what a killed process left when the service starts again, without being asked", async () => {
    const find = () =>
      analytics.server.querySuperuser("postgres", `SELECT FROM pg_roles WHERE rolname = ${literal}`);
    assert.equal((await find()).rows.length, 1, "nobody has gone on with it yet");
    // What began before its region was taken from the service is gone on with.
    const settings = { OPERATION_LEASE: "2", ALLOWED_REGIONS: ordersTarget.region };
    await using _next = await startCloudService(cloud, { settings });
    await until(async () => (await find()).rows.length === 0, { deadlineMs: 90_000 });
    await assertNothingLeft(analytics);
  });

  it("leaves a service that ends in order", () => service.end());
});
