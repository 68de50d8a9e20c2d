import { type Config, ConfigError } from "./config.ts";
import { PolicyError } from "./domain/policy-parser.ts";
import { createCloudIdentityGroups } from "./google/cloud-identity.ts";
import { createPolicyDocument } from "./google/policy-document.ts";
import { createAccess } from "./http/access.ts";
import type { Log } from "./log.ts";
import { createLivePolicy } from "./operations/policy.ts";
import { createPolicyFile, readPolicyFile } from "./operations/policy-file.ts";

/** For whoever starts a service without one. */
export const noPolicy =
  "There is no policy, so that nobody may do anything who has to say who they are: set POLICY_FILE to a YAML file, or " +
  "POLICY_DOCUMENT to a document of Firestore, such as policies/main";

/** What is wrong with the policy's file at start-up is a wrong setting: the service does not start. */
export async function assertPolicy({ policy: { file, document } }: Config): Promise<void> {
  if (file === undefined) return;
  const problem = "set POLICY_FILE or POLICY_DOCUMENT, not both";
  if (document !== undefined) throw new ConfigError([{ name: "POLICY_DOCUMENT", problem }]);
  try {
    await readPolicyFile(file);
  } catch (error) {
    const problems =
      error instanceof PolicyError
        ? error.faults.map(({ pointer, detail }) => `${pointer || "the policy"} ${detail}`)
        : [`the file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"})`];
    throw new ConfigError(problems.map((problem) => ({ name: "POLICY_FILE", problem })));
  }
}

/** Who may do what, by the policy that the settings name. Nothing is contacted before it is asked. */
export function createPolicyAccess(config: Config, log: Log) {
  const { file, document, refreshIntervalMs: ttlMs, groups, groupsEndpoint: endpoint } = config.policy;
  const { project: projectId, database, emulatorHost } = config.registry;
  const stored =
    document === undefined
      ? undefined
      : createPolicyDocument({ path: document, projectId, database, emulatorHost, log });
  const source = file === undefined ? stored : createPolicyFile(file);
  const known = groups ? createCloudIdentityGroups({ endpoint, log }) : undefined;
  const access = createAccess({
    asksWhoCalls: config.auth.mode !== "none",
    ...(source === undefined ? {} : { policy: createLivePolicy({ source, ttlMs, log }) }),
    ...(known === undefined ? {} : { groups: known }),
  });
  return { access, groups: known, close: async () => stored?.close() };
}
