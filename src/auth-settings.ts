import type { SettingFault } from "./config.ts";
import { isLoopback, type Values } from "./settings.ts";

const iapAudience = /^\/projects\/\d+(\/[\w.-]+)+$/;

type Mode = Values["AUTH_MODE"];
type Known = Partial<Values>;

/**
 * What the settings say that they may not say together. `values` lacks those that are wrong by themselves, which are
 * reported already.
 */
export function findAuthFaults(values: Known): SettingFault[] {
  const { AUTH_MODE: mode } = values;
  if (mode === undefined) return [];
  return [...findModeFaults[mode](values), ...findKeyFaults(values)];
}

const findModeFaults: Readonly<Record<Mode, (values: Known) => SettingFault[]>> = {
  "id-token": ({ AUTH_AUDIENCES: audiences }) =>
    audiences?.length === 0
      ? [
          {
            name: "AUTH_AUDIENCES",
            problem:
              "expected at least one audience, since AUTH_MODE is id-token: the one that callers ask a token for",
          },
        ]
      : [],

  iap({ AUTH_AUDIENCES: audiences }) {
    if (
      audiences === undefined ||
      (audiences.length > 0 && audiences.every((each) => iapAudience.test(each)))
    )
      return [];
    const problem =
      "expected audiences such as /projects/NUMBER/global/backendServices/ID, since AUTH_MODE is iap (Identity-Aware Proxy shows them)";
    return [{ name: "AUTH_AUDIENCES", problem }];
  },

  "cloud-run"(values) {
    const { AUTH_IAM_ONLY_SERVICE: named, K_SERVICE: service } = values;
    const faults: SettingFault[] = [];
    if (service === undefined && "K_SERVICE" in values) {
      faults.push({
        name: "AUTH_MODE",
        problem: "cloud-run is for services on Cloud Run only, which sets K_SERVICE",
      });
    }
    if ("AUTH_IAM_ONLY_SERVICE" in values && (named === undefined || named !== service)) {
      faults.push({
        name: "AUTH_IAM_ONLY_SERVICE",
        problem:
          "expected the name of this Cloud Run service (K_SERVICE), since AUTH_MODE is cloud-run: it says that Cloud Run asks every caller of it for roles/run.invoker. Otherwise anybody could make a token that would be believed here",
      });
    }
    return faults;
  },

  none({ API_HOST: host }) {
    if (host === undefined || isLoopback(host)) return [];
    const problem =
      "none is for a service that listens on this machine only: set API_HOST to 127.0.0.1, or AUTH_MODE to id-token";
    return [{ name: "AUTH_MODE", problem }];
  },
};

/** Whoever controls the keys can be anybody. */
function findKeyFaults({ AUTH_JWKS_URL: url, K_SERVICE: service }: Known): SettingFault[] {
  if (url === undefined || service === undefined) return [];
  return [{ name: "AUTH_JWKS_URL", problem: "is for local clouds, not for Cloud Run (K_SERVICE is set)" }];
}

/** How callers are identified, of settings without a fault. */
export function parseAuth(values: Values) {
  const { AUTH_MODE: mode, AUTH_AUDIENCES: audiences, AUTH_JWKS_URL: jwksUrl } = values;
  if (mode === "none") return { mode };
  return mode === "cloud-run" ? { mode, audiences } : { mode, audiences, jwksUrl };
}
