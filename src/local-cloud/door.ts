import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { fatalResponse, readOpening } from "./door-startup.ts";
import { resetSocket } from "./reset-socket.ts";

/** How a client proved itself before it came to the door. */
export type Login = { readonly kind: "password" } | { readonly kind: "iam"; readonly user: string };

/** Faults hold for what comes through the door: the proxy's connections, and the loopback port where there is one. */
export interface DoorFaults {
  /** New connections are closed at once. */
  refuse(on: boolean): void;
  /** New connections are taken and never answered. Switching it off closes those. */
  blackHole(on: boolean): void;
  /** Resets the live connections; says how many. */
  dropConnections(): number;
  /** Ends all faults. */
  clear(): void;
}

/** What may be put between a session's client and its server. */
export interface SessionFilter {
  readonly fromClient: Duplex;
  readonly fromServer: Duplex;
}

export interface DoorOptions {
  /** Opens a connection to the server: for a password by TCP, for IAM by the socket that trusts. */
  readonly connect: (kind: Login["kind"]) => Socket;
  readonly filter?: (user: string | undefined) => SessionFilter | undefined;
}

export interface Door {
  /** Takes over a client's stream; it never throws. */
  accept(stream: Duplex, login: Login): void;
  readonly faults: DoorFaults;
  /** Resets all that is open. */
  close(): void;
}

const OPENING_MS = 60_000;
/** How long a client may leave its half open after the server has closed. */
const LINGER_MS = 5_000;

/** A relay in front of one server, where an IAM login is checked and faults can be switched on. */
export function createDoor(options: DoorOptions): Door {
  const live = new Set<Duplex>();
  const unanswered = new Set<Duplex>();
  let refusing = false;
  let swallowing = false;

  async function relay(stream: Duplex, login: Login): Promise<void> {
    const timer = setTimeout(() => stream.destroy(), OPENING_MS).unref();
    const opening = await readOpening(stream).finally(() => clearTimeout(timer));
    if (opening.kind === "startup" && login.kind === "iam" && opening.user !== login.user) {
      const message = `Cloud SQL IAM user authentication failed for user "${opening.user ?? ""}"`;
      stream.resume();
      stream.end(fatalResponse("28000", message));
      linger(stream);
      return;
    }
    const server = options.connect(login.kind);
    const filter = opening.kind === "startup" ? options.filter?.(opening.user) : undefined;
    server.setNoDelay(true);
    server.write(opening.packet);
    join(stream, server, filter);
  }

  const faults: DoorFaults = {
    refuse(on) {
      refusing = on;
    },
    blackHole(on) {
      swallowing = on;
      if (!on) resetAll(unanswered);
    },
    dropConnections: () => resetAll(live),
    clear() {
      refusing = false;
      faults.blackHole(false);
    },
  };
  return {
    accept(stream, login) {
      const kept = swallowing && !refusing ? unanswered : live;
      kept.add(stream);
      stream.once("close", () => kept.delete(stream));
      // Whatever goes wrong with a stream ends in its `close`; an error without a listener would end the process.
      stream.on("error", () => {});
      if (refusing) reset(stream);
      else if (swallowing) stream.resume();
      else relay(stream, login).catch(() => stream.destroy());
    },
    faults,
    close() {
      resetAll(live);
      resetAll(unanswered);
    },
  };
}

/** Joins both directions; an end is passed on as an end, a failure destroys both. */
function join(client: Duplex, server: Socket, filter: SessionFilter | undefined): void {
  if (filter) {
    client.pipe(filter.fromClient).pipe(server);
    server.pipe(filter.fromServer).pipe(client);
  } else {
    client.pipe(server);
    server.pipe(client);
  }
  server.on("error", () => reset(client));
  server.once("close", () => {
    if (server.readableEnded) linger(client);
    else client.destroy();
  });
  client.once("close", () => {
    if (client.readableEnded) linger(server);
    else server.destroy();
  });
}

/** Closes a stream that was ended here, when its other side does not end it, after all was sent. */
function linger(stream: Duplex): void {
  const close = () => setTimeout(() => stream.destroy(), LINGER_MS).unref();
  if (stream.writableFinished) close();
  else stream.once("finish", close);
}

function resetAll(streams: Set<Duplex>): number {
  const all = [...streams];
  for (const stream of all) reset(stream);
  return all.length;
}

/** A TCP reset where there is one to be had: a TLS socket can only be closed. */
function reset(stream: Duplex): void {
  if (stream instanceof Socket && !(stream instanceof TLSSocket)) resetSocket(stream);
  else stream.destroy();
}
