import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import {
  type Answer,
  analyticsTarget,
  type CloudService,
  type Fields,
  startCloudService,
} from "../support/cloud-service.ts";

const here = { ...analyticsTarget, schema_name: "warehouse" };
const elsewhere = { ...analyticsTarget, database_name: "events", schema_name: "stream" };
const directory = mkdtempSync(join(tmpdir(), "role-limits-"));
const policyFile = join(directory, "policy.yaml");

/** Bob is the admin of one database; carol may give one kind, on the whole instance; both work through Alice's. */
const policy = `version: 1
bindings:
  - { principals: ["user:alice@example.com"], role: admin, targets: ["*"], native_roles: [pg_read_all_data] }
  - { principals: ["user:bob@example.com"], role: admin, targets: ["*/us-central1/analytics-db/analytics"] }
  - { principals: ["user:carol@example.com"], role: admin, targets: ["*/us-central1/analytics-db/*"], role_kinds: [reader] }
`;

const snoop = {
  name: "snoop",
  version: "1.0.0",
  roles: [{ kind: "snoop", scope: "schema", native_roles: ["pg_read_all_data"] }],
};

describe("nobody comes to more than the policy says by giving roles", () => {
  let cloud: LocalCloud;
  let service: CloudService;
  /** The history's entry after which the role without a mark and the snoop had members. */
  let opened: number;
  /** And the one before. */
  let closed: number;

  const by = (who: string) => ({
    Authorization: `Bearer ${cloud.issueIdToken(`${who}@example.com`)}`,
  });
  const call = (who: string, operation: string, fields: Fields): Promise<Answer> =>
    service.call(operation, fields, by(who));
  const succeed = (who: string, operation: string, fields: Fields): Promise<Fields> =>
    service.succeed(operation, fields, by(who));
  const apply = (who: string, state: object, more: object = {}): Promise<Answer> =>
    call(who, "applyRoles", { ...analyticsTarget, mode: "additive", state, ...more });
  const newestEntry = async (): Promise<number> => {
    const { entries } = await succeed("alice", "listHistory", { ...analyticsTarget, limit: 1 });
    return (entries as { sequence: number }[])[0]?.sequence ?? 0;
  };
  const server = () => cloud.instance("analytics-db").server;
  const memberships = async (): Promise<unknown> =>
    (
      await server().querySuperuser(
        "postgres",
        `SELECT roleid::regrole::text, member::regrole::text, admin_option FROM pg_auth_members
          WHERE member::regrole::text !~ '^(postgres|cloudsql)' ORDER BY 1, 2`,
      )
    ).rows;
  const rights = async (): Promise<unknown> =>
    (
      await server().querySuperuser(
        "analytics",
        `SELECT relname::text AS name, relacl::text AS acl FROM pg_class WHERE relnamespace = 'warehouse'::regnamespace
          UNION ALL SELECT 'owner', nspowner::regrole || nspacl::text FROM pg_namespace WHERE nspname = 'warehouse'
          UNION ALL SELECT 'default', defaclacl::text FROM pg_default_acl ORDER BY 1, 2`,
      )
    ).rows;

  before(async () => {
    writeFileSync(policyFile, policy);
    cloud = await startTestCloud();
    service = await startCloudService(cloud, {
      caller: "alice@example.com",
      settings: { POLICY_FILE: policyFile },
    });
    await service.warmUp();
    await server().querySuperuser(
      "postgres",
      "SET ROLE postgres; CREATE ROLE plain; CREATE ROLE analyst_group",
    );
    await succeed("alice", "initializeRoles", here);
    await succeed("alice", "initializeRoles", elsewhere);
    await succeed("alice", "createRoleTemplate", snoop);
    await succeed("alice", "applyRoles", { ...analyticsTarget, mode: "additive", state: {} });
    closed = await newestEntry();
    const memberships = [{ role: "plain", member: "legacy_app" }];
    const templates = [{ name: "snoop", schema: "warehouse" }];
    await succeed("alice", "applyRoles", {
      ...analyticsTarget,
      mode: "additive",
      state: { memberships, templates },
    });
    opened = await newestEntry();
    assert.notEqual(opened, closed);
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await cloud?.stop();
    rmSync(directory, { recursive: true });
  });

  /** Every way in which somebody might give a role to itself. */
  const ways: Readonly<Record<string, (who: string, role: string) => Promise<Answer>>> = {
    assign: (who, role) =>
      call(who, "assignRole", { ...here, username: `${who}@example.com`, role_name: role }),
    bulk: (who, role) => {
      const memberships = [{ schema_name: "warehouse", username: `${who}@example.com`, role_name: role }];
      return call(who, "assignRoles", { ...analyticsTarget, memberships });
    },
    apply: (who, role) => apply(who, { memberships: [{ role, member: `${who}@example.com` }] }),
    "a dry run of apply": (who, role) =>
      apply(who, { memberships: [{ role, member: `${who}@example.com` }] }, { dry_run: true }),
    "a role between": (who, role) =>
      apply(who, {
        roles: [{ name: "between" }],
        memberships: [
          { role, member: "between" },
          { role: "between", member: `${who}@example.com` },
        ],
      }),
    create: (who, role) => {
      const initial_roles = [{ schema_name: "warehouse", role_name: role }];
      const fields = { username: "intruder", user_type: "built_in", initial_roles };
      return call(who, "createUser", { ...analyticsTarget, ...fields });
    },
  };

  const forbidden: readonly (readonly [who: string, role: string, what: string])[] = [
    ["bob", "events_stream_admin", "another database's role"],
    ["bob", "plain", "a role without a mark"],
    ["bob", "pg_monitor", "a predefined role"],
    ["bob", "analytics_warehouse_snoop", "a role that reads everything"],
    ["carol", "analytics_warehouse_admin", "a kind that is not allowed"],
    ["carol", "plain", "a role without a kind"],
    ["carol", "events_stream_reader", "another database's role of an allowed kind"],
  ];
  for (const [who, role, what] of forbidden) {
    it(`${who} gets ${what} in no way`, async () => {
      const before = await memberships();
      for (const [way, go] of Object.entries(ways)) {
        const { status, body, text } = await go(who, role);
        const [one] = (body.results ?? []) as { outcome: string; error: { error_type: string } }[];
        const refusal = one === undefined ? body.error_type : one.error.error_type;
        // pg_monitor is no name that assign takes.
        const kinds = [
          "permission_error",
          "conflict",
          ...(role === "pg_monitor" ? ["validation_error"] : []),
        ];
        assert.ok(kinds.includes(String(refusal)), `${way}: ${status} ${text}`);
        assert.deepEqual(await memberships(), before, way);
      }
    });
  }

  it("another database's role is not the state's, and keeps its members in mode authoritative", async () => {
    await succeed("alice", "assignRole", {
      ...elsewhere,
      username: "carol@example.com",
      role_name: "reader",
    });
    const before = await memberships();
    const role = "events_stream_reader";
    const owning = await apply("bob", { roles: [{ name: role }] }, { mode: "authoritative" });
    assert.equal(owning.status, 409, owning.text);
    assert.match(String(owning.body.detail), /events/);
    const state = { memberships: [{ role, member: "carol@example.com", inherit: false }] };
    const naming = await apply("bob", state, { mode: "authoritative" });
    assert.equal(naming.status, 200, naming.text);
    assert.deepEqual(await memberships(), before);
  });

  it("the way back is no way in: neither what it gives nor what it takes goes beyond the policy", async () => {
    const before = await memberships();
    const back = await call("bob", "rollbackRoles", {
      ...analyticsTarget,
      sequence: closed,
      dry_run: false,
    });
    assert.deepEqual([back.status, back.body.error_type], [403, "permission_error"], back.text);
    await server().querySuperuser("postgres", "REVOKE plain FROM legacy_app");
    for (const dry_run of [true, false]) {
      const forth = await call("bob", "rollbackRoles", { ...analyticsTarget, sequence: opened, dry_run });
      assert.deepEqual([forth.status, forth.body.error_type], [403, "permission_error"], forth.text);
    }
    await server().querySuperuser("postgres", "SET ROLE postgres; GRANT plain TO legacy_app");
    assert.deepEqual(await memberships(), before);
  });

  it("a template that gives what the policy does not name is not used", async () => {
    const template = { ...here, template: "snoop" };
    for (const answer of [
      await call("bob", "initializeRoles", template),
      await call("bob", "initializeRoles", { ...template, dry_run: true, force_update: true }),
      await apply("bob", { templates: [{ name: "snoop", schema: "warehouse" }] }),
    ]) {
      assert.deepEqual([answer.status, answer.body.error_type], [403, "permission_error"], answer.text);
      assert.match(String(answer.body.detail), /pg_read_all_data/);
    }
  });

  it("who may give kinds only gives no rights beside them, and nobody adopts a role of the whole instance", async () => {
    const before = await rights();
    const grant = { object_type: "table", schema: "warehouse", privileges: ["SELECT"] };
    for (const state of [
      { grants: [{ ...grant, grantee: "carol@example.com", objects: "all" }] },
      { grants: [{ ...grant, grantee: "carol@example.com", future_owners: ["warehouse_owner"] }] },
      { schemas: [{ name: "warehouse", owner: "carol@example.com" }] },
    ]) {
      const answer = await apply("carol", state, { mode: "adopt" });
      assert.deepEqual([answer.status, answer.body.error_type], [403, "permission_error"], answer.text);
    }
    assert.deepEqual(await rights(), before);
    // Named so that the role that was there before is the template's.
    const pattern = "plain{database}{schema}";
    await server().querySuperuser("postgres", "SET ROLE postgres; CREATE ROLE plainanalyticswarehouse");
    const roles = [{ kind: "mine", scope: "schema", name_pattern: pattern }];
    await succeed("alice", "createRoleTemplate", { name: "adopting", version: "1.0.0", roles });
    for (const answer of [
      await call("bob", "initializeRoles", { ...here, template: "adopting", force_update: true }),
      await apply("bob", { templates: [{ name: "adopting", schema: "warehouse" }] }, { mode: "adopt" }),
    ]) {
      assert.deepEqual([answer.status, answer.body.error_type], [403, "permission_error"], answer.text);
    }
  });

  it("a dry run of a template is held against the same, answers with an empty plan, and stores nothing", async () => {
    const dry = { ...snoop, name: "dry", dry_run: true };
    const list = async () =>
      (await succeed("alice", "listRoleTemplates", { include_retired: true })).templates;
    const before = await list();
    const made = await succeed("alice", "createRoleTemplate", dry);
    assert.deepEqual([made.created, (made.plan as { statements: unknown }).statements], [true, []]);
    const next = await succeed("alice", "addRoleTemplateVersion", {
      ...snoop,
      version: "1.1.0",
      dry_run: true,
    });
    assert.deepEqual([next.created, (next.plan as { statements: unknown }).statements], [true, []]);
    const retired = await succeed("alice", "retireRoleTemplate", { name: "snoop", dry_run: true });
    assert.deepEqual(
      [retired.changed, retired.latest, (retired.plan as { statements: unknown }).statements],
      [true, null, []],
    );
    for (const [operation, fields, status] of [
      ["addRoleTemplateVersion", { ...dry, version: "1.1.0" }, 404],
      ["addRoleTemplateVersion", { ...snoop, version: "0.9.0", dry_run: true }, 409],
      ["createRoleTemplate", { ...dry, name: "standard" }, 409],
      ["createRoleTemplate", { ...dry, roles: [] }, 400],
      ["retireRoleTemplate", { name: "dry", dry_run: true }, 404],
    ] as const) {
      const answer = await call("alice", operation, fields);
      assert.equal(answer.status, status, answer.text);
    }
    assert.deepEqual(await list(), before);
  });

  it("what the policy allows is done", async () => {
    const reader = { role: "analytics_warehouse_reader", member: "carol@example.com" };
    const own = { roles: [{ name: "bobs" }], memberships: [{ role: "bobs", member: "bob@example.com" }] };
    const grant = { object_type: "table", schema: "warehouse", privileges: ["SELECT"], objects: "all" };
    for (const answer of [
      await apply("carol", { templates: [{ name: "standard", schema: "warehouse" }], memberships: [reader] }),
      await apply("bob", { ...own, grants: [{ ...grant, grantee: "bobs" }] }),
      await call("bob", "assignRole", { ...here, username: "bob@example.com", role_name: "monitor" }),
      await call("alice", "assignRole", {
        ...{ ...here, username: "carol@example.com", role_name: "analytics_warehouse_snoop" },
      }),
      await apply("alice", { memberships: [{ role: "pg_monitor", member: "bob@example.com" }] }),
      // Anybody may ask what would be done; nothing is given by that.
      await call("bob", "planRoles", {
        ...{ ...analyticsTarget, mode: "additive" },
        state: { memberships: [{ role: "plain", member: "bob@example.com" }] },
      }),
    ]) {
      assert.equal(answer.status, 200, answer.text);
    }
  });
});
