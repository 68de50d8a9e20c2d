import { connect, type Socket } from "node:net";
import { createLatencies, type LoadResult } from "./latency.ts";

/** What one client of a protocol does with its socket. */
export interface Protocol {
  /** What is sent first, before any request; empty for nothing. */
  readonly greeting: Buffer;
  readonly request: Buffer;
  /** Makes a parser of one connection's bytes: how many answers are complete now, and how many of them are failures. */
  createParser(): (chunk: Buffer) => Answers;
}

export interface Answers {
  readonly answers: number;
  readonly failures: number;
}

export interface Load {
  readonly host: string;
  readonly port: number;
  readonly clients: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

interface Client {
  readonly socket: Socket;
  onAnswers: (answers: Answers) => void;
  onLost: () => void;
}

const connectTogether = 50;
/** All sockets read into it, one at a time: the generator must take as little of the processors as it can. */
const readBuffer = Buffer.allocUnsafe(65_536);

/** Each client sends a request, waits for its answer, and sends the next. Connects first; times count afterwards. */
export async function runLoad(load: Load, protocol: Protocol): Promise<LoadResult> {
  const clients: Client[] = [];
  while (clients.length < load.clients) {
    const count = Math.min(connectTogether, load.clients - clients.length);
    clients.push(...(await Promise.all(Array.from({ length: count }, () => openClient(load, protocol)))));
  }
  const latencies = createLatencies(performance.now() + load.warmUpMs);
  let ended = false;
  for (const client of clients) {
    let startedAt = performance.now();
    client.onAnswers = ({ answers, failures }) => {
      for (let n = 0; n < failures; n += 1) latencies.addError();
      if (answers === 0) return;
      const now = performance.now();
      latencies.add(startedAt, now);
      if (ended) return;
      startedAt = now;
      client.socket.write(protocol.request);
    };
    client.onLost = () => {
      if (!ended) latencies.addError();
    };
    client.socket.write(protocol.request);
  }
  await new Promise((resolve) => setTimeout(resolve, load.warmUpMs + load.durationMs));
  ended = true;
  const result = latencies.result(performance.now());
  for (const { socket } of clients) socket.destroy();
  return result;
}

/** Resolves when the server is ready for a request: at once, or after its answer to the greeting. */
function openClient({ host, port }: Load, { greeting, createParser }: Protocol): Promise<Client> {
  return new Promise((resolve, reject) => {
    const parse = createParser();
    const onread = {
      buffer: readBuffer,
      callback(length: number): boolean {
        client.onAnswers(parse(readBuffer.subarray(0, length)));
        return true;
      },
    };
    const socket = connect({ host, port, noDelay: true, onread });
    const client: Client = {
      socket,
      onAnswers({ answers, failures }) {
        if (failures > 0) reject(new Error(`${host}:${port} refused the greeting`));
        else if (answers > 0) resolve(client);
      },
      onLost: () => reject(new Error(`${host}:${port} closed the connection`)),
    };
    socket.on("error", () => client.onLost());
    socket.on("end", () => client.onLost());
    socket.once("connect", () => {
      if (greeting.length === 0) resolve(client);
      else socket.write(greeting);
    });
  });
}
