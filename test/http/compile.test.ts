import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestServer } from "../support/http.ts";

test("validators are compiled one after the other while a server is open, and no more when it is closed", async (t) => {
  const pending: (() => void)[] = [];
  const { setTimeout: original } = globalThis;
  t.mock.method(globalThis, "setTimeout", (work: () => void, ms: number) => {
    if (ms !== 10) return original(work, ms);
    pending.push(work);
    return original(() => {}, 0);
  });
  const server = await startTestServer();
  const goOn = () => pending.splice(0).forEach((work) => void work());
  for (const _ of [1, 2]) {
    assert.equal(pending.length, 1);
    goOn();
  }
  assert.equal(pending.length, 1);
  await server.close();
  goOn();
  assert.equal(pending.length, 0);
});
