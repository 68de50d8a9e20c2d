import type { Answers, Protocol } from "./load-clients.ts";

const headEnd = Buffer.from("\r\n\r\n");
const lengthField = Buffer.from("\r\nContent-Length: ");
const nothing: Buffer = Buffer.alloc(0);

const incomplete: Answers = { answers: 0, failures: 0 };
const success: Answers = { answers: 1, failures: 0 };
const failure: Answers = { answers: 1, failures: 1 };

/**
 * HTTP/1.1 with keep-alive and no pipelining; answers must have a Content-Length. The greeting is a request too, so that
 * all clients are in before the load begins: Node accepts one connection in a turn of its event loop, which under the load
 * of those who are in already takes the last of a thousand more than half a minute.
 * https://github.com/libuv/libuv/pull/3696
 */
export function httpProtocol(
  host: string,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Protocol {
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = JSON.stringify(body);
  const request = Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${more.join("")}` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return { greeting: request, request, createParser: createHttpParser };
}

function createHttpParser() {
  let pending = nothing;
  return (chunk: Buffer): Answers => {
    const bytes = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (!isComplete(bytes)) {
      // The chunk's memory is used again.
      pending = Buffer.from(bytes);
      return incomplete;
    }
    pending = nothing;
    // "HTTP/1.1 200"
    return bytes[9] === 0x32 && bytes[10] === 0x30 && bytes[11] === 0x30 ? success : failure;
  };
}

function isComplete(bytes: Buffer): boolean {
  const head = bytes.indexOf(headEnd);
  return head >= 0 && bytes.length >= head + headEnd.length + readLength(bytes, head);
}

function readLength(bytes: Buffer, head: number): number {
  const field = bytes.indexOf(lengthField);
  if (field >= 0 && field < head) return readDigits(bytes, field + lengthField.length);
  const headers = bytes.toString("latin1", 0, head);
  const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${headers}`);
  return Number(length);
}

function readDigits(bytes: Buffer, from: number): number {
  let number = 0;
  for (let at = from; ; at += 1) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return number;
    number = number * 10 + digit;
  }
}
