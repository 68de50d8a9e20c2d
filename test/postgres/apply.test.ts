import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Statement } from "../../src/domain/plan.ts";
import type { Target } from "../../src/domain/target.ts";
import { applyDecision, type Decide } from "../../src/operations/apply.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const alice = "alice@example.com";
let fleet: RoleFleet;
let target: Target;

before(async () => {
  fleet = await startRoleFleet("permissive", [15]);
  await fleet.server(15).createUser({ name: alice, type: "CLOUD_IAM_USER" });
  await fleet.server(15).querySuperuser("postgres", "CREATE ROLE stranger; CREATE ROLE reader");
  target = await fleet.createDatabase(
    15,
    "shop",
    `CREATE TABLE public.theirs (); GRANT SELECT ON public.theirs TO postgres; CREATE TABLE public.log (line text);
     ALTER TABLE public.log OWNER TO postgres`,
  );
});
after(() => fleet.stop());

const statement = (text: string, more: Partial<Statement> = {}): Statement => ({
  description: text,
  database: "shop",
  text,
  preview: text,
  transaction: "shared",
  ...more,
});

/** Decides on the statements until there is a line in the log, as if they had been what was wanted. */
const once =
  (...statements: readonly Statement[]): Decide<undefined> =>
  async (session) => {
    const { rows } = await session.query("SELECT FROM public.log");
    const left =
      rows.length === 0 ? [...statements, statement("INSERT INTO public.log VALUES ('done')")] : [];
    return { statements: left, warnings: [], result: undefined };
  };

const lines = () => fleet.sql(target, "SELECT * FROM public.log");
const apply = (decide: Decide<undefined>) => applyDecision(fleet.context, fleet.call(), target, decide);

test("a GRANT that only warns is a failure, and everything is rolled back", async () => {
  const grant = statement("GRANT SELECT ON public.theirs TO reader");
  const error = await serviceErrorOf(apply(once(grant)));
  assert.deepEqual(
    [error.kind, error.details.sqlstate, error.details.statement, error.details.rolled_back],
    ["conflict", "01007", grant.text, true],
  );
  assert.equal((await lines()).length, 0);
});

test("a failing statement is named with its SQLSTATE, without the server's words, and rolled back", async () => {
  const error = await serviceErrorOf(apply(once(statement("CREATE TABLE public.t (); SELECT 1 / 0"))));
  assert.deepEqual([error.kind, error.details.sqlstate], ["database_error", "22012"]);
  assert.doesNotMatch(error.message, /division/);
  assert.equal((await fleet.sql(target, "SELECT 1 FROM pg_class WHERE relname = 't'")).length, 0);
});

test("an optional statement that fails is reported, and the others are kept", async () => {
  const optional = statement("SELECT 1 / 0", { optional: true });
  const applied = await apply(once(optional));
  assert.deepEqual(
    applied.failedOptional.map((failed) => [failed.statement.text, failed.sqlstate]),
    [[optional.text, "22012"]],
  );
  assert.equal((await lines()).length, 1);
  await fleet.sql(target, "TRUNCATE public.log");
});

test("a plan that leaves something to do is undone", async () => {
  const decide: Decide<undefined> = async () => ({
    statements: [statement("INSERT INTO public.log VALUES ('again')")],
    warnings: [],
    result: undefined,
  });
  const error = await serviceErrorOf(apply(decide));
  assert.deepEqual([error.kind, error.details.rolled_back], ["conflict", true]);
  assert.equal((await lines()).length, 0);
});

test("a plan that would leave the admin a member of an IAM role is undone", async () => {
  const forgets = statement(`GRANT "${alice}" TO CURRENT_USER`);
  const error = await serviceErrorOf(apply(once(forgets)));
  assert.match(error.message, /locked it out/);
  const rows = await fleet.sql(target, `SELECT 1 FROM pg_auth_members WHERE roleid = '"${alice}"'::regrole`);
  assert.deepEqual([rows.length, (await lines()).length], [0, 0]);
});

test("what another transaction got in the way of is done anew from the reading on", async () => {
  let readings = 0;
  const decide: Decide<undefined> = async (session) => {
    readings += 1;
    if (readings === 1) await session.query("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END $$");
    return once()(session);
  };
  await apply(decide);
  assert.deepEqual([readings, (await lines()).length], [3, 1]);
  await fleet.sql(target, "TRUNCATE public.log");
});

test("a session that is killed in mid-change is an error, not a silent second try", async () => {
  const error = await serviceErrorOf(apply(once(statement("SELECT pg_terminate_backend(pg_backend_pid())"))));
  assert.equal(error.kind, "unavailable");
  assert.equal((await lines()).length, 0);
});
