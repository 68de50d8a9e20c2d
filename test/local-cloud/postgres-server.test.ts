import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { preparePostgresBinaries } from "../../src/local-cloud/postgres-binaries.ts";
import { makeOwnDirectory, preparePostgresDirectories } from "../../src/local-cloud/postgres-directories.ts";
import { cleanLeftovers } from "../../src/local-cloud/postgres-leftovers.ts";
import {
  makeRunDirectory,
  readProcessStart,
  removeRunDirectory,
} from "../../src/local-cloud/postgres-run.ts";
import { startPostgresServer } from "../../src/local-cloud/postgres-server.ts";
import {
  bringTemplate,
  prepareTemplate,
  readSuperuserPassword,
} from "../../src/local-cloud/postgres-template.ts";
import { withClient } from "../support/postgres.ts";
import { until } from "../support/until.ts";

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

test("stop ends the server, removes its directory, and may be called twice", async () => {
  const server = await startPostgresServer({ major: 17, mode: "strict" });
  const pid = server.pid as number;
  assert.equal(await exists(server.dataDirectory), true);
  await server.stop();
  await server.stop();
  assert.equal(await readProcessStart(pid), undefined);
  assert.equal(await exists(dirname(server.dataDirectory)), false);
});

test("only the server's user may enter the directory of the sockets", async () => {
  const server = await startPostgresServer({ major: 17, mode: "strict" });
  const sockets = await stat(join(dirname(server.dataDirectory), "s"));
  assert.equal(sockets.mode & 0o077, 0);
  await server.stop();
});

for (const mode of ["permissive", "strict"] as const) {
  test(`an instance that was shut down comes back on its port with its data (${mode})`, async () => {
    const server = await startPostgresServer({ major: 17, mode });
    await server.querySuperuser("postgres", "CREATE TABLE kept (n int)");
    const codes: unknown[] = [];
    await withClient(server.adminUrl(), async (client) => {
      client.on("error", (error) => codes.push("code" in error ? error.code : error.message));
      await server.shutDown();
      await until(() => codes.length > 0, { what: "the session ends" });
    });
    assert.equal(codes[0], "57P01");
    await assert.rejects(
      withClient(server.adminUrl(), async () => {}),
      { code: "ECONNREFUSED" },
    );
    await server.startAgain();
    await withClient(server.adminUrl(), (client) =>
      client.query("SELECT FROM pg_class WHERE relname = 'kept'"),
    );
    await server.stop();
  });
}

test("the first server of a machine finds nothing in the cache, which may be on another file system than the servers", async () => {
  const parent = await mkdtemp("/var/tmp/first-");
  await chmod(parent, 0o755);
  try {
    const directories = await preparePostgresDirectories(parent);
    for (const time of ["first", "second"]) {
      const binaries = await preparePostgresBinaries(17, directories);
      const template = await prepareTemplate(17, "strict", binaries, directories);
      assert.equal(await exists(join(template, "PG_VERSION")), true, time);
      assert.deepEqual(await readdir(directories.preparation), [], "nothing unfinished stays");
    }
  } finally {
    await rm(parent, { recursive: true });
  }
});

test("a template is copied once to the file system of the servers, also by two at a time", async () => {
  const directories = await preparePostgresDirectories();
  const templates = await makeRunDirectory(directories.run);
  try {
    const binaries = await preparePostgresBinaries(17, directories);
    const kept = await prepareTemplate(17, "strict", binaries, directories);
    const bring = (from = kept) => bringTemplate(from, { ...directories, templates });
    const [near, same] = await Promise.all([bring(), bring()]);
    assert.deepEqual([near, same], [join(templates, basename(kept)), near]);
    assert.equal(await bring(join("/nowhere", basename(kept))), near);
    assert.equal(await readSuperuserPassword(near), await readSuperuserPassword(kept));
    assert.deepEqual((await readdir(templates)).sort(), ["owner.json", basename(kept)].sort());
  } finally {
    await removeRunDirectory(templates);
  }
});

test("a kept directory is used again, with other passwords, and not for another major", async () => {
  const parent = await mkdtemp("/var/tmp/keep-");
  await chmod(parent, 0o755);
  const directory = join(parent, "an instance");
  const options = { major: 18, mode: "permissive", directory, durable: true } as const;
  try {
    const first = await startPostgresServer({ ...options, adminPassword: "one" });
    await withClient(first.adminUrl(), (client) => client.query("CREATE TABLE kept (n int)"));
    await assert.rejects(startPostgresServer(options), { name: "ServiceError", message: /postmaster\.pid/ });
    await first.stop();
    const second = await startPostgresServer({ ...options, adminPassword: "two", superuserPassword: "root" });
    await withClient(second.adminUrl(), (client) => client.query("SELECT FROM kept"));
    await withClient(second.superuserUrl(), (client) => client.query("SELECT FROM kept"));
    await second.stop();
    await assert.rejects(startPostgresServer({ ...options, major: 17 }), /was made for another server/);
  } finally {
    await rm(parent, { recursive: true });
  }
});

test("a server that does not start says why, and leaves nothing", async () => {
  const settings = { shared_buffers: "nonsense" };
  await assert.rejects(startPostgresServer({ major: 17, mode: "strict", settings }), {
    name: "ServiceError",
    message: /shared_buffers/,
  });
});

const program = `
  import { startPostgresServer } from ${JSON.stringify(new URL("../../src/local-cloud/postgres-server.ts", import.meta.url).href)};
  const server = await startPostgresServer({ major: 17, mode: "permissive" });
  console.log(JSON.stringify({ pid: server.pid, data: server.dataDirectory }));
  process.stdin.once("data", () => process.exit(3));
`;

async function startInAnotherProcess() {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  return { child, ...(JSON.parse(String(line)) as { pid: number; data: string }) };
}

test("what a killed process leaves is ended and removed by the next start, and what lives is left alone", async () => {
  const living = await startPostgresServer({ major: 17, mode: "strict" });
  const { child, pid, data } = await startInAnotherProcess();
  assert.deepEqual(
    (await cleanLeftovers()).ended.filter((ended) => ended === pid),
    [],
  );
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.notEqual(await readProcessStart(pid), undefined, "the server outlives its parent");
  const { ended, removed } = await cleanLeftovers();
  assert.ok(ended.includes(pid));
  assert.ok(removed.includes(dirname(data)));
  assert.equal(await readProcessStart(pid), undefined);
  assert.equal(await exists(dirname(data)), false);
  await living.querySuperuser("postgres", "SELECT 1");
  await living.stop();
});

test("a process that exits without stopping takes its server with it", async () => {
  const { child, pid, data } = await startInAnotherProcess();
  child.stdin.write("exit\n");
  await once(child, "exit");
  assert.equal(child.exitCode, 3);
  await until(async () => (await readProcessStart(pid)) === undefined, { what: "the server ends" });
  await cleanLeftovers();
  assert.equal(await exists(join(data, "PG_VERSION")), false);
});

test("a directory that others could have prepared is refused", async () => {
  const parent = await mkdtemp(join(tmpdir(), "own-"));
  const uid = process.getuid?.() as number;
  const open = join(parent, "open");
  const link = join(parent, "link");
  try {
    await mkdir(open);
    await chmod(open, 0o777);
    await symlink(parent, link);
    await assert.rejects(makeOwnDirectory(open, uid), /can be written by other users: remove it/);
    await assert.rejects(makeOwnDirectory(link, uid), /is not a directory: remove it/);
    await assert.rejects(makeOwnDirectory(parent, uid + 1), /belongs to user/);
    await makeOwnDirectory(join(parent, "new"), uid);
  } finally {
    await rm(parent, { recursive: true });
  }
});

test("no password is in the server's log", async () => {
  const server = await startPostgresServer({ major: 17, mode: "strict" });
  await assert.rejects(server.createUser({ name: "postgres", type: "BUILT_IN", password: "tell-no-one" }));
  await assert.rejects(server.querySuperuser("postgres", "SELECT no_such_thing"));
  const log = await readFile(join(dirname(server.dataDirectory), "log"), "utf8");
  await server.stop();
  assert.match(log, /no_such_thing/);
  assert.doesNotMatch(log, /tell-no-one/);
});
