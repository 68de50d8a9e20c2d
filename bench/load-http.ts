import type { Protocol } from "./load-clients.ts";

const headEnd = Buffer.from("\r\n\r\n");
const nothing: Buffer = Buffer.alloc(0);

/** HTTP/1.1 with keep-alive and no pipelining; answers must have a Content-Length, or be chunked. */
export function httpProtocol(host: string, path: string, body: object): Protocol {
  const text = JSON.stringify(body);
  const request = Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
  return { greeting: nothing, request, createParser: createHttpParser };
}

function createHttpParser() {
  let pending = nothing;
  return (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const end = answerEnd(pending);
    if (end === undefined) return { answers: 0, failures: 0 };
    // "HTTP/1.1 200"
    const isOk = pending[9] === 0x32 && pending[10] === 0x30 && pending[11] === 0x30;
    pending = pending.subarray(end);
    return { answers: 1, failures: isOk ? 0 : 1 };
  };
}

function answerEnd(bytes: Buffer): number | undefined {
  const head = bytes.indexOf(headEnd);
  if (head < 0) return undefined;
  const headers = bytes.toString("latin1", 0, head);
  const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${headers}`);
  const end = head + headEnd.length + Number(length);
  return bytes.length < end ? undefined : end;
}
