import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, it } from "node:test";

const root = resolve(import.meta.dirname, "../..");
const src = join(root, "src");

/** What each room may import; `top` are the files right in src/. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  postgres: ["domain"],
  google: ["domain"],
  operations: ["domain", "postgres", "google"],
  http: ["domain", "operations"],
  "local-cloud": ["domain", "postgres"],
};

/** Files of src/ that every room may import. */
const forAll = ["errors.ts", "linked-list.ts", "log.ts"];

/** What a room may have from another one as a type only: the interfaces that it implements, or hands over. */
const typesOnly: Readonly<Record<string, readonly string[]>> = {
  google: [
    "operations/access-store.ts",
    "operations/cloud-services.ts",
    "operations/cloud-users.ts",
    "operations/groups.ts",
    "operations/operation-store.ts",
    "operations/password-versions.ts",
    "operations/policy.ts",
    "operations/registry.ts",
    "operations/template-store.ts",
    "operations/user-passwords.ts",
    "postgres/instance-access.ts",
  ],
  http: ["postgres/session.ts"],
};

const compositionRoots = ["main.ts", "local.ts", "policy-access.ts"];

interface Import {
  readonly file: string;
  readonly from: string;
  readonly typeOnly: boolean;
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => name.split(sep).join("/"));
}

const files = filesBelow(src);
const sources = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]));

function importsOf(file: string): Import[] {
  const text = sources.get(file) ?? "";
  const statements = text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^;"'`]*?from\s+["']([^"']+)["']/gm);
  const bare = text.matchAll(/^\s*import\s+()["']([^"']+)["']/gm);
  const dynamic = text.matchAll(/(typeof\s+)?\bimport\(\s*["']([^"']+)["']/g);
  return [...statements, ...bare, ...dynamic].map(([, type, from = ""]) => ({
    file,
    from: from.startsWith(".")
      ? relative(src, resolve(src, dirname(file), from))
          .split(sep)
          .join("/")
      : from,
    typeOnly: type !== undefined && type !== "",
  }));
}

const all = files.flatMap(importsOf);
const local = all.filter(
  ({ from }) => !/^(node:|@|[a-z])/.test(from) || sources.has(from) || from.includes(".ts"),
);

function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "top";
}

function say({ file, from }: Import): string {
  return `src/${file} imports ${from}`;
}

describe("the rooms of the source", () => {
  it("are all known", () => {
    const rooms = new Set(files.map(roomOf));
    rooms.delete("top");
    assert.deepEqual(
      [...rooms].filter((room) => allowed[room] === undefined),
      [],
    );
    assert.ok(local.length > 100, "the imports were found");
  });

  it("import in one direction only", () => {
    const wrong = local.filter(({ file, from, typeOnly }) => {
      const [here, there] = [roomOf(file), roomOf(from)];
      if (here === there || here === "top") return false;
      if (there === "top") return !forAll.includes(from);
      if (typeOnly && typesOnly[here]?.includes(from)) return false;
      return !allowed[here]?.includes(there);
    });
    assert.deepEqual(wrong.map(say), []);
  });

  it("are seen together by the composition roots only", () => {
    const wrong = local.filter(
      ({ file, from }) =>
        roomOf(file) === "top" && roomOf(from) !== "top" && !compositionRoots.includes(file),
    );
    assert.deepEqual(wrong.map(say), []);
  });

  it("leave the local cloud out of the service", () => {
    const wrong = local.filter(({ file, from }) => {
      const fromService = roomOf(file) !== "local-cloud" && file !== "local.ts";
      return fromService && (roomOf(from) === "local-cloud" || from === "local.ts");
    });
    assert.deepEqual(wrong.map(say), []);
  });

  it("load Google's clients on first use only", () => {
    const google = /^(@google-cloud\/|google-auth-library|google-gax|@grpc\/)/;
    const eager = all.filter(({ file, from, typeOnly }) => {
      const dynamic = new RegExp(`import\\(\\s*["']${from}`).test(sources.get(file) ?? "");
      return roomOf(file) !== "local-cloud" && google.test(from) && !typeOnly && !dynamic;
    });
    assert.deepEqual(eager.map(say), []);
  });

  it("keep a development dependency out of the service", () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    // google-gax comes with each of Google's clients, in the version that they need.
    const known = new Set([...Object.keys(dependencies), "google-gax"]);
    const wrong = all.filter(({ file, from, typeOnly }) => {
      if (typeOnly || from.includes(".ts") || from.endsWith(".json")) return false;
      if (roomOf(file) === "local-cloud" || file === "local.ts" || from.startsWith("node:")) return false;
      const parts = from.split("/");
      return !known.has(from.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? ""));
    });
    assert.deepEqual(wrong.map(say), []);
  });
});

describe("the habits of the source", () => {
  it("read the environment in the configuration only", () => {
    const readers = files.filter((file) =>
      /\bprocess\.env\b|\benv\s*}\s*=\s*process/.test(sources.get(file) ?? ""),
    );
    const service = readers.filter((file) => file !== "local.ts" && roomOf(file) !== "local-cloud");
    assert.deepEqual(service, ["config.ts"]);
  });

  it("have no default export, no barrel and no enum", () => {
    const wrong = files.filter((file) => {
      const text = sources.get(file) ?? "";
      return /^export default|^export \*|^(export )?(const )?enum /m.test(text) || file.endsWith("index.ts");
    });
    assert.deepEqual(wrong, []);
  });

  it("name files for what they hold, not types.ts, utils.ts or the like", () => {
    const empty = /(^|[/-])(types|utils?|helpers?|common|misc)\.ts$/;
    assert.deepEqual(
      files.filter((file) => empty.test(file)),
      [],
    );
  });
});
