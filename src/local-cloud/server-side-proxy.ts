import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { type CertificateAuthority, iamLoginAttribute } from "./certificates.ts";
import type { Login } from "./door.ts";
import { resetSocket } from "./reset-socket.ts";

export interface ServerSideProxyOptions {
  /** The common name of the server's certificate: `PROJECT:INSTANCE`. */
  readonly commonName: string;
  readonly authority: CertificateAuthority;
  /** Takes over a decrypted connection whose client certificate was accepted; the login is what that certificate is for. */
  readonly accept: (stream: Duplex, login: Login) => void;
  readonly port?: number;
}

/** What an instance's front door does to connections; `ok` unless a fault is switched on. */
export type ProxyBehaviour = "ok" | "refusing" | "resetting" | "silent";

export interface ServerSideProxy {
  readonly address: string;
  readonly port: number;
  /** `refusing` closes the listener (ECONNREFUSED), `resetting` resets what connects, `silent` never answers. */
  setBehaviour(behaviour: ProxyBehaviour): Promise<void>;
  /** Resets every live connection. */
  dropConnections(): void;
  stop(): Promise<void>;
}

/** The port that Cloud SQL's connectors and Auth Proxy use; it cannot be configured in them. */
export const proxyPort = 3307;

/**
 * The server-side proxy of one instance: mutual TLS 1.3 on a loopback address of its own. Linux answers on all of
 * 127.0.0.0/8, so several instances can listen on the one port that connectors know.
 */
export async function startServerSideProxy(options: ServerSideProxyOptions): Promise<ServerSideProxy> {
  const { authority, accept, port = proxyPort } = options;
  // By the client's address, since a TLSSocket does not give away the socket below it.
  const live = new Map<string, Socket>();
  let behaviour: ProxyBehaviour = "ok";

  const tls = createTlsServer({
    ...authority.issueServerCertificate(options.commonName),
    ca: authority.cert,
    requestCert: true,
    // Refused below, with a reset: node:tls would only close, which a client cannot tell from a server's goodbye.
    rejectUnauthorized: false,
    minVersion: "TLSv1.3",
    handshakeTimeout: 30_000,
    // Keeps a half-closed client readable to the end, as a PostgreSQL server does.
    allowHalfOpen: true,
  });
  tls.on("secureConnection", (socket) => {
    if (socket.authorized) accept(socket, readLogin(socket));
    else resetSocket(live.get(clientOf(socket)));
  });
  tls.on("tlsClientError", (_error, socket) => socket.destroy());

  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    const client = clientOf(socket);
    live.set(client, socket);
    socket.on("close", () => live.delete(client));
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
    if (behaviour === "resetting") resetSocket(socket);
    else if (behaviour === "ok") tls.emit("connection", socket);
  });
  const address = await listenOnOwnAddress(listener, port);

  return {
    address,
    port,
    async setBehaviour(next) {
      const previous = behaviour;
      behaviour = next;
      if (next === "refusing" && previous !== "refusing") listener.close();
      if (next !== "refusing" && previous === "refusing") await listen(listener, address, port);
    },
    dropConnections() {
      for (const socket of live.values()) resetSocket(socket);
    },
    async stop() {
      const closed = listener.listening
        ? new Promise((resolve) => listener.close(resolve))
        : Promise.resolve(undefined);
      for (const socket of live.values()) socket.destroy();
      await closed;
    },
  };
}

function clientOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function readLogin(socket: TLSSocket): Login {
  const user = socket.getPeerCertificate().subject[iamLoginAttribute];
  return typeof user === "string" ? { kind: "iam", user } : { kind: "password" };
}

/** Binds a random loopback address, since several local clouds may run on one machine. */
async function listenOnOwnAddress(server: Server, port: number): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const address = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
    try {
      await listen(server, address, port);
      return address;
    } catch (error) {
      const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!taken || attempt === 20) throw error;
    }
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
