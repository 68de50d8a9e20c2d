import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { resetSocket } from "../../src/local-cloud/reset-socket.ts";

/** Accepts one connection and hands it to `act`; answers how it ended for the client. */
async function endingOf(act: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    act(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const client = connect(address.port, "127.0.0.1");
  let ending = "closed";
  client.on("error", ({ code }: NodeJS.ErrnoException) => {
    ending = code ?? "error";
  });
  client.resume();
  await new Promise((resolve) => client.once("close", resolve));
  server.close();
  return ending;
}

describe("a reset of a connection", () => {
  it("is one for its other end", async () => {
    assert.equal(await endingOf((socket) => resetSocket(socket)), "ECONNRESET");
  });

  it("may be asked for again, of none, and of one that has gone", async () => {
    resetSocket(undefined);
    await endingOf((socket) => {
      resetSocket(socket);
      resetSocket(socket);
    });
  });

  it("of a connection that is just ending lets the process exit by itself", async () => {
    const file = pathToFileURL(`${import.meta.dirname}/../../src/local-cloud/reset-socket.ts`).href;
    const program = `
      import { connect, createServer } from "node:net";
      import { resetSocket } from "${file}";
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.end("bye");
        resetSocket(socket);
        server.close();
      });
      server.listen(0, "127.0.0.1", () => connect(server.address().port, "127.0.0.1").on("error", () => {}).resume());
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    const [code] = await once(child, "exit");
    clearTimeout(timer);
    assert.equal(code, 0);
  });
});
