import { type Socket, Socket as TcpSocket } from "node:net";
import type { AdminPasswords, InstanceAccess } from "../src/postgres/instance-access.ts";
import { database, type PostgresAddress } from "./postgres.ts";

/** Every instance is the same server, reached over plain TCP, and every database the one that is there. */
export function plainAccess({ host, port }: PostgresAddress): InstanceAccess {
  return {
    async openStream() {
      return () => {
        const socket = new TcpSocket();
        const connect = socket.connect.bind(socket);
        // Connecting puts the socket's own `write` back.
        socket.connect = () => nameTheOneDatabase(connect(port, host));
        return socket;
      };
    },
    refresh() {},
  };
}

export function plainPasswords({ password }: Pick<PostgresAddress, "password">): AdminPasswords {
  return {
    read: async () => password,
    forget() {},
    expire() {},
  };
}

/** As many databases as one likes, without a server that has them: `bench0001` and the like. */
export function databaseName(number: number): string {
  return `bench${String(number).padStart(4, "0")}`;
}

/** Puts the name of the real database into the start-up message, which is the first that pg writes. */
export function nameTheOneDatabase<Stream extends Socket>(socket: Stream): Stream {
  const write = socket.write;
  const first = (bytes: Buffer, ...rest: []): boolean => {
    socket.write = write;
    const text = bytes.toString("latin1").replace(/\0database\0bench\d{4}\0/, `\0database\0${database}\0`);
    return socket.write(Buffer.from(text, "latin1"), ...rest);
  };
  socket.write = first as typeof socket.write;
  return socket;
}
