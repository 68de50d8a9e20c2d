import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { AdminApiError } from "./sql-admin-errors.ts";

export type OperationType =
  | "CREATE_USER"
  | "UPDATE_USER"
  | "DELETE_USER"
  | "CREATE_DATABASE"
  | "UPDATE_DATABASE"
  | "DELETE_DATABASE";

/** An operation as the API shows it. */
export interface Operation {
  readonly kind: "sql#operation";
  readonly name: string;
  readonly operationType: OperationType;
  readonly status: "PENDING" | "RUNNING" | "DONE";
  readonly user: string;
  readonly insertTime: string;
  readonly startTime?: string;
  readonly endTime?: string;
  readonly targetId: string;
  readonly targetProject: string;
  readonly targetLink: string;
  readonly selfLink: string;
  readonly error?: {
    readonly kind: "sql#operationErrors";
    readonly errors: readonly { kind: "sql#operationError"; code: string; message: string }[];
  };
}

export interface OperationsOptions {
  readonly projectId: string;
  /** How long an operation stays PENDING, and then RUNNING before its work begins. */
  readonly pendingMs?: number;
  readonly runningMs?: number;
  /** When it says so, every operation ends in an error without doing its work. */
  readonly failing: () => boolean;
}

export interface NewOperation {
  readonly instance: string;
  readonly type: OperationType;
  readonly user: string;
  /** The root of links in answers, such as `http://127.0.0.1:8090`. */
  readonly rootUrl: string;
  readonly run: () => Promise<void>;
}

export interface Operations {
  /** Throws 409 operationInProgress while another operation of that instance is not DONE. */
  assertFree(instance: string): void;
  start(operation: NewOperation): Operation;
  get(name: string): Operation;
  /** Newest first. */
  list(instance: string | undefined): Operation[];
  /** Resolves when no operation runs any more. */
  settle(): Promise<void>;
}

const keptOperations = 1000;

/** The operations of all instances: asynchronous, and one at a time for each instance. */
export function createOperations(options: OperationsOptions): Operations {
  const { pendingMs = 50, runningMs = 100 } = options;
  const all = new Map<string, Operation>();
  const running = new Map<string, Promise<void>>();

  function assertFree(instance: string): void {
    if (!running.has(instance)) return;
    throw new AdminApiError(
      409,
      "operationInProgress",
      "Operation failed because another operation was already in progress. Try your request after the current operation is complete.",
    );
  }

  async function advance(name: string, run: () => Promise<void>): Promise<void> {
    const update = (change: Partial<Operation>) => {
      const current = all.get(name);
      if (current) all.set(name, { ...current, ...change });
    };
    await delay(pendingMs);
    update({ status: "RUNNING", startTime: new Date().toISOString() });
    await delay(runningMs);
    let error: Operation["error"];
    try {
      if (options.failing()) throw new Error("An unknown error occurred.");
      await run();
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const code = options.failing() ? "INTERNAL_ERROR" : "UNKNOWN";
      error = { kind: "sql#operationErrors", errors: [{ kind: "sql#operationError", code, message }] };
    }
    update({ status: "DONE", endTime: new Date().toISOString(), ...(error ? { error } : {}) });
  }

  return {
    assertFree,
    start({ instance, type, user, rootUrl, run }) {
      assertFree(instance);
      const name = randomUUID();
      const project = `${rootUrl}/sql/v1beta4/projects/${options.projectId}`;
      const operation: Operation = {
        kind: "sql#operation",
        name,
        operationType: type,
        status: "PENDING",
        user,
        insertTime: new Date().toISOString(),
        targetId: instance,
        targetProject: options.projectId,
        targetLink: `${project}/instances/${instance}`,
        selfLink: `${project}/operations/${name}`,
      };
      all.set(name, operation);
      for (const old of all.keys()) {
        if (all.size <= keptOperations) break;
        all.delete(old);
      }
      running.set(
        instance,
        advance(name, run).finally(() => running.delete(instance)),
      );
      return operation;
    },
    get(name) {
      const operation = all.get(name);
      if (!operation) {
        throw new AdminApiError(404, "operationDoesNotExist", "The Cloud SQL operation does not exist.");
      }
      return operation;
    },
    list: (instance) =>
      [...all.values()].filter((each) => instance === undefined || each.targetId === instance).reverse(),
    async settle() {
      await Promise.all(running.values());
    },
  };
}
