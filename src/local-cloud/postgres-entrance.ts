import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { createDoor, type Door } from "./door.ts";
import type { Major } from "./postgres-binaries.ts";
import { ADMIN, hasDelegatedGrants, type Mode } from "./postgres-bootstrap.ts";
import { isCode } from "./postgres-directories.ts";
import { findFreePort, type PostgresProcess } from "./postgres-process.ts";
import { createRoleGrantFilter } from "./role-grants.ts";

/** A server's door, with a loopback port of its own where direct clients need what the door adds. */
export interface Entrance extends Door {
  /** The port for direct clients: the door's, or PostgreSQL's. */
  readonly port: number;
  /** Listens again after `close`. */
  open(): Promise<void>;
  /** Takes no more connections. What is open ends when the server does, with the server's last words. */
  stopListening(): void;
}

export async function createEntrance(
  kind: { readonly major: Major; readonly mode: Mode },
  { socketDirectory, port: serverPort }: PostgresProcess,
): Promise<Entrance> {
  const delegated = hasDelegatedGrants(kind.major, kind.mode);
  const door = createDoor({
    connect: (login) =>
      login === "iam"
        ? connect({ path: join(socketDirectory, `.s.PGSQL.${serverPort}`) })
        : connect({ host: "127.0.0.1", port: serverPort }),
    filter: (user) => (delegated && user === ADMIN ? createRoleGrantFilter() : undefined),
  });
  let listener = delegated ? await listenAnywhere(door) : undefined;
  const port = portOf(listener) ?? serverPort;
  return {
    ...door,
    port,
    async open() {
      if (delegated) listener ??= await listen(door, port);
    },
    stopListening() {
      listener?.close();
      listener = undefined;
    },
  };
}

/** Another process may take a free port before we do. */
async function listenAnywhere(door: Door): Promise<Server> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await listen(door, await findFreePort());
    } catch (error) {
      if (attempt === 3 || !isCode(error, "EADDRINUSE")) throw error;
    }
  }
}

async function listen(door: Door, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    door.accept(socket, { kind: "password" }),
  );
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function portOf(server: Server | undefined): number | undefined {
  const address = server?.address();
  return typeof address === "object" && address ? address.port : undefined;
}
