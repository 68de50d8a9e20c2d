import { setTimeout as pause } from "node:timers/promises";
import { parseConfig } from "../../src/config.ts";
import { createHttpServer } from "../../src/http/app.ts";
import { silentLog } from "../../src/log.ts";
import type { Context } from "../../src/operations/context.ts";
import type { AdminPasswords, InstanceAccess } from "../../src/postgres/instance-access.ts";
import { createPools } from "../../src/postgres/pools.ts";
import { answerParent } from "../child.ts";
import { plainAccess } from "../plain-access.ts";
import type { PostgresAddress } from "../postgres.ts";
import { listen } from "./contestant.ts";

export interface FleetSettings {
  /** The servers by their instance's name. */
  readonly servers: Readonly<Record<string, PostgresAddress>>;
  /** Settings of the service. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The first order starts the service and is answered by its port. */
export type FleetOrder =
  | FleetSettings
  | { readonly memory: true }
  | { readonly instance: string; readonly password: string };

/** In bytes: resident, and what the garbage collector knows to be in use. */
export interface FleetMemory {
  readonly rss: number;
  readonly heap: number;
}

/** The secret store: the passwords by instance. */
const secrets = new Map<string, string>();
let port: Promise<number> | undefined;

/** The service before several instances. */
answerParent<FleetOrder>(async (order) => {
  if ("memory" in order) return readMemory();
  if ("password" in order) return void secrets.set(order.instance, order.password);
  port ??= startService(order);
  return port;
});

async function readMemory(): Promise<FleetMemory> {
  for (let n = 0; n < 4; n += 1) {
    global.gc?.();
    await pause(50);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external };
}

/** As the adapter of Secret Manager: a password is kept until the server refuses it. */
function keptPasswords(): AdminPasswords {
  const kept = new Map<string, string>();
  return {
    async read({ instance }) {
      const password = kept.get(instance) ?? secrets.get(instance) ?? "";
      kept.set(instance, password);
      return password;
    },
    forget({ instance }, refused) {
      if (kept.get(instance) === refused) kept.delete(instance);
    },
    expire: ({ instance }) => void kept.delete(instance),
  };
}

async function startService({ servers, environment }: FleetSettings): Promise<number> {
  const config = parseConfig({
    ...{ AUTH_MODE: "none", API_HOST: "127.0.0.1" },
    ...{ RATE_LIMIT_PER_PRINCIPAL: "100000000", RATE_LIMIT_TOTAL: "100000000" },
    ...environment,
  });
  const accessOf = new Map<string, InstanceAccess>();
  for (const [name, address] of Object.entries(servers)) {
    accessOf.set(name, plainAccess(address));
    secrets.set(name, address.password);
  }
  const pools = createPools({
    access: {
      async openStream(instance, options) {
        const access = accessOf.get(instance.instance);
        if (access === undefined) throw new Error(`no server ${instance.instance}`);
        return access.openStream(instance, options);
      },
      refresh() {},
    },
    passwords: keptPasswords(),
    settings: { ...config.pools, applicationName: "bench-fleet" },
    log: silentLog,
  });
  const registry: Context["registry"] = new Proxy({} as Context["registry"], {
    get() {
      throw new Error("the registry is not part of this");
    },
  });
  const context: Context = { pools, registry, settings: config.operations };
  const { service } = config;
  return listen(await createHttpServer({ context, settings: config.http, log: silentLog, service }));
}
