import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { listSchemas } from "../../src/operations/schemas.ts";
import { ident } from "../../src/postgres/sql.ts";
import { majors, type ReadFleet, startReadFleet } from "../support/read-fleet.ts";

let fleet: ReadFleet;
before(async () => {
  fleet = await startReadFleet();
});
after(() => fleet.stop());

for (const major of majors) {
  test(`PostgreSQL ${major}: schemas are sorted by byte and system schemas are left out`, async () => {
    const names = ["zoo", "Zoo", "äpfel", "a b", 'quo"te', "pgreports", "pg", "information_schema2", "%_x"];
    const create = names.map((name) => `CREATE SCHEMA ${ident(name)};`).join("");
    const target = await fleet.createDatabase(major, "names", create);
    const other = await fleet.connect(major, "names");
    await other.query("CREATE TEMP TABLE t (x text)"); // brings a pg_temp schema and its TOAST schema
    const schemas = await listSchemas(fleet.context, fleet.call, target);
    await other.end();
    const byByte = [...names, "public"].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(schemas, byByte);
  });

  test(`PostgreSQL ${major}: a schema shows in its own database only, and no longer than it exists`, async () => {
    const one = await fleet.createDatabase(major, "one", "CREATE SCHEMA only_in_one");
    const two = await fleet.createDatabase(major, "two");
    const lists = [one, two, one, two].map((target) => listSchemas(fleet.context, fleet.call, target));
    assert.deepEqual(await Promise.all(lists), [
      ["only_in_one", "public"],
      ["public"],
      ["only_in_one", "public"],
      ["public"],
    ]);
    await fleet.sql(major, "one", "DROP SCHEMA only_in_one");
    assert.deepEqual(await listSchemas(fleet.context, fleet.call, one), ["public"]);
  });
}
