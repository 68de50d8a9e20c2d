import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ServiceError } from "../../src/errors.ts";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import { listTables, type TableInfo } from "../../src/operations/tables.ts";
import { readSchemaOid } from "../../src/postgres/reads/schemas.ts";
import { readTables } from "../../src/postgres/reads/tables.ts";
import { ident } from "../../src/postgres/sql.ts";
import { majors, type ReadFleet, startReadFleet } from "../support/read-fleet.ts";
import { until } from "../support/until.ts";

const longName = "s".repeat(63);
const oddSchema = 'We"ird. Schéma';
const oddTable = 'tab\'le "Ünïcode".x';

const setup = `
  CREATE EXTENSION file_fdw;
  CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
  CREATE SCHEMA app; CREATE SCHEMA other; CREATE SCHEMA nothing_here; CREATE SCHEMA ${longName};
  CREATE SCHEMA ${ident(oddSchema)};
  CREATE TABLE app.plain (id int PRIMARY KEY, t text) WITH (autovacuum_enabled = false);
  ALTER TABLE app.plain ALTER t SET STORAGE EXTERNAL;
  INSERT INTO app.plain SELECT g, repeat('x', 5000) FROM generate_series(1, 500) g;
  ANALYZE app.plain;
  CREATE TABLE other.plain (id int) WITH (autovacuum_enabled = false);
  INSERT INTO other.plain SELECT generate_series(1, 7);
  ANALYZE other.plain;
  CREATE TABLE app.never (id int) WITH (autovacuum_enabled = false);
  INSERT INTO app.never SELECT generate_series(1, 100);
  CREATE TABLE app.empty (id int);
  ANALYZE app.empty;
  CREATE VIEW app.a_view AS SELECT * FROM app.plain;
  CREATE MATERIALIZED VIEW app.a_matview AS SELECT id FROM app.plain;
  ANALYZE app.a_matview;
  CREATE MATERIALIZED VIEW app.new_matview WITH (autovacuum_enabled = false) AS SELECT id FROM app.plain;
  CREATE FOREIGN TABLE app.a_file (line text) SERVER files OPTIONS (filename 'PG_VERSION');
  ANALYZE app.a_file;
  CREATE FOREIGN TABLE app.new_file (line text) SERVER files OPTIONS (filename 'PG_VERSION');
  CREATE TABLE app.part (id int, k int) PARTITION BY RANGE (id);
  CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM (0) TO (100);
  CREATE TABLE app.part_2 PARTITION OF app.part FOR VALUES FROM (100) TO (200) PARTITION BY LIST (k);
  CREATE TABLE app.part_2a PARTITION OF app.part_2 FOR VALUES IN (1);
  CREATE TABLE other.part_2b PARTITION OF app.part_2 FOR VALUES IN (2) WITH (autovacuum_enabled = false);
  CREATE INDEX ON app.part (id);
  INSERT INTO app.part SELECT g, 1 + g % 2 FROM generate_series(0, 199) g;
  TRUNCATE other.part_2b;
  ANALYZE app.part_1; ANALYZE app.part_2a;
  INSERT INTO other.part_2b SELECT g, 2 FROM generate_series(100, 150) g;
  CREATE TABLE app.new_part (id int) PARTITION BY RANGE (id);
  CREATE TABLE app.new_part_1 PARTITION OF app.new_part FOR VALUES FROM (0) TO (9) WITH (autovacuum_enabled = false);
  CREATE TABLE app.no_part (id int) PARTITION BY RANGE (id);
  CREATE TABLE app.parent (id int);
  CREATE TABLE app.child () INHERITS (app.parent);
  CREATE SEQUENCE app.a_sequence;
  CREATE TYPE app.a_type AS (x int);
  CREATE TABLE ${ident(oddSchema)}.${ident(oddTable)} (id int)`;

let fleet: ReadFleet;
before(async () => {
  fleet = await startReadFleet();
  await Promise.all(majors.map((major) => fleet.createDatabase(major, "shop", setup)));
});
after(() => fleet.stop());

async function list(major: Major, schema: string): Promise<TableInfo[]> {
  return listTables(fleet.context, fleet.call, fleet.target(major, "shop"), { schema });
}

async function find(major: Major, schema: string, name: string): Promise<TableInfo> {
  const table = (await list(major, schema)).find((candidate) => candidate.name === name);
  return table ?? assert.fail(`${schema}.${name} is not listed`);
}

/** The server's own answer, summed over the tables given. */
async function sizeOf(major: Major, ...tables: string[]): Promise<number> {
  const client = await fleet.connect(major, "shop");
  const { rows } = await client.query(
    "SELECT sum(pg_total_relation_size(t::regclass))::float8 AS size FROM unnest($1::text[]) t",
    [tables],
  );
  await client.end();
  return rows[0].size;
}

for (const major of majors) {
  test(`PostgreSQL ${major}: every kind of table is listed once, by name, with the planner's estimate`, async () => {
    const tables = (await list(major, "app")).map(
      (table) => [table.name, table.type, table.rowCount, table.partitioned, table.partitionCount] as const,
    );
    assert.deepEqual(tables, [
      ["a_file", "FOREIGN TABLE", 1, false, 0],
      ["a_matview", "MATERIALIZED VIEW", 500, false, 0],
      ["a_view", "VIEW", null, false, 0],
      ["child", "BASE TABLE", null, false, 0],
      ["empty", "BASE TABLE", 0, false, 0],
      ["never", "BASE TABLE", null, false, 0],
      ["new_file", "FOREIGN TABLE", null, false, 0],
      ["new_matview", "MATERIALIZED VIEW", null, false, 0],
      ["new_part", "BASE TABLE", null, true, 1],
      ["no_part", "BASE TABLE", null, true, 0],
      ["parent", "BASE TABLE", null, false, 0],
      ["part", "BASE TABLE", 150, true, 3],
      ["plain", "BASE TABLE", 500, false, 0],
    ]);
  });

  test(`PostgreSQL ${major}: sizes are the server's own, with indexes, TOAST and partitions`, async () => {
    for (const name of ["plain", "never", "empty", "a_matview", "a_view", "a_file", "no_part"]) {
      assert.equal((await find(major, "app", name)).sizeBytes, await sizeOf(major, `app.${name}`), name);
    }
    assert.ok((await find(major, "app", "plain")).sizeBytes > 500 * 5000);
    const partitions = await sizeOf(major, "app.part_1", "app.part_2a", "other.part_2b");
    assert.ok(partitions > 0);
    assert.equal((await find(major, "app", "part")).sizeBytes, partitions);
  });

  test(`PostgreSQL ${major}: tables of the same name in two schemas do not mix`, async () => {
    const table = await find(major, "other", "plain");
    assert.equal(table.rowCount, 7);
    assert.equal(table.sizeBytes, await sizeOf(major, "other.plain"));
  });

  test(`PostgreSQL ${major}: a partition in another schema than its parent is listed in its own schema`, async () => {
    const tables = await list(major, "other");
    assert.deepEqual(
      tables.map((table) => [table.name, table.rowCount, table.partitioned]),
      [
        ["part_2b", null, false],
        ["plain", 7, false],
      ],
    );
  });

  test(`PostgreSQL ${major}: rows inserted and deleted since the last ANALYZE are not counted`, async () => {
    await fleet.sql(
      major,
      "shop",
      `CREATE TABLE other.busy (id int) WITH (autovacuum_enabled = false);
       INSERT INTO other.busy SELECT generate_series(1, 50); ANALYZE other.busy;
       INSERT INTO other.busy SELECT generate_series(1, 5000); DELETE FROM other.busy`,
    );
    assert.equal((await find(major, "other", "busy")).rowCount, 50);
    await fleet.sql(major, "shop", "TRUNCATE other.busy");
    assert.equal((await find(major, "other", "busy")).rowCount, null);
    await fleet.sql(major, "shop", "DROP TABLE other.busy");
  });

  test(`PostgreSQL ${major}: names may hold quotes, dots, spaces and any letter`, async () => {
    assert.deepEqual(
      (await list(major, oddSchema)).map((table) => table.name),
      [oddTable],
    );
  });

  test(`PostgreSQL ${major}: an empty schema has no tables, an unknown one is not found`, async () => {
    assert.deepEqual(await list(major, "nothing_here"), []);
    assert.deepEqual(await list(major, longName), []);
    // One byte more would be cut to the name of a schema that exists.
    for (const schema of ["missing", "APP", "app'", `${longName}s`, ""]) {
      await assert.rejects(list(major, schema), (error) => {
        assert.ok(error instanceof ServiceError);
        assert.equal(error.kind, "not_found");
        assert.equal(error.details.resource, "schema");
        return true;
      });
    }
  });

  test(`PostgreSQL ${major}: a table that is locked, or about to be, does not hold up the list`, async () => {
    const [holder, waiter] = [await fleet.connect(major, "shop"), await fleet.connect(major, "shop")];
    try {
      await holder.query(
        "BEGIN; LOCK TABLE app.plain, app.part_1; LOCK TABLE app.never IN ACCESS SHARE MODE",
      );
      const waiting = waiter.query("BEGIN; LOCK TABLE app.never");
      await until(async () => {
        const { rows } = await holder.query("SELECT FROM pg_locks WHERE NOT granted");
        return rows.length > 0;
      });
      const startedAt = performance.now();
      const tables = new Map((await list(major, "app")).map((table) => [table.name, table]));
      // The pools' lock_timeout is 10 s.
      assert.ok(performance.now() - startedAt < 9_000);
      assert.equal(tables.get("plain")?.rowCount, 500);
      assert.ok((tables.get("part")?.sizeBytes ?? 0) > 0);
      await holder.query("ROLLBACK");
      await waiting;
    } finally {
      await Promise.all([holder.end(), waiter.end()]);
    }
  });

  test(`PostgreSQL ${major}: a table that is dropped while it is read does not fail the list`, async () => {
    await fleet.sql(
      major,
      "shop",
      "CREATE TABLE other.goes_away (id int); INSERT INTO other.goes_away VALUES (1)",
    );
    const tables = await fleet.pools.withSession(fleet.target(major, "shop"), fleet.call, async (session) => {
      await session.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      const schema = (await readSchemaOid(session, "other")) ?? assert.fail();
      await fleet.sql(major, "shop", "DROP TABLE other.goes_away");
      return readTables(session, schema);
    });
    assert.equal(tables.find((table) => table.name === "goes_away")?.sizeBytes, 0);
  });
}
