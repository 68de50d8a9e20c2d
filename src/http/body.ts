import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { ServiceError } from "../errors.ts";

/** The largest body that is read, in bytes. */
export const maxBodyBytes = 100 * 1024;

/** What a refused body may go on sending before the connection is cut, in bytes. */
const maxDiscardedBytes = 8 * 1024 * 1024;

/**
 * Reads a request's body: a JSON object in UTF-8. Rejects with a ServiceError: `payload_too_large`,
 * `unsupported_media_type`, or `validation_error` when it is no JSON object.
 */
export async function readJsonBody(request: IncomingMessage): Promise<object> {
  if (!hasBody(request)) throw invalidBody("is missing; a JSON object is required");
  assertMediaType(request);
  if (declaresTooMuch(request)) {
    discard(request);
    throw tooLarge();
  }
  return parseJsonObject(await readBytes(request));
}

/** Whether Content-Length alone says that the body is too large. */
export function declaresTooMuch(request: IncomingMessage): boolean {
  return Number(request.headers["content-length"] ?? 0) > maxBodyBytes;
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers["content-length"];
  return request.headers["transfer-encoding"] !== undefined || (length !== undefined && Number(length) > 0);
}

function assertMediaType(request: IncomingMessage): void {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new ServiceError(
      "unsupported_media_type",
      "The body must not be compressed or encoded (Content-Encoding)",
    );
  }
  const [type = "", ...parameters] = (request.headers["content-type"] ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json") {
    throw new ServiceError(
      "unsupported_media_type",
      "The body must be JSON: send Content-Type: application/json",
    );
  }
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"]*?)"?\s*$/i.exec(parameter)?.[1];
    if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
      throw new ServiceError("unsupported_media_type", "The body must be in UTF-8");
    }
  }
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= maxBodyBytes) {
        chunks.push(chunk);
        return;
      }
      request.off("data", onData);
      discard(request);
      reject(tooLarge());
    };
    // Every request closes in the end; making an error of that costs more than reading the body. An error of its
    // own a request has only for who listens to it, and it closes then too.
    const onClose = (): void => reject(new Error("The client went away while it sent the body"));
    request.on("data", onData);
    request.on("end", () => {
      request.off("close", onClose);
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    request.on("close", onClose);
  });
}

/**
 * Takes what the client still sends and drops it, so that it can read the answer: a connection that is closed with
 * unread data is reset. There is an end to that.
 */
function discard(request: IncomingMessage): void {
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxDiscardedBytes) request.destroy();
  });
}

function parseJsonObject(bytes: Buffer): object {
  if (!isUtf8(bytes)) throw invalidBody("is not valid UTF-8");
  const text = bytes.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch {
    // The parser's own message quotes the body, which may hold what nobody should read in a log.
    throw invalidBody("is not valid JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidBody("must be a JSON object");
  if (countColons(text) !== countMembers(value)) throw invalidBody("has the same key twice in one object");
  return value;
}

/** The members of all objects of a text that is valid JSON: each has one colon outside its strings. */
function countColons(text: string): number {
  let colons = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x3a) colons += 1;
    else if (code === 0x22) {
      // To the end of the string.
      for (at += 1; text.charCodeAt(at) !== 0x22; at += 1) if (text.charCodeAt(at) === 0x5c) at += 1;
    }
  }
  return colons;
}

/** What the parser kept of them: of a key that is there twice, the last one. */
function countMembers(value: object): number {
  let members = 0;
  const open = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const isList = Array.isArray(next);
    for (const key in next) {
      if (!isList) members += 1;
      const item = (next as Record<string, unknown>)[key];
      if (typeof item === "object" && item !== null) open.push(item);
    }
  }
  return members;
}

function invalidBody(detail: string): ServiceError {
  return new ServiceError("validation_error", `The body ${detail}`, { faults: [{ pointer: "", detail }] });
}

function tooLarge(): ServiceError {
  return new ServiceError(
    "payload_too_large",
    `The body must not be larger than ${maxBodyBytes / 1024} KiB`,
    {
      details: { limit_bytes: maxBodyBytes },
    },
  );
}
