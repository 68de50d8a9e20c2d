import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAccountName } from "../../src/domain/account.ts";
import { generatePassword, scramVerifier } from "../../src/domain/password.ts";
import { userSecretId } from "../../src/domain/secret-id.ts";
import { ServiceError } from "../../src/errors.ts";

test("a verifier is the one of RFC 7677's example", async () => {
  const verifier = await scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
  assert.equal(
    verifier,
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
  await assert.rejects(scramVerifier("pässword"), TypeError);
});

test("generated passwords differ, and have characters of four kinds", () => {
  const made = new Set(Array.from({ length: 200 }, generatePassword));
  assert.equal(made.size, 200);
  for (const password of made) {
    assert.match(password, /^[A-Za-z0-9_.~-]{40}$/);
    for (const kind of [/[A-Z]/, /[a-z]/, /[0-9]/, /[-_.~]/]) assert.match(password, kind);
  }
});

test("two users never share a secret, and none has the admin's", () => {
  const names = [
    "a",
    "A",
    "a-b",
    "a_b",
    "a__b",
    "a b",
    "a/b",
    "ä",
    "../x",
    '"',
    "x".repeat(63),
    "ä".repeat(31),
  ];
  const ids = ["db", "db-x", "d"].flatMap((instance) => names.map((name) => userSecretId(instance, name)));
  assert.equal(new Set(ids).size, ids.length);
  for (const id of [...ids, userSecretId("i".repeat(98), "ä".repeat(31))]) {
    assert.match(id, /^[A-Za-z0-9_-]{1,255}$/);
    assert.ok(!id.endsWith("-postgres-password"));
  }
});

test("a name must be one that a user of its type can have", () => {
  const refused = (name: string, type: Parameters<typeof parseAccountName>[2]): boolean => {
    try {
      parseAccountName("username", name, type);
      return false;
    } catch (error) {
      return error instanceof ServiceError && error.kind === "validation_error";
    }
  };
  assert.equal(parseAccountName("username", "Alice@Example.com", "iam_user"), "alice@example.com");
  assert.equal(parseAccountName("username", "a@p.iam.gserviceaccount.com", "iam_service_account"), "a@p.iam");
  assert.equal(parseAccountName("username", "Mixed Case", "built_in"), "Mixed Case");
  assert.ok(refused("alice@example.com", "built_in"));
  assert.ok(refused("a@p.iam", "iam_user"));
  assert.ok(refused("alice@example.com", "iam_service_account"));
  assert.ok(refused("plain", "iam_group"));
  assert.ok(refused(`${"l".repeat(60)}@example.com`, "iam_user"));
});
