import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resetSocket } from "./reset-socket.ts";

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** The body as text; at most 1 MiB. */
  readBody(): Promise<string>;
  /** Ends the connection with a reset; the answer is then dropped. */
  reset(): void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text goes as it is, anything else as JSON. */
  readonly body?: unknown;
}

export interface LoopbackHttp {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Stops listening and resets what is connected: new connections are refused. */
  pause(): Promise<void>;
  /** Listens again on the same port. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

const bodyLimitBytes = 1024 * 1024;

/** A small HTTP server on 127.0.0.1; `port` 0 or none picks a free one. */
export async function startLoopbackHttp(
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
  options: { readonly port?: number | undefined } = {},
): Promise<LoopbackHttp> {
  const host = "127.0.0.1";
  const server = createServer((message, response) => {
    serve(message, response, answer).catch(() => message.socket.destroy());
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  await listen(options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  return {
    host,
    port,
    url: `http://${host}:${port}`,
    pause: close,
    async resume() {
      if (!server.listening) await listen(port);
    },
    stop: close,
  };
}

async function serve(
  message: IncomingMessage,
  response: ServerResponse,
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<void> {
  const { status, headers, body } = await answer({
    method: message.method ?? "GET",
    url: new URL(message.url ?? "/", "http://127.0.0.1"),
    headers: message.headers,
    readBody: () => readBody(message),
    reset: () => resetSocket(message.socket),
  });
  const isText = typeof body === "string";
  const text = body === undefined ? "" : isText ? body : JSON.stringify(body, null, 2);
  response.writeHead(status, {
    "Content-Type": isText ? "text/plain; charset=UTF-8" : "application/json; charset=UTF-8",
    "Content-Length": Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    size += chunk.length;
    if (size > bodyLimitBytes) throw new Error("request body too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
