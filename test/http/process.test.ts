import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { prepareServiceBundle } from "../support/service-bundle.ts";
import { type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

const quick = {
  ...{ AUTH_MODE: "none", API_HOST: "127.0.0.1", PORT: "0", SHUTDOWN_TIMEOUT: "20" },
  // There is no Firestore, and none is to be looked for.
  OPERATION_SWEEP_INTERVAL: "0",
};

let start: string;

before(async () => {
  start = await prepareServiceBundle();
});

/** The service as it is deployed. */
function startBundle(
  settings: Readonly<Record<string, string>>,
  options: { readonly nodeArguments?: readonly string[] } = {},
): ServiceProcess {
  return startServiceProcess(settings, { start, ...options });
}

/** A request whose body is not complete, which is one that runs. `finish` sends the rest; `answer` is all that came. */
async function sendHalf(
  port: number,
  header = "Accept: */*",
): Promise<{ socket: Socket; finish(): void; answer: Promise<string> }> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  let text = "";
  socket.setEncoding("utf8").on("data", (data: string) => {
    text += data;
  });
  const answer = new Promise<string>((done) => {
    socket.on("error", () => {});
    socket.once("close", () => done(text));
  });
  socket.write(
    `POST /database/schemas HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${header}\r\nContent-Length: 2\r\n\r\n{`,
  );
  // The server answers in order, so an answer on another connection shows that this half has arrived.
  await fetch(`http://127.0.0.1:${port}/health`);
  return { socket, finish: () => socket.write("}"), answer };
}

describe("the process", () => {
  it("refuses to start with wrong settings, names them all, and shows no value that could be secret", async () => {
    await using service = startBundle({
      PORT: "http",
      CONNECTION_TIMEOUT: "-1",
      SQL_ADMIN_ENDPOINT: "https://root:hunter2@host",
    });
    assert.equal(await service.exited, 1);
    assert.equal(service.stdout(), "");
    const [first = "", ...rest] = service.stderr().split("\n");
    const entry = JSON.parse(first);
    assert.equal(entry.severity, "CRITICAL");
    const names = entry.faults.map(({ name }: { name: string }) => name);
    assert.deepEqual(names.sort(), ["AUTH_AUDIENCES", "CONNECTION_TIMEOUT", "PORT", "SQL_ADMIN_ENDPOINT"]);
    for (const name of names)
      assert.ok(
        rest.some((line) => line.startsWith(`  ${name}: expected`)),
        name,
      );
    assert.ok(!service.stderr().includes("hunter2"));
  });

  it("takes over settings that changed in their file on a reload, all of them or none", async () => {
    const directory = await mkdtemp(join(tmpdir(), "settings-"));
    const path = join(directory, "pools.env");
    await writeFile(path, "CONNECTION_POOL_SIZE=7");
    await using service = startBundle({ ...quick, SETTINGS_FILE: path, CONNECTION_POOL_SIZE: "3" });
    const url = `http://127.0.0.1:${await service.port()}/pools/reload`;
    const reload = async () => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(url, { method: "POST", headers, body: "{}" });
      const body = (await answer.json()) as Record<string, unknown>;
      return { status: answer.status, changed: body.settings_changed, details: Object(body.details) };
    };
    assert.equal(Object(service.log()[0]?.settings).CONNECTION_POOL_SIZE, "7");
    assert.deepEqual((await reload()).changed, []);
    await writeFile(path, "CONNECTION_POOL_SIZE=9\nBREAKER_RESET_TIMEOUT=5");
    assert.deepEqual((await reload()).changed, [
      { name: "CONNECTION_POOL_SIZE", from: "7", to: "9" },
      { name: "BREAKER_RESET_TIMEOUT", from: "60", to: "5" },
    ]);
    await writeFile(path, "CONNECTION_POOL_SIZE=11\nBREAKER_RESET_TIMEOUT=hunter2hunter2");
    const refused = await reload();
    assert.deepEqual([refused.status, refused.details.reason], [409, "wrong_settings"]);
    assert.deepEqual(
      refused.details.faults.map(({ name }: { name: string }) => name),
      ["BREAKER_RESET_TIMEOUT"],
    );
    assert.ok(!JSON.stringify(refused).includes("hunter"));
    await rm(path);
    assert.equal((await reload()).details.faults[0].name, "SETTINGS_FILE");
    await writeFile(path, "");
    assert.deepEqual((await reload()).changed, [
      { name: "CONNECTION_POOL_SIZE", from: "9", to: "3" },
      { name: "BREAKER_RESET_TIMEOUT", from: "5", to: "60" },
    ]);
    await rm(directory, { recursive: true });
  });

  it("refuses to start without the settings file that it is told of", async () => {
    await using service = startBundle({ ...quick, SETTINGS_FILE: "/nowhere/pools.env" });
    assert.equal(await service.exited, 1);
    assert.match(service.stderr(), /SETTINGS_FILE: expected a file that can be read, found ENOENT/);
  });

  it("refuses to start without authentication where others than this machine can call", async () => {
    await using service = startBundle({ ...quick, AUTH_MODE: "none", API_HOST: "0.0.0.0" });
    assert.equal(await service.exited, 1);
    assert.match(
      service.stderr(),
      /^ {2}AUTH_MODE: none is for a service that listens on this machine only/m,
    );
  });

  it("says in the log which version starts, with which settings", async () => {
    await using service = startBundle({ ...quick, APP_VERSION: "9.9.9", API_WORKERS: "4" });
    await service.port();
    const [line] = service.log();
    assert.match(line?.message ?? "", /9\.9\.9 listens on 127\.0\.0\.1:\d+/);
    assert.deepEqual(line?.settings, { ...Object(line?.settings), CONNECTION_POOL_SIZE: "10" });
    await until(() => service.stdout().includes("API_WORKERS has no meaning"));
  });

  it("says how to choose another port when its own is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await using service = startBundle({ ...quick, PORT: String(port) });
    assert.equal(await service.exited, 1);
    assert.match(service.log()[0]?.message ?? "", new RegExp(`Port ${port} is taken.*PORT=0`));
    other.close();
  });

  it("says which setting is wrong when its address is not one of this machine", async () => {
    await using service = startBundle({
      ...{ ...quick, API_HOST: "192.0.2.1", AUTH_MODE: "id-token" },
      AUTH_AUDIENCES: "https://manager.example.com",
    });
    assert.equal(await service.exited, 1);
    assert.match(service.log()[0]?.message ?? "", /API_HOST and PORT.*EADDRNOTAVAIL/);
  });
});

describe("the process that is told to stop", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`ends at once on ${signal} when nothing runs, idle connections notwithstanding`, async () => {
      await using service = startBundle(quick);
      const port = await service.port();
      const answer = await fetch(`http://127.0.0.1:${port}/health`);
      await answer.text();
      const silent = connect(port, "127.0.0.1").on("error", () => {});
      await once(silent, "connect");
      const startedAt = performance.now();
      service.child.kill(signal);
      assert.equal(await service.exited, 0);
      assert.ok(performance.now() - startedAt < 8_000);
      assert.equal(service.log().at(-1)?.message, "Drained");
      silent.destroy();
    });
  }

  for (const header of ["Accept: */*", "Expect: 100-continue"]) {
    it(`finishes the request that runs, says that the connection closes, and accepts no other (${header})`, async () => {
      await using service = startBundle(quick);
      const port = await service.port();
      const request = await sendHalf(port, header);
      service.child.kill("SIGTERM");
      await until(() => service.stdout().includes('"Draining"'));
      await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
      request.finish();
      const answer = await request.answer;
      assert.match(answer, /^HTTP\/1\.1 400 /m);
      assert.match(answer, /^connection: close/im);
      assert.match(answer, /validation_error/);
      assert.equal(await service.exited, 0);
    });
  }

  it("does not wait for ever: what still runs at the deadline is given up, and the exit code says so", async () => {
    await using service = startBundle({ ...quick, SHUTDOWN_TIMEOUT: "0.5" });
    const request = await sendHalf(await service.port());
    const startedAt = performance.now();
    service.child.kill("SIGTERM");
    assert.equal(await service.exited, 1);
    assert.ok(performance.now() - startedAt < 10_000);
    assert.equal(service.log().at(-1)?.message, "Not drained in time");
    await request.answer;
  });

  it("ends at once on a second signal", async () => {
    await using service = startBundle({ ...quick, SHUTDOWN_TIMEOUT: "60" });
    const request = await sendHalf(await service.port());
    service.child.kill("SIGTERM");
    await until(() => service.stdout().includes('"Draining"'));
    service.child.kill("SIGINT");
    assert.equal(await service.exited, 1);
    await request.answer;
  });
});

describe("the process in trouble", () => {
  const onSignal = (code: string) => ["--import", `data:text/javascript,process.on("SIGUSR2",()=>{${code}})`];

  it("survives a rejection that nobody handled, and logs it", async () => {
    const nodeArguments = onSignal('Promise.reject(new Error("from a library"));Promise.reject("closed")');
    await using service = startBundle(quick, { nodeArguments });
    const port = await service.port();
    service.child.kill("SIGUSR2");
    await until(() => service.stdout().includes('"count":2'));
    assert.match(service.stdout(), /from a library/);
    assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
    service.child.kill("SIGTERM");
    assert.equal(await service.exited, 0);
  });

  it("drains and exits 1 after an exception that nobody caught", async () => {
    const nodeArguments = onSignal('throw new Error("a bug")');
    await using service = startBundle(quick, { nodeArguments });
    const request = await sendHalf(await service.port());
    service.child.kill("SIGUSR2");
    await until(() => service.stdout().includes('"Draining"'));
    request.finish();
    assert.match(await request.answer, /^HTTP\/1\.1 400 /);
    assert.equal(await service.exited, 1);
    assert.match(service.stdout(), /a bug/);
  });

  it("names the sources of a bundle in what it says of a fault, as the image starts it", async () => {
    const broken = 'import{Server}from"node:http";Server.prototype.listen=()=>{throw new Error("a bug")}';
    const nodeArguments = ["--enable-source-maps", "--import", `data:text/javascript,${broken}`];
    await using service = startBundle(quick, { nodeArguments });
    assert.equal(await service.exited, 1);
    assert.match(
      String(service.log()[0]?.stack_trace),
      /a bug\n.*\n +at run\d? \(\S+\/src\/main\.ts:\d+:\d+\)/,
    );
  });

  it("goes on when the reader of its log goes away", async () => {
    await using service = startBundle(quick);
    const port = await service.port();
    service.child.stdout?.destroy();
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
    }
    service.child.kill("SIGTERM");
    assert.equal(await service.exited, 0);
  });
});
