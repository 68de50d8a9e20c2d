import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import pg from "pg";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import type { Session } from "../../src/postgres/session.ts";
import { createTestPools, testTarget } from "../support/pools.ts";

const target = testTarget("pg17", "postgres");

let server: PostgresServer;
let pools: ClosablePools;
let client: pg.Client;

before(async () => {
  server = await startPostgresServer({ major: 17, mode: "permissive" });
  pools = createTestPools({ pg17: server }, { settings: { size: 1, maxOverflow: 0 } });
  client = new pg.Client({
    ...{ host: server.host, port: server.port, user: "postgres", password: server.adminPassword },
    ...{ database: "postgres", pipeline: true },
  });
  await client.connect();
});

after(async () => {
  await client.end();
  await pools.close();
  await server.stop();
});

const lend = <T>(fn: (session: Session) => Promise<T>) =>
  pools.withSession(target, { operation: "test" }, fn);

interface Answer {
  readonly rows?: readonly unknown[];
  readonly rowCount?: number;
  readonly code?: string;
  readonly message?: string;
}

const failed = (error: unknown): Answer => {
  const { code, message } = error as { code: string; message: string };
  return { code, message };
};

async function askSession(session: Session, text: string, values: unknown[], name: string): Promise<Answer> {
  // A read keeps what is prepared; else it would be discarded with the session.
  return session
    .query(text, values, { name, read: true })
    .then(({ rows, rowCount }) => ({ rows, rowCount }), failed);
}

async function askPg(text: string, values: unknown[], name: string): Promise<Answer> {
  return client
    .query({ text, values, name })
    .then(({ rows, rowCount }) => ({ rows, rowCount: rowCount ?? 0 }), failed);
}

const statements: readonly (readonly [text: string, values?: unknown[]])[] = [
  ["SELECT 1 AS one, 'two' AS two, 3.5::float8 AS three, 4::int8 AS four, 5.5::numeric AS five"],
  [
    "SELECT true AS yes, NULL::bool AS unknown, ARRAY['a', NULL, 'c,\"d'] AS list, '{\"a\": [1]}'::jsonb AS json",
  ],
  ["SELECT '2026-01-02 03:04:05.678+00'::timestamptz AS at, '1 day 2 hours'::interval AS during"],
  [
    "SELECT '\\xdeadbeef'::bytea AS bytes, 'x'::\"char\" AS letter, 'pg_class'::regclass AS class, 26::oid AS oid",
  ],
  ["SELECT n FROM generate_series(1, 300) AS n"],
  ["SELECT 1 AS n WHERE false"],
  ["SELECT 1 AS same, 2 AS same"],
  ["SELECT"],
  ["SELECT repeat('ä', 100000) AS long"],
  ['SELECT \'x\' AS "a ""quoted"" name"'],
  [""],
  ["SELECT 1 / 0 AS impossible"],
  ["SELECT * FROM nowhere"],
  ["SELEC"],
  ["SELECT 1; SELECT 2"],
  ["SET work_mem TO '4MB'"],
  ["CREATE TEMPORARY TABLE IF NOT EXISTS kept (n int)"],
  ["INSERT INTO kept SELECT generate_series(1, 4)"],
  ["UPDATE kept SET n = n + 1 WHERE n > 2"],
  ["DELETE FROM kept WHERE n = $1 RETURNING n", [4]],
  [
    "SELECT $1::text AS text, $2::int AS number, $3::bool AS flag, $4::text AS nothing",
    ["a'b\\", 7, false, null],
  ],
  ["SELECT $1::text AS text", [undefined]],
  ["SELECT $1::text[] AS names, $2::int AS n", [["a", 'b"'], 1]],
  ["SELECT $1::text[] AS names", [[]]],
  ["SELECT $1::text[] AS names", [["", "NULL", null, undefined, " a, {b}\\", 7, true]]],
  [
    "SELECT $1::text[] AS names",
    [
      [
        ["a", "b"],
        ["c", null],
      ],
    ],
  ],
  ["SELECT $1::bytea[] AS bytes", [[Buffer.from("abc")]]],
  ["SELECT $1::int[] AS numbers", [[1, 2n, -3]]],
  ["SELECT $1::timestamptz = $2::timestamptz AS same", [new Date(0), "1970-01-01T00:00:00Z"]],
  ["SELECT $1::bytea AS bytes", [Buffer.from("abc")]],
  ["SELECT $1::int8 AS large", [2n ** 40n]],
  ["SELECT $1::int AS n", ["no number"]],
  ["SELECT $1::int AS n", []],
  ["SELECT $1::int AS n", [1, 2]],
];

test("a named statement is answered as by pg itself, the first time and again", async () => {
  await lend(async (session) => {
    for (const [at, [text, values = []]] of statements.entries()) {
      for (const time of ["first", "again", "once more"]) {
        const expected = await askPg(text, values, `case_${at}`);
        assert.deepEqual(await askSession(session, text, values, `case_${at}`), expected, `${text}, ${time}`);
      }
    }
  });
});

test("all of them sent together are answered in order, each failure its own", async () => {
  await lend(async (session) => {
    const ask = (one: typeof askPg) =>
      Promise.all(statements.map(([text, values = []], at) => one(text, values, `together_${at}`)));
    for (const _ of ["first", "again"]) {
      const expected = await ask(askPg);
      assert.deepEqual(await ask((text, values, name) => askSession(session, text, values, name)), expected);
    }
  });
});

test("any text, number and list of texts reaches the server as it is", async () => {
  const text = "SELECT $1::text AS a, $2::text AS b, $3::float8 AS c, $4::text[] AS d";
  const anyText = fc.string({ unit: "grapheme", maxLength: 200 }).map((value) => value.replaceAll("\0", ""));
  const values = fc.tuple(
    anyText,
    fc.option(anyText),
    fc.double({ noNaN: true }),
    fc.array(fc.option(anyText)),
  );
  await lend(async (session) => {
    const property = fc.asyncProperty(values, async (given) => {
      const expected = await askPg(text, given, "any");
      assert.deepEqual(await askSession(session, text, given, "any"), expected);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

test("a name stands for one text", async () => {
  await lend(async (session) => {
    await session.query("SELECT 1 AS a", [], { name: "taken", read: true });
    await assert.rejects(session.query("SELECT 2 AS b", [], { name: "taken", read: true }), /taken/);
    assert.deepEqual((await session.query("SELECT 1 AS a", [], { name: "taken", read: true })).rows, [
      { a: 1 },
    ]);
  });
});

test("what was known of a statement's rows is forgotten with the statement", async () => {
  await lend(async (session) => {
    await session.query("SELECT 1 AS a, 'x' AS b", [], { name: "shape" });
    await session.query("DEALLOCATE shape");
  });
  const { rows } = await lend((session) => session.query("SELECT 'y' AS c", [], { name: "shape" }));
  assert.deepEqual(rows, [{ c: "y" }]);
});

test("rows that have become others are an error, and never read as the old ones", async () => {
  await server.querySuperuser("postgres", "CREATE TABLE public.changing (a int, b text)");
  await server.querySuperuser("postgres", "GRANT ALL ON public.changing TO postgres");
  await server.querySuperuser("postgres", "INSERT INTO public.changing VALUES (1, 'x')");
  const text = "SELECT * FROM public.changing";
  const ask = () => lend((session) => askSession(session, text, [], "changing"));
  assert.deepEqual(await ask(), { rows: [{ a: 1, b: "x" }], rowCount: 1 });
  await server.querySuperuser("postgres", "ALTER TABLE public.changing ADD COLUMN c int DEFAULT 7");
  assert.equal((await ask()).code, "0A000");
});

test("a statement whose rows differ from database to database is read by each one's own", async () => {
  const tables = { of_numbers: "v int, w int", of_texts: "v text, w int", of_names: "w int, v int" };
  for (const [database, columns] of Object.entries(tables)) {
    await server.createDatabase(database);
    await server.querySuperuser(database, `CREATE TABLE app (${columns})`);
    await server.querySuperuser(
      database,
      "INSERT INTO app (v, w) VALUES (1, 2); GRANT SELECT ON app TO PUBLIC",
    );
  }
  const ask = (database: string) =>
    pools.withSession(testTarget("pg17", database), { operation: "test" }, (session) =>
      session.query("TABLE public.app", [], { name: "differing", read: true }),
    );
  for (const _ of ["described", "known", "known"]) {
    assert.deepEqual((await ask("of_numbers")).rows, [{ v: 1, w: 2 }]);
    assert.deepEqual((await ask("of_texts")).rows, [{ v: "1", w: 2 }]);
    assert.deepEqual((await ask("of_names")).rows, [{ w: 2, v: 1 }]);
  }
});

test("a value that its type's parser refuses is that statement's failure alone", async () => {
  const oid = 3614; // tsvector
  pg.types.setTypeParser(oid, () => {
    throw new Error("unreadable");
  });
  try {
    await lend(async (session) => {
      const answers = Promise.all([
        askSession(session, "SELECT 'a'::tsvector AS v", [], "unreadable"),
        askSession(session, "SELECT 2 AS n", [], "readable"),
      ]);
      assert.deepEqual(await answers, [
        { code: undefined, message: "unreadable" },
        { rows: [{ n: 2 }], rowCount: 1 },
      ]);
    });
  } finally {
    pg.types.setTypeParser(oid, (value: string) => value);
  }
});
