import type { PostgresServer } from "./postgres-server.ts";
import type { InstanceFacts } from "./sql-admin-instances.ts";
import type { Operation, Operations, OperationType } from "./sql-admin-operations.ts";

/** What the API does to an instance's PostgreSQL server, as its superuser. */
export type ManagedServer = Pick<
  PostgresServer,
  "createUser" | "dropUser" | "setPassword" | "createDatabase" | "dropDatabase" | "querySuperuser"
>;

export interface AdminInstance extends InstanceFacts {
  readonly server: ManagedServer;
}

/** What a route is given: the path's captures, and everything that it may need. */
export interface AdminRequest {
  readonly instance: AdminInstance;
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  readonly email: string;
  readonly rootUrl: string;
  readonly operations: Operations;
  readJson(): Promise<Readonly<Record<string, unknown>>>;
}

export interface AdminRoute {
  readonly method: string;
  /** Segments after `instances/I`; `*` captures one. */
  readonly path: string;
  readonly answer: (request: AdminRequest) => Promise<unknown>;
}

/** The route for a method and the path's segments, with what its stars captured. */
export function matchRoute(routes: readonly AdminRoute[], method: string, segments: readonly string[]) {
  for (const route of routes) {
    const pattern = route.path === "" ? [] : route.path.split("/");
    if (route.method !== method || pattern.length !== segments.length) continue;
    if (pattern.every((part, index) => part === "*" || part === segments[index])) {
      return { route, params: segments.filter((_, index) => pattern[index] === "*") };
    }
  }
  return undefined;
}

/** Starts the operation that does a mutation's work; what it answers is the operation. */
export function startMutation(
  { instance, operations, email, rootUrl }: AdminRequest,
  type: OperationType,
  work: () => Promise<unknown>,
): Operation {
  return operations.start({
    instance: instance.name,
    type,
    user: email,
    rootUrl,
    run: async () => {
      await work();
    },
  });
}
