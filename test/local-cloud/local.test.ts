import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import { cleanLeftovers } from "../../src/local-cloud/postgres-leftovers.ts";
import {
  isRunning,
  type LocalRun,
  type LocalRunOptions,
  readDescription,
  readProcessTree,
  startLocalRun,
} from "../support/local-run.ts";
import { until } from "../support/until.ts";

const execute = promisify(execFile);
let base: string;
let directory: string;
let runs: LocalRun[] = [];

before(async () => {
  base = await mkdtemp(join(tmpdir(), "local run "));
});

beforeEach(async () => {
  directory = await mkdtemp(join(base, "a checkout "));
});

afterEach(async () => {
  for (const run of runs) {
    if (run.child.exitCode === null && run.child.signalCode === null) run.child.kill("SIGTERM");
    await run.ended;
  }
  runs = [];
});

after(async () => {
  await cleanLeftovers();
  await rm(base, { recursive: true, force: true });
});

function start(options: Partial<LocalRunOptions> = {}): LocalRun {
  const run = startLocalRun({ directory, ...options });
  runs.push(run);
  return run;
}

async function queryUrl(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function writeFleet(fields: Record<string, unknown> = {}): Promise<string> {
  const path = join(directory, "fleet.json");
  const instance = { instance_name: "small", region: "europe-west1", databases: ["shop"], ...fields };
  await writeFile(path, JSON.stringify({ project_id: "small-project", instances: [instance] }));
  return path;
}

test("cloud and service run, the printed commands work, nothing leaves loopback, and all of it ends", async () => {
  const record = join(directory, "network.jsonl");
  const recorder = pathToFileURL(join(import.meta.dirname, "../support/record-network.ts")).href;
  const run = start({
    env: {
      NODE_OPTIONS: `--import=${recorder}`,
      NETWORK_RECORD: record,
      // What a developer's shell may hold, and must not be followed.
      GOOGLE_APPLICATION_CREDENTIALS: "/nonexistent/key.json",
      HTTPS_PROXY: "http://192.0.2.1:3128",
      http_proxy: "http://192.0.2.1:3128",
      PGHOST: "192.0.2.1",
      PGOPTIONS: "-c search_path=elsewhere",
    },
  });
  await run.ready();
  const description = await readDescription(directory);
  assert.equal((await stat(join(directory, ".local", "cloud.json"))).mode & 0o777, 0o600);
  assert.equal(description.service.url, description.service_url);
  assert.equal(description.pid, run.pid);
  assert.deepEqual(
    description.instances.map(({ instance_name, version, databases }: Record<string, unknown>) => [
      instance_name,
      version,
      databases,
    ]),
    [
      ["orders-db", 17, ["postgres", "orders", "billing"]],
      ["analytics-db", 15, ["postgres", "analytics", "events"]],
    ],
  );
  for (const { superuser_url, admin_url } of description.instances) {
    assert.deepEqual(
      await queryUrl(superuser_url, "SELECT usesuper FROM pg_user WHERE usename = current_user"),
      [{ usesuper: true }],
    );
    assert.deepEqual(await queryUrl(admin_url, "SELECT current_user::text AS name"), [{ name: "postgres" }]);
  }

  const commands = run
    .output()
    .split("\n")
    .filter((line) => line.startsWith("  curl "));
  assert.ok(commands.length >= 6);
  const tokenScript = join(import.meta.dirname, "../../scripts/token.ts");
  const email = /TOKEN=\$\(npm run --silent token -- (\S+)\)/.exec(run.output())?.[1] ?? "";
  const token = await execute(process.execPath, [tokenScript, email], { cwd: directory });
  const env = { PATH: process.env.PATH, TOKEN: token.stdout.trim() };
  for (const command of commands) {
    const { stdout } = await execute("sh", ["-c", command], { env });
    const answer = JSON.parse(stdout);
    assert.ok(answer.success === true || answer.status === "healthy", `${command}\n${stdout}`);
  }

  const processes = await readProcessTree(run.pid);
  assert.ok(processes.length >= 4, "the run, the service and two servers");
  run.child.kill("SIGINT");
  run.child.kill("SIGINT"); // npm passes the terminal's signal on: the same one twice.
  assert.equal(await run.ended, 0, run.errors());
  for (const pid of processes) await until(() => !isRunning(pid), { what: `process ${pid} to end` });
  assert.equal(existsSync(join(directory, ".local")), false);
  assert.equal(existsSync(description.settings.CLOUDSDK_CONFIG), false);

  const lines = (await readFile(record, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const programs = new Set(lines.map(({ program }) => program.split("/").at(-1)));
  assert.ok(programs.has("main.ts") && programs.has("local.ts"), "both processes were recorded");
  const outside = lines.filter(
    ({ target }) => !/^(127\.\d+\.\d+\.\d+|::1|localhost|path:\/.*)$/.test(target),
  );
  assert.deepEqual(outside, []);
});

test("the recorder of the network sees what would leave loopback", async () => {
  const record = join(directory, "network.jsonl");
  const program = `
    import dgram from "node:dgram";
    import dns from "node:dns/promises";
    import net from "node:net";
    import tls from "node:tls";
    import { connect } from "node:http2";
    for (const socket of [net.connect(9, "192.0.2.1"), tls.connect(9, "192.0.2.2"), connect("http://192.0.2.3:9")]) {
      socket.on("error", () => {});
    }
    fetch("http://192.0.2.4:8099").catch(() => {});
    dns.lookup("lookup.invalid").catch(() => {});
    new dns.Resolver().resolve4("resolver.invalid").catch(() => {});
    dgram.createSocket("udp4").on("error", () => {}).send("x", 9, "192.0.2.5", () => {});
    setTimeout(() => process.exit(), 2_000);`;
  await execute(process.execPath, ["--input-type=module", "-e", program], {
    env: {
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "../support/record-network.ts")).href}`,
      NETWORK_RECORD: record,
    },
  });
  const seen = (await readFile(record, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).target);
  for (const target of ["1", "2", "3", "4", "5"]) assert.ok(seen.includes(`192.0.2.${target}`), target);
  assert.ok(seen.includes("lookup.invalid") && seen.includes("resolver.invalid"));
});

test("another fleet runs without the service, and is described", async () => {
  const path = await writeFleet({
    version: "POSTGRES_16",
    mode: "strict",
    users: [{ name: "it's", type: "BUILT_IN", password: "secret" }],
    sql: { shop: "shop.sql" },
  });
  await writeFile(join(directory, "shop.sql"), "CREATE TABLE articles AS SELECT 7 AS number;");
  const run = start({ args: ["--fleet", path, "--cloud-only"] });
  await run.ready();
  const description = await readDescription(directory);
  assert.equal(description.service, null);
  assert.equal(description.service_url, null);
  assert.equal(description.project_id, "small-project");
  const [instance] = description.instances;
  assert.equal(instance.version, 16);
  assert.equal(instance.mode, "strict");
  assert.deepEqual(instance.users, [{ name: "it's", type: "BUILT_IN", role: "it's", password: "secret" }]);
  const url = instance.superuser_url.replace(/postgres$/, "shop");
  assert.deepEqual(await queryUrl(url, "SELECT number FROM articles"), [{ number: 7 }]);
  const faults = (await (await fetch(`${description.control_url}/faults`)).json()) as { faults: unknown[] };
  assert.deepEqual(faults.faults, []);
  run.child.kill("SIGTERM");
  assert.equal(await run.ended, 0);
});

/** The status of a call without a token. */
async function callUnknown(directory: string): Promise<number> {
  const { service_url } = await readDescription(directory);
  const target = {
    ...{ project_id: "small-project", region: "europe-west1" },
    ...{ instance_name: "small", database_name: "shop" },
  };
  const answer = await fetch(`${service_url}/database/schemas`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(target),
  });
  return answer.status;
}

test("callers are asked who they are, unless that is switched off, which is for this machine only", async () => {
  const args = ["--fleet", await writeFleet({ users: [{ name: "al@example.com", type: "CLOUD_IAM_USER" }] })];
  const asking = start({ args });
  await asking.ready();
  assert.equal(await callUnknown(directory), 401);
  assert.match(asking.output(), /^ {2}npm run --silent token -- al@example\.com$/m);
  asking.child.kill("SIGTERM");
  await asking.ended;

  const open = start({ args, env: { AUTH_MODE: "none" } });
  await open.ready();
  assert.equal(await callUnknown(directory), 200);
  assert.match(open.output(), /asks nobody who they are/);
  assert.doesNotMatch(open.output(), /TOKEN/);
  open.child.kill("SIGTERM");
  await open.ended;

  const exposed = start({ args, env: { AUTH_MODE: "none", API_HOST: "0.0.0.0" } });
  assert.equal(await exposed.ended, 1);
  assert.match(exposed.errors(), /AUTH_MODE: none is for a service that listens on this machine only/);
});

test("a second run in the same directory is refused while the first one lives", async () => {
  const path = await writeFleet();
  const first = start({ args: ["--fleet", path, "--cloud-only"] });
  await first.ready();
  const second = start({ args: ["--fleet", path, "--cloud-only"] });
  assert.equal(await second.ended, 1);
  assert.match(second.errors(), /runs from this directory already \(process \d+/);
  assert.equal((await readDescription(directory)).pid, first.pid);
});

test("a run that was killed leaves nothing after the next start", async () => {
  const path = await writeFleet();
  const first = start({ args: ["--fleet", path] });
  await first.ready();
  const [, ...below] = await readProcessTree(first.pid);
  const { service_url } = await readDescription(directory);
  first.child.kill("SIGKILL");
  await first.ended;
  await until(
    () =>
      fetch(`${service_url}/health`).then(
        () => false,
        () => true,
      ),
    { what: "the service to end" },
  );

  const second = start({ args: ["--fleet", path, "--cloud-only"] });
  await second.ready();
  assert.equal((await readDescription(directory)).pid, second.pid);
  for (const pid of below) await until(() => !isRunning(pid), { what: `process ${pid} to end` });
});

test("when the service dies, everything ends with exit code 1", async () => {
  const run = start({ args: ["--fleet", await writeFleet()] });
  await run.ready();
  const processes = await readProcessTree(run.pid);
  const commands = await Promise.all(
    processes.map(async (pid) => ({ pid, command: await readFile(`/proc/${pid}/cmdline`, "utf8") })),
  );
  const service = commands.find(({ command }) => command.includes("main.ts"));
  assert.ok(service);
  process.kill(service.pid, "SIGKILL");
  assert.equal(await run.ended, 1);
  assert.match(run.errors(), /The service has ended \(SIGKILL\)/);
  for (const pid of processes) await until(() => !isRunning(pid), { what: `process ${pid} to end` });
  assert.equal(existsSync(join(directory, ".local")), false);
});

test("a port that is taken is told at once, with what to do", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const address = blocker.address();
  const port = typeof address === "object" && address ? String(address.port) : "";
  const run = start({ env: { PORT: port } });
  assert.equal(await run.ended, 1);
  assert.match(run.errors(), new RegExp(`Port ${port} is taken.*PORT=0`));
  assert.equal(existsSync(join(directory, ".local")), false);
  blocker.close();
});

test("wrong options, ports and fleets are told plainly, and nothing is started", async () => {
  const broken = join(directory, "broken.json");
  await writeFile(broken, '{"project_id":"small-project","instances":[{"instance_name":"x"}]}');
  const cases: [Partial<LocalRunOptions>, RegExp][] = [
    [{ args: ["--fleets", "x"] }, /Unknown option '--fleets'[\s\S]*Usage: npm run local/],
    [{ env: { PORT: "http" } }, /PORT must be a number from 0 to 65535/],
    [{ args: ["--fleet", broken] }, /\/instances\/0\/region: must be a text/],
    [{ args: ["--fleet", join(directory, "none.json")] }, /cannot be read: ENOENT/],
  ];
  for (const [options, message] of cases) {
    const run = start(options);
    assert.equal(await run.ended, 1);
    assert.match(run.errors(), message);
    assert.doesNotMatch(run.errors(), /\n\s+at /, "no stack trace");
  }
  assert.equal(existsSync(join(directory, ".local")), false);
});

test("--keep keeps the data for the next run with it", async () => {
  const args = ["--fleet", await writeFleet(), "--cloud-only", "--keep"];
  const keptIn = async (run: LocalRun) => /kept in (\S+)/.exec(run.output())?.[1] ?? "";
  const first = start({ args });
  await first.ready();
  try {
    const [before] = (await readDescription(directory)).instances;
    await queryUrl(before.admin_url, "CREATE SCHEMA survivor");
    first.child.kill("SIGINT");
    assert.equal(await first.ended, 0);
    const second = start({ args });
    await second.ready();
    const [instance] = (await readDescription(directory)).instances;
    assert.equal(instance.admin.password, before.admin.password);
    const rows = await queryUrl(
      instance.admin_url,
      "SELECT nspname FROM pg_namespace WHERE nspname = 'survivor'",
    );
    assert.equal(rows.length, 1);
    second.child.kill("SIGINT");
    await second.ended;
  } finally {
    const kept = await keptIn(first);
    assert.match(kept, /\/keep\/[0-9a-f]{16}$/);
    await rm(kept, { recursive: true, force: true });
  }
});
