import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedSecretWarnings } from "../../src/operations/password-rotation.ts";

test("a rotation warns of a secret that instances of other projects may use", () => {
  const target = { project: "orders", region: "europe-west1", instance: "main-db", database: "app" };
  for (const own of [
    "projects/orders/secrets/main-db-x",
    "projects/orders/locations/europe-west1/secrets/main-db-x",
  ])
    assert.deepEqual(sharedSecretWarnings(target, own), []);
  const [warning] = sharedSecretWarnings(target, "projects/vault/secrets/main-db-x");
  assert.match(warning ?? "", /project vault: an instance named main-db in another project than orders/);
});
