import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ServiceError } from "../../src/errors.ts";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import type { Context } from "../../src/operations/context.ts";
import { listUsers, type UserInfo, type UserList } from "../../src/operations/user-list.ts";
import type { Session } from "../../src/postgres/session.ts";
import { ident } from "../../src/postgres/sql.ts";
import { majors, type ReadFleet, startReadFleet } from "../support/read-fleet.ts";

const proxy = "cloudsql-proxy@demo-project.iam";

const setup = (major: Major): string => `
  CREATE SCHEMA app; CREATE SCHEMA empty; CREATE SCHEMA other;
  CREATE TABLE app.orders (id int); CREATE VIEW app.recent AS SELECT 1 AS id; CREATE TABLE other.orders (id int);
  CREATE ROLE app_reader; CREATE ROLE app_writer IN ROLE app_reader;
  GRANT USAGE ON SCHEMA app TO app_reader; GRANT SELECT ON ALL TABLES IN SCHEMA app TO app_reader;
  GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO app_writer;
  GRANT app_writer TO "alice@example.com";
  GRANT SELECT ON app.orders TO "bob@example.com";
  GRANT USAGE, CREATE ON SCHEMA empty TO "bob@example.com";
  GRANT app_reader TO "data-team@example.com";
  GRANT pg_read_all_data TO ${ident(proxy)};
  CREATE ROLE stubborn LOGIN NOINHERIT; GRANT app_reader TO stubborn;
  CREATE ROLE owner_login LOGIN;
  ALTER TABLE app.orders OWNER TO owner_login; ALTER VIEW app.recent OWNER TO owner_login;
  REVOKE SELECT ON app.recent FROM owner_login;
  CREATE ROLE holds_alice LOGIN IN ROLE "alice@example.com";
  CREATE ROLE "O'Hara ""x""" LOGIN CREATEDB;
  CREATE ROLE root_like LOGIN SUPERUSER;
  CREATE ROLE cloudsqlreplica2 LOGIN;
  ${major >= 16 ? "CREATE ROLE maker LOGIN; GRANT app_reader TO maker WITH ADMIN TRUE, INHERIT FALSE, SET FALSE" : ""}`;

let fleet: ReadFleet;
before(async () => {
  fleet = await startReadFleet();
  await Promise.all(
    majors.map(async (major) => {
      const server = fleet.server(major);
      await server.createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
      await server.createUser({ name: "bob@example.com", type: "CLOUD_IAM_USER" });
      await server.createUser({ name: "reporter@demo-project.iam", type: "CLOUD_IAM_SERVICE_ACCOUNT" });
      await server.createUser({ name: proxy, type: "CLOUD_IAM_SERVICE_ACCOUNT" });
      await server.createUser({ name: "data-team@example.com", type: "CLOUD_IAM_GROUP" });
      await server.createUser({ name: "legacy_app", type: "BUILT_IN", password: "legacy" });
      await fleet.createDatabase(major, "shop", setup(major));
    }),
  );
});
after(() => fleet.stop());

function list(major: Major, schema: string): Promise<UserList> {
  return listUsers(fleet.context, fleet.call, fleet.target(major, "shop"), { schema });
}

async function byName(major: Major, schema: string): Promise<Map<string, UserInfo>> {
  return new Map((await list(major, schema)).users.map((user) => [user.username, user]));
}

for (const major of majors) {
  test(`PostgreSQL ${major}: logins and IAM groups are users, system logins are named as left out`, async () => {
    const { users, systemUsersExcluded } = await list(major, "app");
    const names = [
      'O\'Hara "x"',
      "alice@example.com",
      "bob@example.com",
      proxy,
      "data-team@example.com",
      "holds_alice",
      "legacy_app",
      ...(major >= 16 ? ["maker"] : []),
      "owner_login",
      "reporter@demo-project.iam",
      "stubborn",
    ];
    assert.deepEqual(
      users.map((user) => user.username),
      names,
    );
    for (const name of ["cloudsqladmin", "cloudsqlreplica2", "postgres", "root_like"]) {
      assert.ok(systemUsersExcluded.includes(name), name);
    }
    assert.deepEqual(systemUsersExcluded, [...systemUsersExcluded].sort());
    assert.ok(systemUsersExcluded.every((name) => !names.includes(name)));
  });

  test(`PostgreSQL ${major}: the kind of a user comes from its own IAM membership, not from its name`, async () => {
    const users = await byName(major, "app");
    const kindOf = (name: string) => [users.get(name)?.userType, users.get(name)?.isIamUser];
    assert.deepEqual(kindOf("alice@example.com"), ["iam_user", true]);
    assert.deepEqual(kindOf("reporter@demo-project.iam"), ["iam_service_account", true]);
    assert.deepEqual(kindOf(proxy), ["iam_service_account", true]);
    assert.deepEqual(kindOf("data-team@example.com"), ["iam_group", true]);
    assert.deepEqual(kindOf("legacy_app"), ["built_in", false]);
    assert.deepEqual(kindOf("holds_alice"), ["built_in", false]);
  });

  test(`PostgreSQL ${major}: roles are those held directly or through others, permissions what is in effect`, async () => {
    const users = await byName(major, "app");
    const standing = (name: string) => [users.get(name)?.roles, users.get(name)?.permissions];
    const all = ["DELETE", "INSERT", "SELECT", "UPDATE", "USAGE"];
    assert.deepEqual(standing("alice@example.com"), [["app_reader", "app_writer"], all]);
    assert.deepEqual(standing("holds_alice"), [["alice@example.com", "app_reader", "app_writer"], all]);
    assert.deepEqual(standing("bob@example.com"), [[], []]);
    assert.deepEqual(standing("data-team@example.com"), [["app_reader"], ["SELECT", "USAGE"]]);
    assert.deepEqual(standing(proxy), [["pg_read_all_data"], ["SELECT", "USAGE"]]);
    assert.deepEqual(standing("stubborn"), [["app_reader"], []]);
    assert.deepEqual(standing("owner_login"), [[], ["DELETE", "INSERT", "UPDATE"]]);
    if (major >= 16) assert.deepEqual(standing("maker"), [[], []]);
    assert.ok(users.get("legacy_app")?.roles.includes("cloudsqlsuperuser"));
  });

  test(`PostgreSQL ${major}: permissions are those of the schema asked for`, async () => {
    const empty = await byName(major, "empty");
    assert.deepEqual(empty.get("bob@example.com")?.permissions, ["CREATE", "USAGE"]);
    assert.deepEqual(empty.get("alice@example.com")?.permissions, []);
    assert.deepEqual(empty.get("alice@example.com")?.roles, ["app_reader", "app_writer"]);
    assert.deepEqual((await byName(major, "other")).get("alice@example.com")?.permissions, []);
  });

  test(`PostgreSQL ${major}: a user's attributes are told`, async () => {
    const users = await byName(major, "app");
    assert.deepEqual(users.get('O\'Hara "x"')?.privileges, {
      canLogin: true,
      isSuperuser: false,
      canCreateDb: true,
      canCreateRole: false,
    });
    assert.equal(users.get("data-team@example.com")?.privileges.canLogin, false);
  });

  test(`PostgreSQL ${major}: users of an unknown schema are not found`, async () => {
    for (const schema of ["missing", "APP", "x".repeat(64)]) {
      await assert.rejects(list(major, schema), (error) => {
        assert.ok(error instanceof ServiceError);
        assert.deepEqual([error.kind, error.details.resource], ["not_found", "schema"]);
        return true;
      });
    }
  });

  test(`PostgreSQL ${major}: permissions and roles agree with the server's own has_*_privilege`, async () => {
    const target = await fleet.createDatabase(major, "maze", randomGrants(major));
    const { users } = await listUsers(fleet.context, fleet.call, target, { schema: "maze" });
    const found = users
      .filter((user) => user.username.startsWith("maze_"))
      .map(({ username, roles, permissions }) => ({ username, roles, permissions }));
    assert.equal(found.length, logins);
    assert.deepEqual(found, await askServer(major));
    assert.ok(new Set(found.map((user) => user.permissions.join())).size > 5, "too little variety to tell");
  });
}

test("the number of statements does not grow with users, and 3000 of them are answered fast", async () => {
  const major = 17;
  const statements = async (): Promise<number> => {
    let count = 0;
    const context: Context = {
      ...fleet.context,
      pools: {
        ...fleet.pools,
        withSession: (target, options, fn) =>
          fleet.pools.withSession(target, options, (session) => {
            const query: Session["query"] = (...parts) => {
              count += 1;
              return session.query(...parts);
            };
            return fn({ ...session, query });
          }),
      },
    };
    await listUsers(context, fleet.call, fleet.target(major, "shop"), { schema: "app" });
    return count;
  };
  const before = await statements();
  await fleet.sql(
    major,
    "shop",
    `DO $$ BEGIN
       FOR i IN 1..300 LOOP EXECUTE format('CREATE TABLE app.many_%s (id int)', i); END LOOP;
       GRANT SELECT ON ALL TABLES IN SCHEMA app TO app_reader;
       FOR i IN 1..3000 LOOP
         EXECUTE format('CREATE ROLE %I LOGIN IN ROLE cloudsqliamuser, app_writer', 'u' || i || '@example.com');
       END LOOP;
     END $$`,
  );
  const startedAt = performance.now();
  assert.equal(await statements(), before);
  const users = await byName(major, "app");
  assert.ok(performance.now() - startedAt < 15_000, "two lists of 3000 users took more than 15 s");
  assert.deepEqual(users.get("u3000@example.com")?.permissions, ["SELECT", "USAGE"]);
});

const logins = 40;
const groups = 12;
const tables = 4;

/** Roles in a random, acyclic graph with random privileges; the same at each run. */
function randomGrants(major: Major): string {
  let state = 20_261_121;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % below;
  };
  const statements = ["CREATE SCHEMA maze", "REVOKE ALL ON SCHEMA maze FROM PUBLIC"];
  const group = (index: number): string => `mazegroup_${String(index).padStart(2, "0")}`;
  const login = (index: number): string => `maze_${String(index).padStart(2, "0")}`;
  const join = (role: string, member: string): void => {
    const options = ["INHERIT TRUE", "INHERIT TRUE", "INHERIT FALSE", "INHERIT TRUE, SET FALSE"][random(4)];
    statements.push(`GRANT ${role} TO ${member}${major >= 16 ? ` WITH ${options}` : ""}`);
  };
  for (let index = 0; index < groups; index += 1) {
    statements.push(`CREATE ROLE ${group(index)} ${random(5) === 0 ? "NOINHERIT" : ""}`);
    if (index > 0 && random(3) > 0) join(group(random(index)), group(index));
  }
  for (let index = 0; index < logins; index += 1) {
    statements.push(`CREATE ROLE ${login(index)} LOGIN ${random(5) === 0 ? "NOINHERIT" : ""}`);
    for (let times = random(4); times > 0; times -= 1) join(group(random(groups)), login(index));
  }
  join("pg_read_all_data", login(0));
  join("pg_write_all_data", group(3));
  const anybody = (): string => (random(3) === 0 ? login(random(logins)) : group(random(groups)));
  for (let table = 0; table < tables; table += 1) {
    statements.push(`CREATE TABLE maze.t${table} (id int)`);
    if (random(2) === 0) statements.push(`ALTER TABLE maze.t${table} OWNER TO ${anybody()}`);
    for (const privilege of ["SELECT", "INSERT", "UPDATE", "DELETE"]) {
      for (let times = 6; times > 0; times -= 1) {
        statements.push(`GRANT ${privilege} ON maze.t${table} TO ${anybody()}`);
      }
      if (privilege === "DELETE" && table < 3) statements.push(`GRANT DELETE ON maze.t${table} TO PUBLIC`);
    }
  }
  for (const privilege of ["USAGE", "USAGE", "CREATE"]) {
    statements.push(`GRANT ${privilege} ON SCHEMA maze TO ${anybody()}`);
  }
  return statements.join(";\n");
}

async function askServer(major: Major): Promise<unknown[]> {
  const client = await fleet.connect(major, "maze");
  const { rows } = await client.query(`
    SELECT u.rolname AS username,
      ARRAY(
        SELECT r.rolname::text FROM pg_roles r
        WHERE r.oid <> u.oid AND pg_has_role(u.oid, r.oid, 'MEMBER') ORDER BY r.rolname
      ) AS roles,
      ARRAY(
        SELECT p FROM unnest(ARRAY['CREATE', 'DELETE', 'INSERT', 'SELECT', 'UPDATE', 'USAGE']) p
        WHERE CASE WHEN p IN ('CREATE', 'USAGE') THEN has_schema_privilege(u.oid, 'maze', p) ELSE (
          SELECT bool_and(has_table_privilege(u.oid, c.oid, p)) FROM pg_class c
          WHERE c.relnamespace = 'maze'::regnamespace AND c.relkind = 'r'
        ) END
      ) AS permissions
    FROM pg_roles u WHERE starts_with(u.rolname::text, 'maze_') ORDER BY u.rolname`);
  await client.end();
  return rows;
}
