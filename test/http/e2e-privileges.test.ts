import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { escapeIdentifier } from "pg";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { startTestCloud } from "../support/cloud.ts";
import { type CloudService, type Fields, startCloudService } from "../support/cloud-service.ts";
import { withClient } from "../support/postgres.ts";

const kinds = ["reader", "writer", "admin", "analyst", "monitor", "dba_agent"] as const;
type Kind = (typeof kinds)[number];

/** What each kind may do to every table of its schema. */
const tablePrivileges: Readonly<Record<Kind, readonly string[]>> = {
  reader: ["SELECT"],
  writer: ["SELECT", "INSERT", "UPDATE", "DELETE"],
  admin: ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"],
  analyst: ["SELECT"],
  monitor: [],
  dba_agent: [],
};
const sequencePrivileges: Readonly<Record<Kind, readonly string[]>> = {
  ...tablePrivileges,
  writer: ["SELECT", "USAGE", "UPDATE"],
  admin: ["SELECT", "USAGE", "UPDATE"],
};

interface Place {
  readonly instance: string;
  readonly region: string;
  readonly database: string;
  readonly schema: string;
  /** Who creates in the schema, besides the member of its admin role. */
  readonly creators: readonly string[];
}

const orders = { instance: "orders-db", region: "europe-west1", database: "orders" };
const billing = { ...orders, database: "billing" };
const analytics = { instance: "analytics-db", region: "us-central1", database: "analytics" };
const places: readonly Place[] = [
  // The deployer is a login that inherits from the schema's owner.
  { ...orders, schema: "app", creators: ["app_owner", "legacy_app", "deployer"] },
  { ...orders, schema: "sales", creators: ["sales_owner"] },
  { ...orders, schema: "audit", creators: ["audit_owner"] },
  { ...orders, schema: "legacy", creators: ["legacy_app"] },
  { ...billing, schema: "app", creators: ["billing_owner"] },
  { ...billing, schema: "archive", creators: ["legacy_app"] },
  { ...analytics, schema: "warehouse", creators: ["warehouse_owner"] },
  { ...analytics, schema: "reporting", creators: ["reporting_owner"] },
  { ...analytics, database: "events", schema: "stream", creators: ["stream_owner"] },
];

const legacyPlaces = places.filter(({ creators }) => creators.includes("legacy_app"));
const nameOf = ({ instance, database, schema }: Place) => `${instance}/${database}/${schema}`;
/** An IAM user for each role of each schema. */
const memberOf = (kind: Kind, { database, schema }: Place) =>
  `${kind.replace("_", "-")}.${database}.${schema}@example.com`;

function targetOf({ instance, region, database }: Place): Fields {
  return { project_id: "demo-project", region, instance_name: instance, database_name: database };
}

function roleOf(kind: Kind, { database, schema }: Place): string {
  return kind === "monitor" || kind === "dba_agent" ? `${database}_${kind}` : `${database}_${schema}_${kind}`;
}

describe("who may do what after the roles of every schema were initialized", () => {
  let cloud: LocalCloud;
  let service: CloudService;

  const serverOf = (place: Place) => cloud.instance(place.instance).server;

  before(async () => {
    cloud = await startTestCloud();
    service = await startCloudService(cloud, { settings: { LOG_LEVEL: "INFO" } });
    await service.warmUp();
    await serverOf(places[0] as Place).querySuperuser(
      "postgres",
      "CREATE ROLE deployer LOGIN IN ROLE app_owner",
    );
    for (const place of places) {
      await service.succeed("initializeRoles", { ...targetOf(place), schema_name: place.schema });
      for (const kind of kinds) {
        const username = memberOf(kind, place);
        await serverOf(place).createUser({ name: username, type: "CLOUD_IAM_USER" });
        const membership = { ...targetOf(place), schema_name: place.schema, username, role_name: kind };
        const { warnings } = await service.succeed("assignRole", membership);
        assert.deepEqual(warnings, []);
      }
      for (const creator of [...place.creators, memberOf("admin", place)]) await createLater(place, creator);
    }
  });
  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await cloud?.stop();
  });

  /** Runs statements as some role would; the SQLSTATE when they fail. */
  async function tryAs(
    place: Place,
    role: string,
    text: string,
    end: "COMMIT" | "ROLLBACK" = "ROLLBACK",
  ): Promise<string> {
    return withClient(serverOf(place).superuserUrl(place.database), async (client) => {
      await client.query("SELECT set_config('session_authorization', $1, false)", [role]);
      await client.query("BEGIN");
      try {
        await client.query(text);
        await client.query(end);
        return "done";
      } catch (error) {
        return String((error as { code?: string }).code);
      }
    });
  }

  async function createLater(place: Place, creator: string, prefix = "later"): Promise<void> {
    const schema = escapeIdentifier(place.schema);
    const name = (what: string) => `${schema}.${escapeIdentifier(`${prefix} ${what} of ${creator}`)}`;
    const text = `CREATE TABLE ${name("table")} (id int);
      CREATE VIEW ${name("view")} AS SELECT 1 AS id;
      CREATE SEQUENCE ${name("sequence")};
      CREATE FUNCTION ${name("function")}() RETURNS int LANGUAGE sql AS 'SELECT 1';
      REVOKE EXECUTE ON FUNCTION ${name("function")}() FROM PUBLIC;`;
    assert.equal(await tryAs(place, creator, text, "COMMIT"), "done", `${creator} in ${nameOf(place)}`);
  }

  interface Held {
    readonly kind: Kind;
    readonly type: "table" | "sequence" | "routine" | "schema";
    readonly object: string;
    readonly held: string[];
  }

  /** What users hold on everything in a schema, as the server says. */
  async function readHeld(place: Place, nameFor: (kind: Kind) => string): Promise<Held[]> {
    const users = kinds.map((kind) => nameFor(kind));
    const { rows } = await serverOf(place).querySuperuser<Omit<Held, "kind"> & { n: number }>(
      place.database,
      `WITH users AS (SELECT u, n::int FROM unnest($1::text[]) WITH ORDINALITY AS t (u, n)),
            objects AS (
         SELECT 'table' AS type, oid, relname::text AS object FROM pg_class
          WHERE relnamespace = $2::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
         UNION ALL SELECT 'sequence', oid, relname::text FROM pg_class
          WHERE relnamespace = $2::regnamespace AND relkind = 'S'
         UNION ALL SELECT 'routine', oid, proname::text FROM pg_proc WHERE pronamespace = $2::regnamespace
         UNION ALL SELECT 'schema', oid, nspname::text FROM pg_namespace WHERE oid = $2::regnamespace)
       SELECT n, type, object, array(
         SELECT p FROM unnest(CASE type
             WHEN 'table' THEN ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
             WHEN 'sequence' THEN ARRAY['SELECT', 'USAGE', 'UPDATE']
             WHEN 'routine' THEN ARRAY['EXECUTE'] ELSE ARRAY['USAGE', 'CREATE'] END) AS p
          WHERE CASE type WHEN 'table' THEN has_table_privilege(u, oid, p)
             WHEN 'sequence' THEN has_sequence_privilege(u, oid, p)
             WHEN 'routine' THEN has_function_privilege(u, oid, p) ELSE has_schema_privilege(u, oid, p) END) AS held
         FROM users, objects`,
      [users, escapeIdentifier(place.schema)],
    );
    return rows.map(({ n, ...row }) => ({ ...row, kind: kinds[n - 1] as Kind }));
  }

  function wanted({ kind, type, object, held }: Held): readonly string[] {
    switch (type) {
      case "table":
        return tablePrivileges[kind];
      case "sequence":
        return sequencePrivileges[kind];
      case "schema":
        if (kind === "admin") return ["USAGE", "CREATE"];
        return kind === "monitor" || kind === "dba_agent" ? [] : ["USAGE"];
      case "routine":
        // Of the others, everybody may execute what nobody took from PUBLIC.
        if (!object.includes(" of ")) return held;
        return kind === "writer" || kind === "admin" ? ["EXECUTE"] : [];
    }
  }

  function assertAsWanted(place: Place, all: readonly Held[]): void {
    const wrong = all
      // Who made something may do everything to it.
      .filter((one) => !(one.kind === "admin" && one.object.endsWith(memberOf("admin", place))))
      .filter((one) => JSON.stringify(one.held) !== JSON.stringify(wanted(one)))
      .map((one) => ({ ...one, wanted: wanted(one) }));
    assert.deepEqual(wrong.slice(0, 5), [], nameOf(place));
    const types = new Set(all.map(({ type }) => type));
    assert.equal(types.size, 4);
  }

  for (const place of places) {
    it(`is as defined for roles and their members: ${nameOf(place)}`, async () => {
      assertAsWanted(place, await readHeld(place, (kind) => roleOf(kind, place)));
      assertAsWanted(place, await readHeld(place, (kind) => memberOf(kind, place)));
    });

    it(`is what happens when members try: ${nameOf(place)}`, async () => {
      for (const creator of [...place.creators, memberOf("admin", place)]) {
        const table = `${escapeIdentifier(place.schema)}.${escapeIdentifier(`later table of ${creator}`)}`;
        for (const kind of kinds) {
          const member = memberOf(kind, place);
          const outcomes = [
            await tryAs(place, member, `SELECT * FROM ${table}`),
            await tryAs(place, member, `INSERT INTO ${table} VALUES (1)`),
            await tryAs(place, member, `CREATE TABLE ${escapeIdentifier(place.schema)}.tried ()`),
          ];
          const rights = [...tablePrivileges[kind], ...(kind === "admin" ? ["CREATE"] : [])];
          const expected = ["SELECT", "INSERT", "CREATE"].map((one) =>
            rights.includes(one) ? "done" : "42501",
          );
          assert.deepEqual(outcomes, expected, `${kind} on ${table}`);
        }
      }
    });
  }

  it("is repaired by force_update after grants and a role were taken away by hand", async () => {
    const place = places[0] as Place;
    await serverOf(place).querySuperuser(
      place.database,
      `DROP OWNED BY orders_app_analyst; DROP ROLE orders_app_analyst;
       REVOKE SELECT ON ALL TABLES IN SCHEMA app FROM orders_app_reader;
       ALTER DEFAULT PRIVILEGES FOR ROLE legacy_app IN SCHEMA app REVOKE ALL ON TABLES FROM orders_app_writer;
       GRANT TRUNCATE ON app.carts TO orders_app_reader`,
    );
    const input = { ...targetOf(place), schema_name: place.schema };
    const plain = await service.succeed("initializeRoles", input);
    assert.deepEqual([plain.roles_created, plain.roles_updated], [["orders_app_analyst"], []]);
    assert.match(String(plain.warnings), /force_update/);
    const forced = await service.succeed("initializeRoles", { ...input, force_update: true });
    assert.deepEqual(forced.roles_updated, ["orders_app_reader", "orders_app_writer"]);
    await service.succeed("assignRole", {
      ...input,
      username: memberOf("analyst", place),
      role_name: "analyst",
    });
    await createLater(place, "legacy_app", "still later");
    assertAsWanted(place, await readHeld(place, (kind) => memberOf(kind, place)));
    assert.deepEqual(
      (await service.succeed("initializeRoles", { ...input, force_update: true })).warnings,
      [],
    );
  });

  it("holds, after force_update, for who came to a group that has the admin role", async () => {
    const place = places[1] as Place;
    const input = { ...targetOf(place), schema_name: place.schema };
    await service.succeed("assignRole", { ...input, username: "data-team@example.com", role_name: "admin" });
    await serverOf(place).createUser({ name: "dave@example.com", type: "CLOUD_IAM_USER" });
    await serverOf(place).querySuperuser("postgres", 'GRANT "data-team@example.com" TO "dave@example.com"');
    await createLater(place, "dave@example.com", "first");
    await service.succeed("initializeRoles", { ...input, force_update: true });
    await createLater(place, "dave@example.com", "second");
    assertAsWanted(place, await readHeld(place, (kind) => memberOf(kind, place)));
  });

  it("stays so when a login's things in two databases go to the admin, and the login can be dropped", async () => {
    const input = { ...targetOf(legacyPlaces[0] as Place), username: "legacy_app" };
    const planned = await service.succeed("cleanupUser", { ...input, dry_run: true });
    const outcomes = (answer: Fields) => {
      const { databases } = answer;
      assert.ok(Array.isArray(databases));
      return Object.fromEntries(databases.map(({ database_name, outcome }) => [database_name, outcome]));
    };
    assert.deepEqual(outcomes(planned), { orders: "planned", billing: "planned", postgres: "nothing_to_do" });
    const done = await service.succeed("cleanupUser", input);
    assert.deepEqual(outcomes(done), { orders: "done", billing: "done", postgres: "nothing_to_do" });
    assert.deepEqual([done.ownership_transferred, done.permissions_revoked], [true, true]);
    const again = await service.succeed("cleanupUser", input);
    assert.deepEqual(
      [again.ownership_transferred, again.permissions_revoked, again.objects_dropped],
      [false, false, false],
    );
    const { server } = cloud.instance("orders-db");
    await server.querySuperuser("postgres", "DROP ROLE legacy_app");
    const { rows } = await server.querySuperuser(
      "orders",
      "SELECT DISTINCT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'legacy'::regnamespace",
    );
    assert.deepEqual(rows.map(({ owner }) => owner).sort(), [
      '"admin.orders.legacy@example.com"',
      "postgres",
    ]);
    for (const place of legacyPlaces) {
      assertAsWanted(place, await readHeld(place, (kind) => memberOf(kind, place)));
    }
  });

  it("is repaired by force_update for what the admin makes there from then on", async () => {
    for (const place of legacyPlaces) {
      const input = { ...targetOf(place), schema_name: place.schema, force_update: true };
      await service.succeed("initializeRoles", input);
      assert.deepEqual((await service.succeed("initializeRoles", input)).roles_updated, []);
      if (place.schema !== "app") await createLater(place, "postgres", "after cleanup");
      assertAsWanted(place, await readHeld(place, (kind) => memberOf(kind, place)));
    }
  });

  it("has left no membership of the admin behind that would lock it out", async () => {
    for (const { server } of cloud.instances) {
      const { rows } = await server.querySuperuser(
        "postgres",
        `SELECT r.rolname FROM pg_roles r
          WHERE r.rolname LIKE 'cloudsqliam%' AND pg_has_role('postgres', r.oid, 'MEMBER')`,
      );
      assert.deepEqual(rows, []);
      await withClient(server.adminUrl(), (client) => client.query("SELECT 1"));
    }
    await service.end();
  });
});
