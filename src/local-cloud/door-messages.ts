import { Transform } from "node:stream";

export interface MessageFilter {
  /** Does `change` want to see this message? `length` counts what follows the type byte. */
  wants(type: string, length: number): boolean;
  /** Takes a whole message and returns what is to be sent in its place; undefined for nothing. */
  change(message: Buffer): Buffer | undefined;
}

const HEADER_BYTES = 5;

/** A stream of PostgreSQL messages (after the start-up packet) that shows some of them to a filter, whole. */
export function createMessageTransform(filter: MessageFilter): Transform {
  let held: Buffer = Buffer.alloc(0);
  let passing = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const input = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
      held = Buffer.alloc(0);
      let sent = 0;
      let at = 0;
      while (at < input.length) {
        if (passing === 0 && input.length - at < HEADER_BYTES) break;
        if (passing === 0) {
          const length = input.readUInt32BE(at + 1);
          if (filter.wants(String.fromCharCode(input[at] ?? 0), length)) {
            const end = at + 1 + length;
            if (end > input.length) break;
            if (at > sent) this.push(input.subarray(sent, at));
            const changed = filter.change(input.subarray(at, end));
            if (changed) this.push(changed);
            at = end;
            sent = end;
            continue;
          }
          passing = 1 + length;
        }
        const step = Math.min(passing, input.length - at);
        passing -= step;
        at += step;
      }
      if (at > sent) this.push(input.subarray(sent, at));
      held = input.subarray(at);
      done();
    },
    flush(done) {
      if (held.length > 0) this.push(held);
      done();
    },
  });
}

export function encodeMessage(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(type, "latin1");
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}
