import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import { until } from "../support/until.ts";

describe("statements of the superuser, whose connection is kept for a moment", () => {
  let server: PostgresServer;

  before(async () => {
    server = await startPostgresServer({ major: 17, mode: "permissive" });
  });
  after(() => server?.stop());

  const ask = async (text: string, database = "postgres") =>
    (await server.querySuperuser<Record<string, unknown>>(database, text)).rows;
  const pidOf = async (database?: string) => (await ask("SELECT pg_backend_pid() AS pid", database))[0]?.pid;

  it("follow one another on one connection", async () => {
    assert.equal(await pidOf(), await pidOf());
  });

  it("leave the next one nothing: no role, setting, table, lock or transaction", async () => {
    const state = `SELECT session_user::text, current_user::text, current_setting('work_mem') AS work_mem,
      current_setting('log_min_error_statement') AS logged, to_regclass('pg_temp.mine')::text AS mine,
      (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory') AS locks, now() = statement_timestamp() AS fresh`;
    const [clean] = await ask(state);
    assert.deepEqual([clean?.session_user, clean?.logged, clean?.locks], ["cloudsqladmin", "panic", 0]);
    for (const text of [
      "SET ROLE postgres",
      "SET SESSION AUTHORIZATION postgres",
      "SET work_mem = '1MB'; SET log_min_error_statement = 'error'",
      "CREATE TEMPORARY TABLE mine ()",
      "SELECT pg_advisory_lock(1)",
      "BEGIN; CREATE TABLE half_done ()",
    ]) {
      await ask(text);
      assert.deepEqual(await ask(state), [clean], text);
    }
    await assert.rejects(ask("SET ROLE postgres; SELECT 1 / 0"), { code: "22012" });
    assert.deepEqual(await ask(state), [clean]);
    assert.deepEqual(await ask("SELECT to_regclass('half_done') AS half_done"), [{ half_done: null }]);
  });

  it("may be several on a connection that is lent, also after one that failed, and leave it clean", async () => {
    const before = await pidOf();
    const failing = server.withSuperuser("postgres", async (client) => {
      await client.query("SET SESSION AUTHORIZATION postgres; SET work_mem = '1MB'");
      assert.deepEqual((await client.query("SELECT user")).rows, [{ user: "postgres" }]);
      await client.query("SELECT 1 / 0");
    });
    await assert.rejects(failing, { code: "22012" });
    const [after] = await ask("SELECT pg_backend_pid() AS pid, user, current_setting('work_mem') AS memory");
    assert.deepEqual([after?.pid, after?.user, after?.memory], [before, "cloudsqladmin", "4MB"]);
  });

  it("keep connections to few databases", async () => {
    const names = Array.from({ length: 6 }, (_, at) => `few ${at}`);
    for (const name of names) await server.createDatabase(name);
    for (const name of names) await pidOf(name);
    // Of these six; the one that asks is its own.
    const left = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname LIKE 'few _'";
    const [{ n } = {}] = await ask(left);
    assert.ok(Number(n) <= 4, String(n));
  });

  it("do not wait for one another", async () => {
    const [waited, quick] = [ask("SELECT pg_sleep(0.3), pg_backend_pid() AS pid"), await pidOf()];
    assert.notEqual((await waited)[0]?.pid, quick);
  });

  it("do not keep a database from being dropped or copied", async () => {
    await server.createDatabase("one");
    await pidOf("one");
    await server.dropDatabase("one");
    await server.createDatabase("two");
    await pidOf("two");
    await ask("CREATE DATABASE copy TEMPLATE two");
    await pidOf("copy");
    await ask("DROP DATABASE copy");
  });

  it("go on after their session was ended", async () => {
    const before = await pidOf();
    await server.createDatabase("other");
    await ask(`SELECT pg_terminate_backend(${before}, 5000)`, "other");
    // A statement that meets the end of its session fails.
    await until(async () => (await pidOf().catch(() => before)) !== before);
  });
});
