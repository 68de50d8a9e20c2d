import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import utilities from "pg/lib/crypto/utils.js";
import { type PostgresServer, startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import type { ClosablePools } from "../../src/postgres/pools.ts";
import { countScramKeys, rememberScramKeys } from "../../src/postgres/scram-keys.ts";
import { createTestPools, testTarget } from "../support/pools.ts";

const hostile = `p'ä"ss\\ word 🔑 %s`;

let server: PostgresServer;
let password: string;
let pools: ClosablePools;

before(async () => {
  // Before the superuser logs in for the first time: it does so again when its session was idle for long.
  rememberScramKeys();
  server = await startPostgresServer({ major: 17, mode: "strict" });
  for (const name of ["one", "two"]) await server.createDatabase(name);
});

after(() => server.stop());

afterEach(() => pools.close());

function open(): void {
  password = server.adminPassword;
  const passwords = { read: async () => password, forget() {}, expire() {} };
  pools = createTestPools({ pg17: server }, { passwords });
}

const connect = (database: string) =>
  pools.withSession(testTarget("pg17", database), { operation: "test" }, (session) =>
    session.query("SELECT 1"),
  );

/** As a rotation does it: the server makes a new salt. */
async function setPassword(text: string): Promise<void> {
  await server.querySuperuser("postgres", `ALTER ROLE postgres PASSWORD '${text.replaceAll("'", "''")}'`);
}

describe("keys derived from passwords", () => {
  it("are derived once for all databases of an instance", async () => {
    open();
    const before = countScramKeys();
    await connect("one");
    assert.equal(countScramKeys(), before + 1, "pg derives by the function that remembers");
    await connect("two");
    assert.equal(countScramKeys(), before + 1);
  });

  it("are others once the password is another, or the same one with another salt", async () => {
    open();
    await connect("one");
    const before = countScramKeys();
    await setPassword(hostile);
    await assert.rejects(connect("two"), { kind: "unavailable", details: { sqlstate: "28P01" } });
    password = hostile;
    await connect("two");
    await setPassword(hostile);
    await pools.console.drain("everything").done;
    await connect("one");
    // The old password with the new salt, the new one with it, and with the newest.
    assert.equal(countScramKeys(), before + 3);
    await setPassword(server.adminPassword);
  });

  it("are not remembered when they could not be derived", async () => {
    open();
    const before = countScramKeys();
    await assert.rejects(utilities.deriveKey("text", new Uint8Array(16), -1));
    assert.equal(countScramKeys(), before);
  });

  it("are forgotten when there are too many, and derived as pg does it", async () => {
    open();
    const salt = new Uint8Array(16);
    const first = Buffer.from(await utilities.deriveKey("first", salt, 1)).toString("hex");
    for (let n = 0; n < 1_200; n += 1) await utilities.deriveKey(`password ${n}`, salt, 1);
    assert.equal(countScramKeys(), 1_000);
    assert.equal(Buffer.from(await utilities.deriveKey("first", salt, 1)).toString("hex"), first);
    const others = [
      await utilities.deriveKey("first", salt, 2),
      await utilities.deriveKey("first", salt.with(0, 1), 1),
    ];
    for (const other of others) assert.notEqual(Buffer.from(other).toString("hex"), first);
  });
});
