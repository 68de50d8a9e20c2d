import { startChild } from "../child.ts";
import type { MemoryAnswer, MemoryOrder } from "../memory-probe.ts";
import { type Ratios, say } from "../report.ts";
import { startTlsProxy } from "../tls-proxy.ts";
import type { Bench } from "./section.ts";

const databases = 1_000;

/** What a thousand databases cost when nobody uses them, and with a TLS connection to each. */
export async function measureMemory({ postgres }: Bench): Promise<Ratios> {
  const { host, port, password } = postgres;
  const idle = await probe({ databases, postgres: { host, port, password } });
  const proxy = await startTlsProxy(postgres.server);
  const tls = await probe({ databases, tls: proxy.address, password });
  await proxy.stop();
  say(`\nMemory of ${databases} databases`);
  say(`  idle, no connection left: ${describe(idle)}`);
  say(`  a TLS connection each (${tls.connections} open): ${describe(tls)}`);
  return {
    // What is resident after thousand connections came and went is the allocator's affair; this is what is in use.
    idle_1000_databases_mib: idle.heapMib,
    tls_1000_connections_mib: tls.rssMib,
  };
}

async function probe(order: MemoryOrder): Promise<MemoryAnswer> {
  const child = startChild("memory-probe.ts", { execArgv: ["--expose-gc"] });
  try {
    return await child.ask<MemoryAnswer>(order);
  } finally {
    await child.stop();
  }
}

function describe({ rssMib, heapMib }: MemoryAnswer): string {
  return `${heapMib.toFixed(2)} MiB in use, ${rssMib.toFixed(1)} MiB resident`;
}
