import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startIssuer } from "../../src/local-cloud/issuer.ts";
import { runTwins } from "../contest.ts";
import { type Ratios, ratioOf, sayResults } from "../report.ts";
import type { Bench } from "./section.ts";

const email = "bench@example.com";
const policy = {
  version: 1,
  bindings: [{ principals: [`user:${email}`], role: "viewer", targets: ["*"] }],
};

/** What it costs to know who calls, and to decide whether they may: the service with and without. */
export async function measureCallers({ options, postgres, generator }: Bench): Promise<Ratios> {
  const directory = await mkdtemp(join(tmpdir(), "bench-callers-"));
  const policyFile = join(directory, "policy.yaml");
  const issuer = await startIssuer({ principals: [{ email, kind: "user" }] });
  try {
    await writeFile(policyFile, JSON.stringify(policy));
    const { jwksUrl, audience } = issuer;
    const callers = { jwksUrl, audience, policyFile };
    // Both get the same requests: what is measured is what the service does with the token, not what it takes to send one.
    const settings = { postgres, poolSize: 25, token: issuer.issue(email) };
    const spec = { read: "schemas", clients: 100, warmUpMs: 200, durationMs: options.roundMs } as const;
    const results = await runTwins(
      [
        ["asks callers", "service", { ...settings, callers }],
        ["asks nobody", "service", settings],
      ],
      generator,
      spec,
      2 * options.rounds,
    );
    const failed = [...results].filter(([, rounds]) => rounds.some(({ errors }) => errors > 0));
    if (failed.length > 0) throw new Error(`${failed.map(([name]) => name)}: answers with errors`);
    sayResults("Callers, 100 connections", results, "asks nobody");
    return { auth_on_over_off: ratioOf(results, "asks callers", "asks nobody") };
  } finally {
    await issuer.stop();
    await rm(directory, { recursive: true });
  }
}
