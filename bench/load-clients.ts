import { connect, type Socket } from "node:net";
import { createLatencies, type LoadResult } from "./latency.ts";

/** What one client of a protocol does with its socket. */
export interface Protocol {
  /** What is sent first, before any request; empty for nothing. */
  readonly greeting: Buffer;
  readonly request: Buffer;
  /** Makes a parser of one connection's bytes: how many answers are complete now, and how many of them are failures. */
  createParser(): (chunk: Buffer) => { readonly answers: number; readonly failures: number };
}

export interface Load {
  readonly host: string;
  readonly port: number;
  readonly clients: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

const connectTogether = 50;

/** Each client sends a request, waits for its answer, and sends the next. Connects first; times count afterwards. */
export async function runLoad(load: Load, protocol: Protocol): Promise<LoadResult> {
  const startTogether: (() => void)[] = [];
  const sockets: Socket[] = [];
  for (let made = 0; made < load.clients; made += connectTogether) {
    const count = Math.min(connectTogether, load.clients - made);
    await Promise.all(
      Array.from({ length: count }, async () => {
        const socket = await connectOne(load, protocol);
        sockets.push(socket);
      }),
    );
  }
  const openAt = performance.now() + load.warmUpMs;
  const latencies = createLatencies(openAt);
  let ended = false;
  for (const socket of sockets) {
    const parse = protocol.createParser();
    let startedAt = 0;
    const send = (): void => {
      startedAt = performance.now();
      socket.write(protocol.request);
    };
    socket.on("data", (chunk: Buffer) => {
      const { answers, failures } = parse(chunk);
      for (let n = 0; n < failures; n += 1) latencies.addError();
      if (answers === 0) return;
      latencies.add(startedAt, performance.now());
      if (!ended) send();
    });
    const lost = (): void => {
      if (!ended) latencies.addError();
    };
    socket.on("error", lost);
    socket.on("end", lost);
    startTogether.push(send);
  }
  for (const send of startTogether) send();
  await new Promise((resolve) => setTimeout(resolve, load.warmUpMs + load.durationMs));
  ended = true;
  const result = latencies.result(performance.now());
  for (const socket of sockets) socket.destroy();
  return result;
}

/** Resolves when the server is ready for a request: at once, or after its answer to the greeting. */
function connectOne({ host, port }: Load, { greeting, createParser }: Protocol): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    socket.once("error", reject);
    const ready = (): void => {
      socket.removeAllListeners();
      resolve(socket);
    };
    socket.once("connect", () => {
      if (greeting.length === 0) return ready();
      const parse = createParser();
      socket.on("data", (chunk: Buffer) => {
        const { answers, failures } = parse(chunk);
        if (failures > 0) reject(new Error(`refused: ${chunk.toString("latin1")}`));
        else if (answers > 0) ready();
      });
      socket.write(greeting);
    });
  });
}
