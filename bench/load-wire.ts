import type { Protocol } from "./load-clients.ts";

/** PostgreSQL's protocol, version 3, for a server that asks for no password: one simple query after the other. */
export function wireProtocol(options: {
  readonly user: string;
  readonly database: string;
  readonly query: string;
}): Protocol {
  const parameters = `user\0${options.user}\0database\0${options.database}\0\0`;
  const greeting = Buffer.alloc(8 + parameters.length);
  greeting.writeInt32BE(greeting.length, 0);
  greeting.writeInt32BE(196_608, 4);
  greeting.write(parameters, 8);
  const request = Buffer.alloc(1 + 4 + Buffer.byteLength(options.query) + 1);
  request.write("Q");
  request.writeInt32BE(request.length - 1, 1);
  request.write(options.query, 5);
  return { greeting, request, createParser: createWireParser };
}

const readyForQuery = "Z".charCodeAt(0);
const errorResponse = "E".charCodeAt(0);

function createWireParser() {
  let pending: Buffer = Buffer.alloc(0);
  return (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let answers = 0;
    let failures = 0;
    let at = 0;
    while (pending.length - at >= 5) {
      const length = 1 + pending.readInt32BE(at + 1);
      if (pending.length - at < length) break;
      if (pending[at] === readyForQuery) answers += 1;
      if (pending[at] === errorResponse) failures += 1;
      at += length;
    }
    pending = Buffer.from(pending.subarray(at));
    return { answers, failures };
  };
}
