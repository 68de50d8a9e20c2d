import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";

/** A process that answers one message with one message, and ends when its parent lets go of it. */
export interface Child {
  ask<Answer>(message: object): Promise<Answer>;
  stop(): Promise<void>;
}

/** Starts a file of this directory as a process. Its standard output goes where `stdout` says. */
export function startChild(
  file: string,
  options: { readonly stdout?: Writable | "ignore" | "inherit"; readonly execArgv?: readonly string[] } = {},
): Child {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child: ChildProcess = fork(path, [], {
    stdio: ["ignore", options.stdout ?? "ignore", "inherit", "ipc"],
    execArgv: [...(options.execArgv ?? [])],
  });
  const ended = once(child, "exit");
  return {
    async ask<Answer>(message: object): Promise<Answer> {
      child.send(message);
      const answer = once(child, "message") as Promise<[{ answer: Answer } | { failure: string }]>;
      const early = ended.then(([code]) => {
        throw new Error(`${file} ended with ${code}`);
      });
      const [reply] = await Promise.race([answer, early]);
      if ("failure" in reply) throw new Error(`${file}: ${reply.failure}`);
      return reply.answer;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** The child's side: answers each message. */
export function answerParent<Message>(answer: (message: Message) => Promise<unknown>): void {
  process.on("message", (message: Message) => {
    answer(message).then(
      (value) => process.send?.({ answer: value }),
      (error: unknown) => process.send?.({ failure: error instanceof Error ? error.stack : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
