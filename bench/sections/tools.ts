import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../child.ts";
import { targetFields } from "../contestants/contestant.ts";
import { type Ratios, say } from "../report.ts";
import type { Bench } from "./section.ts";

const body = JSON.stringify(targetFields);

interface Tool {
  readonly name: string;
  /** What a guide for users has them run. */
  readonly load: string;
  args(url: string, files: { readonly script: string; readonly body: string }): readonly string[];
  /** Asks the program itself. */
  readonly version: string;
  /** How many requests were not answered 200, by what the tool printed. */
  countErrors(output: string): number;
}

const tools: readonly Tool[] = [
  {
    name: "hey",
    version: "--version",
    load: "1000 requests, 10 at a time",
    args: (url) => ["-n", "1000", "-c", "10", "-m", "POST", "-T", "application/json", "-d", body, url],
    countErrors: (output) => 1_000 - sumOf(output, /^\s*\[200\]\s+(\d+) responses/gm),
  },
  {
    name: "ab",
    version: "-V",
    load: "1000 requests, 50 at a time",
    // -l: the answers differ in length, since they say how long they took.
    args: (url, { body }) => ["-n", "1000", "-c", "50", "-l", "-p", body, "-T", "application/json", url],
    countErrors: (output) => sumOf(output, /^(?:Failed requests|Non-2xx responses): +(\d+)/gm),
  },
  {
    name: "wrk",
    version: "--version",
    load: "100 connections for 10 seconds",
    args: (url, { script }) => [
      "-t",
      "2",
      "-c",
      "100",
      "-d",
      "10s",
      "--timeout",
      "10s",
      "--latency",
      "-s",
      script,
      url,
    ],
    countErrors: (output) =>
      sumOf(output, /Non-2xx or 3xx responses: (\d+)/g) +
      sumOf(output, /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/g),
  },
];

/** The service under the tools that users have, where they are installed, as an independent look at our own figures. */
export async function measureWithTools({ postgres }: Bench): Promise<Ratios> {
  const { host, port, password } = postgres;
  const ratios: Ratios = {};
  const service = startChild("contestants/service.ts");
  const directory = await mkdtemp(join(tmpdir(), "bench-tools-"));
  const files = { script: join(directory, "wrk.lua"), body: join(directory, "body.json") };
  const headers = 'wrk.headers["Content-Type"] = "application/json"';
  await writeFile(files.script, `wrk.method = "POST"\nwrk.body = ${JSON.stringify(body)}\n${headers}\n`);
  await writeFile(files.body, body);
  try {
    const listening = await service.ask<number>({
      ...{ postgres: { host, port, password }, poolSize: 25, applicationName: "bench tools" },
      logging: false,
    });
    const url = `http://127.0.0.1:${listening}/database/schemas`;
    for (const tool of tools) {
      if (spawnSync(tool.name, [tool.version]).error !== undefined) {
        say(`\n${tool.name} is not installed here: not run (${tool.load})`);
        continue;
      }
      const output = await run(tool.name, tool.args(url, files));
      const errors = tool.countErrors(output);
      say(`\n${tool.name}, ${tool.load}: ${errors} errors\n${output.trim()}`);
      ratios[`${tool.name}_errors`] = errors;
    }
  } finally {
    await service.stop();
    await rm(directory, { recursive: true });
  }
  return ratios;
}

/** The sum of all that the groups of a pattern found. */
function sumOf(text: string, pattern: RegExp): number {
  let sum = 0;
  for (const [, ...groups] of text.matchAll(pattern)) for (const group of groups) sum += Number(group);
  return sum;
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ended with ${code}`));
    });
  });
}
