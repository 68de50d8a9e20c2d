import { parseConfig } from "../../src/config.ts";
import { createHttpServer } from "../../src/http/app.ts";
import { createIdentifyCaller } from "../../src/http/auth/identify.ts";
import { createLog, silentLog } from "../../src/log.ts";
import type { Context } from "../../src/operations/context.ts";
import { createSharedReads } from "../../src/operations/shared-reads.ts";
import { createPolicyAccess } from "../../src/policy-access.ts";
import { createPools } from "../../src/postgres/pools.ts";
import { answerParent } from "../child.ts";
import { plainAccess, plainPasswords } from "../plain-access.ts";
import { type ContestantSettings, listen } from "./contestant.ts";
import { contractOfSize } from "./contract-size.ts";

/** The service as main.ts puts it together, but for the way to PostgreSQL: that is plain TCP, as the rivals have it. */
answerParent<ContestantSettings>(async (settings) => {
  const config = parseConfig({
    ...callerSettings(settings.callers),
    CONNECTION_POOL_SIZE: String(settings.poolSize),
    CONNECTION_POOL_MAX_OVERFLOW: "0",
    // Counted as usual, and never reached.
    ...{ RATE_LIMIT_PER_PRINCIPAL: "100000000", RATE_LIMIT_TOTAL: "100000000" },
  });
  const log = settings.logging === false ? silentLog : createLog({ ...config.log, service: config.service });
  const pools = createPools({
    access: plainAccess(settings.postgres),
    passwords: plainPasswords(settings.postgres),
    settings: { ...config.pools, applicationName: settings.applicationName },
    log,
  });
  const context: Context = {
    ...{ pools, registry: noRegistry, settings: config.operations },
    ...(settings.sharedReads === true ? { sharedReads: createSharedReads() } : {}),
  };
  const { service } = config;
  const server = await createHttpServer({
    ...(settings.callers === undefined ? {} : { access: createPolicyAccess(config, log).access }),
    identifyCaller: createIdentifyCaller({ settings: config.auth, log }),
    ...{ context, settings: config.http, log, service },
    ...(settings.operations === undefined ? {} : { contract: contractOfSize(settings.operations, context) }),
  });
  return listen(server);
});

function callerSettings(callers: ContestantSettings["callers"]): Record<string, string> {
  if (callers === undefined) return { AUTH_MODE: "none", API_HOST: "127.0.0.1" };
  const { audience, jwksUrl, policyFile } = callers;
  return { AUTH_AUDIENCES: audience, AUTH_JWKS_URL: jwksUrl, POLICY_FILE: policyFile };
}

/** What is measured records nothing. */
const noRegistry = new Proxy({} as Context["registry"], {
  get() {
    throw new Error("the registry is not part of this");
  },
});
