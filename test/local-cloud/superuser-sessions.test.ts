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
