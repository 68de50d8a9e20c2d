import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { atExit } from "../../src/local-cloud/postgres-exit.ts";
import { testEnvironment } from "./test-environment.ts";
import { until } from "./until.ts";

const root = resolve(import.meta.dirname, "../..");

export interface LogLine {
  readonly severity: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The lines of the log so far. */
  readonly log: () => LogLine[];
  /** The exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** The port, once it listens. */
  readonly port: () => Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Runs `node src/main.ts`, or another start file, with these settings and nothing else of this process's environment but PATH. */
export function startServiceProcess(
  settings: Readonly<Record<string, string>>,
  options: {
    readonly nodeArguments?: readonly string[];
    readonly start?: string;
    readonly cwd?: string;
  } = {},
): ServiceProcess {
  const { nodeArguments = [], start = "src/main.ts", cwd = root } = options;
  const child = spawn(process.execPath, [...nodeArguments, start], {
    cwd,
    env: { PATH: process.env.PATH, ...testEnvironment, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const exited = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  // One that is left by a test that failed would slow down all the others.
  void exited.then(atExit(() => child.kill("SIGKILL")));
  const log = () =>
    stdout
      .split("\n")
      .slice(0, -1)
      .map((line): LogLine => JSON.parse(line));
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    log,
    exited,
    async port() {
      await until(() => child.exitCode !== null || stdout.includes("listens on"), { deadlineMs: 60_000 });
      const line = log().find(({ message }) => message.includes("listens on"));
      if (line === undefined) throw new Error(`It did not start: ${stdout}${stderr}`);
      return Number(line.port);
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
