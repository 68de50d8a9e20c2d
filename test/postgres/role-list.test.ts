import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ServiceError } from "../../src/errors.ts";
import type { Major } from "../../src/local-cloud/postgres-binaries.ts";
import { listRoles } from "../../src/operations/role-list.ts";
import { majors, type ReadFleet, startReadFleet } from "../support/read-fleet.ts";

const notInheriting = (major: Major): string =>
  major >= 16
    ? "CREATE ROLE not_inheriting; GRANT app_reader TO not_inheriting WITH INHERIT FALSE"
    : "CREATE ROLE not_inheriting NOINHERIT; GRANT app_reader TO not_inheriting";

const setup = (major: Major): string => `
  CREATE SCHEMA app; CREATE SCHEMA other; CREATE SCHEMA owned AUTHORIZATION pg_database_owner;
  CREATE TABLE app.t (id int, secret text);
  CREATE SEQUENCE app.s;
  CREATE ROLE app_reader; GRANT USAGE ON SCHEMA app TO app_reader;
  CREATE ROLE app_writer IN ROLE app_reader;
  CREATE ROLE app_top IN ROLE app_writer;
  CREATE ROLE "Weird ""Role" ; GRANT SELECT ON app.t TO "Weird ""Role";
  CREATE ROLE by_column; GRANT SELECT (id) ON app.t TO by_column;
  CREATE ROLE by_sequence; GRANT USAGE ON SEQUENCE app.s TO by_sequence;
  CREATE ROLE function_owner; CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
  ALTER FUNCTION app.f() OWNER TO function_owner;
  CREATE ROLE type_owner; CREATE DOMAIN app.d AS int; ALTER DOMAIN app.d OWNER TO type_owner;
  CREATE ROLE reads_all IN ROLE pg_read_all_data;
  CREATE ROLE owns_database; ALTER DATABASE shop OWNER TO owns_database;
  CREATE ROLE only_default;
  ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO only_default;
  CREATE ROLE elsewhere; GRANT USAGE ON SCHEMA other TO elsewhere;
  CREATE ROLE second_only;
  CREATE ROLE idle_role;
  ${notInheriting(major)};
  CREATE ROLE keeper; GRANT "alice@example.com" TO keeper;
  GRANT USAGE ON SCHEMA app TO "data-team@example.com", legacy_app, "alice@example.com";
  CREATE ROLE cloudsql_made_up; GRANT USAGE ON SCHEMA app TO cloudsql_made_up;
  CREATE ROLE super_group SUPERUSER;`;

const inApp = [
  'Weird "Role',
  "app_reader",
  "app_top",
  "app_writer",
  "by_column",
  "by_sequence",
  "function_owner",
  "keeper",
  "reads_all",
  "type_owner",
];
const notInApp = ["elsewhere", "idle_role", "not_inheriting", "only_default", "owns_database", "second_only"];

let fleet: ReadFleet;
before(async () => {
  fleet = await startReadFleet();
  await Promise.all(
    majors.map(async (major) => {
      const server = fleet.server(major);
      await server.createUser({ name: "alice@example.com", type: "CLOUD_IAM_USER" });
      await server.createUser({ name: "data-team@example.com", type: "CLOUD_IAM_GROUP" });
      await server.createUser({ name: "legacy_app", type: "BUILT_IN", password: "legacy" });
      await fleet.createDatabase(major, "shop", setup(major));
      await fleet.createDatabase(
        major,
        "second",
        "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO second_only",
      );
    }),
  );
});
after(() => fleet.stop());

function list(major: Major, schema?: string, database = "shop"): Promise<string[]> {
  const input = schema === undefined ? {} : { schema };
  return listRoles(fleet.context, fleet.call, fleet.target(major, database), input);
}

for (const major of majors) {
  test(`PostgreSQL ${major}: all roles but system roles, logins and IAM groups are listed, by byte`, async () => {
    assert.deepEqual(await list(major), [...inApp, ...notInApp].sort());
  });

  test(`PostgreSQL ${major}: with a schema, only roles that own or hold something in it are listed`, async () => {
    assert.deepEqual(await list(major, "app"), inApp);
    assert.deepEqual(await list(major, "other"), ["elsewhere", "reads_all"]);
  });

  test(`PostgreSQL ${major}: the owner of the database holds what pg_database_owner holds`, async () => {
    assert.deepEqual(await list(major, "owned"), ["owns_database", "reads_all"]);
  });

  test(`PostgreSQL ${major}: a schema of the same name in another database does not count`, async () => {
    assert.deepEqual(await list(major, "app", "second"), ["reads_all", "second_only"]);
  });

  test(`PostgreSQL ${major}: what PUBLIC may do makes no role a holder`, async () => {
    await fleet.sql(major, "shop", "CREATE SCHEMA open_to_all; GRANT ALL ON SCHEMA open_to_all TO PUBLIC");
    assert.deepEqual(await list(major, "open_to_all"), ["reads_all"]);
  });

  test(`PostgreSQL ${major}: roles of an unknown schema are not found`, async () => {
    for (const schema of ["missing", "APP", "x".repeat(64)]) {
      await assert.rejects(list(major, schema), (error) => {
        assert.ok(error instanceof ServiceError);
        assert.deepEqual([error.kind, error.details.resource], ["not_found", "schema"]);
        return true;
      });
    }
  });
}
