import { readFile, stat } from "node:fs/promises";
import type { Policy } from "../domain/policy.ts";
import { PolicyError, parsePolicy } from "../domain/policy-parser.ts";
import type { PolicySource } from "./policy.ts";
import { parsePolicyText } from "./policy-text.ts";

const maxBytes = 1024 * 1024;

/** A policy in a YAML (or JSON) file. A file that is not there is a failure, since somebody named it. */
export function createPolicyFile(path: string): PolicySource {
  return {
    name: `the file ${path}`,
    async read(knownVersion) {
      const { mtimeMs, size, ino } = await stat(path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === knownVersion) return "unchanged";
      if (size > maxBytes) throw new PolicyError([{ pointer: "", detail: "must not be larger than 1 MiB" }]);
      return { version, content: async () => ({ text: await readFile(path, "utf8") }) };
    },
  };
}

/** Reads the file once. Rejects with a PolicyError, or with why it cannot be read. */
export async function readPolicyFile(path: string): Promise<Policy> {
  const found = await createPolicyFile(path).read(undefined);
  if (typeof found === "string") throw new Error("a file that is read first is always new");
  const content = await found.content();
  return parsePolicy("text" in content ? await parsePolicyText(content.text) : content.fields);
}
