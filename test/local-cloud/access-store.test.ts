import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StoredAccess } from "../../src/domain/temporary-access.ts";
import { createAccessStore, type FirestoreAccessStore } from "../../src/google/access-store.ts";
import { type FirestoreServer, startFirestore } from "../../src/local-cloud/firestore.ts";
import { silentLog } from "../../src/log.ts";

let server: FirestoreServer;
let one: FirestoreAccessStore;
let other: FirestoreAccessStore;

before(async () => {
  server = await startFirestore();
  const options = {
    projectId: "registry-project",
    collection: "registries",
    emulatorHost: server.host,
    timeoutMs: 20_000,
    log: silentLog,
  };
  one = createAccessStore(options);
  other = createAccessStore(options);
});
after(async () => {
  await one?.close();
  await other?.close();
  await server?.stop();
});

const access: StoredAccess = {
  id: "7d0b1f60-41a5-4b3b-9c55-3a4d6a3d0c11",
  target: { project: "demo-project", region: "europe-west1", instance: "orders-db", database: "orders" },
  schema: "app",
  roleName: "orders_app_reader",
  roleKind: "reader",
  username: "carol@example.com",
  requester: { name: "carol@example.com", kind: "user" },
  reason: "a 'slow' report",
  durationMs: 3_600_000,
  state: "requested",
  createdAt: 1_000,
  decidedBy: null,
  startsAt: null,
  expiresAt: null,
  granter: null,
  grants: null,
  endedBy: null,
  endedAt: null,
  warnings: [],
};

test("of two processes that decide at once one wins, and what is due is found by all", async () => {
  await one.create(access);
  assert.deepEqual(await other.read(access.id), access);
  const approve = { state: "active", startsAt: 2_000, expiresAt: 5_000, grants: true } as const;
  const decisions = await Promise.all([
    one.change(access.id, ["requested"], approve),
    other.change(access.id, ["requested"], { state: "denied", endedAt: 2_000 }),
  ]);
  assert.equal(decisions.filter((each) => each !== undefined).length, 1);
  await one.create({ ...access, ...approve });
  assert.deepEqual(await other.due(4_999, 10), []);
  assert.deepEqual(
    (await other.due(5_000, 10)).map(({ id }) => id),
    [access.id],
  );
  assert.equal((await other.open(access.target)).length, 1);
  assert.equal((await other.list(access.target, 10)).length, 1);
  await other.change(access.id, ["active"], { state: "expired", endedAt: 6_000 });
  assert.deepEqual(await one.due(9_000, 10), []);
  assert.deepEqual(await one.open(access.target), []);
  assert.equal(await one.change(access.id, ["active"], { state: "expired" }), undefined);
});

test("what is due comes page by page, those that are due at the same time too", async () => {
  const target = { ...access.target, instance: "paged-db" };
  const ids = Array.from({ length: 7 }, (_, at) => `7d0b1f60-41a5-4b3b-9c55-3a4d6a3d1c1${at}`);
  for (const [at, id] of ids.entries()) {
    const expiresAt = at < 4 ? 20_000 : 10_000 + at;
    await one.create({ ...access, target, id, state: "active", startsAt: 1, expiresAt, grants: true });
  }
  const found: string[] = [];
  for (let page = await one.due(20_000, 2); page.length > 0; page = await one.due(20_000, 2, page.at(-1)))
    found.push(...page.map(({ id }) => id));
  assert.deepEqual(found, [...ids.slice(4), ...ids.slice(0, 4)]);
  const isOther = (stored: StoredAccess) => stored.expiresAt === 1;
  assert.equal(await one.change(ids[0] ?? "", ["active"], { state: "ending" }, isOther), undefined);
});
