import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type {
  handleUnaryCall,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Metadata, Server, ServerCredentials, type StatusObject, status } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";

const UNLIMITED = -1;

/** A failure that the client gets as the gRPC status `code`. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

export function invalidArgument(message: string): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, message);
}

/** What every call passes before it is served; throws or waits when a fault is switched on. */
export type Gate = (method: string, request: unknown) => Promise<void> | void;

export interface CallContext {
  /** Bytes of the request as received. */
  readonly requestBytes: number;
  /** Aborts when the client has cancelled, gone, or run out of time. */
  readonly signal: AbortSignal;
}

/** Handlers by method name, each as its method is defined: unary, server streaming or bidirectional. */
export interface Handlers {
  readonly unary?: Record<string, (request: never, context: CallContext) => unknown>;
  /** Yields or returns the messages of the answer. */
  readonly serverStream?: Record<
    string,
    (request: never, context: CallContext) => Promise<readonly unknown[]> | readonly unknown[]
  >;
  readonly bidi?: Record<string, (stream: BidiStream) => void>;
}

export interface BidiStream {
  write(message: unknown): void;
  fail(error: unknown): void;
  onMessage(listener: (message: never) => void): void;
  onClose(listener: () => void): void;
}

interface Received {
  readonly message: unknown;
  readonly bytes: number;
}

/** Reads a service from a package's own protobuf description, which the package need not export. */
export function loadService(packageName: string, jsonFile: string, serviceName: string): ServiceDefinition {
  const entry = createRequire(import.meta.url).resolve(packageName);
  const root = entry.slice(0, entry.lastIndexOf(join("build", "src")));
  const json = JSON.parse(readFileSync(join(root, "build", "protos", jsonFile), "utf8"));
  const loaded = fromJSON(json, { longs: String, enums: String, defaults: true })[serviceName];
  if (loaded === undefined || "format" in loaded) throw new Error(`${packageName} defines no ${serviceName}`);
  return loaded as ServiceDefinition;
}

/**
 * Serves `handlers` in plain text on loopback. A method without a handler answers UNIMPLEMENTED. `stop` ends open
 * calls at once.
 */
export async function serveGrpc(options: {
  readonly service: ServiceDefinition;
  readonly handlers: Handlers;
  readonly gate: Gate;
  /** 0 picks a free port. */
  readonly port: number;
}): Promise<{ port: number; stop(): void }> {
  const server = new Server({
    "grpc.max_receive_message_length": UNLIMITED,
    "grpc.max_send_message_length": UNLIMITED,
    // Two servers must not share a port silently.
    "grpc.so_reuseport": 0,
  });
  server.addService(withRequestSize(options.service), implementation(options.handlers, options.gate));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, stop: () => server.forceShutdown() };
}

function withRequestSize(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      {
        ...method,
        requestDeserialize: (bytes: Buffer): Received => ({
          message: method.requestDeserialize(bytes),
          bytes: bytes.length,
        }),
      },
    ]),
  );
}

function implementation(handlers: Handlers, gate: Gate): UntypedServiceImplementation {
  const result: UntypedServiceImplementation = {};
  for (const [method, handler] of Object.entries(handlers.unary ?? {})) {
    result[method] = unary(async (request, context) => {
      await gate(method, request);
      assertWaitedFor(context);
      return handler(request as never, context);
    });
  }
  for (const [method, handler] of Object.entries(handlers.serverStream ?? {})) {
    result[method] = (call: ServerWritableStream<Received, unknown>) => {
      const context = contextOf(call);
      const serve = async () => {
        await gate(method, call.request.message);
        assertWaitedFor(context);
        // Without headers before an error, google-gax takes any error for a lost connection and asks twice more.
        call.sendMetadata(new Metadata());
        for (const message of await handler(call.request.message as never, context)) call.write(message);
        call.end();
      };
      serve().catch((error: unknown) => call.emit("error", asStatus(error)));
    };
  }
  for (const [method, handler] of Object.entries(handlers.bidi ?? {})) {
    result[method] = (call: ServerDuplexStream<Received, unknown>) => {
      const serve = async () => {
        await gate(method, undefined);
        handler(bidiStream(call));
      };
      serve().catch((error: unknown) => call.emit("error", asStatus(error)));
    };
  }
  return result;
}

/** What a fault held back until its caller had gone is not done: it would take locks that nobody gives back. */
function assertWaitedFor({ signal }: CallContext): void {
  if (signal.aborted) throw new RpcError(status.CANCELLED, "The call was cancelled.");
}

function unary(
  handler: (request: unknown, context: CallContext) => Promise<unknown>,
): handleUnaryCall<Received, unknown> {
  return (call, callback) => {
    handler(call.request.message, contextOf(call)).then(
      (response) => callback(null, response),
      (error: unknown) => callback(asStatus(error)),
    );
  };
}

function contextOf(
  call: ServerUnaryCall<Received, unknown> | ServerWritableStream<Received, unknown>,
): CallContext {
  const controller = new AbortController();
  call.on("cancelled", () => controller.abort());
  return { requestBytes: call.request.bytes, signal: controller.signal };
}

function bidiStream(call: ServerDuplexStream<Received, unknown>): BidiStream {
  return {
    write: (message) => void call.write(message),
    fail: (error) => void call.emit("error", asStatus(error)),
    onMessage: (listener) =>
      void call.on("data", (received: Received) => listener(received.message as never)),
    onClose: (listener) => {
      call.on("cancelled", listener);
      call.on("error", listener);
      call.on("end", () => {
        listener();
        call.end();
      });
    },
  };
}

function asStatus(error: unknown): Error & Pick<StatusObject, "code" | "details"> {
  const known = error instanceof RpcError;
  const failure = known ? error : new Error("internal error of the stand-in", { cause: error });
  const details = known ? error.message : `internal error of the stand-in: ${String(error)}`;
  return Object.assign(failure, { code: known ? error.code : status.INTERNAL, details });
}

export interface CommonFaults {
  /** Every call answers UNAVAILABLE. */
  unavailable: boolean;
  /** Every call takes this much longer. */
  slowMs: number;
}

/** Applies the faults that any of the stand-ins can have. */
export async function passCommonFaults(faults: Readonly<CommonFaults>): Promise<void> {
  if (faults.slowMs > 0) await delay(faults.slowMs, undefined, { ref: false });
  if (faults.unavailable) {
    throw new RpcError(status.UNAVAILABLE, "The service is currently unavailable.");
  }
}
