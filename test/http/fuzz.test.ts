import assert from "node:assert/strict";
import { test } from "node:test";
import { contractOperations } from "../support/contract.ts";
import { fuzz } from "../support/fuzz.ts";
import { startTestServer } from "../support/http.ts";

test("whatever is sent, the answer is what the contract says and never a fault of the service", async () => {
  const service = await startTestServer();
  const seen = new Map<number, number>();
  const reached = new Set<string>();
  try {
    await fuzz({
      url: service.url,
      runs: 3000,
      onAnswer(request, status) {
        seen.set(status, (seen.get(status) ?? 0) + 1);
        if (status === 200 || status === 202) reached.add(request.operationId);
      },
    });
  } finally {
    await service.close();
  }
  for (const status of [200, 400, 413, 415])
    assert.ok((seen.get(status) ?? 0) > 0, `no answer was ${status}`);
  const missed = contractOperations.filter(({ operationId }) => !reached.has(operationId));
  assert.deepEqual(missed, [], "never reached");
  assert.deepEqual(
    service.lines.filter(({ level }) => level === "error"),
    [],
  );
});

test("the fuzzer finds an operation that fails on names that need quotes", async () => {
  const service = await startTestServer({
    operations: {
      async listTables(_context, _call, _target, { schema }) {
        if (/[^a-z_]/.test(schema)) throw new Error("syntax error");
        return [];
      },
    },
  });
  try {
    await assert.rejects(
      fuzz({ url: service.url, runs: 1000, operationIds: ["listTables"] }),
      /Property failed/,
    );
  } finally {
    await service.close();
  }
});
