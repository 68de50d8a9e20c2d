import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { testEnvironment } from "./test-environment.ts";
import { until } from "./until.ts";

const program = fileURLToPath(new URL("../../src/local.ts", import.meta.url));

export interface LocalRun {
  readonly child: ChildProcess;
  readonly pid: number;
  /** All that it has written so far. */
  output(): string;
  errors(): string;
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number | null>;
  /** Resolves when it says that it runs; rejects when it ends before. */
  ready(): Promise<void>;
}

export interface LocalRunOptions {
  /** Its current directory, which stands for the checkout. */
  readonly directory: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `npm run local` as npm does: node on src/local.ts. */
export function startLocalRun({ directory, args = [], env = {} }: LocalRunOptions): LocalRun {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? "", HOME: directory, PORT: "0", ...testEnvironment, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text.out += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text.err += chunk;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    pid: child.pid ?? 0,
    output: () => text.out,
    errors: () => text.err,
    ended,
    async ready() {
      await until(
        () => {
          if (child.exitCode !== null) throw new Error(`it ended: ${text.err}${text.out}`);
          return text.out.includes("Ctrl-C stops everything.");
        },
        { deadlineMs: 120_000, what: "the local run to be ready" },
      );
    },
  };
}

/** The description that a run keeps in its directory. */
export async function readDescription(directory: string) {
  return JSON.parse(await readFile(join(directory, ".local", "cloud.json"), "utf8"));
}

/** A process and all that it started, by process id. */
export async function readProcessTree(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const below = await Promise.all(
    children.trim().split(" ").filter(Boolean).map(Number).map(readProcessTree),
  );
  return [pid, ...below.flat()];
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
