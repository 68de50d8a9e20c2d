import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Target } from "../../src/domain/target.ts";
import type { Context } from "../../src/operations/context.ts";
import { readDrift } from "../../src/operations/drift.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import type { Pools, Session } from "../../src/postgres/session.ts";
import { type RoleFleet, startRoleFleet } from "../support/role-fleet.ts";

let fleet: RoleFleet;
let target: Target;

before(async () => {
  fleet = await startRoleFleet("permissive", [17]);
  const schemas = ["first", "second"].map(
    (name) =>
      `CREATE SCHEMA ${name} AUTHORIZATION postgres; CREATE TABLE ${name}.t (); ALTER TABLE ${name}.t OWNER TO postgres;`,
  );
  target = await fleet.createDatabase(17, "shop", schemas.join("\n"));
  for (const name of ["alice@example.com", "bob@example.com"])
    await fleet.server(17).createUser({ name, type: "CLOUD_IAM_USER" });
});

after(() => fleet.stop());

interface Sent {
  readonly text: string;
  readonly kept: boolean;
}

/** A context that notes what is sent. */
function watched(sent: Sent[]): Context {
  const watch = (session: Session): Session => ({
    versionNum: session.versionNum,
    user: session.user,
    target: session.target,
    query(text, values, options) {
      sent.push({ text, kept: options?.keep === true });
      return session.query(text, values, options);
    },
  });
  const pools: Pools = {
    ...fleet.context.pools,
    withSession: (to, options, fn) =>
      fleet.context.pools.withSession(to, options, (session) => fn(watch(session))),
  };
  return { ...fleet.context, pools };
}

async function runAll(schema: string, username: string): Promise<Sent[]> {
  const sent: Sent[] = [];
  const context = watched(sent);
  await initializeRoles(context, fleet.call(), target, { schema });
  await assignRole(context, fleet.call(), target, { schema, username, role: "writer" });
  await readDrift(context, fleet.call(), target, { schema, forceFull: true });
  await fleet.sql(target, `REVOKE SELECT ON ${schema}.t FROM shop_${schema}_reader`);
  await readDrift(context, fleet.call(), target, { schema });
  await initializeRoles(context, fleet.call(), target, { schema, forceUpdate: true });
  await revokeRole(context, fleet.call(), target, { schema, username, role: "writer" });
  return sent;
}

test("texts that are kept do not depend on what an operation is about", async () => {
  const textsOf = (sent: readonly Sent[]) => new Set(sent.filter(({ kept }) => kept).map(({ text }) => text));
  const first = textsOf(await runAll("first", "alice@example.com"));
  const second = textsOf(await runAll("second", "bob@example.com"));
  assert.ok(first.size > 15 && first.size < 40, `${first.size} texts`);
  assert.deepEqual(
    [...second].filter((text) => !first.has(text)),
    [],
  );
});

test("no plan is kept that was made without nested loops", async () => {
  await fleet.sql(target, "REVOKE SELECT ON first.t FROM shop_first_reader");
  const sent: Sent[] = [];
  await readDrift(watched(sent), fleet.call(), target, { forceFull: true });
  const off = sent.findIndex(({ text }) => /'enable_nestloop', 'off', true/.test(text));
  const on = sent.findIndex(({ text }) => text === "SET LOCAL enable_nestloop = on");
  const between = sent.slice(off + 1, on);
  assert.ok(off >= 0 && between.length >= 4, `${between.length} statements`);
  assert.ok(between.every(({ kept }) => !kept));
  assert.ok(sent.some(({ kept }) => kept));
});
