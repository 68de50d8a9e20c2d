import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyState } from "../../src/domain/desired-state.ts";
import { type DesiredStateInput, parseDesiredState } from "../../src/domain/desired-state-parser.ts";
import { endChain } from "../../src/domain/grant-chain.ts";
import { comparePlans, planIdOf } from "../../src/domain/plan-id.ts";
import { subtractState } from "../../src/domain/state-snapshot.ts";
import { ServiceError } from "../../src/errors.ts";

test("all faults of a state are reported at once, with pointers", () => {
  const wrong: DesiredStateInput = {
    schemas: [{ name: "pg_mine" }, { name: "a", owner: "x" }, { name: "a", owner: "y" }],
    templates: [{ name: "standard", version: "one", schema: "app" }],
    roles: [{ name: "x".repeat(64) }, { name: "cloudsqlthing" }],
    memberships: [
      { role: "pg_read_all_data", member: "alice@example.com" },
      { role: "a", member: "a" },
      { role: "a", member: "b", inherit: false, set: false },
    ],
    grants: [
      {
        grantee: "public",
        object_type: "table",
        schema: "app",
        objects: "all",
        privileges: ["SELECT"],
        grantable: true,
      },
      { grantee: "x", object_type: "table", schema: "app", privileges: ["FLY"] },
      { grantee: "x", object_type: "schema", privileges: ["USAGE"] },
      {
        grantee: "x",
        object_type: "table",
        schema: "app",
        objects: "all",
        columns: ["id"],
        privileges: ["DELETE"],
      },
      { grantee: "public", object_type: "routine", schema: "app", objects: "all", privileges: ["EXECUTE"] },
    ],
    public_revocations: [{ object_type: "routine", schema: "app", objects: "all", privileges: ["EXECUTE"] }],
  };
  assert.throws(
    () => parseDesiredState(wrong),
    (error) => {
      assert.ok(error instanceof ServiceError);
      const pointers = error.faults.map((one) => one.pointer);
      for (const pointer of [
        "/state/schemas/0/name",
        "/state/schemas/2",
        "/state/templates/0/version",
        "/state/roles/0/name",
        "/state/roles/1/name",
        "/state/memberships/0/role",
        "/state/memberships/1/member",
        "/state/memberships/2",
        "/state/grants/0/grantable",
        "/state/grants/1/objects",
        "/state/grants/1/privileges",
        "/state/grants/2/schema",
        "/state/grants/3/objects",
        "/state/grants/3/privileges",
        "/state/public_revocations/0",
      ])
        assert.ok(pointers.includes(pointer), `${pointer} of ${pointers.join(" ")}`);
      return true;
    },
  );
});

test("equal states are equal documents, however they are written", () => {
  const grant = { grantee: "x", object_type: "table", schema: "s" } as const;
  const one = parseDesiredState({
    memberships: [{ role: "r", member: "Alice@Example.com" }],
    grants: [
      { ...grant, objects: ["b", "a"], privileges: ["select", "INSERT"], future_owners: ["o2", "o1"] },
      { ...grant, objects: ["c"], columns: ["z", "y"], privileges: ["SELECT"] },
    ],
  });
  const other = parseDesiredState({
    memberships: [{ role: "r", member: "alice@example.com", inherit: true, set: true, admin: false }],
    grants: [
      { ...grant, objects: ["c"], columns: ["y"], privileges: ["SELECT"] },
      { ...grant, objects: ["c"], columns: ["z"], privileges: ["SELECT"] },
      { ...grant, objects: ["a"], privileges: ["INSERT", "SELECT"] },
      { ...grant, objects: ["b"], privileges: ["SELECT"] },
      { ...grant, objects: ["b"], privileges: ["INSERT"] },
      { ...grant, future_owners: ["o1"], privileges: ["SELECT", "INSERT"] },
      { ...grant, future_owners: ["o2"], privileges: ["INSERT", "SELECT"] },
    ],
  });
  assert.equal(JSON.stringify(one), JSON.stringify(other));
  assert.deepEqual(parseDesiredState(structuredClone(one)), one);
  assert.deepEqual(subtractState(one, other), emptyState);
  assert.deepEqual(subtractState(one, emptyState).grants, one.grants);
});

test("grants end after what rests on them, and what is to stay is granted anew", () => {
  const row = (grantor: string, grantee: string, grantable = true) => ({
    subject: "s",
    grantor,
    grantee,
    grantable,
  });
  const rows = [row("owner", "a"), row("a", "b"), row("b", "c", false), row("owner", "d", false)];
  const { ordered, regranted } = endChain(
    rows,
    (one) => one.grantee === "a",
    (one) => one.grantor === "owner",
  );
  assert.deepEqual(
    ordered.map((one) => one.grantee),
    ["c", "b", "a"],
  );
  assert.deepEqual(
    regranted.map((one) => one.grantee),
    ["b", "c"],
  );
  const held = endChain(
    [...rows, row("owner", "b")],
    (one) => one.grantee === "a",
    (one) => one.grantor === "owner",
  );
  assert.deepEqual(
    held.regranted.map((one) => one.grantee),
    ["b"],
  );
});

test("a plan's id is that of its statements, database and mode", () => {
  const target = { project: "p", region: "r", instance: "i", database: "d" };
  const statements = [{ database: "d", sql: "SELECT 1", optional: false }];
  const id = planIdOf(target, "adopt", statements);
  assert.equal(planIdOf(target, "adopt", statements), id);
  assert.notEqual(planIdOf(target, "additive", statements), id);
  assert.notEqual(planIdOf({ ...target, database: "e" }, "adopt", statements), id);
  assert.notEqual(planIdOf(target, "adopt", []), id);
  assert.deepEqual(comparePlans(["a", "a", "b"], ["a", "c"]), { added: ["c"], removed: ["a", "b"] });
});
