import type { SettingName } from "./settings.ts";

/** Settings that a process can take over while it runs. Only these may stand in the settings file. */
export const reloadableSettings = [
  "CONNECTION_POOL_SIZE",
  "CONNECTION_POOL_MAX_OVERFLOW",
  "CONNECTION_POOL_MIN_SIZE",
  "CONNECTION_MAX_READS",
  "CONNECTION_TIMEOUT",
  "CONNECTION_RETRY_ATTEMPTS",
  "CONNECTION_IDLE_TIMEOUT",
  "CONNECTION_MAX_LIFETIME",
  "STATEMENT_TIMEOUT",
  "LOCK_TIMEOUT",
  "IDLE_IN_TRANSACTION_TIMEOUT",
  "INSTANCE_CONNECTION_LIMIT",
  "TOTAL_CONNECTION_LIMIT",
  "CLOUD_RUN_MAX_INSTANCES",
  "MAX_POOLS",
  "BREAKER_FAILURE_THRESHOLD",
  "BREAKER_RESET_TIMEOUT",
  "BREAKER_RECOVERY_TIMEOUT",
  "HEALTH_CHECK_INTERVAL",
] as const satisfies readonly SettingName[];

export type ReloadableSetting = (typeof reloadableSettings)[number];

export interface SettingsFile {
  /** As written, by name. */
  readonly values: Readonly<Partial<Record<ReloadableSetting, string>>>;
  /** What is wrong, line by line. Repeats nothing but names of settings: the file may be the wrong one. */
  readonly problems: readonly string[];
}

const known: ReadonlySet<string> = new Set(reloadableSettings);
const assignment = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/;

/** Reads `NAME=VALUE` lines, as of a .env file: blank lines and lines that begin with `#` are skipped, quotes dropped. */
export function parseSettingsFile(text: string): SettingsFile {
  const values: Partial<Record<ReloadableSetting, string>> = {};
  const problems: string[] = [];
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const content = line.trim();
    if (content === "" || content.startsWith("#")) continue;
    const [, name = "", value = ""] = assignment.exec(content) ?? [];
    if (!isReloadable(name)) problems.push(`line ${index + 1} ${refusal(name)}`);
    else if (values[name] !== undefined) problems.push(`line ${index + 1} sets ${name} for a second time`);
    else values[name] = unquote(value);
  }
  return { values, problems };
}

function isReloadable(name: string): name is ReloadableSetting {
  return known.has(name);
}

function refusal(name: string): string {
  if (!/^[A-Z][A-Z0-9_]{0,62}$/.test(name)) return "is not of the form NAME=VALUE";
  return `sets ${name}, which is not one of ${reloadableSettings.join(", ")}`;
}

function unquote(value: string): string {
  return /^(["'])(.*)\1$/.exec(value)?.[2] ?? value;
}
