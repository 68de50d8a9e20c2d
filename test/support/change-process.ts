import { createRegistry } from "../../src/google/registry.ts";
import { silentLog } from "../../src/log.ts";
import type { Context } from "../../src/operations/context.ts";
import { assignRole, revokeRole } from "../../src/operations/memberships.ts";
import { initializeRoles } from "../../src/operations/roles.ts";
import { createTestPools, type TestServers, testTarget } from "./pools.ts";

/** What a process of its own is to do: all of it at once. */
export interface ChangeOrder {
  readonly servers: TestServers;
  readonly firestore: string;
  readonly jobs: readonly ChangeJob[];
}

export interface ChangeJob {
  readonly kind: "initialize" | "assign" | "revoke";
  readonly database: string;
  readonly schema: string;
  readonly username?: string;
  readonly role?: string;
}

export interface ChangeOutcome {
  readonly job: ChangeJob;
  /** Missing when it succeeded. */
  readonly error?: { readonly kind: string; readonly message: string; readonly sqlstate: string };
}

/** The parts of a service that change roles, on servers and a Firestore of another process. */
export function openChangeContext({ servers, firestore }: Omit<ChangeOrder, "jobs">): {
  readonly context: Context;
  close(): Promise<void>;
} {
  const pools = createTestPools(servers, { settings: { lockTimeoutMs: 500 } });
  const registry = createRegistry({
    projectId: "registry-project",
    collection: "role_registries",
    cacheTtlMs: 0,
    emulatorHost: firestore,
    log: silentLog,
  });
  const settings = { adminUser: "postgres", validateIamUsers: true, healthCheckTimeoutMs: 5_000 };
  return {
    context: { pools, registry, settings },
    async close() {
      await Promise.all([pools.close(), registry.close()]);
    },
  };
}

async function run(context: Context, instance: string, job: ChangeJob): Promise<ChangeOutcome> {
  const target = testTarget(instance, job.database);
  const { schema, username = "", role = "" } = job;
  const call = {
    operation: job.kind,
    actor: `process ${process.pid}`,
    requestId: `${process.pid}-${JSON.stringify(job)}`,
    log: silentLog,
    signal: AbortSignal.timeout(60_000),
  };
  try {
    if (job.kind === "initialize") await initializeRoles(context, call, target, { schema });
    else if (job.kind === "assign") await assignRole(context, call, target, { schema, username, role });
    else await revokeRole(context, call, target, { schema, username, role });
    return { job };
  } catch (error) {
    const {
      kind = "crash",
      details = {},
      message,
    } = error as {
      kind?: string;
      message: string;
      details?: { sqlstate?: string };
    };
    return { job, error: { kind, message, sqlstate: details.sqlstate ?? "" } };
  }
}

if (process.send !== undefined && import.meta.main) {
  process.once("message", async (order: ChangeOrder) => {
    const { context, close } = openChangeContext(order);
    const [instance = ""] = Object.keys(order.servers);
    const outcomes = await Promise.all(order.jobs.map((job) => run(context, instance, job)));
    await close();
    process.send?.(outcomes, () => process.disconnect());
  });
}
