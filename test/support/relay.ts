import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { resetSocket } from "../../src/local-cloud/reset-socket.ts";

/** A relay in front of a server, through which a network can fail. */
export interface Relay {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Connections that it took, from the start. */
  accepted(): number;
  /** From now on: pass everything on, pass nothing on (silence), or cut new connections. */
  set(mode: "pass" | "silent" | "refuse"): void;
  /** Passes nothing more on for the connections that are open now. */
  mute(): void;
  /** Cuts every connection that is open; with `cutOff` the server is not told. */
  reset(options?: { readonly cutOff: boolean }): void;
  close(): Promise<void>;
}

export async function startRelay(port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let mode: "pass" | "silent" | "refuse" = "pass";
  let accepted = 0;

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    return socket;
  }

  const muted = new WeakSet<Socket>();
  /** Their other half is left open. */
  const cutOff = new WeakSet<Socket>();
  const clients = new WeakSet<Socket>();

  // Each half of a connection ends when the other side's does, so that a client that waits for the server's end, as after
  // a Terminate message, has waited for the end of its session.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1;
    keep(client);
    clients.add(client);
    if (mode === "refuse") {
      resetSocket(client);
      return;
    }
    const upstream = keep(connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
    client.on("data", (chunk) => {
      if (mode === "pass" && !muted.has(client)) upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (mode === "pass" && !muted.has(client)) client.write(chunk);
    });
    client.on("end", () => upstream.end());
    upstream.on("end", () => client.end());
    client.on("close", () => {
      if (!cutOff.has(client)) upstream.destroy();
    });
    upstream.on("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the relay has no port");

  return {
    host: "127.0.0.1",
    port: address.port,
    accepted: () => accepted,
    set(next) {
      mode = next;
    },
    mute() {
      for (const socket of sockets) muted.add(socket);
    },
    reset(options) {
      for (const socket of sockets) {
        if (options?.cutOff !== true) resetSocket(socket);
        else if (clients.has(socket)) {
          cutOff.add(socket);
          resetSocket(socket);
        }
      }
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
