/**
 * Makes what is generated from the contract, openapi/openapi.yaml: its types (src/http/contract.d.ts) and the document
 * itself as JSON (src/http/contract.json), which the service loads, so that it needs no YAML parser.
 *
 *   node scripts/contract.ts --write    writes both files
 *   node scripts/contract.ts --check    fails when one of them is stale
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const root = new URL("../", import.meta.url);
const source = new URL("openapi/openapi.yaml", root);
const notice = "// Generated from openapi/openapi.yaml by `npm run contract`. Do not edit.\n\n";

/** In the form that the formatter gives it, so that the lint step agrees. */
function formatted(path: string, text: string): string {
  const biome = fileURLToPath(new URL("node_modules/@biomejs/biome/bin/biome", root));
  return execFileSync(process.execPath, [biome, "format", `--stdin-file-path=${path}`], {
    input: text,
    encoding: "utf8",
    cwd: fileURLToPath(root),
    maxBuffer: 16 * 1024 * 1024,
  });
}

async function generate(): Promise<Map<string, string>> {
  const document: unknown = parse(readFileSync(source, "utf8"));
  const types = astToString(await openapiTS(source, { immutable: true, defaultNonNullable: false }));
  return new Map([
    ["src/http/contract.d.ts", notice + types],
    ["src/http/contract.json", formatted("src/http/contract.json", JSON.stringify(document))],
  ]);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), "utf8");
  } catch {
    return undefined;
  }
}

const mode = process.argv[2];
if (mode !== "--write" && mode !== "--check") {
  process.stderr.write("usage: node scripts/contract.ts --write | --check\n");
  process.exit(2);
}
for (const [path, text] of await generate()) {
  if (read(path) === text) continue;
  if (mode === "--write") {
    writeFileSync(new URL(path, root), text);
    process.stdout.write(`wrote ${path}\n`);
  } else {
    process.stderr.write(`${path} is stale: run npm run contract\n`);
    process.exitCode = 1;
  }
}
