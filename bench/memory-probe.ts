import { setTimeout as pause } from "node:timers/promises";
import tls from "node:tls";
import { parseConfig } from "../src/config.ts";
import { sharingSecureContext } from "../src/google/secure-context.ts";
import { silentLog } from "../src/log.ts";
import type { InstanceAccess } from "../src/postgres/instance-access.ts";
import { type ClosablePools, createPools } from "../src/postgres/pools.ts";
import { readSchemaNames } from "../src/postgres/reads/schemas.ts";
import { answerParent } from "./child.ts";
import { databaseName, nameTheOneDatabase, plainAccess, plainPasswords } from "./plain-access.ts";
import type { PostgresAddress } from "./postgres.ts";
import type { TlsAddress } from "./tls-proxy.ts";

export type MemoryOrder =
  | { readonly databases: number; readonly postgres: PostgresAddress }
  | { readonly databases: number; readonly tls: TlsAddress; readonly password: string };

export interface MemoryAnswer {
  /** More than before the databases were used: resident, and what the garbage collector knows of. */
  readonly rssMib: number;
  readonly heapMib: number;
  readonly connections: number;
}

const warmUpTurns = 400;
const mib = 1024 * 1024;

/** Uses many databases and answers what they cost: once their connections have gone, or, with TLS, while they are open. */
answerParent<MemoryOrder>(async (order) => {
  const keepsConnections = "tls" in order;
  const access = keepsConnections ? tlsAccess(order.tls) : plainAccess(order.postgres);
  const password = keepsConnections ? order.password : order.postgres.password;
  const config = parseConfig({
    ...{ AUTH_MODE: "none", API_HOST: "127.0.0.1" },
    ...{ INSTANCE_CONNECTION_LIMIT: "1200", TOTAL_CONNECTION_LIMIT: "1200" },
    CONNECTION_IDLE_TIMEOUT: keepsConnections ? "3600" : "0.5",
  });
  const pools = createPools({
    ...{ access, passwords: plainPasswords({ password }), log: silentLog },
    settings: { ...config.pools, applicationName: "bench memory" },
  });
  // The base is that of a service in use: code is compiled, caches are filled, and V8 has given new objects the room
  // that it gives them under load, which is tens of MiB, whatever they belong to.
  for (let turn = 0; turn < warmUpTurns; turn += 1) await useDatabases(pools, 1, 50);
  if (!keepsConnections) await untilIdle(pools);
  const base = await readMemory();
  await useDatabases(pools, 51, order.databases);
  if (!keepsConnections) await untilIdle(pools);
  const now = await readMemory();
  const connections = pools.totals().size;
  await pools.close();
  return { rssMib: now.rss - base.rss, heapMib: now.heap - base.heap, connections } satisfies MemoryAnswer;
});

async function useDatabases(pools: ClosablePools, from: number, count: number): Promise<void> {
  const together = 20;
  for (let first = from; first < from + count; first += together) {
    const numbers = Array.from({ length: Math.min(together, from + count - first) }, (_, n) => first + n);
    await Promise.all(
      numbers.map((number) => pools.withSession(targetOf(number), { operation: "memory" }, readSchemaNames)),
    );
  }
}

function targetOf(number: number) {
  const database = databaseName(number);
  return { project: "bench-project", region: "europe-west1", instance: "bench-db", database };
}

async function untilIdle(pools: ClosablePools): Promise<void> {
  while (pools.totals().size > 0) await pause(50);
}

/** Several collections, since finalizers free more after the first. */
async function readMemory(): Promise<{ rss: number; heap: number }> {
  for (let n = 0; n < 4; n += 1) {
    globalThis.gc?.();
    await pause(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss: rss / mib, heap: (heapUsed + external) / mib };
}

/** As the service connects through the Cloud SQL connector: mutual TLS 1.3. */
function tlsAccess({ host, port, ca, cert, key }: TlsAddress): InstanceAccess {
  const openSocket = sharingSecureContext(() => {
    // The connector makes one for each socket.
    const secureContext = tls.createSecureContext({ ca, cert, key, minVersion: "TLSv1.3" });
    return tls.connect({ host, port, secureContext, checkServerIdentity: () => undefined });
  });
  return {
    async openStream() {
      return () => {
        const socket = openSocket();
        // pg would connect it once more.
        socket.connect = () => {
          socket.once("secureConnect", () => socket.emit("connect"));
          return socket;
        };
        return nameTheOneDatabase(socket);
      };
    },
    refresh() {},
  };
}
