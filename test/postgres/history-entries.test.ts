import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type HistoryRecord, hashHistoryRecord, verifyHistory } from "../../src/domain/history.ts";
import { planId } from "../../src/domain/plan.ts";
import type { Target } from "../../src/domain/target.ts";
import { nextHistoryRecord } from "../../src/google/registry-history.ts";
import { runChange } from "../../src/operations/change.ts";
import { cleanupUser } from "../../src/operations/cleanup.ts";
import { listHistory } from "../../src/operations/history.ts";
import { assignRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { serviceErrorOf } from "../support/errors.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

const schema = `A "b" 'c`;
let fleet: RoleFleet;
let target: Target;

before(async () => {
  fleet = await startRoleFleet("permissive", [17]);
  await fleet.server(17).createUser({ name: "eve@example.com", type: "CLOUD_IAM_USER" });
  const setup = `CREATE SCHEMA "A ""b"" 'c" AUTHORIZATION postgres; CREATE TABLE public.log (line text);
                 ALTER TABLE public.log OWNER TO postgres; INSERT INTO public.log VALUES ('one'), ('two')`;
  target = await fleet.createDatabase(17, "shop", setup);
});
after(() => fleet.stop());

const newest = async (): Promise<HistoryRecord> => {
  const { entries } = await listHistory(fleet.context, fleet.call(), target, { limit: 1 });
  assert.ok(entries[0] !== undefined);
  return entries[0];
};

test("an entry holds the plan that its dry run answered, each statement's outcome, and versions", async () => {
  const { plan = [] } = await initializeRoles(fleet.context, fleet.call(), target, { schema, dryRun: true });
  await initializeRoles(fleet.context, fleet.call(), target, { schema });
  const entry = await newest();
  assert.equal(entry.plan_id, planId(plan));
  assert.equal(entry.statements.length, plan.length);
  assert.ok(entry.statements.every(({ outcome }) => outcome === "succeeded"));
  assert.deepEqual([entry.revision_before, entry.revision_after], [0, 1]);
  assert.deepEqual([entry.templates_before, entry.templates_after], [[], ["standard 1.0.0"]]);
  const input = { schema, username: "eve@example.com", role: "reader" };
  await assignRole(fleet.context, fleet.call("assignRole"), target, input);
  const second = await newest();
  assert.deepEqual(
    [second.templates_before, second.templates_after],
    [["standard 1.0.0"], ["standard 1.0.0"]],
  );
  assert.equal(second.revision_before, 1);
});

const statement = (text: string, optional = false) => ({
  ...{ description: text, database: "shop", text, preview: text, transaction: "shared" as const },
  optional,
});

test("a failed change's entry says of each statement what became of it, with the SQLSTATE of the one that failed", async () => {
  const statements = [
    statement("UPDATE public.log SET line = line"),
    statement("SELECT 1 / 0", true),
    statement("CREATE TABLE public.nope (); SELECT * FROM public.absent"),
    statement("SELECT 1"),
  ];
  const subject = { summary: "try" };
  const decide = async () => ({ statements, warnings: [], result: undefined });
  const change = runChange(fleet.context, fleet.call(), target, { dryRun: false, subject, decide });
  assert.equal((await serviceErrorOf(change)).details.sqlstate, "42P01");
  const entry = await newest();
  assert.deepEqual(
    [entry.outcome, entry.sqlstate, entry.statements.map(({ outcome, sqlstate }) => [outcome, sqlstate])],
    [
      "failed",
      "42P01",
      [
        ["rolled_back", undefined],
        ["failed", "22012"],
        ["failed", "42P01"],
        ["not_run", undefined],
      ],
    ],
  );
  assert.equal(entry.statements[0]?.rows, 2);
  assert.equal(entry.plan_id, planId(entry.statements));
});

test("an optional statement that failed is told from those that were done", async () => {
  let done = false;
  const statements = [statement("SELECT 1 / 0", true), statement("GRANT SELECT ON public.log TO postgres")];
  const decide = async () => {
    const left = done ? [] : statements;
    done = true;
    return { statements: left, warnings: [], result: undefined };
  };
  const subject = { summary: "try" };
  await runChange(fleet.context, fleet.call(), target, { dryRun: false, subject, decide });
  const entry = await newest();
  assert.deepEqual(
    [entry.outcome, ...entry.statements.map(({ outcome, sqlstate }) => [outcome, sqlstate])],
    ["succeeded", ["failed", "22012"], ["succeeded", undefined]],
  );
});

test("a cleanup that fails in its second database records what the first one committed", async () => {
  const other = await fleet.createDatabase(
    17,
    "zoo",
    `CREATE SCHEMA eve AUTHORIZATION "eve@example.com"; CREATE TABLE public.t (); GRANT ALL ON public.t TO PUBLIC;
     ALTER TABLE public.t OWNER TO postgres; GRANT SELECT ON public.t TO "eve@example.com";
     CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'P0001'; END $$;
     CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('DROP OWNED')
       EXECUTE FUNCTION public.refuse()`,
  );
  assert.equal(other.database, "zoo");
  const calls = cleanupUser(fleet.context, fleet.call(), target, { username: "eve@example.com" });
  await serviceErrorOf(calls);
  const { statements, outcome } = await newest();
  assert.equal(outcome, "failed");
  const of = (database: string) =>
    new Set(statements.filter((one) => one.database === database).map((one) => one.outcome));
  assert.deepEqual(of("shop"), new Set(["succeeded"]));
  assert.ok(of("zoo").has("failed"));
  assert.ok(!of("zoo").has("succeeded"));
});

test("the chain holds over entries with and without what was added later; a changed outcome breaks it", async () => {
  const { records = [] } = (await fleet.registry.readHistory(target)) ?? {};
  assert.equal(verifyHistory(records).intact, true);
  const [first, second, ...rest] = records;
  assert.ok(first !== undefined && second !== undefined);
  const forged = {
    ...second,
    statements: second.statements.map((one) => ({ ...one, outcome: "failed" as const })),
  };
  assert.equal(verifyHistory([first, forged, ...rest]).intact, false);
  const { plan_id: _, revision_before, revision_after, templates_before, templates_after, ...old } = first;
  assert.deepEqual(
    [revision_before, revision_after, templates_before?.length, templates_after?.length],
    [0, 1, 0, 1],
  );
  const earlier = { ...old, hash: hashHistoryRecord(old) };
  const head = {
    ...{ revision: 1, createdAt: new Date(), createdBy: "", updatedAt: new Date() },
    ...{ totalEntries: 1, lastHash: earlier.hash },
  };
  const entry = {
    actor: "a",
    requestId: "r",
    action: "x",
    outcome: "succeeded",
    statements: [],
    summary: "",
  } as const;
  const next = nextHistoryRecord(first.document_id, head, { ...entry, stateAfter: "f00" }, new Date());
  assert.deepEqual(verifyHistory([earlier, next]), { intact: true, entries: 2 });
  assert.equal(next.state_after, "f00");
});

test("entries are found by their operation", async () => {
  const page = { limit: 10, action: "assignRole" };
  const { entries } = await listHistory(fleet.context, fleet.call(), target, page);
  assert.deepEqual(
    entries.map(({ action }) => action),
    ["assignRole"],
  );
});
