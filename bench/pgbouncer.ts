import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adminUser, database, type PostgresAddress } from "./postgres.ts";

export interface PgBouncer {
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

const programs = ["pgbouncer", "/usr/sbin/pgbouncer"];
const nobody = 65_534;

/** The installed PgBouncer's path; undefined when there is none. */
export function findPgBouncer(): string | undefined {
  return programs.find((program) => spawnSync(program, ["--version"]).status === 0);
}

/** Transaction pooling with `poolSize` connections to the server. */
export async function startPgBouncer(
  program: string,
  postgres: PostgresAddress,
  poolSize: number,
): Promise<PgBouncer> {
  const directory = await mkdtemp(join(tmpdir(), "bench-pgbouncer-"));
  await chmod(directory, 0o755);
  const port = await findFreePort();
  const file = join(directory, "pgbouncer.ini");
  await writeFile(
    file,
    [
      "[databases]",
      `${database} = host=${postgres.host} port=${postgres.port} user=${adminUser} password=${postgres.password}`,
      "[pgbouncer]",
      `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nlisten_backlog = 4096`,
      "auth_type = any\npool_mode = transaction\nmax_client_conn = 5000",
      `default_pool_size = ${poolSize}\nserver_reset_query =\nlog_connections = 0\nlog_disconnections = 0`,
    ].join("\n"),
  );
  // It refuses to run as root.
  const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const child = spawn(program, ["-q", file], { stdio: ["ignore", "ignore", "ignore"], ...identity });
  const ended = once(child, "exit");
  await waitForPort(child, port);
  return {
    host: "127.0.0.1",
    port,
    async stop() {
      child.kill("SIGKILL");
      await ended;
      await rm(directory, { recursive: true });
    },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function waitForPort(child: ChildProcess, port: number): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    const socket = connect({ port, host: "127.0.0.1" });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => setTimeout(resolve, 20, false));
    });
    socket.destroy();
    if (isOpen) return;
  }
}
