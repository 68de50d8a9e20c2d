import assert from "node:assert/strict";
import { test } from "node:test";
import { iamKind, parseUsername } from "../../src/domain/iam-user.ts";
import { ServiceError } from "../../src/errors.ts";

function refusal(value: string): string {
  try {
    parseUsername("username", value);
  } catch (error) {
    assert.ok(error instanceof ServiceError);
    assert.equal(error.kind, "validation_error");
    assert.equal(error.faults[0]?.pointer, "/username");
    return error.faults[0]?.detail ?? "";
  }
  return assert.fail(`${JSON.stringify(value)} was accepted`);
}

test("an e-mail address is lower-cased", () => {
  assert.deepEqual(parseUsername("username", "Alice.Smith@Example.COM"), {
    normalized: "alice.smith@example.com",
    kind: "email",
  });
  assert.equal(parseUsername("username", "o'brien+db@example.com").kind, "email");
  assert.equal(parseUsername("username", "data-team@example.com").normalized, "data-team@example.com");
});

test("a service account loses exactly .gserviceaccount.com, and may come without it", () => {
  const accounts = [
    ["reporter@demo-project.iam.gserviceaccount.com", "reporter@demo-project.iam"],
    ["123-compute@developer.gserviceaccount.com", "123-compute@developer"],
    ["demo-project@appspot.gserviceaccount.com", "demo-project@appspot"],
    ["123@cloudservices.gserviceaccount.com", "123@cloudservices"],
    ["sa@p.example.com.iam.gserviceaccount.com", "sa@p.example.com.iam"],
    ["Reporter@Demo-Project.IAM.gserviceaccount.com", "reporter@demo-project.iam"],
  ];
  for (const [email = "", short = ""] of accounts) {
    assert.deepEqual(parseUsername("username", email), { normalized: short, kind: "service_account" });
    assert.deepEqual(parseUsername("username", short), { normalized: short, kind: "service_account" });
  }
});

test("an address that only resembles a service account stays an e-mail address", () => {
  for (const email of [
    "a@gserviceaccount.com",
    "a@p.iam.gserviceaccount.com.evil.org",
    "a@notgserviceaccount.com",
  ]) {
    assert.deepEqual(parseUsername("username", email), { normalized: email, kind: "email" });
  }
});

test("a plain role name keeps its case and its oddities", () => {
  for (const name of [
    "legacy_app",
    "Legacy App",
    'quo"te',
    "Ünïcode",
    "Bob@Corp",
    "a@b@c.com",
    "user.name",
    "PUBLIC",
  ]) {
    assert.deepEqual(parseUsername("username", name), { normalized: name, kind: "role" });
  }
});

test("what counts is the length in bytes after normalisation", () => {
  const local = "s".repeat(56);
  assert.equal(parseUsername("username", `${local}@pp.iam.gserviceaccount.com`).normalized.length, 63);
  assert.match(refusal(`${local}s@pp.iam.gserviceaccount.com`), /64 bytes/);
  assert.equal(parseUsername("username", "é".repeat(31)).normalized.length, 31);
  assert.match(refusal("é".repeat(32)), /64 bytes/);
  assert.match(refusal(`${"a".repeat(60)}@example.com`), /72 bytes/);
});

test("names that no user can have are refused", () => {
  for (const value of ["", "   ", "a\u0000b", "a\nb@example.com", "tab\t", "\ud800", "zero\u200bwidth"]) {
    refusal(value);
  }
  assert.match(refusal(" alice@example.com"), /white space around/);
  assert.match(refusal("sa@p.iam.gserviceaccount.com "), /white space around/);
});

test("reserved role names are refused, but not addresses that start alike", () => {
  const reserved = [
    "public",
    "none",
    "current_user",
    "session_user",
    "current_role",
    "pg_monitor",
    "cloudsqladmin",
  ];
  for (const name of reserved) assert.match(refusal(name), /reserved/);
  assert.match(refusal("pg_x@example.com"), /pg_/);
  assert.equal(parseUsername("username", "cloudsql-proxy@demo.iam").kind, "service_account");
  assert.equal(parseUsername("username", "cloudsql-admins@example.com").kind, "email");
});

test("the kind of an IAM principal follows from its direct memberships", () => {
  assert.equal(iamKind(["app_reader", "cloudsqliamuser"]), "iam_user");
  assert.equal(iamKind(["cloudsqliamgroupuser"]), "iam_user");
  assert.equal(iamKind(["cloudsqliamserviceaccount"]), "iam_service_account");
  assert.equal(iamKind(["cloudsqliamgroup"]), "iam_group");
  assert.equal(iamKind(["cloudsqlsuperuser", "constructor"]), undefined);
  assert.equal(iamKind([]), undefined);
});
