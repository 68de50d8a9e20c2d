import { type Config, ConfigError } from "./config.ts";
import { ServiceError } from "./errors.ts";
import { reloadableSettings } from "./settings-file.ts";

/** As written. */
export interface SettingChange {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface SettingsReloadOptions {
  readonly config: Config;
  /** Reads the settings as at start. Rejects with a ConfigError. */
  readonly readAgain: () => Promise<Config>;
  readonly apply: (pools: Config["pools"]) => void;
}

/**
 * Reads the settings again and takes over those that can change in a running process: all of them, or, when one is
 * wrong, none. Answers what changed. Rejects with `conflict`, `details.faults`.
 */
export function createSettingsReload(
  options: SettingsReloadOptions,
): () => Promise<readonly SettingChange[]> {
  let current = options.config;
  let last: Promise<unknown> = Promise.resolve();

  async function reload(): Promise<readonly SettingChange[]> {
    const next = await options.readAgain().catch(refuse);
    const changed = changesBetween(current.settings, next.settings);
    if (changed.length > 0) options.apply(next.pools);
    current = next;
    return changed;
  }

  // In turn: what was read last holds.
  return () => {
    const turn = last.then(reload);
    last = turn.catch(() => {});
    return turn;
  };
}

function changesBetween(before: Config["settings"], after: Config["settings"]): SettingChange[] {
  return reloadableSettings
    .map((name) => ({ name, from: before[name] ?? "", to: after[name] ?? "" }))
    .filter(({ from, to }) => from !== to);
}

function refuse(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  const faults = error.faults.map(({ name, problem }) => `${name}: ${problem}`);
  throw new ServiceError("conflict", `The settings are wrong, so nothing was changed: ${faults.join("; ")}`, {
    cause: error,
    details: { reason: "wrong_settings", faults: error.faults },
  });
}
