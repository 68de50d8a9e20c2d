import assert from "node:assert/strict";
import { test } from "node:test";
import { createMessageTransform } from "../../src/local-cloud/door-messages.ts";
import { message, split } from "../support/wire.ts";

async function run(pieces: Iterable<Buffer>): Promise<Buffer> {
  const transform = createMessageTransform({
    wants: (type) => type === "X" || type === "Y",
    change: (whole) => (whole[0] === 0x59 ? undefined : message("x", whole.toString("latin1", 5, 8))),
  });
  const received: Buffer[] = [];
  transform.on("data", (chunk: Buffer) => received.push(chunk));
  for (const piece of pieces) transform.write(piece);
  await new Promise<void>((resolve) => transform.end(resolve));
  return Buffer.concat(received);
}

const stream = Buffer.concat([
  message("a"),
  message("X", "one and more"),
  message("b", Buffer.alloc(1000, "Y")),
  message("Y", "gone"),
  message("X", "two"),
  message("X", "six"),
  message("c", "X"),
]);

test("wanted messages are changed or dropped and all else passes, however the bytes are cut", async () => {
  const expected = Buffer.concat([
    message("a"),
    message("x", "one"),
    message("b", Buffer.alloc(1000, "Y")),
    message("x", "two"),
    message("x", "six"),
    message("c", "X"),
  ]);
  for (let size = 1; size <= stream.length; size += size < 40 ? 1 : 97) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size));
    assert.deepEqual(split(await run(pieces)), split(expected), `pieces of ${size}`);
  }
});

test("a message that never becomes whole is passed on at the end", async () => {
  const cut = message("X", "one").subarray(0, 7);
  assert.deepEqual(await run([message("a"), cut]), Buffer.concat([message("a"), cut]));
});
