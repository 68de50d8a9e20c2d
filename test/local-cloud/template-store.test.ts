import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { builtinTemplates } from "../../src/domain/builtin-templates.ts";
import type { Template } from "../../src/domain/role-template.ts";
import { formatTemplate } from "../../src/domain/template-form.ts";
import { ServiceError } from "../../src/errors.ts";
import { createTemplateStore, type FirestoreTemplateStore } from "../../src/google/template-store.ts";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { silentLog } from "../../src/log.ts";

let server: FirestoreServer;
let empty: unknown;
const opened: FirestoreTemplateStore[] = [];

before(async () => {
  server = await startFirestore();
  empty = server.snapshot();
});
beforeEach(() => server.restore(empty));
afterEach(async () => {
  server.faults.clear();
  for (const store of opened.splice(0)) await store.close();
});
after(() => server.stop());

function openStore(): FirestoreTemplateStore {
  const store = createTemplateStore({
    projectId: "registry-project",
    collection: "role_templates",
    emulatorHost: server.host,
    timeoutMs: 20_000,
    log: silentLog,
  });
  opened.push(store);
  return store;
}

const some = builtinTemplates.find((one) => one.name === "backup") as Template;
const template = (more: Partial<Template> = {}): Template => ({ ...some, name: "custom", ...more });
const author = "alice@example.com";
const refusedAs = (kind: string) => (error: unknown) => error instanceof ServiceError && error.kind === kind;

test("what was added is read by another process as it was, with who did it and when", async () => {
  const added = await openStore().add(template(), "new", author);
  assert.equal(added.changed, true);
  const store = openStore();
  const stored = await store.read("custom");
  assert.deepEqual(stored, added.template);
  assert.deepEqual([stored?.createdBy, stored?.versions[0]?.createdBy], [author, author]);
  const read = await store.readVersion("custom", "1.0.0");
  assert.ok(read);
  assert.deepEqual(formatTemplate(read), formatTemplate(template()));
  assert.equal(await store.read("other"), undefined);
  assert.equal(await store.readVersion("custom", "2.0.0"), undefined);
});

test("the same content again changes nothing, other content and lesser versions are refused", async () => {
  const store = openStore();
  await store.add(template(), "new", author);
  for (const as of ["new", "next"] as const)
    assert.equal((await store.add(template(), as, "bob@example.com")).changed, false);
  const other = template({ description: "other words" });
  for (const as of ["new", "next"] as const)
    await assert.rejects(store.add(other, as, author), refusedAs("conflict"));
  await assert.rejects(store.add(template({ version: "2.0.0" }), "new", author), refusedAs("conflict"));
  await assert.rejects(store.add(template({ version: "0.9.0" }), "next", author), refusedAs("conflict"));
  await assert.rejects(store.add(template({ name: "none" }), "next", author), refusedAs("not_found"));
  assert.equal((await store.add(template({ version: "1.10.0" }), "next", author)).changed, true);
  await assert.rejects(store.add(template({ version: "1.9.0" }), "next", author), refusedAs("conflict"));
  const versions = (await store.list()).map((one) => [one.name, one.versions.map((each) => each.version)]);
  assert.deepEqual(versions, [["custom", ["1.10.0", "1.0.0"]]]);
});

test("a version, and then all of it, is retired once, and still read", async () => {
  const store = openStore();
  await store.add(template(), "new", author);
  await store.add(template({ version: "2.0.0" }), "next", author);
  await assert.rejects(store.retire("none", undefined, author), refusedAs("not_found"));
  await assert.rejects(store.retire("custom", "3.0.0", author), refusedAs("not_found"));
  const changes = [];
  for (const version of ["1.0.0", "1.0.0", undefined, undefined])
    changes.push((await store.retire("custom", version, author)).changed);
  assert.deepEqual(changes, [true, false, true, false]);
  const stored = await openStore().read("custom");
  assert.ok(stored?.retiredAt);
  assert.equal(stored.versions.find((one) => one.version === "1.0.0")?.retiredBy, author);
  assert.ok(await openStore().readVersion("custom", "1.0.0"));
  await assert.rejects(store.add(template({ version: "3.0.0" }), "next", author), refusedAs("conflict"));
});

test("of many who add the same name at once, one content wins, and all agree on it", async () => {
  const stores = [openStore(), openStore(), openStore()];
  const results = await Promise.allSettled(
    stores.flatMap((store, at) =>
      ["x", "y"].map((words) => store.add(template({ description: words }), "new", `user-${at}@example.com`)),
    ),
  );
  const done = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  assert.equal(done.filter((one) => one.changed).length, 1);
  assert.equal(done.length, 3);
  for (const one of results) if (one.status === "rejected") assert.ok(refusedAs("conflict")(one.reason));
  assert.equal((await stores[0]?.read("custom"))?.versions.length, 1);
});

test("a name that no template can have is that of none, whatever it does to a path", async () => {
  const store = openStore();
  for (const name of ["../../etc/passwd", ".", "", "a/b/c", "__x__", "é".repeat(2000), "Custom"]) {
    assert.equal(await store.read(name), undefined);
    assert.equal(await store.readVersion(name, "1.0.0"), undefined);
    await assert.rejects(store.retire(name, undefined, author), refusedAs("not_found"));
  }
  assert.equal(await store.readVersion("custom", "../1"), undefined);
});

test("a store that is away is a failure, never an empty one", async () => {
  const store = openStore();
  await store.add(template(), "new", author);
  await server.stop();
  try {
    for (const call of [
      () => store.list(),
      () => store.read("custom"),
      () => store.readVersion("custom", "9.0.0"),
    ])
      await assert.rejects(
        call(),
        (error) => error instanceof ServiceError && /^(unavailable|timeout)$/.test(error.kind),
      );
  } finally {
    server = await startFirestore();
    empty = server.snapshot();
  }
});
