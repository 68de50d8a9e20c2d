/**
 * Bundles the service into dist/: main.js, and the Google clients in files of their own that are loaded on first use.
 * Nothing else is needed at run time, not even node_modules.
 *
 *   node scripts/build.ts [--out DIRECTORY]
 *     --compile-cache DIRECTORY   also fills it with V8's compiled code, for NODE_COMPILE_CACHE
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { build, type Metafile, type Plugin } from "esbuild";

const root = resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: { out: { type: "string", default: join(root, "dist") }, "compile-cache": { type: "string" } },
});
const dist = resolve(values.out);

/** For the CommonJS packages in the bundle, which expect these three. */
const banner = `import { createRequire as bundleRequire } from "node:module";
import { dirname as bundleDirname } from "node:path";
import { fileURLToPath as bundlePath } from "node:url";
const require = bundleRequire(import.meta.url);
const __filename = bundlePath(import.meta.url);
const __dirname = bundleDirname(__filename);`;

/**
 * Optional parts of packages, replaced by nothing. @google-cloud/sql: the Cloud SQL connector loads this client (gRPC,
 * 300 ms) for a way of connecting that the service does not use. pg-native and supports-color: pg and debug try them
 * and do without.
 * https://github.com/GoogleCloudPlatform/cloud-sql-nodejs-connector/blob/v1.13.0/src/sql-data-client.ts
 */
const withoutOptionalParts: Plugin = {
  name: "without-optional-parts",
  setup(context) {
    const filter = /^(@google-cloud\/sql|pg-native|supports-color)$/;
    context.onResolve({ filter }, ({ path }) => ({ path, namespace: "nothing" }));
    context.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "module.exports = {};" }));
  },
};

/**
 * A CommonJS package that is imported dynamically has only `default` in esbuild's output when that is split into
 * files, while Node gives it named exports too: the names are taken from there.
 * https://github.com/evanw/esbuild/issues/3245
 */
const namedExportsOfCommonJs: Plugin = {
  name: "named-exports-of-commonjs",
  setup(context) {
    context.onLoad({ filter: /[/\\]src[/\\](google|http|operations)[/\\].+\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replaceAll(
        /(?<!typeof )\bimport\(("[^".][^"]*")\)/g,
        "import($1).then((module) => module.default ?? module)",
      ),
    }));
  },
};

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/** What must not be in the bundle: the local cloud, and packages that only development needs. */
function findIntruders(metafile: Metafile): string[] {
  const lock: LockFile = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const inputs = Object.keys(metafile.inputs);
  const local = inputs.filter((path) => /^src\/local(\.ts$|-cloud\/)/.test(path));
  const development = inputs.filter((path) => {
    const [folder] = /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path) ?? [];
    return (
      folder !== undefined && (lock.packages[folder] === undefined || lock.packages[folder].dev === true)
    );
  });
  const external = Object.values(metafile.outputs)
    .flatMap((output) => output.imports)
    .filter((one) => one.external === true && !isBuiltin(one.path))
    .map((one) => `${one.path} (not bundled)`);
  return [...local, ...development, ...external];
}

async function bundle(): Promise<void> {
  if (dist === join(root, "dist")) rmSync(dist, { recursive: true, force: true });
  else if (existsSync(dist) && readdirSync(dist).length > 0) throw new Error(`${dist} is not empty`);
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["src/main.ts"],
    outdir: dist,
    bundle: true,
    // Where node_modules is a link, as in a second working tree, its packages keep the names that package-lock.json has.
    preserveSymlinks: true,
    splitting: true,
    platform: "node",
    target: "node24",
    format: "esm",
    sourcemap: true,
    // The sources themselves double the size of the maps, and a stack needs only names and lines.
    sourcesContent: false,
    metafile: true,
    banner: { js: banner },
    plugins: [withoutOptionalParts, namedExportsOfCommonJs],
    logLevel: "warning",
  });
  const intruders = findIntruders(metafile);
  writePackageFile();
  if (intruders.length > 0) throw new Error(`Not for production:\n  ${intruders.join("\n  ")}`);
  const sizes = Object.entries(metafile.outputs).filter(([path]) => path.endsWith(".js"));
  const total = sizes.reduce((sum, [, { bytes }]) => sum + bytes, 0);
  const main = sizes.find(([, output]) => output.entryPoint === "src/main.ts")?.[1].bytes ?? 0;
  say(`${join(dist, "main.js")}: ${mib(main)} MiB; all ${sizes.length} files: ${mib(total)} MiB`);
}

/** Makes the bundle's files ES modules wherever the directory is put. */
function writePackageFile(): void {
  const { name, version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const content = { name, version, license, private: true, type: "module" };
  writeFileSync(join(dist, "package.json"), `${JSON.stringify(content, null, 2)}\n`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}

/** Loads everything once, as the service does: V8 writes what it compiled when the process ends. */
async function fillCompileCache(directory: string): Promise<void> {
  const env = { ...process.env, NODE_COMPILE_CACHE: resolve(directory), PORT: "0", LOG_FORMAT: "json" };
  const chunks = readdirSync(dist).filter((name) => name.endsWith(".js") && name !== "main.js");
  const loads = chunks.map((name) => `await import(${JSON.stringify(join(dist, name))});`);
  execFileSync(process.execPath, ["--input-type=module", "-e", loads.join("\n")], { env });
  const service = spawn(process.execPath, [join(dist, "main.js")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((done) => service.once("exit", done));
  for await (const line of createInterface(service.stdout)) {
    if (line.includes("listens on")) service.kill("SIGTERM");
  }
  const code = await ended;
  if (code !== 0) throw new Error(`The bundle does not start and stop: exit code ${code}`);
  say(`Compiled code is in ${directory}`);
}

await bundle();
if (values["compile-cache"] !== undefined) await fillCompileCache(values["compile-cache"]);
