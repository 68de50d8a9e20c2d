import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { LocalCloud } from "../../src/local-cloud/cloud.ts";
import { describeCloud, writeDescription } from "../../src/local-cloud/description.ts";
import { startTestCloud } from "../support/cloud.ts";
import { contractOperations } from "../support/contract.ts";
import { type ServiceProcess, startServiceProcess } from "../support/service-process.ts";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map(([, command = ""]) => command.trim());
/** Where the commands take their tokens from, and the commands. */
const isTokenCommand = (block: string): boolean => /^[A-Z]+=\$\(npm run /.test(block);
const tokenCommands = blocks.filter(isTokenCommand);
const commands = blocks.filter((block) => !isTokenCommand(block));
const run = promisify(execFile);

interface Answer {
  readonly success: boolean;
  readonly [field: string]: unknown;
}

/** `npm run --silent token -- EMAIL` as package.json has it, but in another directory than the checkout's. */
const npm = `npm() { [ "$1 $2 $3 $4" = "run --silent token --" ] && node "${join(root, "scripts/token.ts")}" "$5"; }`;

/** The variables that the README's token commands set, run in one shell as they stand. */
async function readTokens(cwd: string): Promise<Readonly<Record<string, string>>> {
  const names = tokenCommands.map((command) => command.slice(0, command.indexOf("=")));
  const print = names.map((name) => `echo "$${name}"`);
  const { stdout } = await run("bash", ["--norc", "-ec", [npm, ...tokenCommands, ...print].join("\n")], {
    cwd,
  });
  const tokens = stdout.trim().split("\n");
  assert.equal(tokens.length, names.length);
  return Object.fromEntries(names.map((name, at) => [name, tokens[at] ?? ""]));
}

/** Runs a command of the README as it stands, but for the port. */
async function runCommand(command: string, { port, cwd, tokens }: Place): Promise<Answer> {
  const here = command.replaceAll("localhost:8080", `127.0.0.1:${port}`);
  const { stdout } = await run("bash", ["--norc", "-c", here], { cwd, env: { ...process.env, ...tokens } });
  return JSON.parse(stdout);
}

interface Place {
  readonly port: number;
  readonly cwd: string;
  readonly tokens: Readonly<Record<string, string>>;
}

function title(command: string): string {
  const path = /localhost:8080([^\s?']+)/.exec(command)?.[1];
  return /"dry_run": true/.test(command) ? `${path} as a dry run` : String(path);
}

describe("the README's commands, in their order", () => {
  // The bundle runs where no node_modules is in reach: it must bring all that it needs, Google's clients included.
  const bundle = mkdtempSync(join(tmpdir(), "bundle-"));
  const checkout = mkdtempSync(join(tmpdir(), "checkout-"));
  let cloud: LocalCloud;
  let service: ServiceProcess;
  let place: Place;
  const answers = new Map<string, Answer>();

  function namesIn(answer: string, field: string): unknown[] {
    const names = answers.get(answer)?.[field];
    return Array.isArray(names) ? names : [];
  }

  before(async () => {
    const built = run(process.execPath, [join(root, "scripts/build.ts"), "--out", bundle]);
    cloud = await startTestCloud();
    await built;
    mkdirSync(join(checkout, ".local"));
    await writeDescription(checkout, describeCloud(cloud, null));
    const callers = { POLICY_FILE: cloud.policyFile };
    const settings = { ...cloud.settings, ...callers, API_HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "INFO" };
    service = startServiceProcess(settings, { start: join(bundle, "main.js"), cwd: bundle });
    place = { port: await service.port(), cwd: checkout, tokens: await readTokens(checkout) };
  });

  after(async () => {
    await service?.[Symbol.asyncDispose]();
    await cloud?.stop();
    rmSync(bundle, { recursive: true });
    rmSync(checkout, { recursive: true });
  });

  it("are there for every operation on databases and pools", () => {
    const paths = new Set(commands.map((command) => title(command).replace(" as a dry run", "")));
    const pages = new Set(["/openapi.json", "/docs"]);
    const known = new Set(contractOperations.map(({ path }) => path).filter((path) => !pages.has(path)));
    assert.equal(paths.size, known.size);
  });

  for (const command of commands) {
    it(`succeed: ${title(command)}`, async () => {
      const answer = await runCommand(command, place);
      assert.equal(answer.success, true, JSON.stringify(answer));
      answers.set(title(command), answer);
    });
  }

  it("need the token", async () => {
    assert.equal(blocks[0], "TOKEN=$(npm run --silent token -- alice@example.com)");
    const command = commands.find((each) => each.includes("/database/schemas")) ?? "";
    const without = await runCommand(command.replace("$TOKEN", ""), place);
    assert.equal(without.status, 401);
  });

  it("did what the text around them says", () => {
    assert.equal(answers.get("/schemas/create")?.created, true);
    assert.equal(namesIn("/roles/initialize as a dry run", "roles_created").length, 6);
    assert.deepEqual(answers.get("/roles/initialize")?.roles_skipped, []);
    assert.equal(answers.get("/roles/status")?.roles_initialized, true);
    assert.deepEqual(answers.get("/roles/drift")?.drift, []);
    assert.equal(answers.get("/roles/assign")?.changed, true);
    assert.equal(answers.get("/roles/revoke")?.changed, true);
    assert.equal(answers.get("/database/postgres-inheritance/grant")?.mode, "on_demand");
    assert.equal(answers.get("/database/users/cleanup")?.ownership_transferred, true);
    assert.equal(answers.get("/roles/explain")?.allowed, true);
    assert.equal(namesIn("/roles/history", "entries").length, 2);
    assert.equal(answers.get("/roles/history/verify")?.intact, true);
    const stateOf = (name: string): unknown => (answers.get(name)?.access as Answer | undefined)?.state;
    const states = ["approve", "revoke", "deny"].map((verb) => stateOf(`/access/${verb}`));
    assert.deepEqual(states, ["active", "revoked", "denied"]);
    assert.equal(namesIn("/access/list", "accesses").length, 1);
    const roles = namesIn("/roles/list", "roles");
    for (const [, role = ""] of readme.matchAll(/^\| `(orders_\w+)` \|/gm))
      assert.ok(roles.includes(role), role);
  });

  it("left a service that ends in order", async () => {
    service.child.kill("SIGTERM");
    assert.equal(await service.exited, 0);
    assert.deepEqual(
      service.log().filter(({ severity }) => severity === "ERROR"),
      [],
    );
    assert.equal(service.stderr(), "");
  });
});
