import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readDemoFleet } from "../../src/local-cloud/demo-fleet.ts";
import { readFleet } from "../../src/local-cloud/fleet.ts";
import { FleetError, parseFleet } from "../../src/local-cloud/fleet-parser.ts";

let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "fleet test "));
});

after(() => rm(directory, { recursive: true }));

const smallest = {
  project_id: "my-project",
  instances: [{ instance_name: "one", region: "europe-west1" }],
};

function withInstance(fields: Record<string, unknown>): unknown {
  return { ...smallest, instances: [{ ...smallest.instances[0], ...fields }] };
}

/** The faults of a fleet, as `pointer: detail`. */
function faultsOf(fleet: unknown): string[] {
  try {
    parseFleet(fleet);
  } catch (error) {
    assert.ok(error instanceof FleetError);
    return error.faults.map(({ pointer, detail }) => `${pointer}: ${detail}`);
  }
  return [];
}

test("the smallest fleet gets its defaults", () => {
  assert.deepEqual(parseFleet(smallest), {
    projectId: "my-project",
    instances: [
      {
        name: "one",
        region: "europe-west1",
        major: 17,
        mode: "permissive",
        secret: "regional",
        databases: [],
        users: [],
        sql: [],
      },
    ],
  });
});

test("a version is a number, its text, or Cloud SQL's name", () => {
  for (const version of [15, "15", "POSTGRES_15"]) {
    assert.equal(parseFleet(withInstance({ version })).instances[0]?.major, 15);
  }
  for (const version of [13, "19", "MYSQL_8_0", null, 17.5, []]) {
    assert.match(faultsOf(withInstance({ version })).join(), /^\/instances\/0\/version: must be one of 14/);
  }
});

test("users have the role names that Cloud SQL gives them", () => {
  const users = [
    { name: "Alice@Example.com", type: "CLOUD_IAM_USER" },
    { name: "job@my-project.iam.gserviceaccount.com", type: "CLOUD_IAM_SERVICE_ACCOUNT" },
    { name: "team@example.com", type: "CLOUD_IAM_GROUP" },
    { name: "Shop App", type: "BUILT_IN", password: "x" },
  ];
  const parsed = parseFleet(withInstance({ users })).instances[0]?.users ?? [];
  assert.deepEqual(
    parsed.map(({ role }) => role),
    ["alice@example.com", "job@my-project.iam", "team@example.com", "Shop App"],
  );
});

test("postgres may be named among the databases: it is there anyway", () => {
  const [instance] = parseFleet(
    withInstance({ databases: ["postgres", "a b"], sql: { postgres: "x.sql" } }),
  ).instances;
  assert.deepEqual(instance?.databases, ["a b"]);
  assert.deepEqual(instance?.sql, [{ database: "postgres", file: "x.sql" }]);
});

test("all faults come at once, each with its JSON pointer", () => {
  const faults = faultsOf({
    project_id: "X",
    typo: 1,
    instances: [
      {
        instance_name: "One",
        region: "nowhere",
        version: 12,
        mode: "lax",
        secret: "none",
        databases: ["a", "a", "", 5, "template1", "d".repeat(64)],
        users: [
          { name: "nobody", type: "CLOUD_IAM_USER" },
          { name: "a@b.com", type: "CLOUD_IAM_USER", password: "x" },
          { name: "A@b.com", type: "CLOUD_IAM_GROUP" },
          { name: "cloudsqladmin", type: "BUILT_IN" },
          { name: "postgres" },
          { type: "WHO" },
          "carol",
        ],
        sql: { "no/such": "x.sql", a: 5 },
      },
      { instance_name: "two", region: "us-east1" },
      { instance_name: "two", region: "us-east1" },
      null,
    ],
  });
  const pointers = faults.map((fault) => fault.slice(0, fault.indexOf(":")));
  assert.deepEqual(pointers.toSorted(), [
    "/instances/0/databases/1",
    "/instances/0/databases/2",
    "/instances/0/databases/3",
    "/instances/0/databases/4",
    "/instances/0/databases/5",
    "/instances/0/instance_name",
    "/instances/0/mode",
    "/instances/0/region",
    "/instances/0/secret",
    "/instances/0/sql/a",
    "/instances/0/sql/no~1such",
    "/instances/0/users/0/name",
    "/instances/0/users/1/password",
    "/instances/0/users/2/name",
    "/instances/0/users/3/name",
    "/instances/0/users/4/name",
    "/instances/0/users/5/name",
    "/instances/0/users/5/type",
    "/instances/0/users/6",
    "/instances/0/users/6/name",
    "/instances/0/version",
    "/instances/2/instance_name",
    "/instances/3",
    "/instances/3/instance_name",
    "/instances/3/region",
    "/project_id",
    "/typo",
  ]);
});

test("what is no fleet at all is told so", () => {
  for (const value of [null, [], "x", 5]) assert.match(faultsOf(value)[0] ?? "", /must be an object/);
  assert.deepEqual(faultsOf({ project_id: "my-project", instances: [] }), [
    "/instances: must hold at least one instance",
  ]);
  assert.ok(faultsOf({ project_id: "my-project", instances: {} }).includes("/instances: must be a list"));
});

test("SQL files are relative to the fleet file, and a missing one is a fault of its place", async () => {
  const path = join(directory, "fleet.json");
  const fleet = withInstance({ databases: ["a"], sql: { a: "a.sql", postgres: "none.sql" } });
  await writeFile(path, `\uFEFF${JSON.stringify(fleet)}`);
  await writeFile(join(directory, "a.sql"), "\uFEFFSELECT 1;");
  await assert.rejects(readFleet(path), (error: unknown) => {
    assert.ok(error instanceof FleetError);
    assert.deepEqual(
      error.faults.map(({ pointer }) => pointer),
      ["/instances/0/sql/postgres"],
    );
    assert.match(error.message, /none\.sql/);
    return true;
  });
  await writeFile(join(directory, "none.sql"), "SELECT 2;");
  const { scripts } = await readFleet(path);
  assert.deepEqual(
    scripts.map(({ database, text }) => [database, text]),
    [
      ["a", "SELECT 1;"],
      ["postgres", "SELECT 2;"],
    ],
  );
});

test("a fleet file that is not there, or not JSON, is told as such", async () => {
  await assert.rejects(readFleet(join(directory, "nothing.json")), /cannot be read: ENOENT/);
  await writeFile(join(directory, "broken.json"), "{");
  await assert.rejects(readFleet(join(directory, "broken.json")), /is not valid JSON/);
});

test("the demo fleet is the one that the documentation promises", async () => {
  const { projectId, instances } = await readDemoFleet();
  assert.equal(projectId, "demo-project");
  assert.deepEqual(
    instances.map(({ name, region, major, mode, databases }) => ({ name, region, major, mode, databases })),
    [
      {
        name: "orders-db",
        region: "europe-west1",
        major: 17,
        mode: "permissive",
        databases: ["orders", "billing"],
      },
      {
        name: "analytics-db",
        region: "us-central1",
        major: 15,
        mode: "permissive",
        databases: ["analytics", "events"],
      },
    ],
  );
  for (const { users } of instances) {
    assert.deepEqual(
      users.map(({ name, type }) => [name, type]),
      [
        ["alice@example.com", "CLOUD_IAM_USER"],
        ["bob@example.com", "CLOUD_IAM_USER"],
        ["carol@example.com", "CLOUD_IAM_USER"],
        ["reporter@demo-project.iam.gserviceaccount.com", "CLOUD_IAM_SERVICE_ACCOUNT"],
        ["data-team@example.com", "CLOUD_IAM_GROUP"],
        ["legacy_app", "BUILT_IN"],
      ],
    );
  }
});
