import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
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
  /** What is to be recorded waits for a message; there is one from here when all jobs have come so far. */
  readonly waitsToRecord?: boolean;
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
  readonly error?: {
    readonly kind: string;
    readonly message: string;
    readonly sqlstate: string;
    /** What the answer says of the database, such as `committed`. */
    readonly database: string;
  };
}

const goOnMessage = "go on";

/** A process that carries out orders, one after the other. */
export interface ChangeProcess {
  /** `beforeRecords` runs in between, where the order says that records wait. */
  run(order: ChangeOrder, beforeRecords?: () => Promise<void>): Promise<readonly ChangeOutcome[]>;
  stop(): Promise<void>;
}

export function startChangeProcess(): ChangeProcess {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  return {
    async run(order, beforeRecords) {
      const signal = AbortSignal.timeout(90_000);
      child.send(order);
      if (beforeRecords !== undefined) {
        const [said] = await once(child, "message", { signal });
        assert.equal(said, "recording");
        await beforeRecords();
        child.send(goOnMessage);
      }
      const [outcomes] = await once(child, "message", { signal });
      return outcomes as readonly ChangeOutcome[];
    },
    async stop() {
      const exited = once(child, "exit");
      child.disconnect();
      assert.deepEqual(await exited, [0, null]);
    },
  };
}

/** The parts of a service that change roles, on servers and a Firestore of another process. */
export function openChangeContext({ servers, firestore }: Pick<ChangeOrder, "servers" | "firestore">): {
  readonly context: Context;
  close(): Promise<void>;
} {
  const pools = createTestPools(servers, { settings: { lockTimeoutMs: 500 } });
  const registry = createRegistry({
    projectId: "registry-project",
    collection: "role_registries",
    cacheTtlMs: 0,
    // Several processes start at once, on whatever machine.
    timeoutMs: 30_000,
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
      details?: { sqlstate?: string; database?: string };
    };
    const { sqlstate = "", database = "" } = details;
    return { job, error: { kind, message, sqlstate, database } };
  }
}

/** Holds every record back until the parent has seen that all of them are about to be made. */
function waitingToRecord(context: Context, jobs: number): Context {
  let waiting = 0;
  // The next message: there is no other order meanwhile.
  const goOn = once(process, "message");
  return {
    ...context,
    registry: {
      ...context.registry,
      async record(...recorded) {
        waiting += 1;
        if (waiting === jobs) process.send?.("recording");
        await goOn;
        return context.registry.record(...recorded);
      },
    },
  };
}

/** With pools, a registry and what is remembered of its own, as a process that has just started. */
async function carryOut(order: ChangeOrder): Promise<readonly ChangeOutcome[]> {
  const { context: own, close } = openChangeContext(order);
  const { jobs, waitsToRecord } = order;
  const context = waitsToRecord === true ? waitingToRecord(own, jobs.length) : own;
  const [instance = ""] = Object.keys(order.servers);
  const outcomes = await Promise.all(jobs.map((job) => run(context, instance, job)));
  await close();
  return outcomes;
}

if (process.send !== undefined && import.meta.main) {
  process.on("message", async (message: ChangeOrder | typeof goOnMessage) => {
    if (message !== goOnMessage) process.send?.(await carryOut(message));
  });
}
