import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AclEntry,
  explainPrincipal,
  findHoldings,
  listAllowed,
  publicOid,
} from "../../src/domain/explain.ts";
import { createRoleGraph, type MembershipRow } from "../../src/domain/explain-graph.ts";
import { parseObjectName, parsePrivilege } from "../../src/domain/explain-object.ts";

const select = { privilege: "SELECT", grantOption: false };

function graphOf(
  count: number,
  edges: readonly (readonly [member: number, role: number, inherit?: boolean])[],
) {
  const roles = Array.from({ length: count }, (_, index) => ({
    oid: index + 1,
    name: `r${index + 1}`,
    isSuperuser: false,
    canLogin: false,
  }));
  const rows: MembershipRow[] = edges.map(([member, role, inherit = true]) => ({
    role,
    member,
    grantor: "g",
    admin: false,
    inherit,
    set: true,
    implied: false,
  }));
  return createRoleGraph(roles, rows);
}

function tableWith(owner: number, grantees: readonly number[]) {
  const acl: AclEntry[] = grantees.map((grantee) => ({
    grantee,
    grantor: owner,
    privilege: "SELECT",
    grantable: false,
  }));
  return { type: "table", owner, acl, columnAcl: [], isCatalog: false } as const;
}

test("both directions agree with the plain meaning of inheritance on any graph without cycles", () => {
  const oid = fc.integer({ min: 1, max: 8 });
  const edge = fc
    .tuple(oid, oid, fc.boolean())
    .filter(([a, b]) => a !== b)
    .map(([a, b, inherit]): [number, number, boolean] => [Math.min(a, b), Math.max(a, b), inherit]);
  fc.assert(
    fc.property(
      fc.array(edge, { maxLength: 20 }),
      fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 3 }),
      (edges, grantees) => {
        const graph = graphOf(8, edges);
        const holdings = findHoldings(graph, tableWith(8, grantees), select);
        const has = (role: number): boolean =>
          grantees.includes(publicOid) ||
          grantees.includes(role) ||
          edges.some(([member, group, inherit]) => member === role && inherit && has(group));
        const listed = new Map(listAllowed(graph, holdings).map(({ principal, path }) => [principal, path]));
        for (const { oid: role } of graph.roles) {
          const { allowed, paths } = explainPrincipal(graph, holdings, role);
          assert.equal(allowed, has(role));
          assert.equal(listed.has(role), has(role));
          for (const { via, holder } of paths) {
            const route = [role, ...via.map((step) => step.role)];
            assert.deepEqual(
              via.map((step) => step.member),
              route.slice(0, -1),
            );
            assert.ok(holder === publicOid || holder === route.at(-1));
            assert.ok(via.every((step) => step.inherit));
          }
          const named = paths.filter(({ kind }) => kind !== "public");
          const first = listed.get(role);
          if (named.length > 0) assert.equal(first?.via.length, named[0]?.via.length);
        }
      },
    ),
  );
});

test("memberships that cross again and again have more paths than are listed, and take no time", () => {
  const edges = Array.from({ length: 30 }, (_, level) => [2 * level + 1, 2 * level + 2]).flatMap(
    ([a = 0, b = 0]) =>
      [a, b].flatMap((member): [number, number][] => [
        [member, a + 2],
        [member, a + 3],
      ]),
  );
  const graph = graphOf(62, edges);
  const holdings = findHoldings(graph, tableWith(99, [61, 62]), select);
  const startedAt = performance.now();
  const { paths, truncated } = explainPrincipal(graph, holdings, 1);
  assert.deepEqual([paths.length, truncated], [100, true]);
  assert.ok(performance.now() - startedAt < 10_000);
});

test("a cycle, which PostgreSQL does not allow, hangs nothing", () => {
  const graph = graphOf(3, [
    [1, 2],
    [2, 3],
    [3, 1],
  ]);
  const holdings = findHoldings(graph, tableWith(3, [3]), select);
  assert.equal(explainPrincipal(graph, holdings, 1).paths.length, 1);
  assert.equal(listAllowed(graph, holdings).length, 3);
});

test("what several grantors granted adds up to one membership", () => {
  const row = { role: 2, member: 1, admin: false, implied: false };
  const rows = [
    { ...row, grantor: "b", inherit: false, set: true },
    { ...row, grantor: "a", inherit: true, set: false },
  ];
  const graph = createRoleGraph([], rows);
  assert.deepEqual(graph.memberOf(1), [{ ...row, grantors: ["a", "b"], inherit: true, set: true }]);
});

test("an owner that revoked its own privilege lacks it, and may still grant it", () => {
  const graph = graphOf(2, []);
  const table = tableWith(1, [2]);
  assert.equal(explainPrincipal(graph, findHoldings(graph, table, select), 1).allowed, false);
  const granting = findHoldings(graph, table, { ...select, grantOption: true });
  assert.deepEqual(
    explainPrincipal(graph, granting, 1).paths.map(({ kind }) => kind),
    ["ownership"],
  );
  assert.equal(explainPrincipal(graph, granting, 2).allowed, false);
});

test("names of objects are read as the catalog spells them", () => {
  assert.deepEqual(parseObjectName("schema", "My App"), { type: "schema", name: "My App" });
  assert.deepEqual(parseObjectName("large_object", "4294967295"), {
    type: "large_object",
    name: "4294967295",
  });
  for (const oid of ["", "0", "4294967296", "1e3", "-1", "0x10", "1 "])
    assert.throws(() => parseObjectName("large_object", oid), { kind: "validation_error" }, oid);
  assert.deepEqual(parseObjectName("table", 'app."a.b""c"'), { type: "table", schema: "app", name: 'a.b"c' });
  assert.deepEqual(parseObjectName("column", "App.T.c"), {
    type: "column",
    schema: "App",
    name: "T",
    column: "c",
  });
  const functions: [string, string | undefined][] = [
    ["app.f", undefined],
    ["app.f()", ""],
    ["app.f( numeric(1 , 2) ,text )", "numeric(1,2),text"],
  ];
  for (const [text, types] of functions)
    assert.deepEqual(parseObjectName("function", text), {
      type: "function",
      schema: "app",
      name: "f",
      arguments: types,
    });
  assert.deepEqual(parseObjectName("table", "app.f(x)"), { type: "table", schema: "app", name: "f(x)" });
});

test("names that are no objects are refused", () => {
  const wrong = ["t", "a.b.c", "a.", ".t", ".", 'a."t', 'a.t"', 'a."t"x', `a.${"x".repeat(64)}`, "a. "];
  for (const text of wrong)
    assert.throws(() => parseObjectName("table", text), { kind: "validation_error" }, text);
  assert.throws(() => parseObjectName("schema", "a.b"), { kind: "validation_error" });
  for (const text of ["a.f(", "a.f(int) x", "a.(int)"])
    assert.throws(() => parseObjectName("function", text), { kind: "validation_error" }, text);
});

test("a privilege must be one of the object's, and known to the server", () => {
  assert.equal(parsePrivilege("database", "temp", 14), "TEMPORARY");
  assert.equal(parsePrivilege("table", "MAINTAIN", 17), "MAINTAIN");
  assert.throws(() => parsePrivilege("table", "MAINTAIN", 16), { kind: "validation_error" });
  assert.throws(() => parsePrivilege("schema", "SELECT", 17), /CREATE, USAGE/);
});
