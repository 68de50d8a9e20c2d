import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  decide,
  type Policy,
  type PolicyCaller,
  type PolicyRole,
  policyRoles,
} from "../../src/domain/policy.ts";
import { PolicyError, parsePolicy } from "../../src/domain/policy-parser.ts";
import { matchesPlace, type Place, parseTargetPattern } from "../../src/domain/target-pattern.ts";
import { parsePolicyText } from "../../src/operations/policy-text.ts";

function patternOf(text: string) {
  const pattern = parseTargetPattern(text);
  assert.ok(!("fault" in pattern), text);
  return pattern;
}

const orders = { project: "demo", region: "europe-west1", instance: "orders-db", database: "orders" };

function fits(text: string, place: Place = orders, missing: "all" | "any" = "all"): boolean {
  return matchesPlace(patternOf(text), place, missing);
}

describe("a pattern of targets", () => {
  it("has a star for any run of characters, and nothing else that is special", () => {
    for (const text of [
      "*",
      "*/*/*/*",
      "demo/europe-*/orders-db/orders",
      "d*o/*/orders*/*r*s",
      "demo/*-west1/*-db/***",
    ])
      assert.equal(fits(text), true, text);
    for (const text of [
      "demo/europe-west1/orders-db/order",
      "Demo/*/*/*",
      "demo/*/orders/*",
      "dem./*/*/*",
      "demo/*/*/o?ders",
    ])
      assert.equal(fits(text), false, text);
  });

  it("never lets a star cross a slash, but for the database's own", () => {
    const slashed = { ...orders, database: "a/b" };
    assert.equal(fits("demo/*/*/a*b", slashed), true);
    assert.equal(fits("demo/*/*/a/b", slashed), true);
    assert.equal(fits("demo/*/orders-db/b", slashed), false);
  });

  it("needs four parts", () => {
    for (const text of [
      "",
      "/",
      "demo",
      "demo/*",
      "demo/*/*",
      "demo/*/*/",
      "//*/*",
      "a\u202eb/*/*/*",
      "x".repeat(501),
    ])
      assert.ok("fault" in parseTargetPattern(text), text);
  });

  it("is for a whole instance only where its database is a star alone", () => {
    const { database: _, ...instance } = orders;
    assert.equal(fits("demo/*/orders-db/*", instance), true);
    assert.equal(fits("demo/*/orders-db/o*", instance), false);
    assert.equal(fits("demo/*/orders-db/o*", instance, "any"), true);
    assert.equal(fits("*", {}), true);
    assert.equal(fits("demo/*/*/*", {}), false);
    assert.equal(fits("demo/*/*/*", {}, "any"), true);
  });

  // The rule once more, as a regular expression over the whole text.
  it("agrees with a regular expression, whatever pattern and place", () => {
    const piece = fc.string({ unit: fc.constantFrom("a", "b", "*", "-", "."), minLength: 1, maxLength: 8 });
    const word = fc.string({ unit: fc.constantFrom("a", "b", "-", "."), minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.tuple(piece, piece, piece, piece), fc.tuple(word, word, word, word), (parts, words) => {
        const [project = "", region = "", instance = "", database = ""] = words;
        const source = parts.map((part) => part.replaceAll(".", "\\.").replace(/\*+/g, "[^/]*")).join("/");
        assert.equal(
          fits(parts.join("/"), { project, region, instance, database }),
          new RegExp(`^${source}$`).test(words.join("/")),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it("is not made slow by any pattern", () => {
    const startedAt = performance.now();
    fits(`demo/*/*/${"*a".repeat(120)}b`, { ...orders, database: "a".repeat(63) });
    assert.ok(performance.now() - startedAt < 2_000);
  });
});

const bob: PolicyCaller = { name: "bob@example.com", kind: "user", domain: "example.com" };

function policyOf(...bindings: object[]): Policy {
  return parsePolicy({ version: 1, bindings });
}

function ask(
  policy: Policy,
  caller: PolicyCaller,
  role: PolicyRole,
  place: Place = orders,
  groups: Record<string, boolean> = {},
) {
  return decide(policy, { caller, role, place, missing: "all" }, (group) => groups[group]);
}

describe("a policy", () => {
  it("allows nothing that no binding gives", () => {
    for (const role of policyRoles) assert.equal(ask(policyOf(), bob, role).allowed, false);
  });

  it("gives with a role what the lesser roles have, and no more, where the binding says", () => {
    const elsewhere = { ...orders, instance: "billing-db" };
    for (const [index, given] of policyRoles.entries()) {
      const policy = policyOf({
        principals: ["user:Bob@Example.com"],
        role: given,
        targets: ["*/*/orders-*/*"],
      });
      for (const [needed, role] of policyRoles.entries()) {
        assert.equal(ask(policy, bob, role).allowed, needed <= index, `${given} for ${role}`);
        assert.equal(ask(policy, bob, role, elsewhere).allowed, false);
        assert.equal(ask(policy, { ...bob, name: "eve@example.com" }, role).allowed, false);
      }
    }
  });

  it("takes a user, a service account, a domain and who is anonymous for different principals", () => {
    const robot: PolicyCaller = { name: "bob@example.com", kind: "service_account" };
    const nobody: PolicyCaller = { name: "anonymous", kind: "anonymous" };
    const given = (principal: string, caller: PolicyCaller) =>
      ask(policyOf({ principals: [principal], role: "viewer", targets: ["*"] }), caller, "viewer").allowed;
    assert.deepEqual(
      ["user:bob@example.com", "serviceAccount:bob@example.com", "domain:example.com", "anonymous"].map(
        (principal) => [bob, robot, nobody].map((caller) => given(principal, caller)),
      ),
      [
        [true, false, false],
        [false, true, false],
        [true, false, false],
        [false, false, true],
      ],
    );
    assert.equal(
      given("domain:example.com", { ...bob, domain: undefined }),
      false,
      "an address proves no domain",
    );
    assert.equal(given("domain:example.com", { ...bob, domain: "evil-example.com" }), false);
  });

  it("asks for groups only where the decision depends on them", () => {
    const policy = policyOf(
      { principals: ["group:dba@example.com"], role: "admin", targets: ["*"] },
      {
        principals: ["user:bob@example.com", "group:team@example.com"],
        role: "viewer",
        targets: ["*/*/orders-db/*"],
      },
      { principals: ["group:far@example.com"], role: "admin", targets: ["other/*/*/*"] },
    );
    assert.deepEqual(ask(policy, bob, "admin").undecided, ["dba@example.com"]);
    assert.equal(ask(policy, bob, "admin", orders, { "dba@example.com": true }).allowed, true);
    assert.equal(ask(policy, bob, "admin", orders, { "dba@example.com": false }).allowed, false);
    assert.deepEqual(ask(policy, { name: "anonymous", kind: "anonymous" }, "viewer").undecided, []);
  });

  it("needs no group for who may already do everything asked for", () => {
    const policy = policyOf(
      { principals: ["user:bob@example.com"], role: "operator", targets: ["*"] },
      { principals: ["group:dba@example.com"], role: "admin", targets: ["*"] },
    );
    const { allowed, undecided } = ask(policy, bob, "viewer");
    assert.deepEqual({ allowed, undecided }, { allowed: true, undecided: [] });
  });

  it("limits kinds of roles to those of all bindings that give the role, or not at all", () => {
    const reader = {
      principals: ["user:bob@example.com"],
      role: "operator",
      targets: ["*"],
      role_kinds: ["reader"],
    };
    const writer = { ...reader, role_kinds: ["writer"], targets: ["demo/*/*/*"] };
    assert.deepEqual(ask(policyOf(reader, writer), bob, "operator").roleKinds, ["reader", "writer"]);
    assert.deepEqual(ask(policyOf(reader, writer), bob, "operator", { ...orders, project: "x" }).roleKinds, [
      "reader",
    ]);
    assert.equal(
      ask(policyOf(reader, { ...writer, role_kinds: undefined }), bob, "operator").roleKinds,
      undefined,
    );
    const viewer = { ...reader, role: "viewer", role_kinds: ["admin"] };
    assert.deepEqual(
      ask(policyOf(reader, viewer), bob, "operator").roleKinds,
      ["reader"],
      "a viewer gives nothing",
    );
  });
});

function faultsOf(document: unknown): string[] {
  try {
    parsePolicy(document);
  } catch (error) {
    assert.ok(error instanceof PolicyError);
    return error.faults.map(({ pointer }) => pointer);
  }
  return [];
}

describe("a policy's document", () => {
  it("has all its faults reported at once, each with its place", () => {
    const faults = faultsOf({
      version: 2,
      bindigs: [],
      bindings: [
        { principals: [], role: "root", targets: ["a/b"], role_kinds: [1] },
        {
          principals: ["alice@example.com", "user:x", "group:a@b.c'"],
          role: "viewer",
          targets: ["*"],
          extra: 1,
        },
        { principals: ["anonymous"], role: "admin" },
        "x",
        {
          principals: ["anonymous"],
          role: "admin",
          targets: ["*"],
          access: { approvers: ["anonymous"], max_duration: "1y" },
        },
      ],
    });
    assert.deepEqual(faults.sort(), [
      "/bindigs",
      "/bindings/0/principals",
      "/bindings/0/role",
      "/bindings/0/role_kinds/0",
      "/bindings/0/targets/0",
      "/bindings/1/extra",
      "/bindings/1/principals/0",
      "/bindings/1/principals/1",
      "/bindings/1/principals/2",
      "/bindings/2/targets",
      "/bindings/3",
      "/bindings/4/access/approvers/0",
      "/bindings/4/access/max_duration",
      "/version",
    ]);
  });

  it("is refused, and never half taken, whatever it is", () => {
    for (const document of [undefined, null, [], "x", 1, {}, { version: 1 }, { version: 1, bindings: {} }])
      assert.ok(faultsOf(document).length > 0, JSON.stringify(document));
    fc.assert(
      fc.property(fc.jsonValue(), (bindings) => {
        try {
          parsePolicy({ version: 1, bindings });
        } catch (error) {
          assert.ok(error instanceof PolicyError);
        }
      }),
    );
  });

  it("is the demo's, too", async () => {
    const text = readFileSync(new URL("../../src/local-cloud/demo/policy.yaml", import.meta.url), "utf8");
    const policy = parsePolicy(await parsePolicyText(text));
    const demo = { ...orders, project: "demo-project" };
    assert.equal(ask(policy, bob, "operator", demo).allowed, true);
    assert.deepEqual(ask(policy, bob, "operator", demo).roleKinds, ["reader", "writer", "analyst"]);
    assert.equal(ask(policy, bob, "admin", demo).allowed, false);
    assert.equal(ask(policy, { ...bob, name: "alice@example.com" }, "admin", {}).allowed, true);
    const access = policy.bindings.find((binding) => binding.access !== undefined)?.access;
    assert.equal(access?.maxDurationMs, 86_400_000);
  });

  it("is refused as YAML with a key that is there twice, a bomb of aliases, or a fault, by line", async () => {
    await assert.rejects(parsePolicyText("version: 1\nversion: 2\n"), /line 2 \(duplicate key\)/);
    await assert.rejects(parsePolicyText("a: [\nb"), PolicyError);
    const bomb = [
      "a: &a [x,x,x,x,x,x,x,x,x]",
      ..."bcdefgh".split("").map((name, at) => {
        const before = "abcdefg"[at];
        return `${name}: &${name} [${Array(9).fill(`*${before}`).join(",")}]`;
      }),
    ].join("\n");
    await assert.rejects(parsePolicyText(bomb), /aliases/);
    assert.deepEqual(await parsePolicyText('{"version": 1, "bindings": []}'), { version: 1, bindings: [] });
  });
});
