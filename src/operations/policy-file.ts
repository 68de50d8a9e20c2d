import { readFile, stat } from "node:fs/promises";
import { PolicyError } from "../domain/policy-parser.ts";
import type { PolicySource } from "./policy.ts";

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
