import type { Duplex } from "node:stream";

/** The first packet that counts: a start-up message or a cancel request, whole. */
export type Opening =
  | { readonly kind: "startup"; readonly packet: Buffer; readonly user: string | undefined }
  | { readonly kind: "cancel"; readonly packet: Buffer };

const SSL_REQUEST = 80877103;
const GSS_ENCRYPTION_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;
/** The server's own limit (MAX_STARTUP_PACKET_LENGTH). */
const MAX_PACKET_BYTES = 10_000;

/**
 * Reads up to and including the opening packet and answers requests for encryption with "no". What follows is put back
 * into the stream, which is left paused. Rejects when the stream ends, fails, or speaks something else.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export function readOpening(stream: Duplex): Promise<Opening> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const finish = () => {
      stream.off("data", take).off("end", fail).off("close", fail).off("error", fail);
      stream.pause();
    };
    const fail = () => {
      finish();
      reject(new Error("the client left, or sent no start-up packet"));
    };
    const take = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const packet = takePacket(received);
        if (packet === "invalid") return fail();
        if (!packet) return;
        received = received.subarray(packet.length);
        const code = packet.readInt32BE(4);
        if (code !== SSL_REQUEST && code !== GSS_ENCRYPTION_REQUEST) {
          finish();
          if (received.length > 0) stream.unshift(received);
          return resolve(parseOpening(packet, code));
        }
        stream.write("N");
      }
    };
    stream.on("data", take).on("end", fail).on("close", fail).on("error", fail);
    stream.resume();
  });
}

function takePacket(received: Buffer): Buffer | "invalid" | undefined {
  if (received.length < 4) return undefined;
  const length = received.readInt32BE(0);
  if (length < 8 || length > MAX_PACKET_BYTES) return "invalid";
  return received.length < length ? undefined : received.subarray(0, length);
}

function parseOpening(packet: Buffer, code: number): Opening {
  if (code === CANCEL_REQUEST) return { kind: "cancel", packet };
  const fields = packet.toString("utf8", 8).split("\0");
  for (let i = 0; i + 1 < fields.length && fields[i] !== ""; i += 2) {
    if (fields[i] === "user") return { kind: "startup", packet, user: fields[i + 1] };
  }
  return { kind: "startup", packet, user: undefined };
}

/** An ErrorResponse that ends a session before it began. */
export function fatalResponse(sqlstate: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlstate}\0M${message}\0\0`);
  const header = Buffer.alloc(5);
  header.write("E");
  header.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([header, fields]);
}
