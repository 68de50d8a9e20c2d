import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ClaimedError, claimCheckout } from "./local-cloud/claim.ts";
import { type LocalCloud, startLocalCloud } from "./local-cloud/cloud.ts";
import { demoFleetFile } from "./local-cloud/demo-fleet.ts";
import { describeCloud, writeDescription } from "./local-cloud/description.ts";
import { readFleet } from "./local-cloud/fleet.ts";
import { FleetError } from "./local-cloud/fleet-parser.ts";
import { prepareKeepDirectory } from "./local-cloud/keep.ts";
import {
  reservePort,
  type ServiceProcess,
  ServiceStartError,
  serviceEnvironment,
  startServiceProcess,
} from "./local-cloud/service-process.ts";
import { renderWelcome } from "./local-cloud/welcome.ts";

const usage = `Usage: npm run local [-- OPTIONS]

  --fleet FILE   run the fleet that this JSON file describes, instead of the demo fleet
  --keep         keep all data for the next run with --keep
  --cloud-only   run the cloud without the service

PORT is the service's port, 8080 by default; PORT=0 picks a free one.
AUTH_MODE=none lets the service answer whoever calls.
`;

class UsageError extends Error {
  override readonly name = "UsageError";
}

interface Options {
  readonly fleetFile: string;
  readonly keep: boolean;
  /** The service's port, 0 for any; undefined when there is to be no service. */
  readonly port: number | undefined;
}

function parseOptions(args: string[], env: NodeJS.ProcessEnv): Options {
  const { values } = parse(args);
  const port = (env.PORT ?? "").trim() || "8080";
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new UsageError(`PORT must be a number from 0 to 65535, not ${port}`);
  }
  // npm runs scripts in the project's root; what the user typed is relative to where they were.
  const from = env.npm_lifecycle_event === "local" ? (env.INIT_CWD ?? "") : "";
  return {
    fleetFile: values.fleet === undefined ? demoFleetFile : resolve(from, values.fleet),
    keep: values.keep ?? false,
    port: values["cloud-only"] ? undefined : Number(port),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        fleet: { type: "string" },
        keep: { type: "boolean" },
        "cloud-only": { type: "boolean" },
      },
    });
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/**
 * Resolves at the first signal. A second one ends the process at once; npm passes on the signal that the terminal has
 * sent already, so that one soon after the first is the same.
 */
function waitForSignal(abandon: () => void): Promise<void> {
  const sameMs = 1_000;
  let first: number | undefined;
  const { promise, resolve: signalled } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (first !== undefined && Date.now() - first > sameMs) {
        abandon();
        process.exit(1);
      }
      if (first === undefined) say("\nStopping.\n");
      first ??= Date.now();
      signalled();
    });
  }
  return promise;
}

async function run(options: Options): Promise<number> {
  const checkout = process.cwd();
  const host = process.env.API_HOST?.trim() || "127.0.0.1";
  const fleet = await readFleet(options.fleetFile);
  await using parts = new AsyncDisposableStack();
  const giveBack = await claimCheckout(checkout);
  process.once("exit", giveBack);
  parts.defer(giveBack);

  let service: ServiceProcess | undefined;
  process.once("exit", () => service?.abandon());
  const signal = waitForSignal(() => service?.abandon());
  let stopping = false;
  void signal.then(() => {
    stopping = true;
  });

  const port = options.port === undefined ? undefined : await reservePort(options.port, host);
  const keptIn = options.keep ? await prepareKeepDirectory(checkout, fleet) : undefined;
  const cloud = await startLocalCloud({ fleet, directory: keptIn });
  parts.defer(() => cloud.stop());
  if (stopping) return 0;
  if (port !== undefined) {
    service = await startService(cloud, port);
    parts.defer(service.stop);
  }
  const serviceUrl = service?.url ?? null;
  const descriptionPath = await writeDescription(checkout, describeCloud(cloud, serviceUrl));
  const asks = asksCallers(process.env.AUTH_MODE ?? "");
  say(await renderWelcome({ cloud, serviceUrl, asksCallers: asks, descriptionPath, keptIn }));

  const died = service?.ended.then((code) => code);
  const reason = await Promise.race([signal, ...(died ? [died] : [])]);
  if (stopping || reason === undefined) return 0;
  complain(`The service has ended (${reason}); stopping the local cloud.`);
  return 1;
}

function startService(cloud: LocalCloud, port: number): Promise<ServiceProcess> {
  const { AUTH_MODE = "", POLICY_FILE = "", POLICY_DOCUMENT = "" } = process.env;
  const needsPolicy = asksCallers(AUTH_MODE) && `${POLICY_FILE}${POLICY_DOCUMENT}`.trim() === "";
  const settings = { ...cloud.settings, ...(needsPolicy ? { POLICY_FILE: cloud.policyFile } : {}) };
  return startServiceProcess(serviceEnvironment(process.env, settings, port));
}

function asksCallers(mode: string): boolean {
  return mode.trim().toLowerCase() !== "none";
}

function say(text: string): void {
  process.stdout.write(text);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Faults of the user's making are told without a stack trace. */
function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${usage}`;
  const expected = [FleetError, ClaimedError, ServiceStartError].some((kind) => error instanceof kind);
  if (expected && error instanceof Error) return error.message;
  return `The local cloud could not start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

// Whoever read the output may have gone; that is no reason to leave processes behind.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
try {
  process.exitCode = await run(parseOptions(process.argv.slice(2), process.env));
} catch (error) {
  complain(explain(error));
  process.exitCode = 1;
}
process.exit();
