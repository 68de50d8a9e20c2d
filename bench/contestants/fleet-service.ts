import { parseConfig } from "../../src/config.ts";
import type { Instance } from "../../src/domain/target.ts";
import { createHttpServer } from "../../src/http/app.ts";
import { silentLog } from "../../src/log.ts";
import type { Context } from "../../src/operations/context.ts";
import type { AdminPasswords, InstanceAccess } from "../../src/postgres/instance-access.ts";
import { createPools } from "../../src/postgres/pools.ts";
import { answerParent } from "../child.ts";
import { plainAccess, plainPasswords } from "../plain-access.ts";
import type { PostgresAddress } from "../postgres.ts";
import { listen } from "./contestant.ts";

export interface FleetSettings {
  /** The servers by their instance's name. */
  readonly servers: Readonly<Record<string, PostgresAddress>>;
  /** Connections that the service may hold of one instance. */
  readonly instanceLimit: number;
}

let port: Promise<number> | undefined;

/** The service before several instances. Asked again, it answers how much memory it holds. */
answerParent<FleetSettings | { readonly memory: true }>(async (message) => {
  if ("memory" in message) {
    global.gc?.();
    return process.memoryUsage().rss;
  }
  port ??= startService(message);
  return port;
});

async function startService({ servers, instanceLimit }: FleetSettings): Promise<number> {
  const config = parseConfig({
    ...{ AUTH_MODE: "none", API_HOST: "127.0.0.1" },
    ...{ RATE_LIMIT_PER_PRINCIPAL: "100000000", RATE_LIMIT_TOTAL: "100000000" },
    INSTANCE_CONNECTION_LIMIT: String(instanceLimit),
  });
  const accessOf = new Map<string, InstanceAccess>();
  const passwordsOf = new Map<string, AdminPasswords>();
  for (const [name, address] of Object.entries(servers)) {
    accessOf.set(name, plainAccess(address));
    passwordsOf.set(name, plainPasswords(address));
  }
  const of = <T>(all: ReadonlyMap<string, T>, { instance }: Instance): T => {
    const found = all.get(instance);
    if (found === undefined) throw new Error(`no server ${instance}`);
    return found;
  };
  const pools = createPools({
    access: {
      openStream: (instance, options) => of(accessOf, instance).openStream(instance, options),
      refresh() {},
    },
    passwords: {
      read: (instance) => of(passwordsOf, instance).read(instance),
      forget() {},
      expire() {},
    },
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
