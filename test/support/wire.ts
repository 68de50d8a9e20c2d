import type { Client } from "pg";
import { until } from "./until.ts";

/** Frames one message of PostgreSQL's protocol; a string in the body ends with a NUL, a number is an Int16. */
export function message(type: string, ...body: (string | number | Buffer)[]): Buffer {
  const parts = body.map((part) => {
    if (Buffer.isBuffer(part)) return part;
    if (typeof part === "string") return Buffer.from(`${part}\0`);
    const number = Buffer.alloc(2);
    number.writeInt16BE(part);
    return number;
  });
  const content = Buffer.concat(parts);
  const header = Buffer.alloc(5);
  header.write(type, "latin1");
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

export const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};

/** Splits a received stream of bytes into whole messages. */
export function split(received: Buffer): { type: string; body: Buffer }[] {
  const messages: { type: string; body: Buffer }[] = [];
  let at = 0;
  while (at + 5 <= received.length) {
    const end = at + 1 + received.readInt32BE(at + 1);
    if (end > received.length) break;
    messages.push({ type: received.toString("latin1", at, at + 1), body: received.subarray(at + 5, end) });
    at = end;
  }
  return messages;
}

/**
 * Takes a connected client's socket over, writes the bytes in pieces, and returns all that came until as many
 * ReadyForQuery as wanted. The client is good for nothing but `end` afterwards.
 */
export async function exchange(
  client: Client,
  bytes: Buffer,
  options: { readonly ready: number; readonly piece?: number },
): Promise<Buffer> {
  const { stream } = client.connection;
  stream.removeAllListeners("data");
  const received: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => received.push(chunk));
  const piece = options.piece ?? bytes.length;
  for (let at = 0; at < bytes.length; at += piece) {
    await new Promise((resolve) => stream.write(bytes.subarray(at, at + piece), resolve));
  }
  await until(
    () => split(Buffer.concat(received)).filter(({ type }) => type === "Z").length >= options.ready,
    { what: "the server is ready" },
  );
  return Buffer.concat(received);
}
