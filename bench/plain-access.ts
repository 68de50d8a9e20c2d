import { Socket } from "node:net";
import type { AdminPasswords, InstanceAccess } from "../src/postgres/instance-access.ts";
import type { PostgresAddress } from "./postgres.ts";

/** Every instance is the same server, reached over plain TCP. */
export function plainAccess({ host, port }: PostgresAddress): InstanceAccess {
  return {
    async openStream() {
      return () => {
        const socket = new Socket();
        const connect = socket.connect.bind(socket);
        socket.connect = () => connect(port, host);
        return socket;
      };
    },
    refresh() {},
  };
}

export function plainPasswords({ password }: PostgresAddress): AdminPasswords {
  return {
    read: async () => password,
    forget() {},
    expire() {},
  };
}
