import { readCode } from "./deadline.ts";

/** The gRPC status codes that something depends on (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const grpcStatus = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** The gRPC status of a failed call; undefined when it did not come from a call. */
export function readGrpcStatus(error: unknown): number | undefined {
  const code = readCode(error);
  return typeof code === "number" ? code : undefined;
}

/** Finds a server again soon after an outage; by default, up to two minutes later. */
export const reconnectOptions = {
  "grpc.initial_reconnect_backoff_ms": 500,
  "grpc.max_reconnect_backoff_ms": 5_000,
} as const;

/** Splits `host:port`; an IPv6 address stands in brackets. */
export function splitEndpoint(endpoint: string): { readonly host: string; readonly port: number } {
  const colon = endpoint.lastIndexOf(":");
  return { host: endpoint.slice(0, colon), port: Number(endpoint.slice(colon + 1)) };
}
